//! The value of a metric.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Distribution, Unit};

/// One entry of `metrics`.
///
/// In JSON a distribution has `count`, statistics and `histogram`. Statistics of times end in `_us`
/// (`p99_us`), those of other units do not (`p99`). Reading takes the histogram and makes the
/// statistics from it, so the two can never disagree. A ratio has `count` (its denominator), `part`
/// and `value`.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricValue {
    /// Samples.
    Distribution {
        /// Of one sample.
        unit: Unit,
        /// The samples.
        samples: Distribution,
        /// How many of them correction filled in.
        synthetic: u64,
    },
    /// A share of two counters.
    Ratio {
        /// Numerator.
        part: u64,
        /// Denominator, not 0.
        whole: u64,
    },
}

impl MetricValue {
    /// How many samples there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Distribution { samples, .. } => samples.count(),
            Self::Ratio { whole, .. } => *whole,
        }
    }

    /// The samples, where it has any.
    pub fn samples(&self) -> Option<&Distribution> {
        match self {
            Self::Distribution { samples, .. } => Some(samples),
            Self::Ratio { .. } => None,
        }
    }

    /// Keeps the samples in as little memory as they need.
    pub fn pack(&mut self) {
        if let Self::Distribution { samples, .. } = self {
            samples.pack();
        }
    }

    /// Adds the value of another interval, population or shard.
    pub fn add(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::Distribution {
                    samples, synthetic, ..
                },
                Self::Distribution {
                    samples: more,
                    synthetic: filled,
                    ..
                },
            ) => {
                samples.add(more);
                *synthetic = synthetic.saturating_add(*filled);
            }
            (
                Self::Ratio { part, whole },
                Self::Ratio {
                    part: more_part,
                    whole: more_whole,
                },
            ) => {
                *part = part.saturating_add(*more_part);
                *whole = whole.saturating_add(*more_whole);
            }
            // A name of the dictionary has one shape.
            _ => {}
        }
    }
}

/// Statistics of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// Samples.
    pub count: u64,
    /// Smallest.
    pub min: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: u64,
    /// 90 % of samples are not larger.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// Largest.
    pub max: u64,
}

impl From<&Distribution> for Statistics {
    fn from(samples: &Distribution) -> Self {
        Self {
            count: samples.count(),
            min: samples.min(),
            mean: samples.mean(),
            p50: samples.quantile(0.5),
            p90: samples.quantile(0.9),
            p99: samples.quantile(0.99),
            p999: samples.quantile(0.999),
            max: samples.max(),
        }
    }
}

/// The form in JSON.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Time {
        unit: Unit,
        /// Samples.
        count: u64,
        min_us: u64,
        mean_us: f64,
        p50_us: u64,
        p90_us: u64,
        p99_us: u64,
        p999_us: u64,
        max_us: u64,
        /// How many of the samples correction filled in.
        #[serde(default)]
        synthetic: u64,
        /// HdrHistogram V2, compressed, base64.
        histogram: String,
    },
    Plain {
        unit: Unit,
        /// Samples.
        count: u64,
        min: u64,
        mean: f64,
        p50: u64,
        p90: u64,
        p99: u64,
        p999: u64,
        max: u64,
        /// How many of the samples correction filled in.
        #[serde(default)]
        synthetic: u64,
        /// HdrHistogram V2, compressed, base64.
        histogram: String,
    },
    Share {
        unit: Unit,
        /// Denominator.
        count: u64,
        /// Numerator.
        part: u64,
        /// `part / count`.
        value: f64,
    },
}

impl JsonSchema for MetricValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MetricValue".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Serialize for MetricValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::Distribution {
                unit,
                samples,
                synthetic,
            } => distribution(*unit, samples, *synthetic),
            Self::Ratio { part, whole } => Written::Share {
                unit: Unit::Ratio,
                count: *whole,
                part: *part,
                value: *part as f64 / (*whole).max(1) as f64,
            },
        };
        written.serialize(to)
    }
}

fn distribution(unit: Unit, samples: &Distribution, synthetic: u64) -> Written {
    let s = Statistics::from(samples);
    let (mean, histogram) = (thousandths(s.mean), samples.encode());
    if unit == Unit::Us {
        Written::Time {
            unit,
            count: s.count,
            min_us: s.min,
            mean_us: mean,
            p50_us: s.p50,
            p90_us: s.p90,
            p99_us: s.p99,
            p999_us: s.p999,
            max_us: s.max,
            synthetic,
            histogram,
        }
    } else {
        Written::Plain {
            unit,
            count: s.count,
            min: s.min,
            mean,
            p50: s.p50,
            p90: s.p90,
            p99: s.p99,
            p999: s.p999,
            max: s.max,
            synthetic,
            histogram,
        }
    }
}

impl<'de> Deserialize<'de> for MetricValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            unit: Unit,
            count: u64,
            part: Option<u64>,
            #[serde(default)]
            synthetic: u64,
            histogram: Option<String>,
        }
        let read = Read::deserialize(from)?;
        match (read.histogram, read.part) {
            (Some(histogram), _) => Ok(Self::Distribution {
                unit: read.unit,
                samples: Distribution::decode(&histogram).map_err(D::Error::custom)?,
                synthetic: read.synthetic,
            }),
            (None, Some(part)) => Ok(Self::Ratio {
                part,
                whole: read.count,
            }),
            (None, None) => Err(D::Error::missing_field("histogram")),
        }
    }
}
