//! The charts of the page.

use ssekit_record::quantity::{show_number, show_us};
use ssekit_record::{Interval, LoadRecord, MetricValue, Storm, Unit};

use crate::load::chart::{Cell, Chart, Line, Scale, heat};
use crate::load::curve;
use crate::load::row::chief;
use crate::load::survival;
use crate::text::bounded;

/// Columns of the heat map, at most.
const COLUMNS: usize = 120;
/// Rows of the heat map for each power of ten.
const PER_DECADE: f64 = 4.0;

/// A chart with its heading and legend.
pub(super) struct Drawing {
    pub title: String,
    pub about: &'static str,
    pub legend: Vec<(&'static str, &'static str)>,
    /// Markup of our own making: every text in it is escaped.
    pub svg: String,
}

/// Every chart that the record has data for.
pub(super) fn all(record: &LoadRecord) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    if record.series.len() > 1 {
        drawings.push(streams(record));
        drawings.push(events(record));
    }
    if let Some((name, _)) = chief(record).filter(|_| record.series.len() > 1) {
        drawings.extend(percentiles(record, name));
        drawings.extend(heat_map(record, name));
    }
    drawings.extend(nines(record));
    drawings.extend(recovery(record));
    drawings.extend(survival(record));
    drawings
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
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

fn times(end: f64) -> Vec<(f64, String)> {
    let step = [
        1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0,
        43_200.0,
    ]
    .into_iter()
    .find(|step| end / step <= 10.0)
    .unwrap_or(86_400.0);
    let marks = (0..=10)
        .map(|n| f64::from(n) * step)
        .take_while(|at| *at <= end);
    marks.map(|at| (at, time(at))).collect()
}

/// A time in seconds as a mark of an axis; nothing has no unit.
fn time(at: f64) -> String {
    match at {
        0.0 => "0".into(),
        at => show_us(at * 1e6),
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

fn legend(lines: &[Line]) -> Vec<(&'static str, &'static str)> {
    lines.iter().map(|line| (line.class, line.name)).collect()
}

fn drawing(title: impl Into<String>, about: &'static str, chart: Chart<'_>) -> Drawing {
    Drawing {
        title: title.into(),
        about,
        legend: legend(&chart.lines),
        svg: chart.svg(),
    }
}

fn streams(record: &LoadRecord) -> Drawing {
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

fn events(record: &LoadRecord) -> Drawing {
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

fn percentiles(record: &LoadRecord, name: &str) -> Option<Drawing> {
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

fn heat_map(record: &LoadRecord, name: &str) -> Option<Drawing> {
    let row_of = |value: u64| (value.max(1) as f64).log10() * PER_DECADE;
    let samples = record.metrics.get(name)?.samples()?;
    let least = (row_of(samples.min()) / PER_DECADE).floor() * PER_DECADE;
    let rows = (row_of(samples.max()) - least).floor() as usize + 1;
    let columns = record.series.len().min(COLUMNS);
    let mut grid = vec![vec![0u64; rows]; columns];
    for (index, step) in record.series.iter().enumerate() {
        let column = index * columns / record.series.len();
        let Some(samples) = step.metrics.get(name).and_then(MetricValue::samples) else {
            continue;
        };
        for (value, count) in samples.steps() {
            let row = (row_of(value) - least).max(0.0) as usize;
            grid[column][row.min(rows - 1)] += count;
        }
    }
    let most = grid
        .iter()
        .flatten()
        .copied()
        .max()
        .filter(|most| *most > 0)?;
    let cells = grid.iter().enumerate().flat_map(|(column, counts)| {
        counts
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(move |(row, n)| Cell {
                column,
                row,
                // By the logarithm, so that a single late event is seen beside thousands.
                share: (*n as f64).ln_1p() / (most as f64).ln_1p(),
            })
    });
    let cells: Vec<Cell> = cells.collect();
    let labels = (0..=rows)
        .filter(|row| row % PER_DECADE as usize == 0)
        .map(|row| {
            let value = 10f64.powf((least + row as f64) / PER_DECADE);
            (row, show_us(value))
        });
    let labels: Vec<_> = labels.collect();
    let end = record.series.last().map_or(1.0, |row| seconds(row.end_us));
    let marks: Vec<_> = times(end)
        .into_iter()
        .map(|(at, label)| (at / end, label))
        .collect();
    Some(Drawing {
        title: format!("{name}, heat map"),
        about: "Every sample: time to the right, value upwards, darker where there are more.",
        legend: Vec::new(),
        svg: heat(
            "Heat map of the samples",
            &cells,
            (columns, rows),
            &labels,
            &marks,
        ),
    })
}

/// Percentiles by number of nines, of every chief time that is there.
fn nines(record: &LoadRecord) -> Option<Drawing> {
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

/// Storms that are drawn, at most.
const STORMS: usize = 4;

/// How streams came back after each storm, and how they tried to.
fn recovery(record: &LoadRecord) -> Vec<Drawing> {
    let storms = record.storms.iter().take(STORMS);
    storms
        .flat_map(|storm| [returned(storm), tried(storm)])
        .flatten()
        .collect()
}

fn returned(storm: &Storm) -> Option<Drawing> {
    let samples = storm.recovery.as_ref()?.samples()?;
    let all = storm.dropped.max(samples.count()).max(1) as f64;
    let mut seen = 0;
    let mut points = vec![(0.0, Some(0.0))];
    for (value, count) in samples.steps() {
        points.push((seconds(value), Some(seen as f64 * 100.0 / all)));
        seen += count;
        points.push((seconds(value), Some(seen as f64 * 100.0 / all)));
    }
    let chart = after(
        "Share of streams that had an event again",
        Line {
            name: "recovered",
            class: "a",
            filled: true,
            points,
        },
        seconds(samples.max()),
        |value| format!("{} %", show_number(value)),
    );
    Some(drawing(
        format!("Recovery after {}", bounded(&storm.phase)),
        "From the beginning of the storm to the next event of each stream that it broke off.",
        chart,
    ))
}

fn tried(storm: &Storm) -> Option<Drawing> {
    const RATE: f64 = 1e6 / Storm::STEP_US as f64;
    let last = storm.curve.last()?;
    let (begin, end) = (|us: u64| seconds(us), |us| seconds(us + Storm::STEP_US));
    let mut points = Vec::new();
    let mut at = 0;
    for step in &storm.curve {
        if step.after_us > at {
            points.extend([(begin(at), Some(0.0)), (begin(step.after_us), Some(0.0))]);
        }
        let rate = Some(step.attempts as f64 * RATE);
        points.extend([(begin(step.after_us), rate), (end(step.after_us), rate)]);
        at = step.after_us + Storm::STEP_US;
    }
    let chart = after(
        "Connections tried a second",
        Line {
            name: "attempts a second",
            class: "b",
            filled: true,
            points,
        },
        end(last.after_us),
        show_number,
    );
    Some(drawing(
        format!("Attempts after {}", bounded(&storm.phase)),
        "Connections that the streams broken off tried, as a rate over a tenth of a second each.",
        chart,
    ))
}

/// The share of streams that live longer than a time.
fn survival(record: &LoadRecord) -> Option<Drawing> {
    let known = survival::points(record);
    let end = known.last()?.0;
    let mut points = Vec::new();
    let mut before = 100.0;
    for (time, share) in known {
        points.push((seconds(time), Some(before)));
        before = share * 100.0;
        points.push((seconds(time), Some(before)));
    }
    let chart = after(
        "Share of streams that live longer",
        Line {
            name: "still open",
            class: "a",
            filled: true,
            points,
        },
        seconds(end),
        |value| format!("{} %", show_number(value)),
    );
    Some(drawing(
        "How long streams live",
        "From the head to the end (Kaplan-Meier: one that was still open counts as long as it was seen).",
        chart,
    ))
}

/// A chart over a time that begins with something.
fn after<'a>(about: &'a str, line: Line, end: f64, shown: fn(f64) -> String) -> Chart<'a> {
    let end = end.max(0.001);
    let raw = end / 6.0;
    let magnitude = 10f64.powf(raw.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
    let step = steps.into_iter().find(|step| *step >= raw).unwrap_or(raw);
    let marks = (0..=6)
        .map(|n| f64::from(n) * step)
        .take_while(|at| *at <= end);
    Chart {
        about,
        lines: vec![line],
        scale: Scale::Linear,
        marks: marks.map(|at| (at, time(at))).collect(),
        span: (0.0, end),
        bands: Vec::new(),
        shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_times_are_round_and_begin_with_nothing() {
        let line = || Line {
            name: "line",
            class: "a",
            filled: false,
            points: Vec::new(),
        };
        let marks = |end: f64| -> Vec<String> {
            let chart = after("a test", line(), end, show_number);
            chart.marks.into_iter().map(|(_, mark)| mark).collect()
        };
        assert_eq!(marks(2.36), ["0", "500 ms", "1 s", "1.5 s", "2 s"]);
        assert_eq!(marks(15.3), ["0", "5 s", "10 s", "15 s"]);
        assert_eq!(
            marks(0.0),
            ["0", "200 µs", "400 µs", "600 µs", "800 µs", "1 ms"]
        );
        let labels: Vec<String> = times(3.5).into_iter().map(|(_, mark)| mark).collect();
        assert_eq!(labels, ["0", "1 s", "2 s", "3 s"]);
    }
}
