//! `p99 < 250ms`: a statistic, an operator, a value with its unit.

use std::fmt;
use std::str::FromStr;

use super::{Part, ThresholdError, unit_of};
use crate::metric::METRICS;
use crate::quantity;
use crate::{Metric, Shape, Unit};

/// A statistic, an operator and a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// What is taken of the samples.
    pub stat: Stat,
    /// How it is compared.
    pub op: Op,
    /// The value: microseconds for times, bytes for sizes, from 0 to 1 for shares, otherwise a
    /// number.
    pub value: f64,
    /// The author's own words.
    text: String,
}

impl Expression {
    /// What a sample is compared with, in the unit of the metric; `None` where samples are only counted.
    pub fn sample_bound(&self) -> Option<f64> {
        match self.stat {
            Stat::Quantile(_) | Stat::Min | Stat::Mean | Stat::Max => Some(self.value),
            Stat::FracAbove(bound) => Some(bound),
            Stat::Count | Stat::Rate | Stat::Ratio => None,
        }
    }
}

impl Expression {
    /// Whether the sum of all parts of a run breaks it for good as soon as one part does. A mean, a
    /// percentile or a share of a part says nothing of the whole; a count that may yet be reached ends
    /// nothing (see [`super::Threshold::aborts`]).
    pub fn breaks_with_a_part(&self) -> bool {
        let is_upper = matches!(self.op, Op::Less | Op::AtMost);
        match self.stat {
            Stat::Count => true,
            Stat::Rate | Stat::Max => is_upper,
            Stat::Min => matches!(self.op, Op::More | Op::AtLeast),
            // Of none there may be none in any part.
            Stat::Ratio | Stat::FracAbove(_) => {
                matches!(self.op, Op::AtMost | Op::Equal) && self.value <= 0.0
            }
            Stat::Quantile(_) | Stat::Mean => false,
        }
    }
}

/// What is taken of samples or counters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    /// The value that this share of the samples does not exceed; `p99` is 0.99.
    Quantile(f64),
    /// Smallest sample.
    Min,
    /// Mean of the samples.
    Mean,
    /// Largest sample.
    Max,
    /// Number of samples, or a counter.
    Count,
    /// The same in a second.
    Rate,
    /// A counter over its denominator.
    Ratio,
    /// Share of the samples that are larger than this.
    FracAbove(f64),
}

/// How a statistic is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

impl Op {
    const ALL: [(&'static str, Self); 7] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<", Self::Less),
        (">", Self::More),
        ("=", Self::Equal),
    ];

    /// Whether this value stands to that bound as it must.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::More => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => value == bound,
            Self::Unequal => value != bound,
        }
    }

    /// Of two values the one that is nearer to violating it.
    pub fn worse(self, one: f64, other: f64, bound: f64) -> f64 {
        match self {
            Self::Less | Self::AtMost => one.max(other),
            Self::More | Self::AtLeast => one.min(other),
            Self::Equal if (one - bound).abs() >= (other - bound).abs() => one,
            Self::Unequal if (one - bound).abs() <= (other - bound).abs() => one,
            Self::Equal | Self::Unequal => other,
        }
    }
}

fn fault<T>(key: &'static str, message: impl Into<String>) -> Result<T, ThresholdError> {
    Err(ThresholdError {
        key,
        message: message.into(),
    })
}

/// The metric of this name.
pub(super) fn metric(name: &str) -> Result<&'static Metric, ThresholdError> {
    if let Some(metric) = Metric::named(name) {
        return Ok(metric);
    }
    let nearest = METRICS
        .iter()
        .map(|metric| (strsim::damerau_levenshtein(name, metric.name), metric.name))
        .min()
        .filter(|(distance, near)| *distance <= near.len().div_ceil(3));
    let shown = crate::escape(name.as_bytes());
    match nearest {
        Some((_, near)) => fault(
            "metric",
            format!("no metric `{shown}`; did you mean `{near}`?"),
        ),
        None => {
            let names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
            let names = names.join(", ");
            fault(
                "metric",
                format!("no metric `{shown}`; the metrics are {names}"),
            )
        }
    }
}

/// Reads `phase=a,population=b}` and gives what follows.
pub(super) fn part(inner: &str) -> Result<(Part, &str), ThresholdError> {
    let Some((labels, rest)) = inner.split_once('}') else {
        return fault("expr", "a `}` is missing");
    };
    let mut part = Part::default();
    for label in labels.split(',') {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        let value = value.trim().trim_matches('"').to_owned();
        let slot = match key.trim() {
            "phase" => &mut part.phase,
            "population" => &mut part.population,
            _ => return fault("expr", "in braces stands `phase=NAME` or `population=NAME`"),
        };
        if value.is_empty() || slot.replace(value).is_some() {
            return fault(
                "expr",
                "in braces each of `phase=NAME` and `population=NAME` stands once",
            );
        }
    }
    Ok((part, rest))
}

impl Expression {
    /// Reads `STAT OP VALUE` for a metric. The statistic may be left out for counters (their count)
    /// and ratios.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str, metric: &Metric) -> Result<Self, ThresholdError> {
        const FORM: &str =
            "a threshold reads `STAT OP VALUE`, such as `p99 < 250ms` or `rate == 0`";
        let text = text.trim();
        let found = text.find(['<', '>', '=', '!']).and_then(|at| {
            let ops = Op::ALL.iter();
            let (sign, op) = ops.clone().find(|(sign, _)| text[at..].starts_with(sign))?;
            Some((text[..at].trim(), *op, text[at + sign.len()..].trim()))
        });
        let Some((stat, op, value)) = found else {
            return fault("expr", FORM);
        };
        if value.is_empty() {
            return fault("expr", FORM);
        }
        let stat = stat_for(stat, metric)?;
        Ok(Self {
            stat,
            op,
            value: value_for(stat, metric, value)?,
            text: text.to_owned(),
        })
    }

    /// From the parts of a scenario: `stat`, `op` and `value`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_parts(
        stat: &str,
        op: &str,
        value: &str,
        metric: &Metric,
    ) -> Result<Self, ThresholdError> {
        Self::parse(&format!("{stat} {op} {value}"), metric)
    }
}

fn stat_for(text: &str, metric: &Metric) -> Result<Stat, ThresholdError> {
    let stat = match (text, metric.shape) {
        ("", Shape::Counter { .. }) => Stat::Count,
        ("" | "value", Shape::Ratio { .. }) => Stat::Ratio,
        _ => text
            .parse()
            .or_else(|message: String| fault("expr", message))?,
    };
    let (is_known, known) = match metric.shape {
        Shape::Distribution => (
            !matches!(stat, Stat::Ratio),
            "p50, p90, p99, p99.9 and so on, min, mean, max, count, rate, frac_above:VALUE",
        ),
        Shape::Counter { .. } => (
            matches!(stat, Stat::Count | Stat::Rate | Stat::Ratio),
            "count, rate (in a second) and ratio",
        ),
        Shape::Ratio { .. } => (matches!(stat, Stat::Ratio), "ratio"),
    };
    if !is_known {
        let name = metric.name;
        return fault("expr", format!("`{name}` has no `{text}`; it has {known}"));
    }
    match stat {
        Stat::FracAbove(_) => {
            let bound = text.split_once(':').map_or("", |(_, bound)| bound);
            Ok(Stat::FracAbove(sample_for(metric, bound)?))
        }
        stat => Ok(stat),
    }
}

impl FromStr for Stat {
    type Err = String;

    /// `frac_above` has its bound in the unit of the metric, which is not known here: it is 0.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "min" => Ok(Self::Min),
            "mean" | "avg" => Ok(Self::Mean),
            "median" => Ok(Self::Quantile(0.5)),
            "max" => Ok(Self::Max),
            "count" => Ok(Self::Count),
            "rate" => Ok(Self::Rate),
            "ratio" => Ok(Self::Ratio),
            _ if text.starts_with("frac_above:") => Ok(Self::FracAbove(0.0)),
            _ => percentile(text).ok_or_else(|| {
                let shown = crate::escape(text.as_bytes());
                format!(
                    "no statistic `{shown}`; use p50, p99, p99.9, min, mean, max, count, rate, ratio or frac_above:VALUE"
                )
            }),
        }
    }
}

/// `p99`, `p99.9`, and `p999` as it is written in records.
fn percentile(text: &str) -> Option<Stat> {
    let digits = text.strip_prefix('p')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let percent: f64 = match digits.split_once('.') {
        Some((whole, rest)) if plain(whole) && plain(rest) => digits.parse().ok()?,
        None if plain(digits) && (digits.len() <= 2 || digits == "100") => digits.parse().ok()?,
        None if plain(digits) && digits.starts_with("99") => {
            format!("{}.{}", &digits[..2], &digits[2..]).parse().ok()?
        }
        _ => return None,
    };
    (0.0..=100.0)
        .contains(&percent)
        .then_some(Stat::Quantile(percent / 100.0))
}

/// A value of the unit of a sample.
fn sample_for(metric: &Metric, text: &str) -> Result<f64, ThresholdError> {
    let value = match metric.unit {
        Unit::Us => quantity::time(text).map(|time| time.as_nanos() as f64 / 1e3),
        Unit::Bytes => quantity::size(text).map(|size| size as f64),
        Unit::Permille => quantity::share(text).map(|share| share * 1e3),
        Unit::Ratio => quantity::share(text),
        Unit::Events | Unit::Attempts | Unit::Count => quantity::number(text),
    };
    value.or_else(|error| fault("expr", error.to_string()))
}

fn value_for(stat: Stat, metric: &Metric, text: &str) -> Result<f64, ThresholdError> {
    let value = match unit_of(stat, metric) {
        "count" => quantity::number(text),
        "bytes" if stat == Stat::Count => quantity::size(text).map(|size| size as f64),
        "ratio" => quantity::share(text),
        "per_second" if text.contains('%') => {
            return fault(
                "expr",
                "a rate is so many a second; for a share use `ratio`",
            );
        }
        "per_second" => quantity::rate(text),
        "bytes_per_second" => {
            let size = text.strip_suffix("/s").unwrap_or(text);
            quantity::size(size).map(|size| size as f64)
        }
        _ => return sample_for(metric, text),
    };
    value.or_else(|error| fault("expr", error.to_string()))
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for Expression {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl schemars::JsonSchema for Expression {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "Statistic, operator and value, such as `p99 < 250ms`."})
    }
}
