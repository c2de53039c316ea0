//! Where a parser puts what it finds.
use crate::EventRef;

/// Receives what the parser finds, in stream order. Nothing is allocated for it.
pub trait Sink {
    /// Whether [`Sink::line`] and [`Sink::diagnostic`] are wanted; otherwise they cost nothing.
    const OBSERVE: bool = false;
    /// An event was dispatched.
    fn event(&mut self, event: EventRef<'_>);
    /// A comment line; `text` is what follows the colon, a leading space included.
    fn comment(&mut self, text: &str, offset: u64) {
        let _ = (text, offset);
    }
    /// The reconnection time was set, in milliseconds; saturates at `u64::MAX`.
    fn retry(&mut self, ms: u64) {
        let _ = ms;
    }
    /// A line ended (only with [`Sink::OBSERVE`]). Called before what the line causes.
    fn line(&mut self, line: Line<'_>) {
        let _ = line;
    }
    /// Something legal or not that a checker wants to know (only with [`Sink::OBSERVE`]).
    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        let _ = diagnostic;
    }
}

/// One complete line of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Offset of its first byte (after a leading BOM).
    pub offset: u64,
    /// Raw bytes, without the ending.
    pub bytes: &'a [u8],
    /// What ended it. `Cr` is reported at the CR; if LF follows, [`DiagnosticKind`] does not
    /// repeat the line: look at `bytes[end]` of the stream to tell CRLF, or use [`LineEnding`] of
    /// a whole-stream reader.
    pub ending: LineEnding,
    /// What the line is.
    pub kind: LineKind<'a>,
}

/// What ended a line. A CR ends its line at once; whether LF follows is known only later, so a line
/// ended by CR or CRLF is reported when the next byte or the end of the stream is seen...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnding {
    /// LF.
    Lf,
    /// CR.
    Cr,
    /// CR LF.
    CrLf,
}

/// What a line is (HTML, Interpreting an event stream).
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

/// Something a checker wants to know, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnostic {
    /// What.
    pub kind: DiagnosticKind,
    /// Offset in the stream.
    pub offset: u64,
}

/// What a diagnostic reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiagnosticKind {
    /// A leading BOM was removed.
    LeadingBom,
    /// BOM bytes at a later line start became part of the field name.
    MidStreamBom,
    /// Field name unknown: ignored.
    UnknownField,
    /// Field name known but for its case: ignored.
    FieldCase,
    /// Field name known but for surrounding white space: ignored.
    FieldSpace,
    /// `id` with NUL: ignored.
    IdWithNul,
    /// `retry` with anything but ASCII digits, or empty: ignored.
    RetryNotDigits,
    /// `retry` beyond `u64`: saturated.
    RetrySaturated,
    /// Bytes that are not UTF-8 were replaced.
    InvalidUtf8,
    /// A line ending that differs from the first one.
    MixedLineEndings,
    /// A block without data: nothing dispatched.
    BlockWithoutData,
    /// A second `event` field in a block.
    RepeatedEvent,
    /// A second `id` field in a block.
    RepeatedId,
    /// The stream ended inside a block: it is discarded.
    DiscardedTail,
}
