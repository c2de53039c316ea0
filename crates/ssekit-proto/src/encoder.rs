//! Writes an event stream (HTML, 9.2.5 Parsing an event stream: the grammar).
use alloc::vec::Vec;
use core::fmt;

use memchr::memchr2;

/// Why a value cannot be represented in an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// CR or LF in an id or type: it would end the line, and the rest would be a line of its own.
    LineBreak,
    /// NUL in an id: every parser must ignore such an id.
    Nul,
    /// An empty event type: it arrives as `message`, so leave the type out instead.
    Empty,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineBreak => "an id or event type cannot contain CR or LF",
            Self::Nul => "an id cannot contain NUL",
            Self::Empty => "an event type cannot be empty",
        })
    }
}

impl core::error::Error for EncodeError {}

/// An id that can be represented: no CR, LF or NUL. May be empty, which resets the last event ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId<'a>(&'a str);

impl<'a> EventId<'a> {
    /// Checks the text.
    ///
    /// # Errors
    /// [`EncodeError::LineBreak`] on CR or LF, [`EncodeError::Nul`] on NUL.
    pub fn new(id: &'a str) -> Result<Self, EncodeError> {
        if has_line_break(id) {
            Err(EncodeError::LineBreak)
        } else if id.contains('\0') {
            Err(EncodeError::Nul)
        } else {
            Ok(Self(id))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// An event type that can be represented: not empty, no CR or LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventType<'a>(&'a str);

impl<'a> EventType<'a> {
    /// Checks the text.
    ///
    /// # Errors
    /// [`EncodeError::LineBreak`] on CR or LF, [`EncodeError::Empty`] if there is no text.
    pub fn new(name: &'a str) -> Result<Self, EncodeError> {
        if has_line_break(name) {
            Err(EncodeError::LineBreak)
        } else if name.is_empty() {
            Err(EncodeError::Empty)
        } else {
            Ok(Self(name))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Appends one event block: type, id, data lines, empty line. All lines end with LF.
///
/// Data is split at LF, CR and CRLF into one `data` line each. A parser joins them with LF, so CR
/// and CRLF in the data arrive as LF; any other data arrives as it was.
pub fn encode_event(
    event: Option<EventType<'_>>,
    id: Option<EventId<'_>>,
    data: &str,
    out: &mut Vec<u8>,
) {
    if let Some(event) = event {
        push_line("event: ", event.0, out);
    }
    if let Some(id) = id {
        push_line("id: ", id.0, out);
    }
    push_lines("data: ", data, out);
    out.push(b'\n');
}

/// Appends a comment: each line of the text (split at LF, CR and CRLF) with its own colon.
///
/// Nothing is put between the colon and the text, so a parser reports each line as it was given.
/// No empty line follows: a comment may stand inside a block.
pub fn encode_comment(text: &str, out: &mut Vec<u8>) {
    push_lines(":", text, out);
}

/// Appends the reconnection time, in milliseconds, as a block of its own; it dispatches nothing.
pub fn encode_retry(ms: u64, out: &mut Vec<u8>) {
    const DIGITS: usize = 20;
    let mut digits = [0; DIGITS];
    let mut first = DIGITS;
    let mut rest = ms;
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(b"retry: ");
    out.extend_from_slice(&digits[first..]);
    out.extend_from_slice(b"\n\n");
}

fn has_line_break(text: &str) -> bool {
    memchr2(b'\n', b'\r', text.as_bytes()).is_some()
}

fn push_line(prefix: &str, text: &str, out: &mut Vec<u8>) {
    out.reserve(prefix.len() + text.len() + 1);
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

fn push_lines(prefix: &str, text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(end) = memchr2(b'\n', b'\r', rest.as_bytes()) {
        push_line(prefix, &rest[..end], out);
        let ending = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + ending..];
    }
    push_line(prefix, rest, out);
}
