//! Judges how finished streams are asked for again, and streams that end without an event.

use ssekit_record::{EndKind, Transcript};

use super::answer::{is_turned_away, told};
use super::sighting::quoted;
use crate::{Case, EventSeen, Judgement, Probe, Reading};

/// A stream that ends sooner than this after its head ends "at once", in microseconds.
const AT_ONCE_US: u64 = 1_000_000;

/// resume.204-stops
pub(super) fn stops_with_204(case: &Case<'_>) -> Judgement {
    let (Some(first), Some(again)) = (case.reading(), case.transcript(Probe::ResumeFinished))
    else {
        return Judgement::unverified("the stream was not asked for again");
    };
    if first.events.is_empty() {
        return Judgement::not_applicable(
            "the stream ended without an event: see resume.close-without-event",
        );
    }
    let Some(head) = again.head.as_ref().filter(|_| !is_turned_away(again)) else {
        return Judgement::unverified(format!("asked again, {}", told(again)));
    };
    if head.status == 204 {
        return Judgement::pass("asked again, a finished stream answers 204");
    }
    let (true, Some(reading)) = (
        again.is_event_stream(),
        case.reading_of(Probe::ResumeFinished),
    ) else {
        return Judgement::info(format!(
            "asked again: {}; clients stop, and report an error",
            told(again)
        ))
        .noted(again, Some(head.at_us), "the answer to the reconnect");
    };
    asked_again(first, again, reading)
}

/// An event that tells nothing new: seen before under the same id, or the same text without one.
fn is_old(event: &EventSeen, first: &Reading) -> bool {
    first.events.iter().any(|old| {
        old.data == event.data
            && old.event == event.event
            && old.has_id == event.has_id
            && (!event.has_id || old.last_event_id == event.last_event_id)
    })
}

fn asked_again(first: &Reading, again: &Transcript, reading: &Reading) -> Judgement {
    let ended = again.end.kind == EndKind::Clean;
    let Some(event) = reading.events.first() else {
        if !ended {
            return Judgement::pass("asked again, the stream stays open");
        }
        let actual = "asked again, a finished stream answers 200 and ends without an event";
        return Judgement::warn(actual).noted(
            again,
            Some(again.end.at_us),
            "the stream ended again",
        );
    };
    // A server that is polled, one event at a time, says so by setting the time between polls.
    let polled = first.events.len() == 1 && !first.retries.is_empty();
    let nothing_new = reading.events.iter().all(|event| is_old(event, first));
    let from_start = first
        .events
        .first()
        .is_some_and(|start| start.data == event.data && start.event == event.event);
    if nothing_new && !polled && (ended || from_start) {
        let whence = if from_start {
            "from the start"
        } else {
            "once more"
        };
        let actual =
            format!("asked again, a finished stream answers 200 and sends its events {whence}");
        let note = format!("sent before: {}", quoted(&event.data));
        return Judgement::warn(actual).seen(again, event.start, event.end - event.start, note);
    }
    Judgement::pass("asked again, the stream goes on with other events")
}

/// Probes that ask for the stream as a client does that comes back.
const RETURNING: [Probe; 5] = [
    Probe::Resume,
    Probe::ResumeUnknown,
    Probe::ResumeLong,
    Probe::ResumeEmpty,
    Probe::ResumeNonAscii,
];

/// resume.close-without-event
pub(super) fn closes_without_event(case: &Case<'_>) -> Judgement {
    let main = case.main().filter(|main| is_storm(main, case.reading()));
    let mut storms: Vec<&Transcript> = main.into_iter().collect();
    let returning = RETURNING.into_iter().chain(
        // After a stream that had events, an empty answer is judged by resume.204-stops.
        main.map(|_| Probe::ResumeFinished),
    );
    for probe in returning {
        if let Some(transcript) = case.transcript(probe)
            && is_storm(transcript, case.reading_of(probe))
        {
            storms.push(transcript);
        }
    }
    let Some(first) = storms.first() else {
        return Judgement::pass("no stream ended at once without an event");
    };
    let actual = format!(
        "{} ends at once after its head, without an event or a reconnection time",
        first.probe
    );
    storms.iter().fold(Judgement::warn(actual), |judgement, t| {
        judgement.noted(t, Some(t.end.at_us), "ended by the server, no event")
    })
}

fn is_storm(transcript: &Transcript, reading: Option<&Reading>) -> bool {
    let ended = matches!(
        transcript.end.kind,
        EndKind::Clean | EndKind::Truncated | EndKind::Reset
    );
    let head_us = transcript.head.as_ref().map_or(0, |head| head.at_us);
    let soon = transcript.end.at_us.saturating_sub(head_us) < AT_ONCE_US;
    let nothing = reading.is_some_and(|r| r.events.is_empty() && r.retries.is_empty());
    transcript.is_event_stream() && ended && soon && nothing
}
