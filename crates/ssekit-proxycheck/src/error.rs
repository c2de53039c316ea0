//! Why a run gave no record, by blame. What a hop does to a stream is a finding, never an error.

use std::io;
use std::net::SocketAddr;

use ssekit_http::HttpError;

/// Why a run gave no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Intermediary: nothing answers at its URL, so nothing could be measured.
    #[error("{0}")]
    Unreachable(String),
    /// Intermediary or caller: something answers, but not this run's origin through the hop.
    #[error("{0}")]
    NotForwarding(String),
    /// Caller: the request cannot be made at all.
    #[error(transparent)]
    Request(#[from] HttpError),
    /// Environment: the origin cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// Cause.
        source: io::Error,
    },
    /// Caller: interrupted before anything was measured.
    #[error("interrupted before anything was measured")]
    Interrupted,
}
