//! What one exchange showed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Capture, Fault, FaultKind, Field, Head, HttpVersion};

/// One request and everything that came back.
///
/// All times are microseconds since the exchange began, which is when the name of the target is
/// looked up; `started_unix_ms` ties that to the calendar. Secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// Name of the probe that made it, unique in an observation.
    pub probe: String,
    /// Wall clock at the beginning, in milliseconds since 1970-01-01T00:00:00Z.
    pub started_unix_ms: u64,
    /// What was asked, of the last URL when redirects were followed.
    pub request: Request,
    /// How the connection came about.
    pub connection: Connection,
    /// Redirects followed to get here, first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<Redirect>,
    /// The final response head; `None` if none arrived whole.
    pub head: Option<Head>,
    /// HTTP/1: everything after the head as it came, chunked coding included. HTTP/2: empty.
    pub wire: Capture,
    /// Chunks of the chunked coding, in order; empty when the content was not chunked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<Chunk>,
    /// Trailer fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<Field>,
    /// The content after the transfer coding (HTTP/1) or out of the DATA frames (HTTP/2).
    pub body: Capture,
    /// The content after its content coding was undone; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Capture>,
    /// GOAWAY frames that came before the exchange ended (HTTP/2), the first eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goaways: Vec<Goaway>,
    /// When ssekit asked the server, which it had started, to stop while this went on; absent where
    /// it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_us: Option<u64>,
    /// Faults of the framing, in the order seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// How the exchange ended.
    pub end: End,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Method.
    pub method: String,
    /// URL without user information, secret parameters redacted.
    pub url: String,
    /// Version asked with.
    pub version: HttpVersion,
    /// Field lines as sent, in order; secrets redacted.
    pub fields: Vec<Field>,
    /// Length of the content sent, in bytes.
    pub body_len: u64,
}

/// How the connection came about; `None` for a step that was not reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connection {
    /// Address and port connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// When the TCP connection stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_us: Option<u64>,
    /// When the TLS handshake was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_us: Option<u64>,
    /// When the request was handed to the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_us: Option<u64>,
    /// The TLS session, over https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSession>,
}

/// What TLS negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsSession {
    /// Protocol version, such as `TLSv1.3`.
    pub version: String,
    /// Protocol chosen by ALPN, if any.
    pub alpn: Option<String>,
    /// Protocols ssekit offered by ALPN; empty in observations of versions that did not keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offered: Vec<String>,
}

/// One redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redirect {
    /// URL asked, redacted.
    pub url: String,
    /// Status that answered.
    pub status: u16,
    /// The `Location` value, redacted.
    pub location: String,
}

/// One chunk of the chunked coding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chunk {
    /// Offset of its size line in `wire`.
    pub wire_offset: u64,
    /// Offset of its data in `body`.
    pub body_offset: u64,
    /// Size in bytes as declared; 0 for the last chunk.
    pub size: u64,
    /// Chunk extension, without the leading semicolon.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub extension: String,
}

/// The server announced the end of an HTTP/2 connection (RFC 9113 section 6.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Goaway {
    /// When it came.
    pub at_us: u64,
    /// Highest stream the server may still act on; 2^31-1 in a first warning.
    pub last_stream: u32,
    /// Error code; 0 is NO_ERROR.
    pub error: u32,
    /// Debug data, readable and bounded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub debug: String,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// In which way.
    pub kind: EndKind,
    /// When.
    pub at_us: u64,
    /// In words, where there is more to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// In which way an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EndKind {
    /// The message was complete by its own framing.
    Clean,
    /// The peer closed the connection without error before the message was complete.
    Truncated,
    /// The connection or the HTTP/2 stream was reset.
    Reset,
    /// The time limit ran out while waiting for the head.
    TimedOut,
    /// ssekit had seen enough and closed the connection.
    Left,
    /// ssekit closed the connection because a limit on what it stores was reached.
    Limit,
    /// The bytes could not be read on as HTTP.
    Malformed,
    /// No connection: name look-up, TCP or TLS failed.
    Unreachable,
}

impl Transcript {
    /// The bytes to read as an event stream: the content with every coding undone. Empty where the
    /// coding is not one that ssekit can undo.
    pub fn stream(&self) -> &Capture {
        static UNREADABLE: Capture = Capture {
            bytes: Vec::new(),
            slices: Vec::new(),
        };
        if self.fault(FaultKind::ContentCodingUnknown).is_some() {
            return &UNREADABLE;
        }
        self.content.as_ref().unwrap_or(&self.body)
    }

    /// Whether the response claims to be an event stream a client would read: 200 and the type.
    pub fn is_event_stream(&self) -> bool {
        self.head.as_ref().is_some_and(|head| {
            head.status == 200
                && head.content_type_essence().as_deref() == Some("text/event-stream")
        })
    }

    /// The first fault of this kind.
    pub fn fault(&self, kind: FaultKind) -> Option<&Fault> {
        self.faults.iter().find(|f| f.kind == kind)
    }
}
