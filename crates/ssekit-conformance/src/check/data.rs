//! Rules of the group `data`.

use ssekit_record::{EndKind, Level, Transcript};

use super::heartbeat::is_indented;
use super::json::{self, Text};
use super::pending::Pending;
use super::sighting::{Sightings, no_event, own_streams, quoted, seconds};
use super::source::{HTML_INTERPRETING, HTML_PARSING};
use super::stray::Stray;
use crate::reading::DiagnosticKind;
use crate::{Applies, Case, EventSeen, Judgement, LineSeen, LineShape, Needs, Reading, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "data.final-terminated",
        title: "The last event of a stream that ends is terminated",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING, HTML_INTERPRETING],
        expected: "an empty line after the last event, before the stream ends",
        impact: "Clients discard an event that no empty line ends: the last event, often the \
                 result or the \"done\", never arrives.",
        remedy: "Write the empty line with each event, not before the next one.",
        good: "data: done\\n\\n<end>",
        bad: "data: done\\n<end>",
        judge: final_terminated,
    },
    Rule {
        id: "data.block-without-data",
        title: "Blocks that name an event carry data",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "at least one data line in every block that is meant to be an event; blocks of \
                   id, retry or comments alone are fine",
        impact: "A block without a data line dispatches nothing: listeners for that type are \
                 never called.",
        remedy: "Send a data line, even an empty one (`data:`), or use a comment for a heartbeat.",
        good: "event: ping\\ndata:\\n\\n",
        bad: "event: ping\\n\\n",
        judge: block_without_data,
    },
    Rule {
        id: "data.json-valid",
        title: "In a stream of JSON, every event is JSON",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[],
        expected: "data that begins like JSON parses as JSON, where most events do",
        impact: "`JSON.parse` throws in the client's listener, and that event is lost.",
        remedy: "Serialise each event whole, on one line, and write it in one piece; send text \
                 with line breaks as several data lines.",
        good: "data: {\"n\":1}\\n\\n",
        bad: "data: {\"n\":\\n\\n",
        judge: json_valid,
    },
    Rule {
        id: "data.stray-lines",
        title: "No lines that clients ignore",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "every line is a comment or a data, event, id or retry field",
        impact: "Clients ignore a line with any other field name: what it says is lost, and \
                 nobody is told.",
        remedy: "Put `data: ` before every line of a payload, and a colon before every line of a \
                 comment; report errors as an event once the stream has begun.",
        good: "data: {\\ndata: }\\n\\n",
        bad: "data: {\\n}\\n\\n",
        judge: stray_lines,
    },
    Rule {
        id: "data.space-style",
        title: "Whether a space follows the colon of data lines",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "one style, best with the space",
        impact: "None by itself; two writers are at work, and without the space a payload that \
                 begins with a space loses it.",
        remedy: "Write `data: ` with a space, always.",
        good: "data: a\\n\\ndata: b\\n\\n",
        bad: "data:a\\n\\ndata: b\\n\\n",
        judge: space_style,
    },
];

fn final_terminated(case: &Case<'_>) -> Judgement {
    let mut ended = 0;
    let mut lost = Sightings::default();
    let mut pointless = Sightings::default();
    for (transcript, reading) in ended_streams(case) {
        ended += 1;
        let pending = Pending::of(&transcript.stream().bytes, reading.tail);
        let len = transcript.stream().len() - reading.tail;
        let offset = reading.tail + pending.skipped;
        match pending.text {
            Some(text) if pending.has_data => {
                let note = format_args!("ends without its empty line: {}", quoted(&text));
                lost.add(transcript, offset, len, note);
            }
            Some(text) => {
                let note = format_args!("a block without data, discarded: {}", quoted(&text));
                pointless.add(transcript, offset, len, note);
            }
            None => {}
        }
    }
    if !lost.is_empty() {
        let actual = format!(
            "the stream ends inside an event, which clients discard ({})",
            lost.tally()
        );
        return lost.attach(Judgement::fail(actual));
    }
    if !pointless.is_empty() {
        let actual = format!(
            "the stream ends inside a block without data; its id, if any, is not committed ({})",
            pointless.tally()
        );
        let judgement = Judgement::warn(actual).at_level(Level::Practice);
        return pointless.attach(judgement);
    }
    match ended {
        0 => Judgement::not_applicable(format!(
            "no stream with content ended by itself in {}",
            seconds(case.observed_us())
        )),
        _ => Judgement::pass("the stream ends after an empty line, or with nothing to dispatch"),
    }
}

/// Streams with content that the server ended, and whose end can be read.
fn ended_streams<'c>(
    case: &'c Case<'_>,
) -> impl Iterator<Item = (&'c Transcript, &'c Reading)> + 'c {
    own_streams(case)
        .filter(|(t, _)| t.end.kind == EndKind::Clean && t.faults.is_empty())
        .filter(|(_, r)| r.limit.is_none() && !r.partial)
        .filter(|(t, _)| !t.stream().is_empty())
}

fn names_of(block: &[LineSeen]) -> impl Iterator<Item = &str> {
    block.iter().filter_map(|line| match &line.shape {
        LineShape::Field { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

/// Blocks with ignored fields are reported for those fields, by the rules about them.
fn dispatches_nothing(block: &[LineSeen]) -> bool {
    let named = names_of(block).any(|name| name == "event");
    let known = |name| matches!(name, "event" | "id" | "retry");
    named && names_of(block).all(known)
}

fn block_without_data(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    let mut blocks = 0_usize;
    for (transcript, reading) in own_streams(case) {
        for block in reading.blocks() {
            blocks += 1;
            if dispatches_nothing(block)
                && let (Some(first), Some(last)) = (block.first(), block.last())
            {
                let len = last.offset + last.len - first.offset;
                seen.add(transcript, first.offset, len, "dispatches nothing");
            }
        }
    }
    if !seen.is_empty() {
        let actual = format!(
            "blocks with an event type but no data line ({})",
            seen.tally()
        );
        return seen.attach(Judgement::warn(actual));
    }
    if blocks == 0 {
        return no_event(case)
            .unwrap_or_else(|| Judgement::unverified("no complete block arrived"));
    }
    Judgement::pass("every block that names an event carries data")
}

/// Events of JSON below which nothing can be said.
const JSON_EVENTS: usize = 3;

fn json_valid(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_event(case) {
        return missing;
    }
    let (mut whole, mut all) = (0_usize, 0_usize);
    let mut seen = Sightings::default();
    let (mut broken, mut continued) = (0_usize, 0_usize);
    for (transcript, reading) in own_streams(case) {
        for event in &reading.events {
            all += 1;
            match json::text_of(&event.data) {
                Text::Json => whole += 1,
                // Explained by the lines themselves: see data.stray-lines.
                Text::Broken if holds_ignored_line(reading, event) => continued += 1,
                Text::Broken => {
                    broken += 1;
                    let len = event.end - event.start;
                    let note = format_args!("does not parse: {}", quoted(&event.data));
                    seen.add(transcript, event.start, len, note);
                }
                Text::Other => {}
            }
        }
    }
    let begun = whole + broken + continued;
    let most = whole >= JSON_EVENTS && whole > broken && begun * 5 >= all * 4;
    if most && seen.is_empty() && continued > 0 {
        return Judgement::not_applicable(format!(
            "{continued} of {all} events go on in lines that clients ignore: see data.stray-lines"
        ));
    }
    if !most {
        return Judgement::not_applicable("the stream is not mostly JSON");
    }
    if seen.is_empty() {
        return Judgement::pass(format!("{whole} of {all} events are JSON, none is broken"));
    }
    let actual = format!(
        "events that begin like JSON and do not parse ({}), beside {whole} that do",
        seen.tally()
    );
    seen.attach(Judgement::warn(actual))
}

fn holds_ignored_line(reading: &Reading, event: &EventSeen) -> bool {
    let from = reading
        .lines
        .partition_point(|line| line.offset < event.start);
    let lines = reading.lines[from..].iter();
    let mut block = lines.take_while(|line| line.offset < event.end);
    block.any(|line| match &line.shape {
        LineShape::Field { name, .. } => {
            !matches!(name.as_str(), "data" | "event" | "id" | "retry")
        }
        _ => false,
    })
}

fn stray_lines(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    let mut worst = Stray::UnknownName;
    for (transcript, reading) in own_streams(case) {
        for diagnostic in &reading.diagnostics {
            let kind = diagnostic.kind;
            if !matches!(
                kind,
                DiagnosticKind::UnknownField | DiagnosticKind::FieldSpace
            ) {
                continue;
            }
            let at = reading
                .lines
                .binary_search_by_key(&diagnostic.offset, |line| line.offset);
            // A comment with white space before its colon is heartbeat.colon-form's.
            let line = at.ok().and_then(|at| reading.lines.get(at));
            let Some(line) = line.filter(|line| !is_indented(line)) else {
                continue;
            };
            let stray = Stray::of(line);
            worst = worst.min(stray);
            seen.add(transcript, line.offset, line.len, stray.note());
        }
    }
    if seen.is_empty() {
        let silent = own_streams(case).all(|(_, r)| r.lines.is_empty());
        return match no_event(case) {
            Some(missing) if silent => missing,
            _ => Judgement::pass("every line is a comment or one of the four fields"),
        };
    }
    let actual = format!("{} ({})", worst.summary(), seen.tally());
    seen.attach(Judgement::warn(actual).remedy(worst.remedy()))
}

fn space_style(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_event(case) {
        return missing;
    }
    let (mut with, mut without) = (Sightings::default(), Sightings::default());
    for (transcript, reading) in own_streams(case) {
        for line in &reading.lines {
            let LineShape::Field {
                name, value, space, ..
            } = &line.shape
            else {
                continue;
            };
            // An empty value says nothing about the style.
            if name == "data" && !value.is_empty() {
                let (style, note) = match space {
                    true => (&mut with, "with a space"),
                    false => (&mut without, "without a space"),
                };
                style.add(transcript, line.offset, 6, note);
            }
        }
    }
    match (with.is_empty(), without.is_empty()) {
        (false, false) => {
            let actual = format!(
                "both: `data: ` ({}) and `data:` ({})",
                with.tally(),
                without.tally()
            );
            without.attach(Judgement::info(actual))
        }
        (true, false) => Judgement::pass("`data:` without a space throughout"),
        _ => Judgement::pass("`data: ` with a space throughout"),
    }
}
