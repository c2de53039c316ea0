//! Streams of one client that are open at once.

use ssekit_record::Transcript;

use crate::check::answer::{is_turned_away, told};
use crate::check::sighting::seconds;
use crate::{Case, Judgement, Probe};

pub(super) fn parallel(case: &Case<'_>) -> Judgement {
    let both = (
        case.transcript(Probe::Parallel1),
        case.transcript(Probe::Parallel2),
    );
    let (Some(first), Some(second)) = both else {
        return Judgement::unverified("two further streams were not both asked for");
    };
    let refused = [first, second]
        .into_iter()
        .find(|stream| !stream.is_event_stream());
    if let Some(stream) = refused {
        let actual = format!("of two further streams one got {}", told(stream));
        let judgement = Judgement::info(actual).noted(stream, Some(stream.end.at_us), "the answer");
        return if is_turned_away(stream) {
            judgement
                .remedy("A limit on streams per client is in force; browsers open one per tab.")
        } else {
            judgement
        };
    }
    let (earlier, later) = if answered_at(second) < answered_at(first) {
        (second, first)
    } else {
        (first, second)
    };
    let (asked, answered) = (begins(later), answered_at(later));
    let over = absolute(earlier, earlier.end.at_us);
    if asked >= over {
        return Judgement::unverified("the two further streams did not overlap");
    }
    let waited = answered.saturating_sub(asked);
    // Each exchange begins at a whole millisecond of the calendar, and runs on its own clock.
    if answered + CLOCKS_US >= over && waited >= 200_000 {
        return Judgement::info(format!(
            "the second stream was answered after {}, when the first had ended",
            seconds(waited)
        ))
        .noted(
            later,
            later.head.as_ref().map(|head| head.at_us),
            "the head arrived",
        );
    }
    Judgement::pass("two further streams were served at the same time")
}

/// How far apart the clocks of two exchanges may be, in microseconds.
const CLOCKS_US: u64 = 20_000;

/// Microseconds since 1970 of a moment in an exchange.
fn absolute(transcript: &Transcript, at_us: u64) -> u64 {
    transcript.started_unix_ms * 1000 + at_us
}

fn begins(transcript: &Transcript) -> u64 {
    absolute(transcript, transcript.connection.request_us.unwrap_or(0))
}

fn answered_at(transcript: &Transcript) -> u64 {
    let head = transcript.head.as_ref();
    absolute(
        transcript,
        head.map_or(transcript.end.at_us, |head| head.at_us),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding};
    use ssekit_record::{EndKind, Verdict};

    #[test]
    fn streams_that_wait_for_each_other_are_noted() {
        let id = "lifecycle.parallel";
        let stream = |began_ms: u64, head_ms: u64, end_ms: u64, probe| {
            let sample = Sample::slices([(head_ms + 1, "data: a\n\n")]).head_at(head_ms);
            let mut sample = sample.end(EndKind::Left, end_ms).by(probe);
            sample.0.started_unix_ms += began_ms;
            sample
        };
        let main = || Sample::stream("data: a\n\n");
        let judged = |second: Sample| {
            let first = stream(0, 10, 1_000, Probe::Parallel1);
            finding(id, [main(), first, second]).verdict
        };
        assert_eq!(
            judged(stream(5, 10, 1_000, Probe::Parallel2)),
            Verdict::Pass
        );
        assert_eq!(
            judged(stream(5, 1_020, 2_000, Probe::Parallel2)),
            Verdict::Info
        );
        // Asked a little later, and answered first.
        let waits = stream(0, 1_020, 2_000, Probe::Parallel1);
        let served = stream(5, 10, 1_010, Probe::Parallel2);
        assert_eq!(finding(id, [main(), waits, served]).verdict, Verdict::Info);
        assert_eq!(
            judged(stream(1_100, 10, 1_000, Probe::Parallel2)),
            Verdict::Unverified
        );
        let silent = Sample::silence(EndKind::TimedOut, 2_500).by(Probe::Parallel2);
        assert_eq!(judged(silent), Verdict::Info);
        let busy = Sample::answer(429, "", "").by(Probe::Parallel2);
        assert_eq!(judged(busy), Verdict::Info);
    }
}
