//! Bounds on what a stream may make the parser hold.
use core::fmt;

/// Bounds in bytes. Default 16 MiB each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line, without its ending.
    pub line: usize,
    /// Largest data buffer.
    pub data: usize,
    /// Largest block: all its lines together with their endings, comments included.
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

/// Which bound was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// [`Limits::line`].
    Line,
    /// [`Limits::data`].
    Data,
    /// [`Limits::event`].
    Event,
}

/// A bound was passed; the parser stays failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitError {
    /// Which.
    pub kind: LimitKind,
    /// The bound, in bytes.
    pub limit: usize,
    /// Offset in the stream of the line or block that passed it.
    pub offset: u64,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} limit of {} bytes passed at offset {}",
            self.kind, self.limit, self.offset
        )
    }
}
impl core::error::Error for LimitError {}
