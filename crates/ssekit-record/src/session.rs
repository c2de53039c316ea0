//! What one HTTP/2 connection with several streams showed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Connection, End, Transcript};

/// Several requests on one HTTP/2 connection, with every frame in order.
///
/// All times, those of the transcripts included, are microseconds since the session began, which
/// is when the name of the target is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Name of the probe that made it.
    pub probe: String,
    /// Wall clock at the beginning, in milliseconds since 1970-01-01T00:00:00Z.
    pub started_unix_ms: u64,
    /// How the connection came about.
    pub connection: Connection,
    /// Requests, in the order they were made.
    pub streams: Vec<SessionStream>,
    /// Frames of both sides, in the order they were read or handed to the connection.
    pub frames: Vec<FrameSeen>,
    /// How the connection ended.
    pub end: End,
}

/// One request of a session and what came on its stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionStream {
    /// Number of the stream.
    pub id: u32,
    /// What came; its probe is that of the session with the number of the stream after it.
    pub transcript: Transcript,
}

/// A frame without its payload (RFC 9113 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameSeen {
    /// When it was read whole, or handed to the connection.
    pub at_us: u64,
    /// Whether ssekit sent it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent: bool,
    /// Type.
    pub kind: FrameKind,
    /// Flags.
    pub flags: u8,
    /// Stream; 0 is the connection.
    pub stream: u32,
    /// Length of the payload in bytes; of DATA, what flow control counts.
    pub len: u32,
    /// Increment of WINDOW_UPDATE, error code of RST_STREAM and GOAWAY, the eight bytes of PING as
    /// a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// Identifiers and values of SETTINGS, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<(u16, u32)>,
}

/// Types of frames (RFC 9113 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum FrameKind {
    /// Content.
    Data,
    /// The beginning of a field section.
    Headers,
    /// Deprecated.
    Priority,
    /// The end of a stream by error.
    RstStream,
    /// Settings of the connection.
    Settings,
    /// A response nobody asked for.
    PushPromise,
    /// A question whether the peer is there, and its answer.
    Ping,
    /// The beginning of the end of the connection.
    Goaway,
    /// Leave to send more.
    WindowUpdate,
    /// More of a field section.
    Continuation,
    /// A type that RFC 9113 does not define.
    Unknown,
}

impl FrameSeen {
    /// The flag of SETTINGS and PING that makes them an answer.
    pub const ACK: u8 = 0x1;
    /// The flag of DATA and HEADERS after which nothing comes on a stream.
    pub const END_STREAM: u8 = 0x1;

    /// Whether the server sent it, on this stream.
    pub fn came(&self, kind: FrameKind, stream: u32) -> bool {
        !self.sent && self.kind == kind && self.stream == stream
    }

    /// Whether it answers a PING or SETTINGS.
    pub fn is_ack(&self) -> bool {
        self.flags & Self::ACK != 0
    }
}

impl Session {
    /// What came on this stream.
    pub fn stream(&self, id: u32) -> Option<&Transcript> {
        let found = self.streams.iter().find(|stream| stream.id == id);
        found.map(|stream| &stream.transcript)
    }
}
