//! Why a server does not start.
use std::net::SocketAddr;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on (environment).
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// No certificate could be made (environment).
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// A value of the configuration is out of bounds (caller).
    #[error("{0}")]
    Config(String),
}
