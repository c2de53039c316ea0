//! What says that a stream is over.

use crate::EventSeen;
use crate::check::sighting::quoted;

/// What marks an event as the last one of its stream.
pub(super) fn end_mark(event: &EventSeen) -> Option<String> {
    const TYPES: [&str; 16] = [
        "done",
        "end",
        "close",
        "closed",
        "complete",
        "completed",
        "finish",
        "finished",
        "eof",
        "eos",
        "stop",
        "bye",
        "message_stop",
        "response.completed",
        "response.done",
        "stream_end",
    ];
    let name = event.event.to_ascii_lowercase();
    if TYPES.contains(&name.as_str()) {
        return Some(format!("an event of type {}", quoted(&event.event)));
    }
    let data = event.data.trim();
    let bare = data.trim_matches(['[', ']', '"']).to_ascii_lowercase();
    if TYPES.contains(&bare.as_str()) {
        return Some(format!("the data {}", quoted(data)));
    }
    let json: serde_json::Value = serde_json::from_str(data).ok()?;
    let kind = json.get("type").or_else(|| json.get("event"))?.as_str()?;
    TYPES
        .contains(&kind.to_ascii_lowercase().as_str())
        .then(|| format!("data of type {}", quoted(kind)))
}
