//! Why a scenario cannot be used.

use std::path::PathBuf;

/// Why a scenario cannot be used. Each message is one line that says what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// Environment: cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Caller: larger than a scenario may be.
    #[error("{}: a scenario has at most {limit} bytes", path.display())]
    TooLarge {
        /// File.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Caller: not TOML, not of this shape, or a contradiction.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// Caller: a setting of the command line.
    #[error("--set {setting}: {message}")]
    Setting {
        /// As it was given.
        setting: String,
        /// What is wrong and what would be right.
        message: String,
    },
}
