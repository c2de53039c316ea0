//! Where a resumed stream goes on.

use ssekit_record::{EndKind, Transcript};

use super::reply::{Reply, asked, head_us};
use crate::check::replay::Replay;
use crate::check::sighting::{quoted, seconds};
use crate::{Case, EventSeen, Judgement, Probe};

pub(in crate::check) fn replay(case: &Case<'_>) -> Judgement {
    let transcript = match Reply::of(case, Probe::Resume) {
        Reply::Stream(transcript) => transcript,
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop | Reply::Other(_) => {
            return Judgement::not_applicable("the stream was not resumed: see resume.accepted");
        }
    };
    let (Some(first), Some(resumed)) = (case.reading(), case.reading_of(Probe::Resume)) else {
        return Judgement::unverified("no main observation");
    };
    let id = asked(transcript);
    let replay = Replay::of(&first.events, &resumed.events, id);
    let after = format!("after {}", quoted(id));
    judge_replay(&replay, transcript, &after)
}

fn judge_replay(replay: &Replay<'_>, transcript: &Transcript, after: &str) -> Judgement {
    let ended = transcript.end.kind == EndKind::Clean;
    let wrong = |actual: String, event: &EventSeen, note: &str| {
        let len = event.end - event.start;
        Judgement::warn(actual).seen(transcript, event.start, len, note)
    };
    let name = |event: &EventSeen| quoted(&event.last_event_id);
    match replay {
        Replay::Ambiguous => {
            Judgement::unverified("the id does not stand for one place in the stream")
        }
        Replay::Silent { due } if ended && *due > 0 => Judgement::warn(format!(
            "the resumed stream ended without the {due} events that followed {after}"
        ))
        .noted(transcript, Some(transcript.end.at_us), "the end"),
        Replay::Silent { .. } => Judgement::unverified(format!(
            "no event with an id came within {} of the reconnect",
            seconds(transcript.end.at_us - head_us(transcript).unwrap_or(0))
        )),
        Replay::InOrder { count, changed: 0 } => Judgement::pass(format!(
            "{count} events {after} came again as they were, in order"
        )),
        Replay::InOrder { count, changed } => Judgement::info(format!(
            "{count} ids {after} came again in order, {changed} of them with other data than before"
        )),
        Replay::Newer { event, next: true } => {
            Judgement::pass(format!("the stream goes on {after} with {}", name(event)))
        }
        Replay::Newer { event, .. } => Judgement::unverified(format!(
            "no event followed {after} before the reconnect, so nothing was there to replay; the \
             stream went on with {}",
            name(event)
        )),
        Replay::Repeats { event, first } => wrong(
            if *first {
                "the stream begins anew with the event of the id itself, its first".into()
            } else {
                "the event of the id itself comes again".into()
            },
            event,
            "the client has this event already",
        ),
        Replay::Back {
            event,
            to_start: true,
            same: false,
        } => wrong(
            format!(
                "ids begin anew at {} with other data: they mean nothing beyond one connection",
                name(event)
            ),
            event,
            "another event had this id before",
        ),
        Replay::Back {
            event, to_start, ..
        } => wrong(
            format!(
                "the stream goes back to {}{}",
                name(event),
                if *to_start { ", its first event" } else { "" }
            ),
            event,
            "the client has this event already",
        ),
        Replay::Lost { count, event } => wrong(
            format!(
                "{count} of the events {after} are missing before {}",
                name(event)
            ),
            event,
            "events are missing in front of this one",
        ),
        Replay::OutOfOrder(event) => wrong(
            format!("{} is out of order, or comes twice", name(event)),
            event,
            "out of order",
        ),
        Replay::Unrelated { due, event } => wrong(
            format!(
                "none of the {due} events that followed {after} came; the first that did is {}",
                name(event)
            ),
            event,
            "the first event with an id",
        ),
    }
}
