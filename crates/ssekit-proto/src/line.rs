//! A line of the stream and what it is.

/// One complete line of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Offset of its first byte (after a leading BOM).
    pub offset: u64,
    /// Raw bytes, not decoded, without the ending.
    pub bytes: &'a [u8],
    /// What ended it: [`LineEnding::Lf`] or [`LineEnding::Cr`]. Where an LF joins the CR,
    /// [`Sink::crlf`](crate::Sink::crlf) is called next; it is the only way to learn of CRLF, since
    /// the CR alone ends the line.
    pub ending: LineEnding,
    /// What the line is.
    pub kind: LineKind<'a>,
}

/// What ended a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnding {
    /// LF.
    Lf,
    /// CR.
    Cr,
    /// CR LF. Never in a [`Line`]: it is known only after the line, see
    /// [`Sink::crlf`](crate::Sink::crlf).
    CrLf,
}

/// What a line is (HTML, 9.2.6 Interpreting an event stream: processing a line).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind<'a> {
    /// Empty: dispatches.
    Blank,
    /// Begins with a colon; the bytes after it.
    Comment(&'a [u8]),
    /// A field.
    Field {
        /// Bytes before the colon, or the whole line.
        name: &'a [u8],
        /// Bytes after the colon and one space.
        value: &'a [u8],
        /// Whether there was a colon.
        colon: bool,
        /// Whether one space was removed.
        space: bool,
    },
}

impl<'a> LineKind<'a> {
    /// Takes a line, without its ending, apart.
    #[must_use]
    pub fn of(line: &'a [u8]) -> Self {
        if line.is_empty() {
            return Self::Blank;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return Self::Field {
                name: line,
                value: &[],
                colon: false,
                space: false,
            };
        };
        let (name, rest) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() {
            return Self::Comment(rest);
        }
        let value = rest.strip_prefix(b" ");
        Self::Field {
            name,
            value: value.unwrap_or(rest),
            colon: true,
            space: value.is_some(),
        }
    }
}
