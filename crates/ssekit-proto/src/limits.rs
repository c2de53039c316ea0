//! Bounds on what a stream may make the parser hold.
use core::fmt;

/// Bounds in bytes; 16 MiB each by default. What lies exactly at a bound still passes.
///
/// Comments, unknown fields and `retry` lines hold no memory once they are read, so only
/// [`Limits::line`] bounds them: a stream may send heartbeat comments for days without an empty
/// line between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line of any kind, as sent, without its ending.
    pub line: usize,
    /// Largest data of one event, decoded, without the final line feed.
    pub data: usize,
    /// Largest block: its `data`, `event` and `id` lines as sent, plus one byte for each line's
    /// ending. It bounds what empty `data` lines can pile up.
    pub event: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            line: 16 * MIB,
            data: 16 * MIB,
            event: 16 * MIB,
        }
    }
}

impl Limits {
    /// The smallest of them.
    pub(crate) fn least(&self) -> usize {
        self.line.min(self.data).min(self.event)
    }
}

/// Which bound was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// [`Limits::line`].
    Line,
    /// [`Limits::data`].
    Data,
    /// [`Limits::event`].
    Event,
}

/// A bound was passed; the parser stays failed until it is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitError {
    /// Which.
    pub kind: LimitKind,
    /// The bound, in bytes.
    pub limit: usize,
    /// Offset in the stream where the line began ([`LimitKind::Line`]), or else the block.
    pub offset: u64,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            LimitKind::Line => "line longer",
            LimitKind::Data => "event data larger",
            LimitKind::Event => "event block larger",
        };
        let Self { limit, offset, .. } = self;
        write!(f, "{what} than {limit} bytes at offset {offset}")
    }
}

impl core::error::Error for LimitError {}
