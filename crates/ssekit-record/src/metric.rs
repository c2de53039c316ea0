//! What a number means: the dictionary of metrics, printed in every report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::metric_table::METRICS;

/// What one sample of a metric is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Microseconds.
    Us,
    /// Bytes.
    Bytes,
    /// Events.
    Events,
    /// Attempts.
    Attempts,
    /// Thousandths.
    Permille,
    /// A plain number of things.
    Count,
    /// A share from 0 to 1.
    Ratio,
}

impl Unit {
    /// The word used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Bytes => "bytes",
            Self::Events => "events",
            Self::Attempts => "attempts",
            Self::Permille => "permille",
            Self::Count => "count",
            Self::Ratio => "ratio",
        }
    }
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Samples in a histogram.
    Distribution,
    /// A counter. `over` names the counter that its `ratio` divides by; where that is 0, there is no
    /// data to judge.
    Counter {
        /// The denominator.
        over: &'static str,
    },
    /// A share of two counters.
    Ratio {
        /// Numerator.
        part: &'static str,
        /// Denominator.
        whole: &'static str,
    },
}

/// How a series of samples was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Series {
    /// From the intended instant, or with the samples a stall kept from being taken.
    #[default]
    Corrected,
    /// As it was measured.
    Raw,
    /// What was still open when observation stopped: each sample is a lower bound.
    Censored,
}

impl Series {
    /// The word used in records and scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::Raw => "raw",
            Self::Censored => "censored",
        }
    }
}

/// One entry of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name in records, scenarios and thresholds.
    pub name: &'static str,
    /// Unit of a sample.
    pub unit: Unit,
    /// Kind of number.
    pub shape: Shape,
    /// How it was made; `None` where the question does not arise.
    pub series: Option<Series>,
    /// What it is, exactly.
    pub formula: &'static str,
}

impl Metric {
    /// The metric of this name; `e2e` is another name of `delivery`.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = if name == "e2e" { "delivery" } else { name };
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// Whether more of it is worse, so that two runs can be compared by it: times and what goes wrong,
    /// but not how long streams live or how large events are.
    pub fn is_cost(&self) -> bool {
        const COSTS: [&str; 18] = [
            "lost",
            "resume_loss",
            "duplicated",
            "reordered",
            "negative",
            "coalesced",
            "ticks_missed",
            "discarded_tails",
            "faults",
            "failed",
            "eventless",
            "dropped_starts",
            "errors",
            "disconnects",
            "reconnects",
            "publish_failed",
            "burst_ratio",
            "reconnect_attempts",
        ];
        match self.shape {
            Shape::Distribution if self.unit == Unit::Us => !self.name.starts_with("stream_life"),
            _ => COSTS.contains(&self.name),
        }
    }

    /// Whether those that waited in vain belong among its samples, each with the time it waited:
    /// without them a stream that never had an event would make the others look better.
    pub fn counts_waiting(&self) -> bool {
        matches!(self.name, "first_event" | "ttft" | "storm_recovery")
    }

    /// The metric that holds this series of this one; the metric itself where the series is not kept
    /// apart. `None` for censored samples where there are none of the kind.
    pub fn in_series(&'static self, series: Series) -> Option<&'static Self> {
        if self.series == Some(series) || matches!(self.shape, Shape::Counter { .. }) {
            return Some(self);
        }
        let suffixed = |suffix: &str| Self::named(&format!("{}_{suffix}", self.name));
        match (series, self.name) {
            (Series::Raw, "delivery") => Self::named("delivery_sent"),
            (Series::Censored, _) => suffixed("censored"),
            (series, _) => suffixed(series.as_str()).or(Some(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoadCounts;

    #[test]
    fn names_are_unique_and_every_denominator_exists() {
        let counts = LoadCounts::default();
        for (index, metric) in METRICS.iter().enumerate() {
            assert!(
                METRICS[..index]
                    .iter()
                    .all(|other| other.name != metric.name),
                "{}",
                metric.name
            );
            assert!(metric.formula.ends_with('.'), "{}", metric.name);
            match metric.shape {
                Shape::Distribution => {}
                Shape::Counter { over } => {
                    assert!(counts.get(metric.name).is_some(), "{}", metric.name);
                    assert!(counts.get(over).is_some(), "{over}");
                }
                Shape::Ratio { part, whole } => {
                    assert!(counts.get(part).is_some() && counts.get(whole).is_some());
                }
            }
        }
    }

    #[test]
    fn series_are_found_by_their_metric() {
        let name = |metric: &str, series| {
            let found = Metric::named(metric).and_then(|metric| metric.in_series(series));
            found.map(|metric| metric.name)
        };
        assert_eq!(name("gap", Series::Corrected), Some("gap_corrected"));
        assert_eq!(name("gap", Series::Raw), Some("gap"));
        assert_eq!(name("gap", Series::Censored), Some("gap_censored"));
        assert_eq!(name("headers", Series::Corrected), Some("headers"));
        assert_eq!(name("headers", Series::Raw), Some("headers_raw"));
        assert_eq!(name("e2e", Series::Corrected), Some("delivery"));
        assert_eq!(name("e2e", Series::Raw), Some("delivery_sent"));
        assert_eq!(name("tcp_connect", Series::Corrected), Some("tcp_connect"));
        assert_eq!(name("tcp_connect", Series::Censored), None);
        assert_eq!(name("lost", Series::Raw), Some("lost"));
    }
}
