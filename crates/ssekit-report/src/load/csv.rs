//! A load record as CSV: a row for every step of the series.

use std::fmt::Write as _;

use ssekit_record::{Interval, LoadRecord, MetricValue, Statistics};

/// Metrics with columns of their own.
const METRICS: [&str; 4] = ["delivery", "tick_lateness", "gap", "first_event"];

/// The series as CSV (RFC 4180), with a line for the names of the columns. Times are in seconds
/// since the run began, samples in microseconds.
pub fn render(record: &LoadRecord) -> String {
    let mut out = String::from(
        "start_s,end_s,phase,planned,connecting,open,backoff,failed,events,bytes,lost,duplicated,reordered,reconnects,errors,cpu_s",
    );
    for name in METRICS {
        for figure in ["count", "p50_us", "p99_us", "max_us"] {
            let _ = write!(out, ",{name}_{figure}");
        }
    }
    out.push_str("\r\n");
    for row in &record.series {
        line(row, &mut out);
    }
    out
}

fn line(row: &Interval, out: &mut String) {
    let (live, counts) = (&row.streams, &row.counts);
    let _ = write!(
        out,
        "{:.3},{:.3},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.3}",
        row.start_us as f64 / 1e6,
        row.end_us as f64 / 1e6,
        quoted(&row.phase),
        live.planned,
        live.connecting,
        live.open_in_all(),
        live.backoff,
        live.failed,
        counts.received,
        counts.bytes,
        counts.lost(),
        counts.duplicated,
        counts.reordered,
        counts.reconnects,
        counts.errors,
        row.cpu_seconds
    );
    for name in METRICS {
        match row.metrics.get(name).and_then(MetricValue::samples) {
            Some(samples) => {
                let s = Statistics::from(samples);
                let _ = write!(out, ",{},{},{},{}", s.count, s.p50, s.p99, s.max);
            }
            None => out.push_str(",0,,,"),
        }
    }
    out.push_str("\r\n");
}

/// A text as a field, harmless to spreadsheets: what begins like a formula is not read as one.
fn quoted(text: &str) -> String {
    let text = crate::text::bounded(text);
    let guard = if text.starts_with(['=', '+', '-', '@']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
