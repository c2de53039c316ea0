//! Thresholds: what must hold, and whether it did.

mod evaluation;
mod expression;

pub use expression::{Expression, Op, Stat};

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::{self, show_bytes, show_number, show_us};
use crate::{Metric, Series, Unit, Verdict};

/// Something that must hold of a load run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Threshold {
    /// Name of a metric of the dictionary.
    pub metric: String,
    /// What must hold, such as `p99 < 250ms`.
    #[serde(rename = "expr")]
    pub expression: Expression,
    /// Which series is judged.
    pub series: Series,
    /// Which part of the run is judged; all of it where empty.
    #[serde(rename = "where", skip_serializing_if = "Part::is_all")]
    #[schemars(default)]
    pub part: Part,
    /// Over what the statistic is taken.
    #[serde(skip_serializing_if = "Window::is_run")]
    #[schemars(default)]
    pub window: Window,
    /// How long it may be violated without a break before that counts, in microseconds; with
    /// sliding windows only.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(default)]
    pub for_us: u64,
    /// Fewer samples are no data, which never passes. At least 1.
    pub min_samples: u64,
    /// Whether it turns the exit code red.
    pub severity: Severity,
    /// Whether the run ends when it is violated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    pub abort: bool,
    /// Not before this much of the run is over, in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(default)]
    pub abort_after_us: u64,
    /// Why it will have no data, where the scenario alone tells, and what would give it some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(default)]
    pub unmeasured: Option<String>,
}

/// The form in JSON: only with its metric can an expression be read.
#[derive(Deserialize)]
struct Written {
    metric: String,
    expr: String,
    #[serde(default)]
    series: Series,
    #[serde(default, rename = "where")]
    part: Part,
    #[serde(default)]
    window: Window,
    #[serde(default)]
    for_us: u64,
    #[serde(default = "one")]
    min_samples: u64,
    #[serde(default)]
    severity: Severity,
    #[serde(default)]
    abort: bool,
    #[serde(default)]
    abort_after_us: u64,
    #[serde(default)]
    unmeasured: Option<String>,
}

impl TryFrom<Written> for Threshold {
    type Error = ThresholdError;

    fn try_from(read: Written) -> Result<Self, ThresholdError> {
        Ok(Self {
            series: read.series,
            part: read.part,
            window: read.window,
            for_us: read.for_us,
            min_samples: read.min_samples.max(1),
            severity: read.severity,
            abort: read.abort,
            abort_after_us: read.abort_after_us,
            unmeasured: read.unmeasured,
            ..Self::new(&read.metric, &read.expr)?
        })
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(Written::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

fn one() -> u64 {
    1
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Part of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Part {
    /// Name of a population.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// Name of a phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

impl Part {
    /// Whether it is the whole run.
    pub fn is_all(&self) -> bool {
        self.population.is_none() && self.phase.is_none()
    }
}

/// Over what a statistic is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Window {
    /// All of it at once.
    #[default]
    Run,
    /// Each phase apart; it must hold in each.
    Phase,
    /// Every stretch of this many microseconds; it must hold in each.
    Sliding(u64),
}

impl Window {
    fn is_run(&self) -> bool {
        *self == Self::Run
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Phase => f.write_str("phase"),
            Self::Sliding(us) => write!(f, "{us}us"),
        }
    }
}

impl std::str::FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "run" => Ok(Self::Run),
            "phase" => Ok(Self::Phase),
            text => match quantity::time(text) {
                Ok(Duration::ZERO) => Err("a window must be longer than nothing".into()),
                Ok(time) => Ok(Self::Sliding(time.as_micros() as u64)),
                Err(_) => Err("a window is \"run\", \"phase\" or a time such as \"10s\"".into()),
            },
        }
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Window {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "`run`, `phase`, or a time such as `10000000us`."})
    }
}

/// What a violated threshold means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run fails.
    #[default]
    Fail,
    /// It is only said.
    Warn,
}

/// Why a threshold cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ThresholdError {
    /// Which key of a scenario is at fault: `metric` or `expr`.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Threshold {
    /// This expression on this metric; a severity of fail over the whole run.
    ///
    /// # Errors
    /// Where the metric is unknown, or the expression makes no sense for it.
    pub fn new(metric: &str, expression: &str) -> Result<Self, ThresholdError> {
        let known = expression::metric(metric)?;
        Ok(Self {
            metric: known.name.to_owned(),
            expression: Expression::parse(expression, known)?,
            series: Series::default(),
            part: Part::default(),
            window: Window::default(),
            for_us: 0,
            min_samples: 1,
            severity: Severity::Fail,
            abort: false,
            abort_after_us: 0,
            unmeasured: None,
        })
    }

    /// Reads `METRIC STAT OP VALUE`, such as `delivery p99 < 250ms`, where the metric may name a part
    /// of the run: `delivery{phase=steady} p99 < 250ms`.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (metric, rest) = text.split_at(end.unwrap_or(text.len()));
        let (part, rest) = match rest.trim_start().strip_prefix('{') {
            Some(inner) => expression::part(inner)?,
            None => (Part::default(), rest),
        };
        Ok(Self {
            part,
            ..Self::new(metric, rest)?
        })
    }

    /// The metric it is about, in the series that it judges. `None` where that series is not kept.
    pub fn judged(&self) -> Option<&'static Metric> {
        Metric::named(&self.metric)?.in_series(self.series)
    }

    /// Every metric whose samples it may look at: [`judged`](Self::judged), the metric itself where
    /// nothing corrects it, and those that wait in vain.
    pub fn reads(&self) -> impl Iterator<Item = &'static Metric> {
        let judged = self.judged();
        let corrected = self.series == Series::Corrected;
        let itself = Metric::named(&self.metric).filter(|_| corrected);
        let waits = judged.filter(|metric| corrected && metric.counts_waiting());
        let waiting = waits.and_then(|metric| metric.in_series(Series::Censored));
        [judged, itself, waiting].into_iter().flatten()
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.metric)?;
        let names = [
            ("population", &self.part.population),
            ("phase", &self.part.phase),
        ];
        let named = names
            .iter()
            .filter_map(|(key, name)| Some((key, name.as_ref()?)));
        for (index, (key, name)) in named.clone().enumerate() {
            write!(f, "{}{key}={name}", if index == 0 { "{" } else { "," })?;
        }
        if !self.part.is_all() {
            f.write_str("}")?;
        }
        write!(f, " {}", self.expression)?;
        let raw = (self.series != Series::Corrected).then(|| self.series.as_str().to_owned());
        let window = match self.window {
            Window::Run => None,
            Window::Phase => Some("in each phase".to_owned()),
            Window::Sliding(us) => Some(format!("in each {}", show_us(us as f64))),
        };
        let lasting = (self.for_us > 0).then(|| format!("for {}", show_us(self.for_us as f64)));
        let notes: Vec<String> = [raw, window, lasting].into_iter().flatten().collect();
        match notes.as_slice() {
            [] => Ok(()),
            notes => write!(f, " ({})", notes.join(", ")),
        }
    }
}

/// A threshold and whether it held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdResult {
    /// What must hold.
    #[serde(flatten)]
    pub threshold: Threshold,
    /// What was measured, in `unit`: with windows the worst of them. `null` without data.
    pub value: Option<f64>,
    /// Unit of `value`: that of the metric, or `count`, `ratio`, `per_second`.
    pub unit: String,
    /// Samples it is taken from.
    pub samples: u64,
    /// `pass`, `fail`, or `warn` where it does not hold and its severity is that.
    pub verdict: Verdict,
    /// Whether it does not hold for want of data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_data: bool,
    /// The same in one sentence.
    pub detail: String,
}

impl ThresholdResult {
    /// Whether it turns the exit code red.
    pub fn fails(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    /// The value as people read it.
    pub fn shown(&self) -> String {
        self.value
            .map_or_else(|| "no data".into(), |value| show(value, &self.unit))
    }
}

/// A value of a threshold as people read it.
fn show(value: f64, unit: &str) -> String {
    match unit {
        "us" => show_us(value),
        "bytes" => show_bytes(value),
        "ratio" => format!("{} %", show_number(value * 100.0)),
        "permille" => format!("{} %", show_number(value / 10.0)),
        "per_second" => format!("{}/s", show_number(value)),
        "bytes_per_second" => format!("{}/s", show_bytes(value)),
        _ => show_number(value),
    }
}

/// The unit of a statistic of a metric.
fn unit_of(stat: Stat, metric: &Metric) -> &'static str {
    match stat {
        Stat::Count if metric.unit == Unit::Bytes => "bytes",
        Stat::Count => "count",
        Stat::Rate if metric.unit == Unit::Bytes => "bytes_per_second",
        Stat::Rate => "per_second",
        Stat::Ratio | Stat::FracAbove(_) => "ratio",
        _ => metric.unit.as_str(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
