//! The rows of the series.

use std::collections::BTreeMap;

use ssekit_record::{
    Distribution, Interval as Row, Live, MetricValue, PopulationScope, Scope, Window,
};

use super::{Assembly, is_judged};
use crate::health;
use crate::scope::samples;
use crate::seat::State;
use crate::shift::Interval;
use crate::tally::Tally;

/// Rows of the series at most: when there are more, two and two become one.
const ROWS: usize = 600;
/// Digits of the samples in rows, where no threshold needs more.
const ROW_DIGITS: u8 = 2;
/// What the rows keep samples of.
pub(super) const IN_ROWS: [&str; 9] = [
    "delivery",
    "tick_lateness",
    "gap",
    "staleness",
    "first_event",
    "headers",
    "reconnect_time",
    "storm_recovery",
    "loop_lag",
];

impl Assembly<'_> {
    pub(super) fn row(
        &mut self,
        span: (u64, u64),
        phase: usize,
        streams: Live,
        sums: &[Tally],
    ) -> Row {
        let now = health::process_cpu_us();
        let cpu = now - self.process_cpu_us.min(now);
        self.process_cpu_us = now;
        let several;
        let all = match sums {
            [one] => one,
            sums => {
                several = Tally::sum(sums, self.job.precision);
                &several
            }
        };
        let populations = match sums {
            [_] => Vec::new(),
            several => self
                .job
                .populations
                .iter()
                .zip(several)
                .map(|(population, sum)| PopulationScope {
                    population: population.name.clone(),
                    scope: Scope {
                        counts: sum.count,
                        metrics: self.row_metrics(sum),
                    },
                })
                .collect(),
        };
        Row {
            start_us: span.0,
            end_us: span.1,
            phase: self.job.phases[phase].name.clone(),
            streams,
            counts: all.count,
            metrics: self.row_metrics(all),
            populations,
            cpu_seconds: cpu as f64 / 1e6,
        }
    }

    /// Samples for rows: fewer metrics, and those that thresholds are about.
    fn row_metrics(&self, tally: &Tally) -> BTreeMap<String, MetricValue> {
        let is_wanted = |name: &str| IN_ROWS.contains(&name) || is_judged(self.job, name);
        let metrics = samples(tally, is_wanted).into_iter();
        let metrics = metrics.map(|(entry, samples)| {
            let value = MetricValue::Distribution {
                unit: entry.unit,
                samples,
                synthetic: 0,
            };
            (entry.name.to_owned(), value)
        });
        metrics.collect()
    }

    /// Whether a threshold needs the exact samples of this metric in the series.
    fn is_judged_in_rows(&self, name: &str) -> bool {
        let mut thresholds = self.job.thresholds.iter();
        thresholds.any(|threshold| {
            (matches!(threshold.window, Window::Sliding(_)) || threshold.abort)
                && threshold.judged().is_some_and(|entry| entry.name == name)
        })
    }

    /// A row for the series: fewer digits, unless a threshold looks at them.
    pub(super) fn kept(&self, row: &Row) -> Row {
        let populations = row.populations.iter().map(|part| PopulationScope {
            population: part.population.clone(),
            scope: Scope {
                counts: part.scope.counts,
                metrics: self.short(&part.scope.metrics),
            },
        });
        Row {
            phase: row.phase.clone(),
            metrics: self.short(&row.metrics),
            populations: populations.collect(),
            ..*row
        }
    }

    fn short(&self, metrics: &BTreeMap<String, MetricValue>) -> BTreeMap<String, MetricValue> {
        let is_kept = |name: &str| IN_ROWS.contains(&name) || self.is_judged_in_rows(name);
        let kept = metrics.iter().filter(|(name, _)| is_kept(name));
        let short = kept.map(|(name, value)| {
            let mut value = value.clone();
            if let (MetricValue::Distribution { samples, .. }, false) =
                (&mut value, self.is_judged_in_rows(name))
            {
                let mut short = Distribution::new(ROW_DIGITS);
                short.add(samples);
                *samples = short;
            }
            (name.clone(), value)
        });
        short.collect()
    }

    /// Takes a row into the series: within the same stretch of the length asked for, and the same phase, it
    /// lengthens the one before.
    pub(super) fn append(&mut self, row: Row) {
        let every = self.job.row_us.max(1);
        let stretch = |row: &Row| row.start_us / every;
        match self.rows.last_mut() {
            Some(last) if stretch(last) == stretch(&row) && last.phase == row.phase => {
                join(last, row);
            }
            _ => self.rows.push(row),
        }
    }

    pub(super) fn thin(&mut self) {
        if self.rows.len() <= ROWS {
            return;
        }
        let mut thinned: Vec<Row> = Vec::with_capacity(ROWS);
        let mut is_open = false;
        for row in std::mem::take(&mut self.rows) {
            match thinned.last_mut() {
                Some(last) if is_open && last.phase == row.phase => {
                    join(last, row);
                    is_open = false;
                }
                _ => {
                    thinned.push(row);
                    is_open = true;
                }
            }
        }
        self.rows = thinned;
    }
}

/// Lengthens a row by the one after it.
fn join(row: &mut Row, next: Row) {
    row.end_us = next.end_us;
    row.streams = next.streams;
    row.cpu_seconds += next.cpu_seconds;
    let mut sum = Scope {
        counts: row.counts,
        metrics: std::mem::take(&mut row.metrics),
    };
    sum.add(&Scope {
        counts: next.counts,
        metrics: next.metrics,
    });
    row.counts = sum.counts;
    row.metrics = sum.metrics;
    for (mine, theirs) in row.populations.iter_mut().zip(&next.populations) {
        mine.scope.add(&theirs.scope);
    }
}

/// Where streams stood at the end of a part.
pub(super) fn live(part: &Interval) -> Live {
    Live {
        planned: part.planned,
        connecting: part.gauge.of(State::Connecting),
        open: part.gauge.of(State::Open),
        live: part.gauge.of(State::Live),
        backoff: part.gauge.of(State::Backoff),
        failed: part.gauge.of(State::Failed),
    }
}
