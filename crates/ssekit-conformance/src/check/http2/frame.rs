//! Whether DATA frames leave with each event.

use ssekit_record::{HttpVersion, Level, Transcript};

use crate::check::source::HTML_AUTHORING;
use crate::check::stamp::stamps;
use crate::{Applies, Case, EventSeen, Judgement, Needs, Reading, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.data-per-event",
    title: "Each event leaves in DATA frames of its own",
    level: Level::Practice,
    needs: Needs::Passive,
    applies: Applies::Stream,
    probes: &[],
    sources: &[HTML_AUTHORING],
    expected: "events written at different times come in different DATA frames",
    impact: "Events that are collected before they leave arrive late, the first of each frame by \
             the whole time.",
    remedy: "Flush after each event; turn off timers and buffers that gather small writes.",
    good: "DATA (1 event) … DATA (1 event) … DATA (1 event)",
    bad: "DATA (5 events written within 500 ms)",
    judge: data_per_event,
}];

/// What comes sooner after the head may be a replay of the past, in microseconds.
const REPLAY_US: u64 = 500_000;
/// Events written so far apart did not leave in one write by chance, in microseconds.
const APART_US: u64 = 150_000;
/// How much longer ago than the frame before an event may say it was written, in microseconds.
const SLACK_US: u64 = 100_000;
/// Events that tell something.
const ENOUGH: usize = 3;

/// A DATA frame and the events that end in it.
struct Load<'a> {
    at_us: u64,
    /// Since the frame before.
    since_us: u64,
    events: Vec<&'a EventSeen>,
}

fn data_per_event(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let head = main.head.as_ref();
    if head.is_none_or(|head| head.version != HttpVersion::Http2) {
        return Judgement::not_applicable("the stream came over HTTP/1.1");
    }
    if main.content.is_some() {
        return Judgement::unverified(
            "the content is coded: frames cannot be told by their events",
        );
    }
    let loads = loads(main, reading, head.map_or(0, |head| head.at_us));
    let events: usize = loads.iter().map(|load| load.events.len()).sum();
    if events < ENOUGH {
        return Judgement::unverified(format!(
            "{events} events came later than {} ms after the head, too few to tell",
            REPLAY_US / 1000
        ));
    }
    let several: Vec<&Load<'_>> = loads.iter().filter(|load| load.events.len() > 1).collect();
    let gathered: Vec<(&Load<'_>, u64)> = several
        .iter()
        .filter_map(|load| Some((*load, gathered_us(load, main)?)))
        .collect();
    if gathered.len() >= 2 && gathered.len() * 2 >= loads.len() {
        let longest = gathered.iter().map(|(_, us)| us / 1000).max().unwrap_or(0);
        let actual = format!(
            "{} of {} DATA frames carry several events, written up to {longest} ms apart",
            gathered.len(),
            loads.len()
        );
        return gathered
            .iter()
            .fold(Judgement::warn(actual), |judgement, (load, us)| {
                let first = load.events[0];
                let last = load.events[load.events.len() - 1];
                let (count, ms) = (load.events.len(), us / 1000);
                let note = format!("{count} events in one frame, written {ms} ms apart");
                judgement.seen(main, first.start, last.end - first.start, note)
            });
    }
    if several.len() * 2 >= loads.len() && !several.iter().any(|load| has_times(load, main)) {
        return Judgement::unverified(format!(
            "{} of {} DATA frames carry several events, whose data does not say when they were \
             written",
            several.len(),
            loads.len()
        ));
    }
    Judgement::pass(format!("{events} events in {} DATA frames", loads.len()))
}

/// The frames in which events end, once a replay would be over.
fn loads<'a>(main: &Transcript, reading: &'a Reading, head_us: u64) -> Vec<Load<'a>> {
    let slices = &main.body.slices;
    let mut loads: Vec<Load<'a>> = Vec::new();
    let mut last = None;
    for event in &reading.events {
        let after = slices.partition_point(|slice| slice.offset < event.end);
        let Some(at) = after.checked_sub(1) else {
            continue;
        };
        let at_us = slices[at].at_us;
        if at_us < head_us + REPLAY_US {
            continue;
        }
        if last == Some(at)
            && let Some(load) = loads.last_mut()
        {
            load.events.push(event);
            continue;
        }
        last = Some(at);
        let before = at
            .checked_sub(1)
            .map_or(head_us, |before| slices[before].at_us);
        loads.push(Load {
            at_us,
            since_us: at_us.saturating_sub(before),
            events: vec![event],
        });
    }
    loads
}

fn written_us(event: &EventSeen, at_us: u64, main: &Transcript) -> Option<u64> {
    let around = main.started_unix_ms * 1000 + at_us;
    let in_data = stamps(&event.data, around).into_iter().next();
    in_data.or_else(|| stamps(&event.last_event_id, around).into_iter().next())
}

fn has_times(load: &Load<'_>, main: &Transcript) -> bool {
    let mut events = load.events.iter();
    events.all(|event| written_us(event, load.at_us, main).is_some())
}

/// How far apart the events of a frame were written, where that is clear and happened since the
/// frame before: a history sent in one go is no such thing.
fn gathered_us(load: &Load<'_>, main: &Transcript) -> Option<u64> {
    let times = load.events.iter();
    let times: Option<Vec<u64>> = times.map(|e| written_us(e, load.at_us, main)).collect();
    let times = times?;
    let apart = times.iter().max()? - times.iter().min()?;
    (apart >= APART_US && apart <= load.since_us + SLACK_US).then_some(apart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding, verdict};
    use ssekit_record::Verdict;

    const ID: &str = "http2.data-per-event";
    /// When the sample begins, in milliseconds since 1970.
    const BEGAN: u64 = 1_700_000_000_000;

    /// Frames at these times, each with events written at these times.
    fn frames(frames: &[(u64, &[u64])]) -> Sample {
        let text = |written: &[u64]| {
            let events = written.iter().map(|ms| format!("data: {}\n\n", BEGAN + ms));
            events.collect::<String>()
        };
        let slices = frames.iter().map(|(at, written)| (*at, text(written)));
        Sample::slices(slices).version(HttpVersion::Http2)
    }

    #[test]
    fn events_gathered_for_half_a_second_warn() {
        let gathered = frames(&[
            (600, &[200, 400, 600]),
            (1200, &[800, 1000, 1200]),
            (1800, &[1400, 1600, 1800]),
        ]);
        let finding = finding(ID, [gathered]);
        assert_eq!(finding.verdict, Verdict::Warn, "{}", finding.actual);
        assert!(
            finding.actual.contains("400 ms apart"),
            "{}",
            finding.actual
        );
    }

    #[test]
    fn one_event_a_frame_passes() {
        let each = frames(&[(600, &[600]), (800, &[800]), (1000, &[1000])]);
        assert_eq!(verdict(ID, each), Verdict::Pass);
    }

    #[test]
    fn what_is_tempting_but_fine() {
        // Several events of one moment.
        let burst = frames(&[
            (600, &[600, 601, 602]),
            (1200, &[1200, 1201]),
            (1800, &[1800]),
        ]);
        assert_eq!(verdict(ID, burst), Verdict::Pass);
        // A history, sent late and in one go, twice.
        let history = frames(&[
            (600, &[1, 300]),
            (650, &[2, 400]),
            (900, &[900]),
            (950, &[950]),
        ]);
        assert_eq!(verdict(ID, history), Verdict::Pass);
        // One hiccup.
        let once = frames(&[(600, &[200, 600]), (800, &[800]), (1000, &[1000])]);
        assert_eq!(verdict(ID, once), Verdict::Pass);
    }

    #[test]
    fn without_times_or_events_nothing_is_said() {
        let timeless = [
            (600, "data: a\n\ndata: b\n\n"),
            (900, "data: c\n\ndata: d\n\n"),
        ];
        let timeless = Sample::slices(timeless).version(HttpVersion::Http2);
        assert_eq!(verdict(ID, timeless), Verdict::Unverified);
        assert_eq!(verdict(ID, frames(&[(600, &[600])])), Verdict::Unverified);
        let h1 = Sample::stream("data: a\n\n");
        assert_eq!(verdict(ID, h1), Verdict::NotApplicable);
    }
}
