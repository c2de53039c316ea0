//! Whether a threshold holds of a record.

use std::collections::BTreeMap;

use super::{Expression, Op, Severity, Stat, Threshold, ThresholdResult, Window, show, unit_of};
use crate::load::{
    CapacityStep, Interval, LoadCounts, LoadRecord, MetricValue, PopulationScope, Scope,
};
use crate::quantity::show_number;
use crate::{Distribution, Metric, Series, Shape, Verdict};

/// What a threshold is judged on: counters, samples and the time they took.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    counts: &'a LoadCounts,
    metrics: &'a BTreeMap<String, MetricValue>,
    elapsed_us: u64,
    /// The same for samples where these are of a shorter time: warm-up has counters only.
    sampled_us: u64,
}

/// What one view says.
#[derive(Debug, Clone, Copy)]
struct Reading {
    value: Option<f64>,
    samples: u64,
    /// Streams that count with the time they waited in vain.
    waiting: u64,
}

impl Threshold {
    /// Judges it on a record.
    ///
    /// Over the whole run, counters are those of the whole run, warm-up included, for a loss is a
    /// loss; samples are those of the recorded phases. Where the run is a search for capacity, a
    /// threshold that names no other phase is its measure: it holds when it held in the first step,
    /// and tells the last step at which it did.
    pub fn evaluate(&self, record: &LoadRecord) -> ThresholdResult {
        let search = record.capacity.as_ref();
        if let Some(result) = search.and_then(|search| search.result(self, &record.series)) {
            return result;
        }
        let mut result = match self.window {
            Window::Run => self.over_run(record),
            Window::Phase => self.over_phases(record),
            Window::Sliding(us) => self.over_windows(record, us),
        };
        if result.no_data
            && result.samples == 0
            && let Some(why) = self.absent(&record.counts)
        {
            result.detail += &format!(" ({why})");
        }
        result
    }

    /// What every event lacks of what was declared, so that there is nothing to judge.
    fn absent(&self, counts: &LoadCounts) -> Option<String> {
        let metric = self.judged()?;
        let over = match metric.shape {
            Shape::Counter { over } => over,
            Shape::Ratio { whole, .. } => whole,
            Shape::Distribution => "",
        };
        let by_number =
            matches!(over, "distinct" | "numbered") || metric.name.starts_with("fanout");
        let by_stamp = over == "stamped" || metric.name.starts_with("delivery");
        let (what, declared, without) = match () {
            () if by_number && counts.numbered == 0 => ("number", "expect.seq", counts.unnumbered),
            () if by_stamp && counts.received <= counts.unstamped => {
                ("stamp", "expect.published_at", counts.unstamped)
            }
            () => return None,
        };
        let events = show_number(without as f64);
        (without > 0)
            .then(|| format!("none of {events} events has the {what} that {declared} declares"))
    }

    /// Whether a run that has gone on for so long ends because of this result so far: it does not hold,
    /// and more of the run could not mend it as it mends a count that has yet to be reached.
    pub fn aborts(&self, result: &ThresholdResult, elapsed_us: u64) -> bool {
        let Expression {
            stat,
            op,
            value: bound,
            ..
        } = self.expression;
        let counts_up = stat == Stat::Count;
        let may_yet_hold = |value: f64| match op {
            Op::More | Op::AtLeast => counts_up,
            Op::Equal => counts_up && value < bound,
            Op::Unequal => counts_up && value == bound,
            Op::Less | Op::AtMost => false,
        };
        self.abort
            && elapsed_us >= self.abort_after_us
            && result.verdict != Verdict::Pass
            && !result.no_data
            && result.value.is_some_and(|value| !may_yet_hold(value))
    }

    fn over_run(&self, record: &LoadRecord) -> ThresholdResult {
        if self.part.phase.is_some() {
            return self.over_phases(record);
        }
        let recorded = record.phases.iter().filter(|phase| phase.record);
        let sampled_us = recorded
            .map(|phase| phase.end_us.saturating_sub(phase.start_us))
            .sum();
        let (counts, metrics) = match &self.part.population {
            // Where there is one population only, it is the whole run.
            Some(name) if !record.populations.is_empty() => {
                let Some(scope) = chosen(&record.populations, name) else {
                    return self.result(NOTHING, "no such population in this run");
                };
                (&scope.counts, &scope.metrics)
            }
            _ => (&record.counts, &record.metrics),
        };
        let view = View {
            counts,
            metrics,
            elapsed_us: record.elapsed_us,
            sampled_us,
        };
        self.result(self.read(view), "")
    }

    /// In every phase asked for; the worst one is told.
    fn over_phases(&self, record: &LoadRecord) -> ThresholdResult {
        let asked = record.phases.iter().filter(|phase| match &self.part.phase {
            Some(name) => phase.name == *name,
            None => phase.record,
        });
        let results = asked.map(|phase| {
            let scope = match &self.part.population {
                Some(name) if !phase.populations.is_empty() => chosen(&phase.populations, name),
                _ => Some(&phase.all),
            };
            let elapsed_us = phase.end_us.saturating_sub(phase.start_us);
            let reading = scope.map_or(NOTHING, |scope| self.read(view_of(scope, elapsed_us)));
            let place = match self.part.phase {
                Some(_) => String::new(),
                None => format!("in phase {}", phase.name),
            };
            self.result(reading, &place)
        });
        let worst = results.reduce(|one, other| self.worse(one, other));
        worst.unwrap_or_else(|| self.result(NOTHING, "the phase did not begin"))
    }

    /// In every stretch of this length; a violation counts once it has lasted `for_us`.
    fn over_windows(&self, record: &LoadRecord, window_us: u64) -> ThresholdResult {
        let recorded = |row: &&Interval| {
            let of_phase = record.phases.iter().find(|phase| phase.name == row.phase);
            match &self.part.phase {
                Some(name) => row.phase == *name,
                None => of_phase.is_none_or(|phase| phase.record),
            }
        };
        let rows: Vec<_> = record.series.iter().filter(recorded).collect();
        self.over_rows(&rows, window_us)
            .unwrap_or_else(|| self.result(NOTHING, "the phase did not begin"))
    }

    /// Judges it on one step of a search for capacity alone.
    pub(crate) fn evaluate_step(
        &self,
        step: &CapacityStep,
        series: &[Interval],
    ) -> ThresholdResult {
        if let Window::Sliding(us) = self.window {
            let within =
                |row: &&Interval| step.start_us <= row.start_us && row.end_us <= step.end_us;
            let rows: Vec<_> = series.iter().filter(within).collect();
            let result = self.over_rows(&rows, us);
            return result.unwrap_or_else(|| self.result(NOTHING, "no window lies in the step"));
        }
        let scope = match &self.part.population {
            Some(name) if !step.populations.is_empty() => chosen(&step.populations, name),
            _ => Some(&step.all),
        };
        let elapsed_us = step.end_us.saturating_sub(step.start_us);
        let reading = scope.map_or(NOTHING, |scope| self.read(view_of(scope, elapsed_us)));
        self.result(reading, "")
    }

    /// In every stretch of this length of these rows; `None` where there are no rows. No window reaches
    /// over a time that is not among them, such as a phase that is not recorded.
    fn over_rows(&self, rows: &[&Interval], window_us: u64) -> Option<ThresholdResult> {
        if self.for_us > 0 && !rows.is_empty() {
            // That no data came is no violation to be borne for a while.
            let all = self.window_result(rows);
            if all.no_data {
                return Some(all);
            }
        }
        let parts = || rows.chunk_by(|one, next| one.end_us == next.start_us);
        let is_long = |rows: &&[&Interval]| length_us(rows) >= window_us;
        let windows = parts()
            .filter(is_long)
            .filter_map(|rows| self.over_stretch(rows, window_us));
        let worst = windows.reduce(|one, other| self.worse(one, other));
        // What is shorter than a window is judged only where there is nothing longer.
        worst.or_else(|| {
            let results = parts().map(|rows| {
                let result = self.window_result(rows);
                self.borne(result, length_us(rows))
            });
            results.reduce(|one, other| self.worse(one, other))
        })
    }

    /// In every window of rows without a gap between them.
    fn over_stretch(&self, rows: &[&Interval], window_us: u64) -> Option<ThresholdResult> {
        let (mut worst, mut violated_since): (Option<ThresholdResult>, Option<u64>) = (None, None);
        let (mut first, mut longest_us) = (0, 0);
        for (last, row) in rows.iter().enumerate() {
            while first < last && row.end_us.saturating_sub(rows[first + 1].start_us) >= window_us {
                first += 1;
            }
            if row.end_us.saturating_sub(rows[first].start_us) < window_us {
                continue;
            }
            let result = self.window_result(&rows[first..=last]);
            let since = match result.verdict {
                Verdict::Pass => None,
                _ => violated_since.or(Some(row.start_us)),
            };
            violated_since = since;
            let lasted_us = since.map_or(0, |since| row.end_us.saturating_sub(since));
            longest_us = lasted_us.max(longest_us);
            worst = Some(match worst {
                Some(worst) => self.worse(worst, result),
                None => result,
            });
        }
        worst.map(|worst| self.borne(worst, longest_us))
    }

    /// What comes of the worst result where none was violated for longer than this without a break: less
    /// than `for_us` does not count.
    fn borne(&self, mut worst: ThresholdResult, longest_us: u64) -> ThresholdResult {
        if worst.verdict != Verdict::Pass && longest_us < self.for_us {
            worst.verdict = Verdict::Pass;
            worst.no_data = false;
            let (lasted, counts) = (seconds(longest_us), seconds(self.for_us));
            worst.detail +=
                &format!("; violated for {lasted} s, less than the {counts} s that count");
        }
        worst
    }

    fn window_result(&self, rows: &[&Interval]) -> ThresholdResult {
        let mut sum = Scope::default();
        for row in rows {
            let of_population = match &self.part.population {
                Some(name) if !row.populations.is_empty() => chosen(&row.populations, name),
                _ => None,
            };
            match of_population {
                Some(scope) => sum.add(scope),
                None if self.part.population.is_some() && !row.populations.is_empty() => {}
                None => {
                    sum.counts.add(&row.counts);
                    crate::load::add_metrics(&mut sum.metrics, &row.metrics);
                }
            }
        }
        let (start, end) = (rows[0].start_us, rows[rows.len() - 1].end_us);
        let place = format!("from {} s to {} s", seconds(start), seconds(end));
        self.result(self.read(view_of(&sum, end.saturating_sub(start))), &place)
    }

    fn read(&self, view: View<'_>) -> Reading {
        let Some(metric) = self.judged() else {
            return NOTHING;
        };
        match metric.shape {
            Shape::Distribution => self.read_samples(metric, view),
            Shape::Counter { over } => self.read_counter(metric, over, view),
            Shape::Ratio { part, whole } => {
                let (part, whole) = (count(view.counts, part), count(view.counts, whole));
                Reading {
                    value: (whole > 0).then(|| part as f64 / whole as f64),
                    samples: whole,
                    waiting: 0,
                }
            }
        }
    }

    fn read_counter(&self, metric: &Metric, over: &str, view: View<'_>) -> Reading {
        let (counted, over) = (count(view.counts, metric.name), count(view.counts, over));
        let value = match self.expression.stat {
            Stat::Rate => per_second(counted, view.elapsed_us),
            Stat::Ratio => (over > 0).then(|| counted as f64 / over as f64),
            _ => Some(counted as f64),
        };
        Reading {
            value: value.filter(|_| over > 0),
            samples: over,
            waiting: 0,
        }
    }

    fn read_samples(&self, metric: &'static Metric, view: View<'_>) -> Reading {
        let samples_of = |metric: &Metric| view.metrics.get(metric.name)?.samples();
        // Without a declared interval there is nothing to correct by.
        let fallback = Metric::named(&self.metric).filter(|_| self.series == Series::Corrected);
        let Some(samples) = samples_of(metric).or_else(|| samples_of(fallback?)) else {
            return NOTHING;
        };
        // How many came is not a question of those that did not.
        let is_counted = matches!(self.expression.stat, Stat::Count | Stat::Rate);
        let waiting = match self.series {
            Series::Corrected if metric.counts_waiting() && !is_counted => {
                metric.in_series(Series::Censored).and_then(samples_of)
            }
            _ => None,
        };
        let together = waiting.map(|waiting| {
            let mut together = samples.clone();
            together.add(waiting);
            together
        });
        let judged = together.as_ref().unwrap_or(samples);
        Reading {
            value: statistic(self.expression.stat, judged, view.sampled_us),
            samples: samples.count(),
            waiting: waiting.map_or(0, Distribution::count),
        }
    }

    /// Of two results the one to tell.
    fn worse(&self, one: ThresholdResult, other: ThresholdResult) -> ThresholdResult {
        let rank = |result: &ThresholdResult| match result.verdict {
            Verdict::Pass => 0,
            _ if result.no_data => 1,
            _ => 2,
        };
        match rank(&one).cmp(&rank(&other)) {
            std::cmp::Ordering::Greater => one,
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Equal => match (one.value, other.value) {
                (Some(a), Some(b)) => {
                    let (op, bound) = (self.expression.op, self.expression.value);
                    if op.worse(a, b, bound) == a {
                        one
                    } else {
                        other
                    }
                }
                (None, Some(_)) => other,
                _ => one,
            },
        }
    }

    fn result(&self, reading: Reading, place: &str) -> ThresholdResult {
        let Expression {
            op, value: bound, ..
        } = self.expression;
        let enough = reading.samples >= self.min_samples.max(1);
        let value = reading.value.filter(|_| reading.samples > 0);
        let holds = enough && value.is_some_and(|value| op.holds(value, bound));
        let unit = self
            .judged()
            .map_or("", |metric| unit_of(self.expression.stat, metric));
        let no_data = !enough || value.is_none();
        let mut detail = match value {
            _ if !enough && self.min_samples <= 1 => "no data".into(),
            _ if !enough => format!(
                "no data: {} samples of at least {}",
                show_number(reading.samples as f64),
                show_number(self.min_samples as f64)
            ),
            Some(value) => format!(
                "{} of {} samples",
                show(value, unit),
                show_number(reading.samples as f64)
            ),
            None => "no data".into(),
        };
        if let Some(why) = self.unmeasured.as_ref().filter(|_| reading.samples == 0) {
            detail += &format!(" ({why})");
        }
        if reading.waiting > 0 {
            let waiting = show_number(reading.waiting as f64);
            detail += &format!("; {waiting} streams that waited in vain count with their wait");
        }
        if !place.is_empty() {
            detail += &format!(", {place}");
        }
        ThresholdResult {
            threshold: self.clone(),
            value,
            unit: unit.into(),
            samples: reading.samples,
            verdict: match (holds, self.severity) {
                (true, _) => Verdict::Pass,
                (false, Severity::Fail) => Verdict::Fail,
                (false, Severity::Warn) => Verdict::Warn,
            },
            no_data,
            detail,
        }
    }
}

const NOTHING: Reading = Reading {
    value: None,
    samples: 0,
    waiting: 0,
};

fn view_of(scope: &Scope, elapsed_us: u64) -> View<'_> {
    View {
        counts: &scope.counts,
        metrics: &scope.metrics,
        elapsed_us,
        sampled_us: elapsed_us,
    }
}

fn chosen<'a>(populations: &'a [PopulationScope], name: &str) -> Option<&'a Scope> {
    let mut all = populations.iter();
    all.find(|scope| scope.population == name)
        .map(|scope| &scope.scope)
}

fn count(counts: &LoadCounts, name: &str) -> u64 {
    counts.get(name).unwrap_or(0)
}

fn per_second(count: u64, elapsed_us: u64) -> Option<f64> {
    (elapsed_us > 0).then(|| count as f64 * 1e6 / elapsed_us as f64)
}

/// From the begin of the first row to the end of the last.
fn length_us(rows: &[&Interval]) -> u64 {
    match rows {
        [first, .., last] => last.end_us.saturating_sub(first.start_us),
        [one] => one.end_us.saturating_sub(one.start_us),
        [] => 0,
    }
}

fn seconds(us: u64) -> f64 {
    (us as f64 / 1e5).round() / 10.0
}

fn statistic(stat: Stat, samples: &Distribution, elapsed_us: u64) -> Option<f64> {
    let count = samples.count();
    match stat {
        Stat::Quantile(share) => Some(samples.quantile(share) as f64),
        Stat::Min => Some(samples.min() as f64),
        Stat::Mean => Some(samples.mean()),
        Stat::Max => Some(samples.max() as f64),
        Stat::Count => Some(count as f64),
        Stat::Rate => per_second(count, elapsed_us),
        Stat::FracAbove(bound) => {
            (count > 0).then(|| samples.count_above(bound as u64) as f64 / count as f64)
        }
        Stat::Ratio => None,
    }
}
