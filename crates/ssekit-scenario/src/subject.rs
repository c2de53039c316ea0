//! Subject manifests: how to install, start and reach a server under test.
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// `scenarios/servers/NAME/subject.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Name shown in reports, such as `better-sse`.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// Commands that install it, run in its folder, in order, by `.ci/run` (never by `check`).
    #[serde(default)]
    pub install: Vec<String>,
    /// Shell command that prints the version of the product under test.
    #[serde(default)]
    pub version: Option<String>,
    /// Shell command that starts it in the foreground; `{port}` is replaced by a free port, `{dir}` by a scratch folder.
    pub start: String,
    /// URL that answers when it is ready; `{port}` is replaced.
    pub ready: String,
    /// URL of the stream; `{port}` is replaced.
    pub url: String,
    /// Seconds to wait for readiness.
    #[serde(default = "default_wait")]
    pub ready_within_s: u64,
    /// Environment added for the command.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Folder of the manifest; not in the file.
    #[serde(skip)]
    pub dir: PathBuf,
}
fn default_wait() -> u64 {
    30
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// Cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Not TOML or not of this shape; the message names line and column.
    #[error("{path}: {message}")]
    Malformed {
        /// File.
        path: PathBuf,
        /// With line and column.
        message: String,
    },
}
