//! What must hold, as it is written.

use serde::Deserialize;
use ssekit_record::{Part, Series, Severity};

use super::super::value::Time;

/// `[[threshold]]`, as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdSpec {
    /// Metric.
    pub metric: String,
    /// Statistic, with `op` and `value`.
    pub stat: Option<String>,
    /// Operator.
    pub op: Option<String>,
    /// Value.
    pub value: Option<NumberOrText>,
    /// All three in one text, instead.
    pub expr: Option<String>,
    /// Which series.
    #[serde(default)]
    pub series: Series,
    /// Which part of the run.
    #[serde(default, rename = "where")]
    pub part: Part,
    /// `"run"`, `"phase"` or a time.
    pub window: Option<String>,
    /// How long it may be violated.
    #[serde(rename = "for")]
    pub lasting: Option<Time>,
    /// Fewer samples are no data.
    pub min_samples: Option<u64>,
    /// What a violation means.
    #[serde(default)]
    pub severity: Severity,
    /// Whether a violation ends the run.
    #[serde(default)]
    pub abort: bool,
    /// Not before this much of the run is over.
    pub abort_after: Option<Time>,
}

/// A number, or a text such as `"250ms"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, or a text with a unit such as \"250ms\""
)]
pub enum NumberOrText {
    /// Whole.
    Integer(i64),
    /// With a fraction.
    Float(f64),
    /// With a unit.
    Text(String),
}

impl std::fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
