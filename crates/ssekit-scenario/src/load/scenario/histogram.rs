//! How finely values are told apart.

use serde::Deserialize;

use super::super::value::Time;

/// `[histogram]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistogramSpec {
    /// Shorter times are not told apart.
    pub min: Time,
    /// Longer times count as this one, and are counted.
    pub max: Time,
    /// Significant decimal digits, 1 to 5.
    pub digits: u8,
    /// Length of a row of the series, at least 100 ms.
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
