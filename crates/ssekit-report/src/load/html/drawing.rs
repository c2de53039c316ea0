//! The charts of the page.

mod heat_map;
mod nines;
mod series;
mod storm;
mod survival;

use ssekit_record::LoadRecord;
use ssekit_record::quantity::show_us;

use crate::load::chart::{Chart, Line, Scale};
use crate::load::row::chief;

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
        drawings.push(series::streams(record));
        drawings.push(series::events(record));
    }
    if let Some((name, _)) = chief(record).filter(|_| record.series.len() > 1) {
        drawings.extend(series::percentiles(record, name));
        drawings.extend(heat_map::drawn(record, name));
    }
    drawings.extend(nines::drawn(record));
    drawings.extend(storm::recovery(record));
    drawings.extend(survival::drawn(record));
    drawings
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
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
    use ssekit_record::quantity::show_number;

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
