//! Every sample of a metric over the time of the run.

use ssekit_record::quantity::show_us;
use ssekit_record::{LoadRecord, MetricValue};

use super::{Drawing, seconds, times};
use crate::load::chart::{Cell, heat};

/// Columns, at most.
const COLUMNS: usize = 120;
/// Rows for each power of ten.
const PER_DECADE: f64 = 4.0;

pub(super) fn drawn(record: &LoadRecord, name: &str) -> Option<Drawing> {
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
