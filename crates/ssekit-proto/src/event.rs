//! A dispatched event, borrowed and owned.
use alloc::string::String;

/// A dispatched event, borrowed from the parser or its input for the length of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// Event type; `message` where the stream named none.
    pub event: &'a str,
    /// Data, without the final line feed.
    pub data: &'a str,
    /// The last event ID string at dispatch.
    pub last_event_id: &'a str,
    /// Whether this block itself carried a valid `id` field.
    pub has_id: bool,
    /// Offset in the stream of the first byte of the block's first line.
    pub start: u64,
    /// Offset after the line ending of the empty line that dispatched it (after the CR where that
    /// is a CR, whether or not LF follows).
    pub end: u64,
}

/// A dispatched event that owns its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// See [`EventRef::event`].
    pub event: String,
    /// See [`EventRef::data`].
    pub data: String,
    /// See [`EventRef::last_event_id`].
    pub last_event_id: String,
}

impl From<EventRef<'_>> for Event {
    fn from(event: EventRef<'_>) -> Self {
        Self {
            event: event.event.into(),
            data: event.data.into(),
            last_event_id: event.last_event_id.into(),
        }
    }
}
