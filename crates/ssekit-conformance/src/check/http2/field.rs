//! Rules of the group `http2` about the field names of every answer over HTTP/2.

use ssekit_record::{Field, HttpVersion, Level, Transcript};

use crate::check::sighting::quoted;
use crate::check::source::{RFC9113_CONNECTION_FIELDS, RFC9113_FIELD_NAMES};
use crate::{Applies, Case, Judgement, Needs, Rule};

pub(in crate::check) const RULES: &[Rule] = &[
    Rule {
        id: "http2.no-conn-headers",
        title: "No connection-specific field over HTTP/2",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Answer,
        probes: &[],
        sources: &[RFC9113_CONNECTION_FIELDS],
        expected: "none of Connection, Proxy-Connection, Keep-Alive, Transfer-Encoding, Upgrade",
        impact: "The message is malformed: clients reset the stream instead of reading it.",
        remedy: "Do not set these fields in the application, and have the proxy drop them.",
        good: ":status: 200, content-type: text/event-stream",
        bad: ":status: 200, content-type: text/event-stream, connection: keep-alive",
        judge: no_connection_fields,
    },
    Rule {
        id: "http2.lowercase",
        title: "Field names are lower case over HTTP/2",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Answer,
        probes: &[],
        sources: &[RFC9113_FIELD_NAMES],
        expected: "no character from A to Z in a field name",
        impact: "The message is malformed: clients reset the stream instead of reading it.",
        remedy: "Write field names in lower case before they are encoded.",
        good: "content-type: text/event-stream",
        bad: "Content-Type: text/event-stream",
        judge: lowercase,
    },
];

/// What RFC 9113 8.2.2 names. TE is left out: the section speaks of it in requests.
const CONNECTION_SPECIFIC: [&str; 5] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
];

fn no_connection_fields(case: &Case<'_>) -> Judgement {
    let is_bad = |name: &str| {
        let mut listed = CONNECTION_SPECIFIC.iter();
        listed.any(|bad| name.eq_ignore_ascii_case(bad))
    };
    names(case, is_bad, "connection-specific")
}

fn lowercase(case: &Case<'_>) -> Judgement {
    let is_bad = |name: &str| name.bytes().any(|byte| byte.is_ascii_uppercase());
    names(case, is_bad, "with upper case")
}

/// Fails for the names that are bad in a head or a trailer section over HTTP/2.
fn names(case: &Case<'_>, is_bad: impl Fn(&str) -> bool, how: &str) -> Judgement {
    let mut judged = 0;
    let mut bad: Vec<(&Transcript, &Field, u64)> = Vec::new();
    for transcript in case.transcripts().chain(case.session_streams()) {
        let Some(head) = &transcript.head else {
            continue;
        };
        if head.version != HttpVersion::Http2 {
            continue;
        }
        judged += 1;
        let fields = head.fields.iter().map(|field| (field, head.at_us));
        let end_us = transcript.end.at_us;
        let trailers = transcript.trailers.iter().map(|field| (field, end_us));
        let found = fields.chain(trailers).filter(|(f, _)| is_bad(&f.name));
        bad.extend(found.map(|(field, at_us)| (transcript, field, at_us)));
    }
    if judged == 0 {
        return Judgement::not_applicable("no answer came over HTTP/2");
    }
    let Some((_, first, _)) = bad.first() else {
        return Judgement::pass(format!("none in {judged} answers"));
    };
    let judgement = Judgement::fail(format!("a field {how}: {}", quoted(&first.name)));
    bad.iter()
        .fold(judgement, |judgement, (transcript, field, at_us)| {
            let note = format!("{}: {}", field.name, field.value);
            judgement.noted(transcript, Some(*at_us), quoted(&note))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Probe;
    use crate::check::sample::{Sample, finding};
    use ssekit_record::Verdict;

    const BOTH: [&str; 2] = ["http2.no-conn-headers", "http2.lowercase"];

    /// An answer over HTTP/2 whose names are lower case.
    fn h2() -> Sample {
        Sample::stream("data: a\n\n")
            .version(HttpVersion::Http2)
            .without_field("Content-Type")
            .with_field("content-type", "text/event-stream")
    }

    fn verdicts(samples: &[Sample]) -> [Verdict; 2] {
        BOTH.map(|id| finding(id, samples.iter().cloned()).verdict)
    }

    #[test]
    fn http1_is_not_judged() {
        let h1 = Sample::stream("data: a\n\n").with_field("Connection", "keep-alive");
        assert_eq!(verdicts(&[h1]), [Verdict::NotApplicable; 2]);
    }

    #[test]
    fn each_field_named_by_the_section_fails() {
        assert_eq!(verdicts(&[h2()]), [Verdict::Pass; 2]);
        for name in CONNECTION_SPECIFIC {
            let broken = h2().with_field(name, "x");
            assert_eq!(
                verdicts(&[broken]),
                [Verdict::Fail, Verdict::Pass],
                "{name}"
            );
        }
    }

    #[test]
    fn upper_case_counts_in_names_only() {
        let value = h2().with_field("x-served-by", "Server-A");
        assert_eq!(verdicts(&[value]), [Verdict::Pass; 2]);
        let name = h2().with_field("x-Served-by", "a");
        assert_eq!(verdicts(&[name]), [Verdict::Pass, Verdict::Fail]);
        let both = h2().with_field("Keep-Alive", "timeout=5");
        assert_eq!(verdicts(&[both]), [Verdict::Fail; 2]);
    }

    #[test]
    fn names_that_only_look_alike_pass() {
        for name in ["te", "trailer", "alt-svc", "x-connection", "via"] {
            let fine = h2().with_field(name, "x");
            assert_eq!(verdicts(&[fine]), [Verdict::Pass; 2], "{name}");
        }
    }

    #[test]
    fn every_answer_counts() {
        let error = Sample::answer(404, "", "")
            .version(HttpVersion::Http2)
            .with_field("connection", "close")
            .by(Probe::Missing);
        assert_eq!(verdicts(&[h2(), error]), [Verdict::Fail, Verdict::Pass]);
    }
}
