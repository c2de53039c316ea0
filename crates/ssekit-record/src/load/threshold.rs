//! Thresholds and what became of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// One threshold of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Threshold {
    /// Name of a metric or counter, such as `delivery` or `lost`.
    pub metric: String,
    /// What is demanded, such as `p99 < 250ms`.
    pub expr: String,
    /// Whether a raw series is meant where there is a corrected one too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub raw: bool,
    /// The part of the run that is looked at.
    #[serde(default, rename = "where", skip_serializing_if = "Where::is_all")]
    pub at: Where,
    /// Length of the windows in which it must hold, each by itself, in microseconds; absent for the
    /// whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_us: Option<u64>,
    /// How long it may be broken in a row without failing, in microseconds. With a window only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_us: Option<u64>,
    /// Samples without which there is no answer, which fails.
    #[serde(default = "one")]
    pub min_samples: u64,
    /// Whether breaking it fails the run.
    #[serde(default)]
    pub severity: Severity,
}

fn one() -> u64 {
    1
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Whether a broken threshold fails the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    #[default]
    Fail,
    /// It is told only.
    Warn,
}

/// A part of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Where {
    /// A population, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// A phase, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

impl Where {
    /// Whether it is the whole run.
    pub fn is_all(&self) -> bool {
        self.population.is_none() && self.phase.is_none()
    }
}

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdResult {
    /// The threshold.
    #[serde(flatten)]
    pub threshold: Threshold,
    /// The figure, in microseconds, a share of one, bytes, or a plain number as the metric has it;
    /// absent where there was no data.
    pub value: Option<f64>,
    /// `pass`, `fail` or, by its severity, `warn`.
    pub verdict: Verdict,
    /// What the figure is, and of how many samples.
    pub detail: String,
}
