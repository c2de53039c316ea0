//! An answer in words.

use ssekit_record::{EndKind, Head, Transcript};

use super::sighting::{quoted, seconds};

/// Status and reason, such as `404 Not Found`.
pub(super) fn status_of(head: &Head) -> String {
    if head.reason.is_empty() {
        return match http::StatusCode::from_u16(head.status) {
            Ok(status) => status.to_string(),
            Err(_) => head.status.to_string(),
        };
    }
    let reason = quoted(&head.reason);
    format!("{} {}", head.status, reason.trim_matches('"'))
}

/// Status and media type, such as `200 OK, application/json`; without a head, how it ended.
pub(super) fn told(transcript: &Transcript) -> String {
    let Some(head) = &transcript.head else {
        return unanswered(transcript);
    };
    match head.content_type_essence() {
        Some(essence) => format!(
            "{}, {}",
            status_of(head),
            quoted(&essence).trim_matches('"')
        ),
        None => status_of(head),
    }
}

/// Why no head came.
fn unanswered(transcript: &Transcript) -> String {
    let end = &transcript.end;
    let waited = end
        .at_us
        .saturating_sub(transcript.connection.request_us.unwrap_or(0));
    match end.kind {
        EndKind::TimedOut => format!("no answer within {}", seconds(waited)),
        _ if end.detail.is_empty() => "no answer".into(),
        _ => end.detail.clone(),
    }
}

/// Whether the server turned the request away for now: nothing else can be learnt from that.
pub(super) fn is_turned_away(transcript: &Transcript) -> bool {
    transcript
        .head
        .as_ref()
        .is_some_and(|head| matches!(head.status, 429 | 503))
}
