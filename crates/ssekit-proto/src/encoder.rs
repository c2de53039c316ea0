//! Writes an event stream.
use alloc::vec::Vec;
use core::fmt;

/// Why a value cannot be represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// CR or LF in an id or type.
    LineBreak,
    /// NUL in an id.
    Nul,
    /// empty event type cannot be told from `message`.
    Empty,
}
impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
impl core::error::Error for EncodeError {}

/// An id that can be represented: no CR, LF or NUL. May be empty (resets the last event ID).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId<'a>(&'a str);
impl<'a> EventId<'a> {
    /// # Errors
    /// On CR, LF or NUL.
    pub fn new(id: &'a str) -> Result<Self, EncodeError> {
        let _ = id;
        todo!()
    }
    /// The text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}
/// An event type that can be represented: no CR or LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType<'a>(&'a str);
impl<'a> EventType<'a> {
    /// # Errors
    /// On CR or LF.
    pub fn new(name: &'a str) -> Result<Self, EncodeError> {
        let _ = name;
        todo!()
    }
    /// The text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Appends one event block: type, id, data lines, empty line.
pub fn encode_event(
    event: Option<EventType<'_>>,
    id: Option<EventId<'_>>,
    data: &str,
    out: &mut Vec<u8>,
) {
    let _ = (event, id, data, out);
    todo!()
}
/// Appends a comment: each line of the text with its own colon.
pub fn encode_comment(text: &str, out: &mut Vec<u8>) {
    let _ = (text, out);
    todo!()
}
/// Appends the reconnection time as a block of its own.
pub fn encode_retry(ms: u64, out: &mut Vec<u8>) {
    let _ = (ms, out);
    todo!()
}
