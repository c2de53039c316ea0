//! What happened over the time of the run.

use ssekit_record::quantity::{show_number, show_us};
use ssekit_record::{Interval, LoadRecord};

use super::{Drawing, drawing, seconds, times};
use crate::load::chart::{Chart, Line, Scale};

pub(super) fn streams(record: &LoadRecord) -> Drawing {
    let lines = vec![
        line("open", "a", true, record, |row| {
            Some(row.streams.open_in_all() as f64)
        }),
        line("planned", "e", false, record, |row| {
            Some(row.streams.planned as f64)
        }),
        line("connecting", "b", false, record, |row| {
            Some(row.streams.connecting as f64)
        }),
        line("waiting to reconnect", "c", false, record, |row| {
            Some(row.streams.backoff as f64)
        }),
        line("failed", "d", false, record, |row| {
            Some(row.streams.failed as f64)
        }),
    ];
    let about = "Streams by state over time";
    let chart = over_time(record, about, lines, Scale::Linear, show_number);
    drawing(
        "Streams",
        "At the end of each step; phases in the background.",
        chart,
    )
}

pub(super) fn events(record: &LoadRecord) -> Drawing {
    let rate = |row: &Interval, n: u64| {
        let length = seconds(row.end_us.saturating_sub(row.start_us));
        (length > 0.0).then(|| n as f64 / length)
    };
    let mut lines = vec![stretched("events a second", "a", true, record, |row| {
        rate(row, row.counts.received)
    })];
    if record.events.lost > 0 {
        lines.push(stretched("lost a second", "d", false, record, |row| {
            rate(row, row.counts.lost())
        }));
    }
    if record.counts.errors + record.counts.disconnects > 0 {
        lines.push(stretched(
            "errors and ends a second",
            "c",
            false,
            record,
            |row| rate(row, row.counts.errors + row.counts.disconnects),
        ));
    }
    let chart = over_time(
        record,
        "Events a second over time",
        lines,
        Scale::Linear,
        show_number,
    );
    drawing("Events", "Dispatched by the standard's rules.", chart)
}

pub(super) fn percentiles(record: &LoadRecord, name: &str) -> Option<Drawing> {
    let samples = |row: &Interval, share: f64| {
        let samples = row.metrics.get(name)?.samples()?;
        (!samples.is_empty()).then(|| samples.quantile(share).max(1) as f64)
    };
    let lines = vec![
        stretched("maximum", "d", false, record, |row| samples(row, 1.0)),
        stretched("p99", "c", false, record, |row| samples(row, 0.99)),
        stretched("p50", "a", false, record, |row| samples(row, 0.5)),
    ];
    if lines
        .iter()
        .all(|line| line.points.iter().all(|p| p.1.is_none()))
    {
        return None;
    }
    let about = "Percentiles over time";
    let chart = over_time(record, about, lines, Scale::Log, show_us);
    Some(drawing(
        format!("{name} over time"),
        "Each step by itself, on a logarithmic scale.",
        chart,
    ))
}

/// A chart over the time of the run.
fn over_time<'a>(
    record: &LoadRecord,
    about: &'a str,
    lines: Vec<Line>,
    scale: Scale,
    shown: fn(f64) -> String,
) -> Chart<'a> {
    let end = record.series.last().map_or(1.0, |row| seconds(row.end_us));
    let bands = record.phases.iter().map(|phase| {
        (
            seconds(phase.start_us),
            seconds(phase.end_us),
            phase.name.clone(),
        )
    });
    Chart {
        about,
        lines,
        scale,
        marks: times(end),
        span: (0.0, end),
        bands: bands.collect(),
        shown,
    }
}

fn line(
    name: &'static str,
    class: &'static str,
    filled: bool,
    record: &LoadRecord,
    value: impl Fn(&Interval) -> Option<f64>,
) -> Line {
    let points = record
        .series
        .iter()
        .map(|row| (seconds(row.end_us), value(row)));
    Line {
        name,
        class,
        filled,
        points: points.collect(),
    }
}

/// What holds for the whole of each step: as long as it was, not a point at its end.
fn stretched(
    name: &'static str,
    class: &'static str,
    filled: bool,
    record: &LoadRecord,
    value: impl Fn(&Interval) -> Option<f64>,
) -> Line {
    let points = record.series.iter().flat_map(|row| {
        let value = value(row);
        [(seconds(row.start_us), value), (seconds(row.end_us), value)]
    });
    Line {
        name,
        class,
        filled,
        points: points.collect(),
    }
}
