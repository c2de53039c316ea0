//! The rule about how large an event may be.

use ssekit_record::{Bulk, EndKind, Level};

use super::echoed::Outcome;
use super::fidelity::offered;
use super::source::HTML_PARSING;
use crate::bulk::QUIET;
use crate::{Applies, Case, EchoBulk as B, EchoCase as C, Judgement, Needs, Probe as P, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "data.large",
    title: "How large an event may be",
    level: Level::Info,
    needs: Needs::Echo,
    applies: Applies::Stream,
    probes: &[
        P::Capabilities,
        P::Echo(C::CanaryData),
        P::Echo(C::DataLarge),
        P::Echo(C::DataLargeLines),
        P::Bulk(B::Line8),
        P::Bulk(B::Lines8),
        P::Bulk(B::Line64),
        P::Bulk(B::Lines64),
    ],
    sources: &[HTML_PARSING],
    expected: "1 MiB of data arrives, in one line and in many, and so does what is larger unless it is refused; \
               a smaller limit is worth knowing",
    impact: "Events above the limit are lost.",
    remedy: "Say what the limit is, and refuse what is above it instead of cutting it.",
    good: "8 MiB in, 8 MiB out",
    bad: "8 MiB in, 64 KiB out",
    judge: large,
}];

/// A limit is no fault, so whatever did not arrive is told.
fn large(case: &Case<'_>) -> Judgement {
    const MIB: [C; 2] = [C::DataLarge, C::DataLargeLines];
    if let Err(judgement) = offered(case, &MIB) {
        return judgement;
    }
    for value in MIB {
        let what = match Outcome::of(case, value) {
            Some(Outcome::Refused(status)) => format!("refused with {status}"),
            Some(Outcome::Broken(what)) => what,
            Some(Outcome::Sent(sent)) => match sent.wrong() {
                Some(what) => what,
                None => continue,
            },
            None => return Judgement::unverified("the value was not sent"),
        };
        return Judgement::info(format!("{}: {what}", value.about()));
    }
    larger(case)
}

/// What came of a value of many megabytes.
enum Came {
    Whole,
    /// Before the stream began, in words how.
    Refused(String),
    /// Something else, which the server did.
    Wrong(String),
    /// Not as far as ssekit waited.
    Unknown(String),
}

/// What is said of 1 MiB stands; what is larger adds to it.
fn larger(case: &Case<'_>) -> Judgement {
    let mut whole = vec!["1 MiB in one line", "1 MiB in lines"];
    let mut said = Vec::new();
    let mut unknown = None;
    for value in B::EACH {
        let about = value.about();
        let Some(bulk) = case.bulk(value) else {
            let skipped = case.skipped(P::Bulk(value));
            // That a long run would send more, or that less did not arrive, says nothing of the server.
            let limit = skipped.filter(|_| !value.is_long());
            said.extend(limit.map(|skipped| format!("{about} was not sent: {}", skipped.reason)));
            continue;
        };
        match Came::of(bulk) {
            Came::Whole => whole.push(size(value)),
            Came::Refused(how) => said.push(format!("{about} was refused {how}")),
            Came::Wrong(what) => return Judgement::info(format!("{about}: {what}")),
            Came::Unknown(what) => {
                unknown.get_or_insert(format!("{about}: {what}"));
            }
        }
    }
    if let Some(unknown) = unknown {
        return Judgement::unverified(unknown);
    }
    let arrived = format!("{} arrived whole", whole.join(", "));
    said.insert(0, arrived);
    Judgement::pass(said.join("; "))
}

fn size(value: B) -> &'static str {
    match value {
        B::Line8 => "8 MiB in one line",
        B::Lines8 => "8 MiB in lines",
        B::Line64 => "64 MiB in one line",
        B::Lines64 => "64 MiB in lines",
    }
}

impl Came {
    fn of(bulk: &Bulk) -> Self {
        let end = &bulk.transcript.end;
        let by_us = matches!(end.kind, EndKind::Left | EndKind::TimedOut);
        let Some(head) = &bulk.transcript.head else {
            return match end.kind {
                // The answer to too much is often lost with the connection: the server closes it while
                // content is on its way, and the reset overtakes the answer.
                EndKind::Reset | EndKind::Truncated
                    if bulk.sent_len < bulk.transcript.request.body_len =>
                {
                    Self::Refused("by closing the connection while it was sent".into())
                }
                _ if by_us => Self::Unknown(format!("no answer came: {}", end.detail)),
                EndKind::Unreachable => Self::Unknown(end.detail.clone()),
                _ => Self::Wrong(end.detail.clone()),
            };
        };
        if (400..500).contains(&head.status) {
            return Self::Refused(format!("with {}", head.status));
        }
        if !bulk.transcript.is_event_stream() {
            return Self::Wrong(format!("the answer was {}", head.status));
        }
        if bulk.transcript.content.is_some() {
            return Self::Unknown("it came in a content coding nobody asked for".into());
        }
        if bulk.is_whole() {
            return Self::Whole;
        }
        Self::partly(bulk, by_us)
    }

    fn partly(bulk: &Bulk, by_us: bool) -> Self {
        let same = bulk.same_len;
        if let Some(difference) = &bulk.difference {
            let shown = |byte: u8| (byte as char).escape_default().to_string();
            let came = shown(difference.came);
            return Self::Wrong(match difference.due {
                Some(due) => format!(
                    "the first {same} bytes arrived, then \"{came}\" where \"{}\" was due, at byte {} of the content",
                    shown(due),
                    difference.offset
                ),
                None => format!(
                    "more data arrived than was sent, from byte {} of the content on",
                    difference.offset
                ),
            });
        }
        if bulk.events > 1 {
            return Self::Wrong(format!("{} events arrived", bulk.events));
        }
        if bulk.events == 1 && same < bulk.value_len {
            return Self::Wrong(format!("it arrived cut after {same} bytes"));
        }
        let is_quiet = u128::from(bulk.quiet_us) >= QUIET.as_micros();
        if by_us && !is_quiet {
            return Self::Unknown(format!(
                "{same} bytes of it had arrived when ssekit left, after {:.0} s",
                bulk.transcript.end.at_us as f64 / 1e6
            ));
        }
        let how = match (by_us, bulk.transcript.end.detail.as_str()) {
            (true, _) => "then nothing came for 5 s".into(),
            (false, "") => "then the stream ended".into(),
            (false, detail) => format!("then {detail}"),
        };
        Self::Wrong(format!("{same} bytes of it arrived, {how}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ssekit_record::{Observation, Verdict};

    use super::*;
    use crate::arrival::Arrival;
    use crate::check::sample::Sample;
    use crate::{Selection, judge};

    /// A bulk whose stream came as `write` has it.
    fn bulk(value: B, stream: &[u8], change: impl Fn(&mut Bulk)) -> Bulk {
        let mut arrival = Arrival::new(value.text());
        for slice in stream.chunks(7_001) {
            arrival.read(slice);
        }
        let mut transcript = Sample::stream("").ended(900).by(P::Bulk(value)).0;
        transcript.request.body_len = 9 << 20;
        let mut bulk = arrival.finish(transcript, 9 << 20, 0);
        change(&mut bulk);
        bulk
    }

    fn stream(value: B, keep: usize) -> Vec<u8> {
        let mut text = vec![0; value.len() as usize];
        value.text().fill(0, &mut text);
        text.truncate(keep);
        let text = String::from_utf8(text).unwrap().replace('\n', "\ndata: ");
        format!("data: ssekit-before\n\ndata: {text}\n\ndata: ssekit-after\n\n").into_bytes()
    }

    fn verdict(bulks: Vec<Bulk>) -> (Verdict, String) {
        let document = r#"{"echo":1,"server":"x","capabilities":["post","data"]}"#;
        let sent = |case: C| {
            let data = case.value().replace('\n', "\ndata: ");
            let body = format!("data: ssekit-before\n\ndata: {data}\n\ndata: ssekit-after\n\n");
            Sample::stream(body).ended(20).by(P::Echo(case)).0
        };
        let mut observation = Observation::new("http://h.example/events");
        observation.transcripts = vec![
            Sample::stream("data: a\n\n").0,
            Sample::answer(200, "application/json", document)
                .by(P::Capabilities)
                .0,
            sent(C::CanaryData),
            sent(C::DataLarge),
            sent(C::DataLargeLines),
        ];
        observation.bulks = bulks;
        // As it is judged when it was saved.
        let observation = Observation::from_json(&observation.to_json().unwrap()).unwrap();
        let selection = Selection {
            only: vec!["data.large".into()],
            ..Selection::default()
        };
        let record = judge(&observation, &selection, Level::Must).unwrap();
        (record.checks[0].verdict, record.checks[0].actual.clone())
    }

    const ALL: usize = usize::MAX;

    #[test]
    fn what_arrives_whole_or_is_refused_passes() {
        let (found, actual) = verdict(Vec::new());
        assert_eq!(
            (found, &*actual),
            (
                Verdict::Pass,
                "1 MiB in one line, 1 MiB in lines arrived whole"
            )
        );
        let whole = [B::Line8, B::Lines8].map(|value| bulk(value, &stream(value, ALL), |_| {}));
        let (found, actual) = verdict(whole.to_vec());
        assert_eq!(found, Verdict::Pass, "{actual}");
        assert!(
            actual.contains("8 MiB in one line, 8 MiB in lines arrived whole"),
            "{actual}"
        );
        let refused = bulk(B::Line8, b"", |bulk| {
            bulk.transcript.head.as_mut().unwrap().status = 413;
        });
        let (found, actual) = verdict(vec![refused]);
        assert_eq!(found, Verdict::Pass, "{actual}");
        assert!(
            actual.ends_with("8 MiB of data in one line was refused with 413"),
            "{actual}"
        );
        let closed = bulk(B::Line8, b"", |bulk| {
            bulk.transcript.head = None;
            bulk.transcript.end.kind = EndKind::Reset;
            bulk.sent_len = 1 << 20;
        });
        assert_eq!(verdict(vec![closed]).0, Verdict::Pass);
    }

    #[test]
    fn what_is_cut_or_changed_is_told() {
        let (found, actual) = verdict(vec![bulk(B::Lines8, &stream(B::Lines8, 1 << 20), |_| {})]);
        assert_eq!(found, Verdict::Info);
        assert_eq!(
            actual,
            "8 MiB of data in lines: it arrived cut after 1048576 bytes"
        );
        let mut changed = stream(B::Line8, ALL);
        changed[4 << 20] = b'x';
        let (found, actual) = verdict(vec![bulk(B::Line8, &changed, |_| {})]);
        assert_eq!(found, Verdict::Info);
        assert!(
            actual.contains("the first 4194277 bytes arrived, then \"x\" where"),
            "{actual}"
        );
        let mut broken = stream(B::Line8, ALL);
        broken.truncate(5_000_000);
        let (found, actual) = verdict(vec![bulk(B::Line8, &broken, |_| {})]);
        assert_eq!(found, Verdict::Info);
        assert!(
            actual.ends_with("4999973 bytes of it arrived, then the stream ended"),
            "{actual}"
        );
    }

    #[test]
    fn what_ssekit_did_not_wait_for_is_not_known() {
        let mut late = stream(B::Line8, ALL);
        late.truncate(5_000_000);
        let left = |quiet_us| {
            bulk(B::Line8, &late, |bulk| {
                bulk.transcript.end.kind = EndKind::Left;
                bulk.quiet_us = quiet_us;
            })
        };
        assert_eq!(verdict(vec![left(10_000)]).0, Verdict::Unverified);
        assert_eq!(verdict(vec![left(5_000_000)]).0, Verdict::Info);
    }
}
