//! Whether an id alone opens a session.

use super::reply::Reply;
use crate::check::answer::told;
use crate::{Case, EventSeen, Judgement, Probe};

pub(super) fn auth(case: &Case<'_>) -> Judgement {
    let transcript = match Reply::of(case, Probe::ResumeAnonymous) {
        Reply::Stream(transcript) => transcript,
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop => return Judgement::pass("without credentials: 204"),
        Reply::Other(transcript) if transcript.head.is_none() => {
            return Judgement::unverified(format!("without credentials: {}", told(transcript)));
        }
        Reply::Other(transcript) => {
            return Judgement::pass(format!("without credentials: {}", told(transcript)));
        }
    };
    let (Some(main), Some(reading)) = (case.reading(), case.reading_of(Probe::ResumeAnonymous))
    else {
        return Judgement::unverified("no main observation");
    };
    let leaked = reading.events.iter().find(|event| {
        let same = |seen: &EventSeen| {
            seen.has_id && seen.last_event_id == event.last_event_id && seen.data == event.data
        };
        event.has_id && main.events.iter().any(same)
    });
    let Some(event) = leaked else {
        return Judgement::pass("without credentials, none of the session's events came");
    };
    match Reply::of(case, Probe::Anonymous) {
        Reply::Stream(_) => Judgement::not_applicable(
            "the stream is public: it is served without credentials, also from the start",
        ),
        Reply::Unknown(judgement) => judgement,
        Reply::Stop | Reply::Other(_) => Judgement::warn(
            "without credentials the stream is refused, but resumed from an id it is served",
        )
        .seen(
            transcript,
            event.start,
            event.end - event.start,
            "an event of the session",
        ),
    }
}
