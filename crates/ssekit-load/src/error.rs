//! Why a run could not be made, by blame. What a target does wrong is in the record, never here.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ssekit_http::HttpError;

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Environment: no runtime, no thread.
    #[error("cannot start a worker: {0}")]
    Runtime(#[source] io::Error),
    /// Caller: a scenario that cannot be run.
    #[error("{0}")]
    Scenario(String),
    /// Environment: the time to begin was over before everything was ready.
    #[error(
        "too late: this part of the run was ready {:.3} s after it was to start, and shard.late_tolerance is {:.3} s",
        by.as_secs_f64(), tolerance.as_secs_f64()
    )]
    Late {
        /// How late.
        by: Duration,
        /// How late it might have been.
        tolerance: Duration,
    },
    /// Caller: what is asked for cannot be sent, or trusted.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Environment: the host has no address.
    #[error("cannot resolve {host}: {why}")]
    Unresolved {
        /// Whose.
        host: String,
        /// Why.
        why: String,
    },
    /// Environment: what is measured cannot be served there.
    #[error("cannot listen on {address} for Prometheus: {cause}; another address or port may do")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// Environment: the trace cannot be written.
    #[error("cannot write the trace {}: {cause}", path.display())]
    Trace {
        /// File.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Environment: this machine cannot hold so many streams.
    #[error("{0}")]
    Preflight(String),
    /// Ssekit: a worker ended without its last interval.
    #[error("a worker failed")]
    Worker,
}
