//! What a stream hands out: whole pieces, and the writes they leave in.
use std::time::Duration;

use bytes::Bytes;

/// A part of the stream that is never torn apart, except by a defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: PieceKind,
    pub(crate) bytes: Vec<u8>,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// The comment and the reconnection time at the start.
    Preamble,
    /// The event of this number; whether it is the last of a finite stream.
    Event { number: u64, last: bool },
    /// The comment that breaks a silence.
    Heartbeat,
}

/// One write, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// These bytes, as one chunk or DATA frame.
    Bytes(Bytes),
    /// Nothing for a while, with everything before on its way.
    Pause(Duration),
    /// A trailer section.
    Trailers,
    /// The connection breaks off.
    Break,
}

impl From<Vec<u8>> for Write {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}
