//! Faults of HTTP framing, as the readers below hyper saw them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fault and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// What was wrong.
    pub kind: FaultKind,
    /// Offset in `wire`, or in the head for faults of the head.
    pub offset: u64,
    /// When it was seen, in microseconds since the exchange began.
    pub at_us: u64,
    /// The bytes or values at fault, readable and bounded.
    pub detail: String,
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The answer is not an HTTP response.
    NotHttp,
    /// A status line or field line that no grammar allows.
    HeadInvalid,
    /// The head is larger than the limit.
    HeadTooLarge,
    /// `Content-Length` beside `Transfer-Encoding` (RFC 9112 6.2).
    LengthWithTransferEncoding,
    /// `Transfer-Encoding` in an answer to an HTTP/1.0 request (RFC 9112 6.1).
    TransferEncodingToHttp10,
    /// Several different, or unparsable, `Content-Length` values (RFC 9112 6.3).
    LengthInvalid,
    /// A transfer coding other than `chunked` that was not asked for (RFC 9112 6.1).
    TransferCodingUnknown,
    /// A chunk size that is not hexadecimal digits, or beyond 64 bits (RFC 9112 7.1).
    ChunkSizeInvalid,
    /// No CRLF after a chunk size, or a bare LF (RFC 9112 7.1).
    ChunkSizeUnterminated,
    /// No CRLF after chunk data (RFC 9112 7.1).
    ChunkDataUnterminated,
    /// A trailer section that is not field lines and an empty line (RFC 9112 7.1.2).
    TrailerInvalid,
    /// The connection ended before the last chunk (RFC 9112 8).
    LastChunkMissing,
    /// The connection ended before `Content-Length` octets (RFC 9112 8).
    LengthShort,
    /// Bytes after the end of the message on a connection that carries no further request.
    BytesAfterEnd,
    /// Content in an answer that cannot have any: to HEAD, 1xx, 204, 304 (RFC 9110 6.4.1).
    ContentForbidden,
    /// The content does not decode as its `Content-Encoding` says (RFC 9110 8.4).
    ContentCodingInvalid,
    /// A `Content-Encoding` that ssekit cannot decode.
    ContentCodingUnknown,
    /// An answer that is not HTTP/2, though that was spoken to it (RFC 9113 3.4).
    NotHttp2,
    /// An HTTP/2 error, local or sent by the peer (RFC 9113 5.4).
    Http2,
    /// TLS ended without close_notify (RFC 8446 6.1).
    TlsUnclean,
}
