//! What to ask and within which bounds.
use std::time::Duration;
use url::Url;

use crate::Upload;

/// One request to make.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Name for the transcript.
    pub probe: String,
    /// Method, `GET` by default.
    pub method: String,
    /// Where.
    pub url: Url,
    /// Field lines to send, in order, besides Host. Values may be any bytes a field value may carry.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Names of fields in `fields` whose values are redacted in the transcript.
    pub secret_fields: Vec<String>,
    /// Content.
    pub body: Option<Upload>,
    /// Version.
    pub http: HttpChoice,
}

/// Which version to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpChoice {
    /// HTTP/1.0 request line, for one request.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2: by ALPN over TLS, by prior knowledge without.
    Http2,
    /// By ALPN over TLS; HTTP/1.1 without.
    #[default]
    Auto,
}

/// Which certificates to trust.
#[derive(Debug, Clone, Default)]
pub struct TlsTrust {
    /// PEM bundle to trust besides the system's roots.
    pub ca_pem: Option<Vec<u8>>,
    /// Trust anything.
    pub insecure: bool,
}

/// What a client shows of itself in a TLS handshake.
#[derive(Debug, Clone)]
pub struct TlsIdentity {
    /// PEM file of its certificate, those of the issuers after it.
    pub cert_pem: Vec<u8>,
    /// PEM file of the key (PKCS #8, PKCS #1 or SEC 1).
    pub key_pem: Vec<u8>,
}

/// Bounds on what is stored of one exchange, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Response head.
    pub head: usize,
    /// Body as received, and the same again for its decoded form.
    pub body: usize,
    /// What may follow that: shown to the observer and forgotten. With 0, nothing.
    pub forgotten: u64,
    /// Slices and chunks recorded.
    pub slices: usize,
}
impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 256 * 1024,
            body: 16 * 1024 * 1024,
            forgotten: 0,
            slices: 200_000,
        }
    }
}

/// Options of an exchange.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name look-up and TCP connect, each; also the TLS handshake.
    pub connect_timeout: Duration,
    /// From request to complete head.
    pub head_timeout: Duration,
    /// From the head on, after which the exchange ends as timed out; `None`: as long as the observer
    /// likes.
    pub body_timeout: Option<Duration>,
    /// Redirects followed at most.
    pub redirects: usize,
    /// Trust.
    pub trust: TlsTrust,
    /// Bounds.
    pub limits: Limits,
    /// Leave with a TCP reset, as a client that crashes or a network that gives up does.
    pub reset: bool,
    /// Bytes of receive buffer to ask the system for (SO_RCVBUF), which then no longer grows by itself;
    /// `None`: as the system likes, which may be tens of MiB.
    pub receive_buffer: Option<u32>,
}
impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            body_timeout: None,
            redirects: 5,
            trust: TlsTrust::default(),
            limits: Limits::default(),
            reset: false,
            receive_buffer: None,
        }
    }
}
