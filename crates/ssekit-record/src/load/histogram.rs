//! Samples of one metric: a histogram with its figures.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The samples of one metric.
///
/// The figures are those of the histogram, within its number of significant digits. Their names end
/// in `_us` since most metrics are times in microseconds; what a metric of another unit counts is in
/// its definition.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct Samples {
    histogram: Histogram<u64>,
    /// Samples that are missing because what they wait for had not come when observation ended.
    /// They are longer than any other: percentiles of thresholds count them.
    pub censored: u64,
}

/// The form in JSON.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Samples")]
struct Written {
    /// Samples in the histogram.
    count: u64,
    /// The least.
    min_us: u64,
    /// The mean.
    mean_us: f64,
    /// 50th percentile.
    p50_us: u64,
    /// 90th percentile.
    p90_us: u64,
    /// 99th percentile.
    p99_us: u64,
    /// 99.9th percentile.
    p999_us: u64,
    /// The largest.
    max_us: u64,
    /// Samples that had not come when observation ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    censored: u64,
    /// The histogram: HdrHistogram's V2 payload, compressed, in base64.
    histogram: String,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Why a payload is no histogram.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// Not base64.
    #[error("the histogram is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not a V2 payload.
    #[error("the histogram is not a compressed V2 payload: {0}")]
    Payload(String),
}

impl Samples {
    /// Takes over a histogram.
    pub fn new(histogram: Histogram<u64>) -> Self {
        Self {
            histogram,
            censored: 0,
        }
    }

    /// No samples, with three significant digits.
    pub fn empty() -> Self {
        let mut histogram = three_digits();
        histogram.auto(true);
        Self::new(histogram)
    }

    /// The histogram itself.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Samples in the histogram.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The value below or at which this share of the samples lies, censored ones included; `None`
    /// where it lies among those, or there are none. `share` is from 0 to 1.
    pub fn value_at(&self, share: f64) -> Option<u64> {
        let all = self.count().saturating_add(self.censored);
        if self.count() == 0 {
            return None;
        }
        // As HdrHistogram counts: the least number of samples that make up the share, at least one.
        let wanted = (share.clamp(0.0, 1.0) * all as f64).ceil().max(1.0);
        if wanted > self.count() as f64 {
            return None;
        }
        let share = wanted / self.count() as f64;
        Some(self.histogram.value_at_quantile(share))
    }

    /// How many samples are above this value, censored ones included.
    pub fn above(&self, value: u64) -> u64 {
        let below = self.histogram.count_between(0, value);
        self.count().saturating_sub(below) + self.censored
    }

    /// Adds the samples of another.
    pub fn add(&mut self, other: &Self) {
        self.histogram.auto(true);
        // Resizing histograms hold every value of each other.
        let added = self.histogram.add(&other.histogram);
        debug_assert!(added.is_ok(), "{added:?}");
        self.censored += other.censored;
    }

    /// HdrHistogram's V2 payload, compressed, in base64, as its own tools read it.
    pub fn payload(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let written = V2DeflateSerializer::new().serialize(&self.histogram, &mut bytes);
        debug_assert!(written.is_ok(), "{written:?}");
        STANDARD.encode(bytes)
    }

    /// Reads such a payload.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_payload(payload: &str) -> Result<Self, HistogramError> {
        let bytes = STANDARD.decode(payload)?;
        let mut histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| HistogramError::Payload(error.to_string()))?;
        histogram.auto(true);
        Ok(Self::new(histogram))
    }

    fn written(&self) -> Written {
        let at = |share| self.histogram.value_at_quantile(share);
        Written {
            count: self.count(),
            min_us: self.histogram.min(),
            mean_us: self.histogram.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.histogram.max(),
            censored: self.censored,
            histogram: self.payload(),
        }
    }
}

#[expect(clippy::expect_used, reason = "three digits are valid")]
fn three_digits() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are valid")
}

impl Default for Samples {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samples")
            .field("count", &self.count())
            .field("p50", &self.histogram.value_at_quantile(0.5))
            .field("max", &self.histogram.max())
            .field("censored", &self.censored)
            .finish()
    }
}

impl From<Samples> for Written {
    fn from(samples: Samples) -> Self {
        samples.written()
    }
}

impl From<Written> for Samples {
    fn from(written: Written) -> Self {
        // The figures follow from the histogram; one that cannot be read has no samples, so that a
        // threshold over it fails.
        let mut samples = Self::from_payload(&written.histogram).unwrap_or_default();
        samples.censored = written.censored;
        samples
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Samples {
        let mut samples = Samples::empty();
        for value in values {
            samples.histogram.record(value).unwrap();
        }
        samples
    }

    #[test]
    fn what_is_written_is_read_back() {
        let samples = of((1..5000).map(|n| n * 13));
        let json = serde_json::to_string(&samples).unwrap();
        assert_eq!(serde_json::from_str::<Samples>(&json).unwrap(), samples);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["count"], 4999);
        assert_eq!(value["min_us"], 13);
        let p99 = value["p99_us"].as_u64().unwrap();
        assert!(p99.abs_diff(4949 * 13) <= 4949 * 13 / 1000, "{p99}");
        assert!(value["histogram"].as_str().unwrap().starts_with("HISTF"));
    }

    #[test]
    fn what_never_came_is_longer_than_all_that_did() {
        let mut samples = of(1..=90);
        samples.censored = 10;
        assert_eq!(samples.value_at(0.5), Some(50));
        assert_eq!(samples.value_at(0.9), Some(90));
        assert_eq!(samples.value_at(0.91), None);
        assert_eq!(samples.above(80), 20);
        assert_eq!(Samples::empty().value_at(0.5), None);
    }

    #[test]
    fn adding_is_as_measuring_both() {
        let mut half = of((1..1000).map(|n| n * 7));
        let other = of((1..1000).map(|n| n * 1_000_003));
        half.add(&other);
        let both = of((1..1000).flat_map(|n| [n * 7, n * 1_000_003]));
        assert_eq!(half, both);
    }
}
