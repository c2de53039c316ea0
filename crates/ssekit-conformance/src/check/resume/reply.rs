//! How requests with a `Last-Event-ID` were answered.

use ssekit_record::{EndKind, Transcript};

use crate::check::answer::{is_turned_away, told};
use crate::{Case, Judgement, Probe};

/// How a request with a `Last-Event-ID` was answered.
pub(super) enum Reply<'a> {
    /// With an event stream.
    Stream(&'a Transcript),
    /// With 204.
    Stop,
    /// With anything else, or not at all.
    Other(&'a Transcript),
    /// It cannot be told.
    Unknown(Judgement),
}

impl<'a> Reply<'a> {
    /// To the request of this probe.
    pub(super) fn of(case: &Case<'a>, probe: Probe) -> Self {
        let Some(transcript) = case.transcript(probe) else {
            let reason = case.skipped(probe).map(|skipped| skipped.reason.clone());
            return Self::Unknown(Judgement::unverified(
                reason.unwrap_or_else(|| "the request was not made".into()),
            ));
        };
        if transcript.end.kind == EndKind::Unreachable || is_turned_away(transcript) {
            let why = format!("a further request was turned away: {}", told(transcript));
            return Self::Unknown(Judgement::unverified(why));
        }
        match &transcript.head {
            _ if transcript.is_event_stream() => Self::Stream(transcript),
            Some(head) if head.status == 204 => Self::Stop,
            _ => Self::Other(transcript),
        }
    }
}

/// When the head came, or that none would.
pub(super) fn head_us(transcript: &Transcript) -> Option<u64> {
    let head = transcript.head.as_ref().map(|head| head.at_us);
    Some(head.unwrap_or(transcript.end.at_us))
}

pub(super) fn noted(transcript: &Transcript) -> &'static str {
    match transcript.head {
        Some(_) => "the answer",
        None => "the end, without an answer",
    }
}

pub(super) fn warn_of(transcript: &Transcript) -> Judgement {
    Judgement::warn(told(transcript)).noted(transcript, head_us(transcript), noted(transcript))
}

/// The id a resumed request was made with.
pub(super) fn asked(transcript: &Transcript) -> &str {
    let mut fields = transcript.request.fields.iter();
    let field = fields.find(|field| field.name.eq_ignore_ascii_case("last-event-id"));
    field.map_or("", |field| field.value.as_str())
}
