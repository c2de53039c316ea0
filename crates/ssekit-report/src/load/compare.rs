//! Two load records side by side: what became worse beyond a noise bound.

use std::fmt::Write as _;

use ssekit_record::{LoadRecord, Metric, MetricValue, Shape, Unit};

use super::row::shown;
use crate::markdown::{code, escaped};

/// Percentiles that are compared, in percent.
const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];
/// Metrics that are compared: all of them are better when they are smaller.
const METRICS: [&str; 16] = [
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
    "failed",
    "disconnects",
];
/// Differences below this are no regression, whatever their share, in microseconds.
const FLOOR_US: f64 = 1_000.0;
/// Samples above a percentile without which it is chance.
const ENOUGH: f64 = 10.0;

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

fn figures(metric: &Metric, before: &LoadRecord, after: &LoadRecord, noise: f64) -> Vec<Compared> {
    let of = |record: &LoadRecord, (part, whole): (&str, &str)| {
        Some((record.counts.get(part)?, record.counts.get(whole)?))
    };
    let counters = match metric.shape {
        Shape::Counter { over } => (metric.name, over),
        Shape::Ratio { part, whole } => (part, whole),
        Shape::Distribution => {
            let values = (
                before.metrics.get(metric.name),
                after.metrics.get(metric.name),
            );
            let (Some(one), Some(two)) = values else {
                return Vec::new();
            };
            let all = PERCENTILES.iter();
            return all
                .filter_map(|percent| percentile(metric, *percent, one, two, noise))
                .collect();
        }
    };
    let pair = of(before, counters).zip(of(after, counters));
    pair.and_then(|(one, two)| share(metric.name, one, two, noise))
        .into_iter()
        .collect()
}

fn percentile(
    metric: &Metric,
    percent: f64,
    before: &MetricValue,
    after: &MetricValue,
    noise: f64,
) -> Option<Compared> {
    let (one, two) = (before.samples()?, after.samples()?);
    let (a, b) = (
        one.quantile(percent / 100.0) as f64,
        two.quantile(percent / 100.0) as f64,
    );
    let floor = if metric.unit == Unit::Us {
        FLOOR_US
    } else {
        0.0
    };
    let enough = |count: u64| count as f64 * (1.0 - percent / 100.0) >= ENOUGH;
    let change = if !(enough(one.count()) && enough(two.count())) {
        Change::Unclear
    } else if (b - a).abs() <= (a * noise).max(floor) {
        Change::Same
    } else if b > a {
        Change::Worse
    } else {
        Change::Better
    };
    Some(Compared {
        name: format!("{} p{percent}", metric.name),
        before: shown(a, metric.unit),
        after: shown(b, metric.unit),
        relative: (a > 0.0).then(|| b / a - 1.0),
        change,
    })
}

/// Shares of what should not be: any of it where there was none is worse.
fn share(name: &str, before: (u64, u64), after: (u64, u64), noise: f64) -> Option<Compared> {
    if before.1 == 0 || after.1 == 0 {
        return None;
    }
    let of = |(part, whole): (u64, u64)| part as f64 / whole as f64;
    let (a, b) = (of(before), of(after));
    let change = if b > a * (1.0 + noise) {
        Change::Worse
    } else if b < a * (1.0 - noise) {
        Change::Better
    } else {
        Change::Same
    };
    let text = |(part, _): (u64, u64), share: f64| format!("{part} ({:.4} %)", share * 100.0);
    Some(Compared {
        name: name.into(),
        before: text(before, a),
        after: text(after, b),
        relative: (a > 0.0).then(|| b / a - 1.0),
        change,
    })
}

/// Why the two may not be comparable, for the reader.
pub fn caveats(before: &LoadRecord, after: &LoadRecord) -> Vec<String> {
    let mut caveats = Vec::new();
    if before.scenario.digest != after.scenario.digest {
        caveats.push("the scenarios differ".into());
    }
    for (which, record) in [("first", before), ("second", after)] {
        if record.outcome == ssekit_record::LoadOutcome::Invalid {
            caveats.push(format!(
                "the {which} run is invalid: its figures say nothing about its target"
            ));
        }
    }
    caveats
}

/// The comparison as Markdown, which reads well on a terminal too.
pub fn render(rows: &[Compared], caveats: &[String]) -> String {
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
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {relative} | {word} |",
            code(&row.name),
            row.before,
            row.after
        );
    }
    let worse = rows
        .iter()
        .filter(|row| row.change == Change::Worse)
        .count();
    let _ = match worse {
        0 => writeln!(out, "\nNo figure became worse beyond the noise bound."),
        1 => writeln!(out, "\n1 figure became worse beyond the noise bound."),
        n => writeln!(out, "\n{n} figures became worse beyond the noise bound."),
    };
    for caveat in caveats {
        let _ = writeln!(out, "Note: {}.", escaped(caveat));
    }
    out
}
