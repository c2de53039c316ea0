//! Values by percentile.

use ssekit_record::quantity::show_us;
use ssekit_record::{LoadRecord, MetricValue, Unit};

use super::{Drawing, drawing};
use crate::load::chart::{Chart, Line, Scale};
use crate::load::curve;

/// Percentiles by number of nines, of every chief time that is there.
pub(super) fn drawn(record: &LoadRecord) -> Option<Drawing> {
    const NAMES: [(&str, &str); 5] = [
        ("delivery", "a"),
        ("tick_lateness", "b"),
        ("gap", "c"),
        ("first_event", "d"),
        ("headers", "e"),
    ];
    let nines = |percent: f64| -(1.0 - percent / 100.0).log10();
    let mut lines = Vec::new();
    let mut end: f64 = 1.0;
    for (name, class) in NAMES {
        let Some(MetricValue::Distribution {
            unit: Unit::Us,
            samples,
            ..
        }) = record.metrics.get(name)
        else {
            continue;
        };
        let mut points: Vec<(f64, Option<f64>)> = curve::points(samples)
            .into_iter()
            .filter(|(percent, _)| *percent < 100.0)
            .map(|(percent, value)| (nines(percent), Some(value.max(1) as f64)))
            .collect();
        let last = (samples.count().max(1) as f64).log10();
        points.push((
            last.max(points.last().map_or(0.0, |p| p.0)),
            Some(samples.max().max(1) as f64),
        ));
        end = end.max(last);
        lines.push(Line {
            name,
            class,
            filled: false,
            points,
        });
    }
    if lines.is_empty() {
        return None;
    }
    let named = [
        "0 %",
        "90 %",
        "99 %",
        "99.9 %",
        "99.99 %",
        "99.999 %",
        "99.9999 %",
        "99.99999 %",
    ];
    let marks = named
        .iter()
        .enumerate()
        .map(|(n, name)| (n as f64, (*name).to_owned()));
    let chart = Chart {
        about: "Values by percentile",
        lines,
        scale: Scale::Log,
        marks: marks.take_while(|(at, _)| *at <= end).collect(),
        span: (0.0, end),
        bands: Vec::new(),
        shown: show_us,
    };
    Some(drawing(
        "By percentile",
        "To the right the share of samples that are not larger, by number of nines.",
        chart,
    ))
}
