//! How streams end when the server is asked to stop.

use std::collections::BTreeSet;

use ssekit_record::{EndKind, Level, Transcript};

use super::pending::Pending;
use super::sighting::quoted;
use super::source::{HTML_PROCESSING, RFC9112_TEARDOWN};
use crate::{Applies, Case, Judgement, Needs, Probe, Reading, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "lifecycle.shutdown",
        title: "A server that stops ends its streams, soon and after a whole event",
        level: Level::Practice,
        needs: Needs::Stop,
        applies: Applies::Stream,
        probes: &[Probe::Stop],
        sources: &[RFC9112_TEARDOWN],
        expected: "within 10 s of SIGTERM every stream ends, after an empty line and without a reset",
        impact: "A server that waits for its streams is killed in the end, and every release takes \
                 that long. A stream that is torn loses its last event, and a reset also what the \
                 client had not read yet.",
        remedy: "On SIGTERM end each stream after its last event, then close the listener and exit; \
                 set a time limit for that.",
        good: "SIGTERM → data: a\\n\\n, last chunk",
        bad: "SIGTERM → (open until SIGKILL)",
        judge: shutdown,
    },
    Rule {
        id: "lifecycle.restart-storm",
        title: "Whether clients come back at different times after a stop",
        level: Level::Info,
        needs: Needs::Stop,
        applies: Applies::Stream,
        probes: &[Probe::Stop],
        sources: &[HTML_PROCESSING],
        expected: "a reconnection time that differs from stream to stream",
        impact: "All clients come back in the same moment, and each tries again together with all \
                 others where the server is not up yet.",
        remedy: "Send each stream a `retry` of its own, some seconds with a random part, at its \
                 start or before it is ended.",
        good: "retry: 2718\\n\\n (the next stream: retry: 4190)",
        bad: "retry: 3000\\n\\n (every stream)",
        judge: restart_storm,
    },
];

/// The streams that were open when the server was asked to stop.
///
/// # Errors
/// The judgement where there is none.
fn open_streams<'a, 'c>(
    case: &'c Case<'a>,
) -> Result<Vec<(&'a Transcript, &'c Reading, u64)>, Judgement> {
    let marked = |(transcript, reading): (&'a Transcript, &'c Reading)| {
        let stop_us = transcript.stop_us.filter(|_| transcript.is_event_stream());
        stop_us.map(|stop_us| (transcript, reading, stop_us))
    };
    let open: Vec<_> = case.stopping().filter_map(marked).collect();
    if !open.is_empty() {
        return Ok(open);
    }
    let all_streams = case.stopping().all(|(t, _)| t.is_event_stream());
    Err(if all_streams {
        Judgement::not_applicable("every stream ends by itself before the server can be stopped")
    } else {
        Judgement::unverified("asked again before the server was stopped, it gave no event stream")
    })
}

/// A time in words: milliseconds below a second.
pub(in crate::check) fn span(us: u64) -> String {
    if us < 1_000_000 {
        return format!("{:.0} ms", us as f64 / 1e3);
    }
    format!("{:.1} s", us as f64 / 1e6)
}

/// How long after the request to stop a stream ended.
fn after(transcript: &Transcript, stop_us: u64) -> u64 {
    transcript.end.at_us.saturating_sub(stop_us)
}

fn shutdown(case: &Case<'_>) -> Judgement {
    let open = match open_streams(case) {
        Ok(open) => open,
        Err(judgement) => return judgement,
    };
    let ends = |kind| open.iter().filter(move |(t, ..)| t.end.kind == kind);
    if let Some((transcript, _, stop_us)) = ends(EndKind::Left).next() {
        let actual = format!(
            "{} of {} streams still open {} after the request to stop",
            ends(EndKind::Left).count(),
            open.len(),
            span(after(transcript, *stop_us))
        );
        return Judgement::warn(actual)
            .noted(transcript, Some(*stop_us), "the server was asked to stop")
            .noted(transcript, Some(transcript.end.at_us), "ssekit left");
    }
    let reset = ends(EndKind::Reset).next();
    if let Some((transcript, _, stop_us)) = reset {
        let actual = format!(
            "{} of {} streams reset {} after the request to stop",
            ends(EndKind::Reset).count(),
            open.len(),
            span(after(transcript, *stop_us))
        );
        let at = Some(transcript.end.at_us);
        return Judgement::warn(actual).noted(transcript, at, "the connection was reset");
    }
    if let Some(torn) = torn(&open) {
        return torn;
    }
    let other = |(t, ..): &&(&Transcript, &Reading, u64)| {
        !matches!(t.end.kind, EndKind::Clean | EndKind::Truncated)
    };
    if let Some((transcript, ..)) = open.iter().find(other) {
        let how = transcript.end.detail.as_str();
        let how = if how.is_empty() {
            "it could not be read on"
        } else {
            how
        };
        return Judgement::unverified(format!(
            "{} was not read to its end: {how}",
            transcript.probe
        ));
    }
    let slowest = open.iter().map(|(t, _, stop_us)| after(t, *stop_us)).max();
    let within = span(slowest.unwrap_or(0));
    if let Some((transcript, ..)) = ends(EndKind::Truncated).next() {
        let actual = format!(
            "closed within {within} of the request to stop and after a whole event, but {} of {} without the end \
             of the message: EventSource comes back, other clients may report an error",
            ends(EndKind::Truncated).count(),
            open.len()
        );
        let at = Some(transcript.end.at_us);
        return Judgement::info(actual).noted(transcript, at, "the connection was closed");
    }
    Judgement::pass(format!(
        "{} streams ended within {within} of the request to stop, each after a whole event",
        open.len()
    ))
}

/// A finding where streams end inside a block with data, which clients discard.
fn torn(open: &[(&Transcript, &Reading, u64)]) -> Option<Judgement> {
    let lost = |(transcript, reading, _): &(&Transcript, &Reading, u64)| {
        let read_whole = reading.limit.is_none() && !reading.partial;
        let pending = Pending::of(&transcript.stream().bytes, reading.tail);
        (read_whole && pending.has_data).then_some(pending)
    };
    let torn = open.iter().filter_map(|seen| Some((seen, lost(seen)?)));
    let torn: Vec<_> = torn.collect();
    let ((transcript, reading, _), pending) = torn.first()?;
    let actual = format!(
        "{} of {} streams end inside an event, which clients discard",
        torn.len(),
        open.len()
    );
    let offset = reading.tail + pending.skipped;
    let len = transcript.stream().len().saturating_sub(offset);
    let text = pending.text.as_deref().unwrap_or_default();
    let note = format!("without its empty line: {}", quoted(text));
    Some(Judgement::warn(actual).seen(transcript, offset, len, note))
}

fn restart_storm(case: &Case<'_>) -> Judgement {
    let open = match open_streams(case) {
        Ok(open) => open,
        Err(judgement) => return judgement,
    };
    let ended = open.iter().filter(|(t, ..)| t.end.kind != EndKind::Left);
    let times: Vec<Option<u64>> = ended.map(|(_, r, _)| r.retries.last().copied()).collect();
    if times.is_empty() {
        return Judgement::not_applicable("no stream ended: see lifecycle.shutdown");
    }
    if times.len() == 1 {
        return Judgement::unverified("one stream only was open, which differs from no other");
    }
    let distinct: BTreeSet<Option<u64>> = times.iter().copied().collect();
    let last = (open[0].0, open[0].0.end.at_us);
    match distinct.first() {
        Some(Some(ms)) if distinct.len() == 1 => Judgement::info(format!(
            "all {} streams were left with the same reconnection time, {ms} ms",
            times.len()
        ))
        .noted(last.0, Some(last.1), "the stream ended"),
        Some(None) if distinct.len() == 1 => Judgement::info(format!(
            "{} streams ended without a reconnection time: each client waits its own default, so all \
             of one kind come back together",
            times.len()
        ))
        .noted(last.0, Some(last.1), "the stream ended"),
        _ => {
            let shown = times.iter().flatten().map(|ms| format!("{ms} ms"));
            let shown: Vec<_> = shown.collect();
            Judgement::pass(format!("left with different times: {}", shown.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, finding_with};
    use super::*;
    use ssekit_record::{Finding, HttpVersion, Skipped, Verdict};

    /// Stopped 2 s after it began, and ended like this half a second later.
    fn stopped(number: u32, bytes: &str, kind: EndKind) -> Sample {
        let mut sample = Sample::stream(bytes).end(kind, 2500);
        sample.0.probe = format!("stop-{number}");
        sample.0.stop_us = Some(2_000_000);
        sample
    }

    fn judged(id: &str, samples: impl IntoIterator<Item = Sample>) -> Finding {
        let main = Sample::stream("data: a\n\n");
        finding_with(id, [main].into_iter().chain(samples), [])
    }

    const WHOLE: &str = "retry: 5\n\ndata: a\n\n";

    #[test]
    fn a_clean_end_passes_and_a_cut_is_told() {
        let id = "lifecycle.shutdown";
        let finding = judged(id, [stopped(1, WHOLE, EndKind::Clean)]);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert!(
            finding.actual.contains("within 500 ms"),
            "{}",
            finding.actual
        );
        // A comment or a retry line at the end is nothing that is lost.
        let finding = judged(id, [stopped(1, "data: a\n\nretry: 7\n", EndKind::Clean)]);
        assert_eq!(finding.verdict, Verdict::Pass);
        let finding = judged(id, [stopped(1, WHOLE, EndKind::Truncated)]);
        assert_eq!(finding.verdict, Verdict::Info);
        let over_http2 = stopped(1, WHOLE, EndKind::Clean).version(HttpVersion::Http2);
        assert_eq!(judged(id, [over_http2]).verdict, Verdict::Pass);
    }

    #[test]
    fn an_open_a_reset_and_a_torn_stream_warn() {
        let id = "lifecycle.shutdown";
        for (bytes, kind, words) in [
            (
                WHOLE,
                EndKind::Left,
                "1 of 2 streams still open 500 ms after",
            ),
            (WHOLE, EndKind::Reset, "1 of 2 streams reset"),
            (
                "data: a\n\ndata: b\n",
                EndKind::Clean,
                "1 of 2 streams end inside",
            ),
            (
                "data: a\n\ndata: b\n",
                EndKind::Truncated,
                "1 of 2 streams end inside",
            ),
        ] {
            let beside = stopped(1, WHOLE, EndKind::Clean);
            let finding = judged(id, [beside, stopped(2, bytes, kind)]);
            assert_eq!(finding.verdict, Verdict::Warn, "{kind:?}");
            assert!(finding.actual.starts_with(words), "{}", finding.actual);
        }
    }

    #[test]
    fn what_was_not_open_or_not_read_is_not_judged() {
        let id = "lifecycle.shutdown";
        let mut early = stopped(1, WHOLE, EndKind::Clean);
        early.0.stop_us = None;
        assert_eq!(judged(id, [early.clone()]).verdict, Verdict::NotApplicable);
        let busy = early.status(503);
        assert_eq!(judged(id, [busy]).verdict, Verdict::Unverified);
        let full = stopped(1, WHOLE, EndKind::Limit);
        assert_eq!(judged(id, [full]).verdict, Verdict::Unverified);
        let skipped = Skipped {
            probe: "stop".into(),
            reason: "needs --start".into(),
            not_applicable: false,
        };
        let finding = finding_with(id, [Sample::stream(WHOLE)], [skipped]);
        assert_eq!(finding.verdict, Verdict::Unverified);
        assert_eq!(finding.actual, "needs --start");
    }

    #[test]
    fn the_end_of_a_stopped_stream_is_judged_by_no_other_rule() {
        let torn = || stopped(1, "data: a\n\ndata: b", EndKind::Truncated);
        for id in ["data.final-terminated", "framing.clean-end"] {
            let verdict = judged(id, [torn()]).verdict;
            assert_eq!(verdict, judged(id, []).verdict, "{id}");
        }
    }

    #[test]
    fn times_that_differ_pass() {
        let id = "lifecycle.restart-storm";
        let ended = |number, bytes| stopped(number, bytes, EndKind::Clean);
        let verdict = |one, other| judged(id, [ended(1, one), ended(2, other)]).verdict;
        assert_eq!(verdict("retry: 5\n\n", "retry: 6\n\n"), Verdict::Pass);
        assert_eq!(
            verdict("retry: 5\n\n", "retry: 6\nretry: 5\n\n"),
            Verdict::Info
        );
        assert_eq!(verdict("data: a\n\n", "data: a\n\n"), Verdict::Info);
        assert_eq!(judged(id, [ended(1, WHOLE)]).verdict, Verdict::Unverified);
        let open = judged(id, [stopped(1, WHOLE, EndKind::Left)]);
        assert_eq!(open.verdict, Verdict::NotApplicable);
    }
}
