//! Whether the server noticed that its clients had gone.

use ssekit_record::{EndKind, Level, Transcript};

use super::sighting::seconds;
use crate::parting::{Moment, Parting};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule, endpoint};

const fn probe(parting: Parting, moment: Moment) -> Probe {
    Probe::Parting(parting, moment)
}

pub(super) const RULES: &[Rule] = &[Rule {
    id: "lifecycle.disconnect-noticed",
    title: "The server notices that a client has gone",
    level: Level::Practice,
    needs: Needs::Echo,
    applies: Applies::Stream,
    probes: &[
        Probe::Capabilities,
        probe(Parting::BusyClosed, Moment::Before),
        probe(Parting::BusyClosed, Moment::Stream),
        probe(Parting::BusyClosed, Moment::During),
        probe(Parting::BusyClosed, Moment::After),
        probe(Parting::BusyReset, Moment::Before),
        probe(Parting::BusyReset, Moment::Stream),
        probe(Parting::BusyReset, Moment::During),
        probe(Parting::BusyReset, Moment::After),
        probe(Parting::IdleClosed, Moment::Before),
        probe(Parting::IdleClosed, Moment::Stream),
        probe(Parting::IdleClosed, Moment::During),
        probe(Parting::IdleClosed, Moment::After),
        probe(Parting::IdleReset, Moment::Before),
        probe(Parting::IdleReset, Moment::Stream),
        probe(Parting::IdleReset, Moment::During),
        probe(Parting::IdleReset, Moment::After),
    ],
    sources: &[],
    expected: "its count of streams goes back within 2.5 s after a stream it writes to was closed or \
               reset, and within 20 s after a silent one was",
    impact: "Handlers, their memory and what they hold open upstream stay behind for every client \
             that ever left, until the server runs out.",
    remedy: "End the handler on a failed write and on the framework's signal that the request was \
             aborted; send a comment now and then, so that a silent stream meets a failed write.",
    good: "req.on('close', () => clearInterval(timer))",
    bad: "setInterval(() => res.write(…), 1000), and nothing else",
    judge: noticed,
}];

/// From here on a silent stream that is still counted is worth a warning, in microseconds: longer than
/// between two heartbeats.
const HEARTBEAT_US: u64 = 15_000_000;

/// What came of one parting.
enum Outcome<'a> {
    /// It cannot be told, and why.
    Unknown(String),
    /// The count went back.
    Noticed,
    /// The count was still up when ssekit stopped looking.
    Counted {
        stream: &'a Transcript,
        after_us: u64,
    },
}

impl<'a> Outcome<'a> {
    /// `None` where the parting was not made.
    fn of(case: &Case<'a>, parting: Parting) -> Option<Self> {
        let at = |moment| case.transcript(probe(parting, moment));
        let stream = at(Moment::Stream)?;
        let after = at(Moment::After)?;
        let count = |moment| at(moment).and_then(endpoint::active_streams);
        let (Some(before), Some(during)) = (count(Moment::Before), count(Moment::During)) else {
            return Some(Self::Unknown("the count could not be read".into()));
        };
        if !stream.is_event_stream() || stream.end.kind != EndKind::Left {
            let what = "the echo endpoint did not keep the stream open";
            return Some(Self::Unknown(what.into()));
        }
        if during <= before {
            let what = format!("the count did not go up with a stream ({before}, then {during})");
            return Some(Self::Unknown(what));
        }
        let Some(left) = endpoint::active_streams(after) else {
            return Some(Self::Unknown("the count could not be read".into()));
        };
        if left <= before {
            return Some(Self::Noticed);
        }
        let at = |transcript: &Transcript, us| transcript.started_unix_ms * 1000 + us;
        let after_us = at(after, 0).saturating_sub(at(stream, stream.end.at_us));
        Some(Self::Counted { stream, after_us })
    }
}

fn noticed(case: &Case<'_>) -> Judgement {
    let Some(document) = case.transcript(Probe::Capabilities) else {
        return Judgement::unverified("no echo endpoint was asked");
    };
    if endpoint::active_streams(document).is_none() {
        return Judgement::unverified(
            "the capabilities document of the echo endpoint has no `active_streams`",
        );
    }
    let mut noticed = Vec::new();
    for parting in Parting::EACH {
        match Outcome::of(case, parting) {
            None => break,
            Some(Outcome::Noticed) => noticed.push(parting.about()),
            Some(Outcome::Unknown(why)) if noticed.is_empty() => {
                return Judgement::unverified(format!("{}: {why}", parting.about()));
            }
            Some(Outcome::Unknown(_)) => break,
            Some(Outcome::Counted { stream, after_us }) => {
                let actual = format!(
                    "{}, was still counted {} later",
                    parting.about(),
                    seconds(after_us)
                );
                let judgement = if parting.is_busy() || after_us >= HEARTBEAT_US {
                    Judgement::warn(actual)
                } else {
                    Judgement::info(format!(
                        "{actual}; a server may notice with its next write (--long waits for it)"
                    ))
                };
                return judgement.noted(stream, Some(stream.end.at_us), "ssekit left");
            }
        }
    }
    if noticed.is_empty() {
        return Judgement::unverified("the streams that would be left were not made");
    }
    Judgement::pass(format!("noticed: {}", noticed.join("; ")))
}

#[cfg(test)]
mod tests {
    use ssekit_record::Verdict;

    use super::super::sample::{Sample, finding};
    use super::*;

    fn document(streams: u64) -> Sample {
        let json = format!(
            r#"{{"echo":1,"capabilities":["post","data","wait"],"active_streams":{streams}}}"#
        );
        Sample::answer(200, "application/json", &json)
    }

    fn parted(parting: Parting, [before, during, after]: [u64; 3], after_ms: u64) -> Vec<Sample> {
        let by = |sample: Sample, moment| sample.by(probe(parting, moment));
        let stream = Sample::stream("data: a\n\n").end(EndKind::Left, 400);
        let mut late = document(after);
        late.0.started_unix_ms += 400 + after_ms;
        vec![
            by(document(before), Moment::Before),
            by(stream, Moment::Stream),
            by(document(during), Moment::During),
            by(late, Moment::After),
        ]
    }

    fn judged(partings: Vec<Vec<Sample>>) -> Verdict {
        let main = Sample::stream("data: a\n\n");
        let document = document(0).by(Probe::Capabilities);
        let all = [main, document]
            .into_iter()
            .chain(partings.into_iter().flatten());
        finding("lifecycle.disconnect-noticed", all).verdict
    }

    #[test]
    fn the_count_goes_back_when_a_stream_is_left() {
        let noticed = |parting| parted(parting, [3, 4, 3], 10);
        let all = Parting::EACH.map(noticed).to_vec();
        assert_eq!(judged(all), Verdict::Pass);
        let kept = parted(Parting::BusyClosed, [0, 1, 1], 2_500);
        assert_eq!(judged(vec![kept]), Verdict::Warn);
        let busy = || noticed(Parting::BusyClosed);
        let idle = |after_ms| parted(Parting::IdleReset, [0, 1, 1], after_ms);
        let before = || {
            vec![
                busy(),
                noticed(Parting::BusyReset),
                noticed(Parting::IdleClosed),
            ]
        };
        let with = |last| [before(), vec![last]].concat();
        assert_eq!(judged(with(idle(2_500))), Verdict::Info);
        assert_eq!(judged(with(idle(20_000))), Verdict::Warn);
    }

    #[test]
    fn a_count_that_does_not_count_proves_nothing() {
        let same = parted(Parting::BusyClosed, [0, 0, 0], 10);
        assert_eq!(judged(vec![same]), Verdict::Unverified);
        assert_eq!(judged(Vec::new()), Verdict::Unverified);
    }
}
