//! How finely values are told apart.

use serde::Deserialize;

use super::super::value::Time;

/// `[histogram]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistogramSpec {
    /// Smallest value told apart.
    pub min: Time,
    /// Largest value told apart.
    pub max: Time,
    /// Significant decimal digits, 1 to 5.
    pub digits: u8,
    /// Length of a row of the series.
    pub interval: Time,
}

impl Default for HistogramSpec {
    fn default() -> Self {
        use std::time::Duration;
        Self {
            min: Time(Duration::from_micros(1)),
            max: Time(Duration::from_secs(3600)),
            digits: 3,
            interval: Time(Duration::from_secs(1)),
        }
    }
}
