//! Errors of a run, by blame. What the target does is a verdict, never an error.

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// Caller: a pattern in the selection names no check.
    #[error("no check matches {pattern:?}{}", hint(.suggestion.as_deref()))]
    UnknownCheck {
        /// The pattern.
        pattern: String,
        /// The nearest id, if one is near.
        suggestion: Option<String>,
    },
    /// Caller: a pattern that is not a glob.
    #[error("{pattern:?} is not a valid pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Caller: the patterns exclude every check.
    #[error("nothing selected: --only and --skip leave no check; `ssekit list` shows them all")]
    NothingSelected,
    /// Caller: the URL of a stream or of an echo endpoint is none.
    #[error("{url:?} is not a URL that can be checked: {reason}")]
    Target {
        /// The text.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Caller: the server that was started for the check ended before it answered.
    #[error("the server ended before it answered")]
    ServerEnded,
    /// Environment: no port to serve on.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Listen(std::io::Error),
    /// Caller or environment: the request cannot be made at all.
    #[error(transparent)]
    Http(#[from] ssekit_http::HttpError),
    /// Environment: no thread to make an exchange on.
    #[error("cannot start a thread for an exchange: {0}")]
    Thread(#[from] std::io::Error),
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(
        || "; `ssekit list` shows them all".into(),
        |id| format!("; did you mean {id:?}?"),
    )
}
