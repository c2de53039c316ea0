//! Rules of the group `id`.

use std::collections::HashMap;

use ssekit_record::Level;

use super::sighting::{Sightings, field_in, is_padded, no_event, own_id_streams, quoted};
use super::source::{
    FETCH_LAST_EVENT_ID, FETCH_UNSAFE_BYTE, HTML_INTERPRETING, HTML_LAST_EVENT_ID,
    RFC9110_FIELD_VALUES,
};
use crate::reading::DiagnosticKind;
use crate::{Applies, Case, Judgement, Needs, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "id.no-nul",
        title: "No id holds U+0000",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "ids without U+0000",
        impact: "Clients ignore such an id and keep the one before: they resume too early and see \
                 events twice.",
        remedy: "Write ids as text; a counter or key in binary must be encoded, for example in \
                 hexadecimal.",
        good: "id: 42\\ndata: a\\n\\n",
        bad: "id: 4\\x002\\ndata: a\\n\\n",
        judge: no_nul,
    },
    Rule {
        id: "id.header-safe",
        title: "Ids survive as the value of a header field",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_LAST_EVENT_ID, RFC9110_FIELD_VALUES],
        expected: "no control characters, no white space at either end",
        impact: "The id comes back in Last-Event-ID changed (white space is stripped) or not at \
                 all (control characters are refused), so the server cannot find it.",
        remedy: "Use visible ASCII for ids and trim them before they are written.",
        good: "id: 42-a\\ndata: a\\n\\n",
        bad: "id: 42 \\ndata: a\\n\\n",
        judge: header_safe,
    },
    Rule {
        id: "id.ascii",
        title: "Ids are ASCII",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_LAST_EVENT_ID, RFC9110_FIELD_VALUES],
        expected: "ids of ASCII characters only",
        impact: "Other characters come back as raw UTF-8 bytes, which HTTP knows as obsolete text: \
                 servers and intermediaries refuse them or read them as Latin-1.",
        remedy: "Use numbers or an ASCII encoding, such as percent-encoding or base64url.",
        good: "id: caf%C3%A9-7\\ndata: a\\n\\n",
        bad: "id: caf\\xc3\\xa9-7\\ndata: a\\n\\n",
        judge: ascii,
    },
    Rule {
        id: "id.length",
        title: "Whether ids are short and plain enough for cross-origin resumption",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[FETCH_LAST_EVENT_ID, FETCH_UNSAFE_BYTE],
        expected: "at most 128 bytes, none of them CORS-unsafe, such as quotation marks, colons \
                   and brackets",
        impact: "Under a proposed change to Fetch, a cross-origin client would send a preflight \
                 before it resumes from such an id; clients that are not browsers may send one \
                 today.",
        remedy: "Keep ids short: a number, or letters and digits.",
        good: "id: 42\\n",
        bad: "id: {\"stream\":\"a\",\"at\":42}\\n",
        judge: length,
    },
    Rule {
        id: "id.unique",
        title: "No id is used for different events",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_LAST_EVENT_ID],
        expected: "each id names one event",
        impact: "Coming back with that id is ambiguous: the client misses events or sees them \
                 twice.",
        remedy: "Take ids from a counter or a sequence of the store; a clock repeats inside a \
                 burst.",
        good: "id: 1\\ndata: a\\n\\nid: 2\\ndata: b\\n\\n",
        bad: "id: 1\\ndata: a\\n\\nid: 1\\ndata: b\\n\\n",
        judge: unique,
    },
    Rule {
        id: "id.coverage",
        title: "Whether all events carry an id",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "an id on every event, or on none",
        impact: "An event without an id keeps the id before it: after a reconnect it is replayed \
                 or lost, depending on how the server reads that id.",
        remedy: "Give an id to every event that must not be lost, and to no other.",
        good: "id: 1\\ndata: a\\n\\nid: 2\\ndata: b\\n\\n",
        bad: "id: 1\\ndata: a\\n\\ndata: b\\n\\n",
        judge: coverage,
    },
];

/// Longest value that Fetch safelists for a request header (bytes).
const SAFE_BYTES: usize = 128;

/// Why rules about ids do not apply, or cannot be judged yet.
fn no_id(case: &Case<'_>) -> Option<Judgement> {
    if case.streams().any(|(_, r)| r.fields("id").next().is_some()) {
        return None;
    }
    Some(no_event(case).unwrap_or_else(|| Judgement::not_applicable("no event carries an id")))
}

/// Every id line whose value a client takes and which `odd` describes. The note says what is odd.
fn odd_ids<'a>(case: &'a Case<'_>, odd: fn(&str) -> Option<&'static str>) -> Sightings<'a> {
    let mut seen = Sightings::default();
    for (transcript, reading) in own_id_streams(case) {
        for (line, id) in reading.fields("id").filter(|(_, id)| !id.contains('\0')) {
            if let Some(what) = odd(id) {
                let note = format_args!("{what}: {}", quoted(id));
                seen.add(transcript, line.offset, line.len, note);
            }
        }
    }
    seen
}

fn no_nul(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for nul in reading.all(DiagnosticKind::IdWithNul) {
            seen.add(transcript, nul.offset, 1, "U+0000: the id is ignored");
        }
    }
    if seen.is_empty() {
        return no_id(case).unwrap_or_else(|| Judgement::pass("no id holds U+0000"));
    }
    let actual = format!("ids with U+0000, which clients ignore ({})", seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn header_safe(case: &Case<'_>) -> Judgement {
    let seen = odd_ids(case, |id| {
        if id.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            Some("an id with a control character")
        } else if is_padded(id, |c| matches!(c, ' ' | '\t')) {
            Some("an id with white space at an end")
        } else {
            None
        }
    });
    if seen.is_empty() {
        return no_id(case).unwrap_or_else(|| Judgement::pass("ids survive as a field value"));
    }
    let actual = format!("{} ({})", seen.first_note(), seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn ascii(case: &Case<'_>) -> Judgement {
    let seen = odd_ids(case, |id| {
        (!id.is_ascii()).then_some("an id that is not ASCII")
    });
    if seen.is_empty() {
        return no_id(case).unwrap_or_else(|| Judgement::pass("ids are ASCII"));
    }
    let actual = format!("{} ({})", seen.first_note(), seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn length(case: &Case<'_>) -> Judgement {
    let seen = odd_ids(case, |id| {
        if id.len() > SAFE_BYTES {
            Some("an id of more than 128 bytes")
        } else if id.bytes().any(is_cors_unsafe) {
            Some("an id with a CORS-unsafe byte")
        } else {
            None
        }
    });
    if seen.is_empty() {
        return no_id(case).unwrap_or_else(|| Judgement::pass("ids are short and plain"));
    }
    let actual = format!("{} ({})", seen.first_note(), seen.tally());
    seen.attach(Judgement::info(actual))
}

/// Fetch, "CORS-unsafe request-header byte"; of those the control characters are left to
/// id.header-safe.
fn is_cors_unsafe(byte: u8) -> bool {
    b"\"():<>?@[\\]{}".contains(&byte)
}

fn unique(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_id(case) {
        return missing;
    }
    let mut seen = Sightings::default();
    let mut ids = 0_usize;
    for (transcript, reading) in case.streams() {
        let mut known: HashMap<&str, (&str, &str)> = HashMap::new();
        for event in &reading.events {
            let id = &*event.last_event_id;
            if !event.has_id || id.is_empty() {
                continue;
            }
            ids += 1;
            let content = (event.event.as_str(), event.data.as_str());
            if *known.entry(id).or_insert(content) != content
                && let Some(line) = field_in(reading, "id", event.start, event.end)
            {
                let note = format_args!("{} named another event before", quoted(id));
                seen.add(transcript, line.offset, line.len, note);
            }
        }
    }
    if !seen.is_empty() {
        let actual = format!("id {} ({})", seen.first_note(), seen.tally());
        return seen.attach(Judgement::warn(actual));
    }
    match ids {
        0 | 1 => Judgement::unverified("fewer than two events with an id; try --observe 30s"),
        _ => Judgement::pass("no id names different events"),
    }
}

fn coverage(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_id(case) {
        return missing;
    }
    let (Some(transcript), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let all = reading.events.len();
    let without = reading.events.iter().filter(|event| !event.has_id);
    let count = without.clone().count();
    if count == all {
        return Judgement::not_applicable("no event of the main stream carries an id");
    }
    if count == 0 {
        return Judgement::pass("every event carries an id");
    }
    let actual = format!("{count} of {all} events carry no id of their own");
    without.fold(Judgement::info(actual), |judgement, event| {
        let len = event.end - event.start;
        judgement.seen(transcript, event.start, len, "an event without an id")
    })
}

#[cfg(test)]
mod tests {
    use ssekit_record::Verdict::{Info, NotApplicable, Pass, Unverified, Warn};

    use super::RULES;
    use crate::Probe;
    use crate::check::sample::{Sample, finding, place, verdict};

    #[test]
    fn plain_ids_pass_and_no_ids_are_not_judged() {
        for rule in RULES {
            let plain = Sample::stream("id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
            assert_eq!(verdict(rule.id, plain), Pass, "{}", rule.id);
            let none = Sample::stream("data: a\n\ndata: b\n\n");
            assert_eq!(verdict(rule.id, none), NotApplicable, "{}", rule.id);
            assert_eq!(verdict(rule.id, Sample::stream(": hi\n\n")), Unverified);
        }
    }

    #[test]
    fn nul_warns_where_it_is_and_only_once() {
        let nul = Sample::stream("id: 4\x002\ndata: a\n\nid: 5\ndata: b\n\n");
        assert_eq!(place("id.no-nul", nul.clone()), (Warn, Some(5)));
        assert_eq!(verdict("id.header-safe", nul), Pass);
    }

    #[test]
    fn what_http_would_change_warns() {
        let id = "id.header-safe";
        for bad in [
            "id: 4 \n\n",
            "id:  4\n\n",
            "id: 4\u{1}\n\n",
            "id: 4\t\n\n",
            "id: \u{7f}\n\n",
        ] {
            let sample = Sample::stream(format!("data: a\n\n{bad}"));
            assert_eq!(place(id, sample), (Warn, Some(9)), "{bad:?}");
        }
        for fine in [
            "id:4\ndata: a\n\n",
            "id: a b\tc\ndata: a\n\n",
            "id:\ndata: a\n\n",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
    }

    #[test]
    fn non_ascii_and_long_ids_are_seen() {
        let accent = Sample::stream("id: caf\u{e9}\ndata: a\n\n");
        assert_eq!(place("id.ascii", accent), (Warn, Some(0)));
        let exact = Sample::stream(format!("id: {}\ndata: a\n\n", "x".repeat(128)));
        assert_eq!(verdict("id.length", exact), Pass);
        let long = Sample::stream(format!("id: {}\ndata: a\n\n", "x".repeat(129)));
        assert_eq!(place("id.length", long), (Info, Some(0)));
        let json = Sample::stream("id: {\"at\":1}\ndata: a\n\n");
        assert_eq!(verdict("id.length", json), Info);
    }

    #[test]
    fn ids_made_of_what_we_sent_are_not_the_servers() {
        let main = || Sample::stream("id: 1\ndata: a\n\n");
        let long = format!("id: 1{}\ndata: a\n\n", "0".repeat(4096));
        for (id, stream, probe) in [
            ("id.length", long.as_str(), Probe::ResumeLong),
            (
                "id.ascii",
                "id: caf\u{e9}\ndata: a\n\n",
                Probe::ResumeNonAscii,
            ),
        ] {
            let answer = || Sample::stream(stream);
            assert_eq!(finding(id, [main(), answer().by(probe)]).verdict, Pass);
            assert_eq!(
                finding(id, [main(), answer().by(Probe::Resume)]).verdict,
                if id == "id.length" { Info } else { Warn }
            );
        }
    }

    #[test]
    fn an_id_on_different_events_warns() {
        let id = "id.unique";
        let reused = Sample::stream("id: 1\ndata: a\n\nid: 1\ndata: b\n\n");
        assert_eq!(place(id, reused), (Warn, Some(15)));
        for fine in [
            // The id persists: the second block has none of its own.
            "id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n",
            "id: 1\ndata: a\n\nid: 1\ndata: a\n\n",
            // An empty id resets.
            "id\ndata: a\n\nid\ndata: b\n\nid: 1\ndata: c\n\nid: 2\ndata: d\n\n",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
        let one = Sample::stream("id: 1\ndata: a\n\n");
        assert_eq!(verdict(id, one), Unverified);
    }

    #[test]
    fn events_without_an_id_among_others_are_noted() {
        let id = "id.coverage";
        let some = Sample::stream("id: 1\ndata: a\n\ndata: b\n\n");
        assert_eq!(place(id, some), (Info, Some(15)));
    }
}
