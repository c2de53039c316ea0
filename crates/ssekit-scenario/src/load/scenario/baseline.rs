//! An earlier record to compare with.

use std::path::PathBuf;

use serde::Deserialize;

use super::super::value::Share;

/// `[baseline]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Record to compare with.
    pub file: PathBuf,
    /// Differences up to this share are noise.
    pub noise: Option<Share>,
    /// Metrics to compare; all where there are none.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// What turns the exit code red.
    #[serde(default)]
    pub fail_on: FailOn,
}

/// `baseline.fail_on`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// A regression.
    #[default]
    Regression,
    /// Nothing.
    None,
}
