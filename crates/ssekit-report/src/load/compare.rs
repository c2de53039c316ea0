//! Two load records side by side: what became worse beyond a noise bound.

use std::borrow::Cow;
use std::fmt::Write as _;

use ssekit_record::{
    Distribution, LoadOutcome, LoadRecord, Metric, MetricValue, Series, Shape, Unit,
};

use super::row::shown;
use crate::markdown::{code, escaped};

/// Percentiles that are compared, in percent.
const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];
/// Metrics that are compared: all of them are better when they are smaller.
const METRICS: [&str; 20] = [
    "delivery",
    "tick_lateness",
    "first_event",
    "headers",
    "staleness",
    "fanout_last",
    "reconnect_time",
    "storm_recovery",
    "stream_time",
    "ttft",
    "icl",
    "tpot_excl_first",
    "lost",
    "duplicated",
    "reordered",
    "ticks_missed",
    "faults",
    "publish_failed",
    "failed",
    "disconnects",
];
/// Differences below this are no regression, whatever their share, in microseconds.
const FLOOR_US: f64 = 1_000.0;
/// Samples above a percentile without which it is chance.
const ENOUGH: f64 = 10.0;
/// Standard deviations by which two shares must differ: less is chance.
const SURE: f64 = 2.0;

/// What became of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Within the noise bound.
    Same,
    /// Smaller beyond it.
    Better,
    /// Larger beyond it.
    Worse,
    /// Too few samples on one side.
    Unclear,
    /// Measured before, and not after: nobody knows what became of it.
    Missing,
    /// Not measured before.
    New,
}

impl Change {
    /// Whether the figure was measured in both.
    pub fn is_of_both(self) -> bool {
        !matches!(self, Self::Missing | Self::New)
    }
}

/// One figure of both records.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Metric and percentile, or counter.
    pub name: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
    /// `after / before - 1`, where that is a number.
    pub relative: Option<f64>,
    /// What became of it.
    pub change: Change,
}

/// Compares two records. `noise` is the share of a figure within which a difference is none, such as
/// 0.1.
pub fn compare(before: &LoadRecord, after: &LoadRecord, noise: f64) -> Vec<Compared> {
    compare_by(&METRICS, before, after, noise)
}

/// The same by these metrics alone, those that are no cost ([`Metric::is_cost`]) left out.
pub fn compare_by(
    names: &[impl AsRef<str>],
    before: &LoadRecord,
    after: &LoadRecord,
    noise: f64,
) -> Vec<Compared> {
    let known = names
        .iter()
        .filter_map(|name| Metric::named(name.as_ref()))
        .filter(|metric| metric.is_cost());
    known
        .flat_map(|metric| figures(metric, before, after, noise))
        .collect()
}

fn figures(
    metric: &'static Metric,
    before: &LoadRecord,
    after: &LoadRecord,
    noise: f64,
) -> Vec<Compared> {
    let (part, whole) = match metric.shape {
        // How many reads there are is chance.
        Shape::Counter { over: "reads" } => (metric.name, "received"),
        Shape::Counter { over } => (metric.name, over),
        Shape::Ratio { part, whole } => (part, whole),
        Shape::Distribution => return percentiles(metric, before, after, noise),
    };
    let of = |record: &LoadRecord| {
        let (part, whole) = (record.counts.get(part)?, record.counts.get(whole)?);
        (whole > 0).then_some((part, whole))
    };
    let row = match (of(before), of(after)) {
        (Some(one), Some(two)) => Some(share(metric.name, one, two, noise)),
        (Some(one), None) => Some(alone(metric.name, Some(told(one)), None)),
        (None, Some(two)) => Some(alone(metric.name, None, Some(told(two)))),
        (None, None) => None,
    };
    row.into_iter().collect()
}

fn percentiles(
    metric: &'static Metric,
    before: &LoadRecord,
    after: &LoadRecord,
    noise: f64,
) -> Vec<Compared> {
    let samples = |value: &MetricValue| format!("{} samples", value.count());
    let values = (
        before.metrics.get(metric.name),
        after.metrics.get(metric.name),
    );
    match values {
        (Some(one), Some(two)) => {
            let (Some(one), Some(two)) = (
                with_waiting(metric, one, before),
                with_waiting(metric, two, after),
            ) else {
                return Vec::new();
            };
            let all = PERCENTILES.iter();
            all.map(|percent| percentile(metric, *percent, &one, &two, noise))
                .collect()
        }
        // Who was never away does not come back.
        (Some(one), None) if metric.name == "reconnect_time" && after.counts.disconnects == 0 => {
            vec![Compared {
                change: Change::Better,
                ..alone(metric.name, Some(samples(one)), None)
            }]
        }
        (Some(one), None) => vec![alone(metric.name, Some(samples(one)), None)],
        (None, Some(two)) => vec![alone(metric.name, None, Some(samples(two)))],
        (None, None) => Vec::new(),
    }
}

/// The samples, with those that waited in vain where they belong among them, as thresholds take them.
fn with_waiting<'a>(
    metric: &'static Metric,
    value: &'a MetricValue,
    record: &'a LoadRecord,
) -> Option<Cow<'a, Distribution>> {
    let mut samples = Cow::Borrowed(value.samples()?);
    let waiting = metric.counts_waiting().then_some(Series::Censored);
    let waiting = waiting.and_then(|series| metric.in_series(series));
    let waiting = waiting.and_then(|metric| record.metrics.get(metric.name)?.samples());
    if let Some(waiting) = waiting {
        samples.to_mut().add(waiting);
    }
    Some(samples)
}

/// A figure of one record alone.
fn alone(name: &str, before: Option<String>, after: Option<String>) -> Compared {
    let change = if before.is_some() {
        Change::Missing
    } else {
        Change::New
    };
    let shown = |text: Option<String>| text.unwrap_or_else(|| "no data".into());
    Compared {
        name: name.into(),
        before: shown(before),
        after: shown(after),
        relative: None,
        change,
    }
}

fn percentile(
    metric: &Metric,
    percent: f64,
    one: &Distribution,
    two: &Distribution,
    noise: f64,
) -> Compared {
    let (a, b) = (
        one.quantile(percent / 100.0) as f64,
        two.quantile(percent / 100.0) as f64,
    );
    let floor = if metric.unit == Unit::Us {
        FLOOR_US
    } else {
        0.0
    };
    // No share such as 0.999 is exact.
    let enough = |count: u64| count as f64 * (1.0 - percent / 100.0) >= ENOUGH - 1e-6;
    let change = if !(enough(one.count()) && enough(two.count())) {
        Change::Unclear
    } else if (b - a).abs() <= (a * noise).max(floor) {
        Change::Same
    } else if b > a {
        Change::Worse
    } else {
        Change::Better
    };
    Compared {
        name: format!("{} p{percent}", metric.name),
        before: shown(a, metric.unit),
        after: shown(b, metric.unit),
        relative: (a > 0.0).then(|| b / a - 1.0),
        change,
    }
}

/// Shares of what should not be: any of it where there was none is worse.
fn share(name: &str, before: (u64, u64), after: (u64, u64), noise: f64) -> Compared {
    let (a, b) = (share_of(before), share_of(after));
    let change = if b > a * (1.0 + noise) {
        Change::Worse
    } else if b < a * (1.0 - noise) {
        Change::Better
    } else {
        Change::Same
    };
    let some = before.0 > 0 && after.0 > 0;
    Compared {
        name: name.into(),
        before: told(before),
        after: told(after),
        relative: (a > 0.0).then(|| b / a - 1.0),
        change: match change {
            Change::Worse | Change::Better if some && is_chance(before, after) => Change::Unclear,
            change => change,
        },
    }
}

/// Whether two shares differ by no more than counts of this size do by themselves.
fn is_chance(one: (u64, u64), two: (u64, u64)) -> bool {
    let variance = |(part, whole): (u64, u64)| part as f64 / (whole as f64 * whole as f64);
    let difference = (share_of(two) - share_of(one)).abs();
    difference < SURE * (variance(one) + variance(two)).sqrt()
}

fn share_of((part, whole): (u64, u64)) -> f64 {
    part as f64 / whole as f64
}

fn told(counts: (u64, u64)) -> String {
    format!("{} ({:.4} %)", counts.0, share_of(counts) * 100.0)
}

/// Whether nothing can be concluded: a run in which the generator or the set-up was at fault says nothing
/// about its target.
pub fn is_invalid(before: &LoadRecord, after: &LoadRecord) -> bool {
    [before, after]
        .iter()
        .any(|record| record.outcome == LoadOutcome::Invalid)
}

/// Why the two may not be comparable, for the reader.
pub fn caveats(before: &LoadRecord, after: &LoadRecord) -> Vec<String> {
    let mut caveats = Vec::new();
    if before.scenario.digest != after.scenario.digest {
        caveats.push("the scenarios differ".into());
    }
    for (which, record) in [("first", before), ("second", after)] {
        match record.outcome {
            LoadOutcome::Invalid => caveats.push(format!(
                "the {which} run is invalid: its figures say nothing about its target"
            )),
            LoadOutcome::Interrupted => {
                caveats.push(format!("the {which} run was interrupted"));
            }
            LoadOutcome::Pass | LoadOutcome::Fail => {}
        }
        let shard = record.shard;
        if shard.merged < shard.count {
            let (merged, count) = (shard.merged, shard.count);
            caveats.push(format!(
                "the {which} record has {merged} of {count} shards of its run"
            ));
        }
    }
    caveats
}

/// The comparison as Markdown, which reads well on a terminal too. `noise` is that of [`compare`].
pub fn render(rows: &[Compared], noise: f64, caveats: &[String]) -> String {
    let mut out =
        String::from("| figure | before | after | change | |\n|---|---:|---:|---:|---|\n");
    for row in rows {
        let relative = row
            .relative
            .map_or(String::new(), |r| format!("{:+.1} %", r * 100.0));
        let word = match row.change {
            Change::Same => "",
            Change::Better => "better",
            Change::Worse => "**worse**",
            Change::Unclear => "too few samples",
            Change::Missing => "**not measured any more**",
            Change::New => "not measured before",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {relative} | {word} |",
            code(&row.name),
            row.before,
            row.after
        );
    }
    let _ = writeln!(out, "\n{}", conclusion(rows, noise));
    for caveat in caveats {
        let _ = writeln!(out, "Note: {}.", escaped(caveat));
    }
    out
}

fn conclusion(rows: &[Compared], noise: f64) -> String {
    let count = |change| rows.iter().filter(|row| row.change == change).count();
    let figures = |n: usize| match n {
        1 => "1 figure".to_owned(),
        n => format!("{n} figures"),
    };
    let bound = format!("more than {} %, and of times by 1 ms", noise * 100.0);
    let is_clear = |row: &Compared| row.change.is_of_both() && row.change != Change::Unclear;
    let worse = match count(Change::Worse) {
        0 if !rows.iter().any(is_clear) => "Nothing could be compared: too few samples.".into(),
        0 => format!("No figure became worse by {bound}."),
        n => format!("{} became worse by {bound}.", figures(n)),
    };
    match count(Change::Missing) {
        0 => worse,
        n => format!(
            "{worse} {} not measured any more.",
            match n {
                1 => "1 figure was".to_owned(),
                n => format!("{n} figures were"),
            }
        ),
    }
}
