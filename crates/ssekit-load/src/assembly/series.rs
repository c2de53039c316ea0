//! The rows of the series.

use std::collections::BTreeMap;

use ssekit_record::{
    Distribution, Interval as Row, Live, MetricValue, PopulationScope, Scope, Window,
};

use super::{Assembly, is_judged};
use crate::health;
use crate::job::Job;
use crate::scope::samples;
use crate::seat::State;
use crate::shift::Interval;
use crate::tally::Tally;

/// Rows of the series at most: when there are more, two and two become one.
pub(super) const ROWS: usize = 600;
/// Rows that a sliding window of a threshold is made of, at least, so that it looks at little beside its time.
const ROWS_IN_WINDOW: u64 = 5;
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
                    kind: None,
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
                && threshold.reads().any(|entry| entry.name == name)
        })
    }

    /// A row for the series: fewer digits, unless a threshold looks at them.
    pub(super) fn kept(&self, row: &Row) -> Row {
        let populations = row.populations.iter().map(|part| PopulationScope {
            population: part.population.clone(),
            kind: None,
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
            value.pack();
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
            Some(last)
                if stretch(last) == stretch(&row)
                    && last.phase == row.phase
                    && !is_edge(self.job, last.end_us) =>
            {
                join(last, row);
            }
            _ => self.rows.push(row),
        }
    }

    /// The longest row that two may become: as long as need be, but where a threshold looks at stretches of
    /// time not much beside these.
    fn longest_row_us(&self) -> u64 {
        let thresholds = self.job.thresholds.iter();
        let windows = thresholds.filter_map(|threshold| match threshold.window {
            Window::Sliding(us) => Some(us / ROWS_IN_WINDOW),
            Window::Run | Window::Phase => None,
        });
        windows.min().unwrap_or(u64::MAX)
    }

    pub(super) fn thin(&mut self) {
        if self.rows.len() <= self.most_rows {
            return;
        }
        let longest = self.longest_row_us();
        let mut thinned: Vec<Row> = Vec::with_capacity(ROWS);
        let mut is_open = false;
        for row in std::mem::take(&mut self.rows) {
            match thinned.last_mut() {
                Some(last)
                    if is_open
                        && last.phase == row.phase
                        && !is_edge(self.job, last.end_us)
                        && row.end_us - last.start_us <= longest =>
                {
                    join(last, row);
                    is_open = false;
                }
                _ => {
                    thinned.push(row);
                    is_open = true;
                }
            }
        }
        // Where few may be joined, the next attempt waits until there are many more.
        self.most_rows = ROWS.max(thinned.len() + thinned.len() / 4);
        self.rows = thinned;
    }
}

/// Whether no row may reach over this time: it ends a step of a search whose windows are judged step by
/// step, and a row of two steps would be in neither.
fn is_edge(job: &Job, at_us: u64) -> bool {
    let mut thresholds = job.thresholds.iter();
    let slides = thresholds.any(|threshold| matches!(threshold.window, Window::Sliding(_)));
    let search = job.search.as_ref().filter(|_| slides);
    search.is_some_and(|search| search.is_end(at_us))
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
    row.metrics.values_mut().for_each(MetricValue::pack);
    for (mine, theirs) in row.populations.iter_mut().zip(&next.populations) {
        mine.scope.add(&theirs.scope);
        mine.scope.metrics.values_mut().for_each(MetricValue::pack);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::{Path, PathBuf};

    use ssekit_record::Shard;
    use ssekit_scenario::load::LoadScenario;

    use super::*;
    use crate::clock::Clock;
    use crate::order::Order;

    const SECOND: u64 = 1_000_000;

    const RAMP: &str = "kind = \"ramp\"\nto = 1\nover = \"3h\"";

    /// The lengths of the rows, in seconds, that are left of so many seconds.
    fn lengths(seconds: u64, threshold: &str) -> Vec<u64> {
        lengths_in(RAMP, seconds, threshold)
    }

    fn lengths_in(phase: &str, seconds: u64, threshold: &str) -> Vec<u64> {
        let text = format!(
            "[target]\nurl = \"http://127.0.0.1:9/\"\n{threshold}\n\
             [[phase]]\nname = \"up\"\n{phase}\n"
        );
        let loaded = LoadScenario::parse(&text, Path::new("s.toml"), &[], |_| None).unwrap();
        let order = Order {
            scenario: loaded.scenario,
            toml: loaded.toml,
            folder: PathBuf::new(),
            shard: Shard::default(),
            processes: 1,
            ruling: None,
            workers: Some(1),
        };
        let job = order.job().unwrap();
        let mut assembly = Assembly::new(&job, Clock::starting_in(std::time::Duration::ZERO));
        for second in 0..seconds {
            let mut gap = Distribution::new(3);
            gap.record(second);
            let gap = MetricValue::Distribution {
                unit: ssekit_record::Unit::Us,
                samples: gap,
                synthetic: 0,
            };
            assembly.keep(&Row {
                start_us: second * SECOND,
                end_us: (second + 1) * SECOND,
                phase: "up".into(),
                streams: Live::default(),
                counts: ssekit_record::LoadCounts::default(),
                metrics: BTreeMap::from([("gap".to_owned(), gap)]),
                populations: Vec::new(),
                cpu_seconds: 0.0,
            });
        }
        let samples = assembly.rows.iter().map(|row| row.metrics["gap"].count());
        assert_eq!(samples.sum::<u64>(), seconds, "each sample is in one row");
        let rows = assembly.rows.iter();
        rows.map(|row| (row.end_us - row.start_us) / SECOND)
            .collect()
    }

    #[test]
    fn rows_grow_with_the_run_so_that_they_stay_few() {
        let rows = lengths(7200, "");
        assert!(rows.len() <= ROWS + 1, "{}", rows.len());
        assert_eq!(rows.iter().sum::<u64>(), 7200);
    }

    #[test]
    fn rows_stay_short_beside_the_window_of_a_threshold() {
        let threshold = "[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1s\"\nwindow = \"10s\"";
        let rows = lengths(7200, threshold);
        assert_eq!(rows.iter().max(), Some(&2));
        assert_eq!(rows.iter().sum::<u64>(), 7200);
    }

    #[test]
    fn no_row_is_of_two_steps_of_a_search() {
        let steps = "kind = \"steps\"\nstart = 1\nadd = 1\nevery = \"3s\"\nuntil = 400\n\
                     stop_on = \"threshold\"";
        let threshold = "[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1s\"\nwindow = \"10s\"\n";
        let are_apart = |rows: &[u64]| {
            let ends = rows.iter().scan(0, |at, length| {
                let start = *at;
                *at += length;
                Some((start, *at))
            });
            ends.into_iter()
                .all(|(start, end)| start / 3 == (end - 1) / 3)
        };
        // Thinned.
        let rows = lengths_in(steps, 1200, threshold);
        assert!(rows.iter().max() == Some(&2) && are_apart(&rows));
        // Rows that are longer than a second from the start.
        let long = format!("{threshold}[histogram]\ninterval = \"2s\"\n");
        assert_eq!(lengths_in(steps, 9, &long), [2, 1, 1, 2, 2, 1]);
    }
}
