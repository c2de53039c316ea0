//! The request of a stream.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The bytes of an HTTP/1.1 request, but for the last event ID.
#[derive(Debug, Clone)]
pub struct RequestBytes {
    /// The head, its last empty line apart.
    pub head: Vec<u8>,
    /// Content.
    pub body: Vec<u8>,
}

impl RequestBytes {
    /// Splits a whole request where its head ends.
    pub fn new(bytes: &[u8]) -> Self {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 2);
        Self {
            head: bytes[..end].to_vec(),
            body: bytes.get(end + 2..).unwrap_or_default().to_vec(),
        }
    }

    /// The request that resumes after this event; an empty id resumes nothing.
    pub fn resuming(&self, last_event_id: &str) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if !last_event_id.is_empty() {
            bytes.extend_from_slice(b"Last-Event-ID: ");
            bytes.extend_from_slice(last_event_id.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The requests of a population.
#[derive(Clone)]
pub enum Requests {
    /// All alike.
    Alike(RequestBytes),
    /// One for each stream, made from its number.
    Each(Arc<dyn Fn(u64) -> RequestBytes + Send + Sync>),
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alike(_) => "Alike",
            Self::Each(_) => "Each",
        })
    }
}

impl Requests {
    /// The request of the stream of this number.
    pub fn of(&self, number: u64) -> Cow<'_, RequestBytes> {
        match self {
            Self::Alike(request) => Cow::Borrowed(request),
            Self::Each(make) => Cow::Owned(make(number)),
        }
    }
}
