//! How requests with a `Last-Event-ID` were answered.

use ssekit_record::{EndKind, Transcript};

use crate::check::answer::{is_turned_away, told};
use crate::check::sighting::seconds;
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
        let is_unanswered = transcript.head.is_none() && transcript.end.kind == EndKind::TimedOut;
        if let Some(waited) = waited_us(case).filter(|_| is_unanswered) {
            // Whoever serves one stream after the other does so whatever the id is.
            let why = format!(
                "no answer came in time, and a stream that was asked for without an id waited {} for its own",
                seconds(waited)
            );
            return Self::Unknown(Judgement::unverified(why));
        }
        match &transcript.head {
            _ if transcript.is_event_stream() => Self::Stream(transcript),
            Some(head) if head.status == 204 => Self::Stop,
            _ => Self::Other(transcript),
        }
    }
}

/// A wait for a head that is longer than a server takes which has nothing to wait for.
const LONG_WAIT_US: u64 = 1_000_000;

/// The longest that a stream waited for its head which was asked for without a `Last-Event-ID`, where that
/// was long.
fn waited_us(case: &Case<'_>) -> Option<u64> {
    let plain = case
        .transcripts()
        .filter(|transcript| transcript.is_event_stream() && asked(transcript).is_empty())
        .filter(|transcript| transcript.probe != Probe::ResumeEmpty.name());
    let waits = plain.filter_map(|transcript| {
        let head = transcript.head.as_ref()?;
        let request_us = transcript.connection.request_us.unwrap_or(0);
        Some(head.at_us.saturating_sub(request_us))
    });
    waits.max().filter(|waited| *waited >= LONG_WAIT_US)
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
