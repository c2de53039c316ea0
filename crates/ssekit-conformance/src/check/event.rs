//! Rules of the group `event`.

use ssekit_record::Level;

use super::sighting::{Sightings, field_in, is_padded, no_event, quoted};
use super::source::{HTML_EVENTSOURCE, HTML_INTERPRETING};
use crate::reading::DiagnosticKind;
use crate::{Applies, Case, Judgement, LineShape, Needs, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "event.repeat",
        title: "One event line per block",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "at most one event line between two empty lines",
        impact: "The last event line wins: listeners for the first type are not called. Often two \
                 events have run together for want of an empty line.",
        remedy: "End each event with an empty line, and write its type once.",
        good: "event: add\\ndata: a\\n\\nevent: remove\\ndata: b\\n\\n",
        bad: "event: add\\ndata: a\\nevent: remove\\ndata: b\\n\\n",
        judge: repeat,
    },
    Rule {
        id: "event.empty",
        title: "Whether event lines are empty",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "a type, or no event line at all; an empty one means \"message\"",
        impact: "None for clients that keep the standard: the type is \"message\".",
        remedy: "Leave the event line out for plain messages.",
        good: "data: a\\n\\n",
        bad: "event:\\ndata: a\\n\\n",
        judge: empty,
    },
    Rule {
        id: "event.reserved-names",
        title: "No event is called open or error",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_EVENTSOURCE],
        expected: "types other than those EventSource fires itself",
        impact: "The browser's own `open` and `error` events reach the same listeners: a handler \
                 for the server's error runs at each lost connection, without data, and `onerror` \
                 runs for the server's event.",
        remedy: "Rename them, for example to `failure` and `ready`.",
        good: "event: failure\\ndata: quota\\n\\n",
        bad: "event: error\\ndata: quota\\n\\n",
        judge: reserved_names,
    },
    Rule {
        id: "event.case",
        title: "Field names are in lower case",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "data, event, id and retry, exactly so",
        impact: "Field names are compared without case folding: clients ignore the line.",
        remedy: "Write the four names in lower case.",
        good: "data: a\\n\\n",
        bad: "Data: a\\n\\n",
        judge: case_of_names,
    },
    Rule {
        id: "event.name-space",
        title: "No white space around event types",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "a type without leading or trailing white space, after the one space that \
                   clients remove",
        impact: "\"tick \" is another type than \"tick\": its listeners are never called.",
        remedy: "Trim the type before it is written.",
        good: "event: tick\\ndata: a\\n\\n",
        bad: "event:  tick\\ndata: a\\n\\n",
        judge: name_space,
    },
];

/// Every place of a diagnostic, over all streams; the whole line is the place.
fn lines_with<'a>(case: &'a Case<'_>, kind: DiagnosticKind, note: &str) -> Sightings<'a> {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for diagnostic in reading.all(kind) {
            let at = reading
                .lines
                .binary_search_by_key(&diagnostic.offset, |line| line.offset);
            let len = at.map_or(1, |at| reading.lines[at].len);
            seen.add(transcript, diagnostic.offset, len, note);
        }
    }
    seen
}

fn repeat(case: &Case<'_>) -> Judgement {
    let seen = lines_with(
        case,
        DiagnosticKind::RepeatedEvent,
        "a second type for one event",
    );
    if seen.is_empty() {
        return no_event(case).unwrap_or_else(|| Judgement::pass("one type per event"));
    }
    let actual = format!("blocks with several event lines ({})", seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn empty(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for (line, _) in reading
            .fields("event")
            .filter(|(_, value)| value.is_empty())
        {
            seen.add(transcript, line.offset, line.len, "means \"message\"");
        }
    }
    if seen.is_empty() {
        return no_event(case).unwrap_or_else(|| Judgement::pass("no event line is empty"));
    }
    let actual = format!("empty event lines ({})", seen.tally());
    seen.attach(Judgement::info(actual))
}

fn reserved_names(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for event in &reading.events {
            if !matches!(event.event.as_str(), "open" | "error") {
                continue;
            }
            if let Some(line) = field_in(reading, "event", event.start, event.end) {
                let note = format_args!("an event of type {}", quoted(&event.event));
                seen.add(transcript, line.offset, line.len, note);
            }
        }
    }
    if seen.is_empty() {
        return no_event(case)
            .unwrap_or_else(|| Judgement::pass("no event is called open or error"));
    }
    let actual = format!("{} ({})", seen.first_note(), seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn case_of_names(case: &Case<'_>) -> Judgement {
    let seen = lines_with(
        case,
        DiagnosticKind::FieldCase,
        "ignored: the name is not in lower case",
    );
    if seen.is_empty() {
        let fine = Judgement::pass("field names are in lower case");
        let silent = case.streams().all(|(_, r)| r.lines.is_empty());
        return no_event(case).filter(|_| silent).unwrap_or(fine);
    }
    let actual = format!(
        "field names with capital letters, which clients ignore ({})",
        seen.tally()
    );
    seen.attach(Judgement::warn(actual))
}

fn name_space(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for line in &reading.lines {
            let LineShape::Field { name, value, .. } = &line.shape else {
                continue;
            };
            if name == "event" && is_padded(value, char::is_whitespace) {
                let note = format_args!("the type is {}", quoted(value));
                seen.add(transcript, line.offset, line.len, note);
            }
        }
    }
    if seen.is_empty() {
        return no_event(case)
            .unwrap_or_else(|| Judgement::pass("no type has white space around it"));
    }
    let actual = format!("{} ({})", seen.first_note(), seen.tally());
    seen.attach(Judgement::warn(actual))
}

#[cfg(test)]
mod tests {
    use ssekit_record::Verdict::{Info, NotApplicable, Pass, Unverified, Warn};

    use super::RULES;
    use crate::check::sample::{Sample, place, verdict};

    #[test]
    fn nothing_is_said_without_an_event() {
        for rule in RULES {
            assert_eq!(verdict(rule.id, Sample::stream("")), Unverified);
            let plain = Sample::stream(": c\nevent: tick\nid: 1\ndata: a\n\n");
            assert_eq!(verdict(rule.id, plain), Pass, "{}", rule.id);
            let page = Sample::answer(404, "text/html", "<html>");
            assert_eq!(verdict(rule.id, page), NotApplicable);
        }
    }

    #[test]
    fn two_types_in_one_block_warn() {
        let id = "event.repeat";
        let twice = Sample::stream("event: a\ndata: 1\nevent: b\ndata: 2\n\n");
        assert_eq!(place(id, twice), (Warn, Some(17)));
        let apart = Sample::stream("event: a\ndata: 1\n\nevent: b\ndata: 2\n\n");
        assert_eq!(verdict(id, apart), Pass);
    }

    #[test]
    fn an_empty_type_is_noted() {
        let id = "event.empty";
        for bytes in ["event:\ndata: a\n\n", "event\ndata: a\n\n"] {
            assert_eq!(place(id, Sample::stream(bytes)), (Info, Some(0)));
        }
    }

    #[test]
    fn names_of_the_interface_warn() {
        let id = "event.reserved-names";
        let error = Sample::stream("data: a\n\nid: 1\nevent: error\ndata: b\n\n");
        assert_eq!(place(id, error), (Warn, Some(15)));
        for fine in [
            "event: errors\ndata: a\n\n",
            "event: Error\ndata: a\n\n",
            "data: error\n\n",
            "event: open\nevent: ready\ndata: a\n\n",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
    }

    #[test]
    fn capital_letters_in_names_warn() {
        let id = "event.case";
        let capital = Sample::stream("data: a\n\nEvent: x\ndata: b\n\n");
        assert_eq!(place(id, capital), (Warn, Some(9)));
        assert_eq!(place(id, Sample::stream("DATA\n\n")), (Warn, Some(0)));
        let value = Sample::stream("data: Data: a\n: Event: x\n\n");
        assert_eq!(verdict(id, value), Pass);
    }

    #[test]
    fn white_space_around_a_type_warns() {
        let id = "event.name-space";
        for bad in [
            "event:  tick\ndata: a\n\n",
            "event: tick \ndata: a\n\n",
            "event:\ttick\ndata: a\n\n",
        ] {
            assert_eq!(place(id, Sample::stream(bad)), (Warn, Some(0)), "{bad:?}");
        }
        for fine in [
            "event:tick\ndata: a\n\n",
            "event: a b\ndata: a\n\n",
            "event: \ndata: a\n\n",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
    }
}
