//! How long an event takes from the server's library to the client.

use ssekit_record::Level;

use super::staged::performed;
use crate::{Applies, Case, EchoScene, Judgement, Needs, Probe, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "framing.emission-lag",
    title: "How long an event takes from the library to the client",
    level: Level::Info,
    needs: Needs::Echo,
    applies: Applies::Stream,
    probes: &[Probe::Capabilities, Probe::Scene(EchoScene::Timed)],
    sources: &[],
    expected: "events arrive within 50 ms of the time at which they were handed to the library",
    impact: "Everything a user sees is late by that much.",
    remedy: "Flush after each event, set TCP_NODELAY, and look for a queue or a timer between the \
             application and the socket.",
    good: "handed over, sent and received within a millisecond",
    bad: "handed over, and sent with the next tick of a timer",
    judge: emission_lag,
}];

/// From here on a lag is worth knowing, in microseconds.
const LATE_US: u64 = 50_000;
/// Events that are needed for a percentile.
const ENOUGH: usize = 10;

fn emission_lag(case: &Case<'_>) -> Judgement {
    let scene = EchoScene::Timed;
    let transcript = match performed(case, scene) {
        Ok(transcript) => transcript,
        Err(missing) => return Judgement::unverified(missing),
    };
    let Some(reading) = case.reading_of(Probe::Scene(scene)) else {
        return Judgement::unverified("the script was not sent");
    };
    let is_local = |peer: &str| peer.starts_with("127.") || peer.starts_with("[::1]");
    if !transcript.connection.peer.as_deref().is_some_and(is_local) {
        return Judgement::unverified(
            "the server is on another host, and its clock is another one",
        );
    }
    // The beginning is known to a millisecond only: a lag may be that much longer.
    let began_us = transcript.started_unix_ms * 1000;
    let stamped = reading.events.iter().filter_map(|event| {
        let sent_us: u64 = event.data.trim_matches('"').parse().ok()?;
        let arrived_us = began_us + event.at_us;
        (sent_us.abs_diff(arrived_us) < 60_000_000)
            .then_some((arrived_us.saturating_sub(sent_us), event))
    });
    let mut lags: Vec<_> = stamped.collect();
    if lags.len() < ENOUGH {
        return Judgement::unverified(format!(
            "the echo endpoint offers `time`, but {} events carried one",
            lags.len()
        ));
    }
    lags.sort_by_key(|(lag_us, _)| *lag_us);
    let at = |hundredths: usize| lags[(lags.len() * hundredths).div_ceil(100) - 1].0;
    let ms = |us: u64| us as f64 / 1000.0;
    let (median, high) = (at(50), at(99));
    let actual = format!(
        "{} events arrived {:.1} ms (p50) and {:.1} ms (p99) after they were handed over, to \
         within 1 ms",
        lags.len(),
        ms(median),
        ms(high)
    );
    if median < LATE_US {
        return Judgement::pass(actual);
    }
    let (lag_us, slowest) = lags[lags.len() - 1];
    let note = format!("this one took {:.1} ms", ms(lag_us));
    let (start, len) = (slowest.start, slowest.end - slowest.start);
    Judgement::info(actual).seen(transcript, start, len, note)
}

#[cfg(test)]
mod tests {
    use ssekit_record::Verdict;

    use super::super::sample::{Sample, finding};
    use super::*;

    const BEGAN_US: u64 = 1_700_000_000_000_000;

    fn judged(lag_ms: u64, peer: &str) -> Verdict {
        let json = r#"{"echo":1,"capabilities":["time","wait"]}"#;
        let document = Sample::answer(200, "application/json", json).by(Probe::Capabilities);
        let events = (1..=20).map(|n: u64| {
            let sent_us = BEGAN_US + n * 50_000;
            (n * 50 + lag_ms, format!("data: {sent_us}\n\n"))
        });
        let mut timed = Sample::slices(events).ended(lag_ms + 2_000);
        timed.0.connection.peer = Some(peer.into());
        let timed = timed.by(Probe::Scene(EchoScene::Timed));
        let main = Sample::stream("data: a\n\n");
        finding("framing.emission-lag", [main, document, timed]).verdict
    }

    #[test]
    fn a_lag_is_told_where_both_read_one_clock() {
        assert_eq!(judged(1, "127.0.0.1:80"), Verdict::Pass);
        assert_eq!(judged(200, "[::1]:80"), Verdict::Info);
        assert_eq!(judged(200, "192.0.2.1:80"), Verdict::Unverified);
        // A time in seconds is none that was asked for.
        assert_eq!(judged(100_000, "127.0.0.1:80"), Verdict::Unverified);
    }
}
