//! Errors of the client, by blame. What a peer does wrong is in the transcript, never here.
/// Why no exchange could be made at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Caller: the URL is not http(s), or has no host.
    #[error("{0}")]
    Url(String),
    /// Caller: a field name, field value or method that HTTP cannot carry.
    #[error("{0}")]
    Request(String),
    /// Caller or environment: certificate files that cannot be read or used.
    #[error("{0}")]
    Trust(String),
}
