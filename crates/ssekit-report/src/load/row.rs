//! Metrics as rows of a table, the same in every view.

use ssekit_record::quantity::{show_bytes, show_number, show_us};
use ssekit_record::{LoadOutcome, LoadRecord, METRICS, MetricValue, Statistics, Unit};

use crate::text::bounded;

/// Metrics shown in short views, in this order.
const CHIEF: [&str; 21] = [
    "delivery",
    "tick_lateness",
    "first_event",
    "headers",
    "gap",
    "staleness",
    "silence",
    "fanout_last",
    "fanout_skew",
    "reconnect_time",
    "storm_recovery",
    "stream_time",
    "ttft",
    "icl",
    "itl_request",
    "tpot_excl_first",
    "tpot_incl_first",
    "publish_answer",
    "events_per_read",
    "schedule_lag",
    "loop_lag",
];

/// A metric with figures that read well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub name: String,
    pub count: String,
    /// Minimum, mean, median, 90th, 99th, 99.9th percentile and maximum.
    pub figures: [String; 7],
}

/// Headings of [`Row::figures`].
pub(super) const HEADINGS: [&str; 7] = ["min", "mean", "p50", "p90", "p99", "p99.9", "max"];

/// The chief metrics of a record, or all of them.
pub(super) fn rows(record: &LoadRecord, all: bool) -> Vec<Row> {
    let known = METRICS.iter().map(|metric| metric.name);
    let names: Vec<&str> = if all { known.collect() } else { CHIEF.into() };
    let rows = names
        .into_iter()
        .filter_map(|name| row(name, record.metrics.get(name)?));
    rows.collect()
}

/// One metric; `None` for a share of counters.
pub(super) fn row(name: &str, value: &MetricValue) -> Option<Row> {
    let MetricValue::Distribution { unit, samples, .. } = value else {
        return None;
    };
    let s = Statistics::from(samples);
    let whole = [s.min, s.p50, s.p90, s.p99, s.p999, s.max].map(|v| shown(v as f64, *unit));
    let [min, p50, p90, p99, p999, max] = whole;
    Some(Row {
        name: name.to_owned(),
        count: show_number(s.count as f64),
        figures: [min, shown(s.mean, *unit), p50, p90, p99, p999, max],
    })
}

/// Shares of counters, such as `burst_ratio`, with their values.
pub(super) fn shares(record: &LoadRecord) -> Vec<(String, String)> {
    let shares = record
        .metrics
        .iter()
        .filter_map(|(name, value)| match value {
            MetricValue::Ratio { part, whole } => {
                let percent = *part as f64 * 100.0 / (*whole).max(1) as f64;
                Some((name.clone(), format!("{} %", show_number(percent))))
            }
            MetricValue::Distribution { .. } => None,
        });
    shares.collect()
}

/// The metric that tells most about a run: what the reader looks at first.
pub(super) fn chief(record: &LoadRecord) -> Option<(&'static str, &MetricValue)> {
    CHIEF
        .iter()
        .take(5)
        .find_map(|name| Some((*name, record.metrics.get(*name)?)))
}

/// A number in the unit of its metric.
pub(super) fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Us => show_us(value),
        Unit::Bytes => show_bytes(value),
        Unit::Permille => format!("{} %", show_number(value / 10.0)),
        _ => show_number((value * 100.0).round() / 100.0),
    }
}

/// The server that was started for the run, and what it spent; and then, where it has something to
/// say: the file with what it printed, why it may be another one, and the last lines of a run that
/// did not pass.
pub(super) fn server(record: &LoadRecord) -> Vec<String> {
    let Some(launched) = &record.launched else {
        return Vec::new();
    };
    let name = record.subject.as_deref().unwrap_or("the server");
    let mut told = format!("{}, started for this run", bounded(name));
    if let (Some(cpu_ms), Some(most)) = (launched.cpu_ms, launched.max_rss_bytes) {
        let seconds = cpu_ms as f64 / 1000.0;
        let most = show_bytes(most as f64);
        told.push_str(&format!(
            ", spent {seconds:.2} CPU-s and held {most} at most"
        ));
    }
    let log = launched.log.iter();
    let log = log.map(|file| format!("what it printed is in {}", bounded(file)));
    let unproved = launched.unproved.iter();
    let unproved =
        unproved.map(|why| format!("not proved to be the one started: {}", bounded(why)));
    let tail = launched.tail.iter().map(|line| bounded(line));
    let tail = tail.filter(|_| record.outcome != LoadOutcome::Pass);
    let rest = log.chain(unproved).chain(tail);
    std::iter::once(told).chain(rest).collect()
}

/// A count of things.
pub(super) fn count(n: u64) -> String {
    show_number(n as f64)
}
