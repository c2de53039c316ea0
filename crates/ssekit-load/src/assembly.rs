//! From the intervals of workers to the record of a run.

mod draft;
mod series;

use std::collections::BTreeMap;

use ssekit_record::{
    Aborted, Capacity, Interval as Row, Live, LoadRecord, PopulationScope, SearchEnd, StepShare,
    ThresholdResult,
};

pub(crate) use self::draft::by_name;
use self::series::{IN_ROWS, live};
use crate::cause::Cause;
use crate::clock::Clock;
use crate::fanout::Fanout;
use crate::finding;
use crate::health;
use crate::job::Job;
use crate::knee::{Knee, Lateness};
use crate::scope::named;
use crate::shift::Interval;
use crate::tally::Tally;

/// What is shorter, such as intervals at the ends of phases, says little of the time that a worker ran.
const SHORT_US: u64 = 500_000;

/// Adds up what workers hand in.
pub(crate) struct Assembly<'a> {
    job: &'a Job,
    clock: Clock,
    /// By phase and population.
    tallies: Vec<Vec<Tally>>,
    fanouts: Vec<Fanout>,
    /// What streams have waited for so far, by population, where workers told it.
    waiting: Vec<Tally>,
    knee: Option<Knee>,
    search_end: Option<SearchEnd>,
    /// The threshold that ends the run, and how it was judged then.
    aborted: Option<(Aborted, ThresholdResult)>,
    rows: Vec<Row>,
    /// Rows from which on they are thinned.
    most_rows: usize,
    /// End of the last interval.
    end_us: u64,
    /// How far the wall clock was set, at most.
    clock_step_us: u64,
    /// Share of the time the busiest worker ran, in the busiest interval.
    busiest: f64,
    worker_cpu: BTreeMap<usize, u64>,
    process_cpu_us: u64,
    workers: usize,
}

impl<'a> Assembly<'a> {
    pub fn new(job: &'a Job, clock: Clock) -> Self {
        let tally = || Tally::new(job.precision);
        Self {
            job,
            clock,
            tallies: job
                .phases
                .iter()
                .map(|_| job.populations.iter().map(|_| tally()).collect())
                .collect(),
            fanouts: job.populations.iter().map(|_| Fanout::default()).collect(),
            waiting: Vec::new(),
            knee: job.search.as_ref().map(Knee::new),
            search_end: None,
            aborted: None,
            rows: Vec::new(),
            most_rows: series::ROWS,
            end_us: 0,
            clock_step_us: 0,
            busiest: 0.0,
            worker_cpu: BTreeMap::new(),
            process_cpu_us: health::process_cpu_us(),
            workers: job.workers.max(1),
        }
    }

    /// Whether no interval came at all.
    pub fn is_empty(&self) -> bool {
        self.worker_cpu.is_empty()
    }

    /// Takes the parts of one interval, one from each worker. Gives its row with all digits, for that of
    /// the series has fewer and may be longer, and the step of a search that ends with it.
    pub fn take(&mut self, mut parts: Vec<Interval>) -> Option<(Row, Option<StepShare>)> {
        let start = parts.iter().map(|part| part.span_us.0).min()?;
        let end = parts.iter().map(|part| part.span_us.1).max()?;
        let phase = self.job.phase_of(end);
        let mut sums = std::mem::take(&mut parts.first_mut()?.tallies);
        let mut streams = Live::default();
        for part in &parts {
            for (sum, tally) in sums.iter_mut().zip(&part.tallies) {
                sum.add(tally);
            }
            streams.add(&live(part));
            for (mine, theirs) in self.fanouts.iter_mut().zip(&part.fanouts) {
                mine.add(theirs);
            }
            self.watch(part, end - start);
        }
        for (total, sum) in self.tallies[phase].iter_mut().zip(&sums) {
            total.add(sum);
        }
        self.end_us = self.end_us.max(end);
        self.clock_step_us = self.clock_step_us.max(self.clock.step_us());
        let row = self.row((start, end), phase, streams, &sums);
        if end > start {
            let kept = self.kept(&row);
            self.append(kept);
        }
        let step = self.search(phase, &sums, &parts);
        self.waiting = waiting(&parts);
        self.thin();
        self.abort();
        Some((row, step))
    }

    /// Whether the run is to end before its plan does: the search has found the knee, a threshold ends it,
    /// or whoever judges all parts of it.
    pub fn is_over(&self) -> bool {
        self.search_end().is_some() || self.aborted.is_some() || self.job.ruled().is_some()
    }

    /// How the search ended, if it did before its last step.
    pub fn search_end(&self) -> Option<SearchEnd> {
        self.search_end.or_else(|| self.job.search_ruled())
    }

    fn search(&mut self, phase: usize, sums: &[Tally], parts: &[Interval]) -> Option<StepShare> {
        let job = self.job;
        let search = job.search.as_ref()?;
        if search.phase != phase || self.search_end.is_some() {
            return None;
        }
        let counts = self.tallies.iter().flatten().map(|tally| tally.count);
        let counts = counts.fold((0, 0), |(started, opened), count| {
            (started + count.started, opened + count.opened)
        });
        let is_wanted = |name: &str| is_in_steps(job, name);
        let step = self
            .knee
            .as_mut()?
            .take(job, (sums, parts), counts, &is_wanted)?;
        self.learn(step.clone());
        Some(step)
    }

    /// Takes a step of the search that every part of the run has made to its end, and judges whether the
    /// search ends with it, unless somebody else does.
    pub fn learn(&mut self, step: StepShare) {
        let job = self.job;
        let Some(knee) = &mut self.knee else { return };
        knee.put(step);
        if !job.is_part_of_search() {
            let is_over = self.capacity(&self.rows, &|name| is_judged(job, name));
            let is_over = is_over.is_some_and(|capacity| capacity.is_over());
            self.search_end = self
                .knee
                .as_ref()
                .filter(|_| is_over)
                .and_then(|knee| knee.end(&job.validity));
        }
    }

    /// What the search has found, judged on the series so far.
    pub fn found(&self) -> Option<Capacity> {
        self.capacity(&self.rows, &|_| true)
    }

    /// Adds how late the generator was in the steps of a search that ends by itself; whether there is
    /// one.
    pub fn add_lateness(&self, sum: &mut Lateness) -> bool {
        let search = self.job.search.as_ref();
        let ends = search.is_some_and(|search| search.stop_on.is_some());
        if let (Some(knee), true) = (&self.knee, ends) {
            knee.add_lateness(sum, &self.job.validity, self.search_end());
        }
        ends
    }

    /// What the search has shown so far, judged.
    fn capacity(&self, series: &[Row], is_wanted: &dyn Fn(&str) -> bool) -> Option<Capacity> {
        let knee = self.knee.as_ref()?;
        let is_wanted = |name: &str| is_wanted(name) && is_in_steps(self.job, name);
        let mut capacity = knee.capacity(self.job, &is_wanted);
        capacity.judge(&self.job.thresholds, series, knee.is_complete());
        Some(capacity)
    }

    /// Looks whether a threshold ends the run, unless whoever knows all parts of it does.
    fn abort(&mut self) {
        if self.job.ruling.is_none() && self.may_abort() {
            let results = self.judged();
            self.abort_by(results);
        }
    }

    /// Whether a threshold may end the run after the newest interval.
    pub fn may_abort(&self) -> bool {
        self.job.may_abort() && self.aborted.is_none() && self.end_us < self.job.length_us()
    }

    /// Ends the run where one of these thresholds, judged on what came so far, does.
    pub fn abort_by(&mut self, results: Vec<ThresholdResult>) {
        let at_us = self.end_us;
        let mut results = results.into_iter();
        let broken = results.find(|result| result.threshold.aborts(result, at_us));
        self.aborted = broken.map(|result| {
            let aborted = Aborted {
                threshold: result.threshold.to_string(),
                at_us,
                detail: result.detail.clone(),
            };
            (aborted, result)
        });
    }

    /// The threshold that ended the run, if one did, and how it was judged then.
    pub fn aborted(&self) -> Option<&(Aborted, ThresholdResult)> {
        self.aborted.as_ref()
    }

    /// What streams waited for at the end of the newest interval, for whoever knows all parts of the run.
    pub fn waited(&self) -> Vec<PopulationScope> {
        if self.job.ruling.is_none() {
            return Vec::new();
        }
        named(self.job, &self.waiting, &|name| is_judged(self.job, name))
    }

    fn watch(&mut self, part: &Interval, length_us: u64) {
        let before = self
            .worker_cpu
            .insert(part.worker, part.cpu_us)
            .unwrap_or(0);
        if length_us >= SHORT_US {
            let busy = (part.cpu_us - before.min(part.cpu_us)) as f64 / length_us as f64;
            self.busiest = self.busiest.max(busy);
        }
    }

    /// Connections and requests that failed and streams that ended so far, by cause.
    pub fn causes(&self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        let mut sum: [BTreeMap<Cause, u64>; 2] = Default::default();
        for tally in self.tallies.iter().flatten() {
            for (sum, counts) in sum.iter_mut().zip([&tally.errors, &tally.disconnects]) {
                for (cause, count) in counts {
                    *sum.entry(*cause).or_default() += count;
                }
            }
        }
        let [errors, disconnects] = sum;
        (by_name(&errors), by_name(&disconnects))
    }

    /// The thresholds, judged on what was measured so far.
    pub fn judged(&mut self) -> Vec<ThresholdResult> {
        let thresholds = &self.job.thresholds;
        if thresholds.is_empty() {
            return Vec::new();
        }
        let job = self.job;
        let (mut record, _) = self.draft(0, &|name| is_judged(job, name));
        let results = thresholds.iter().map(|one| one.evaluate(&record)).collect();
        self.rows = std::mem::take(&mut record.series);
        results
    }

    /// What somebody judges of a record that has nothing but the series.
    pub fn judged_on(
        &mut self,
        judge: impl FnOnce(&mut LoadRecord) -> Vec<ThresholdResult>,
    ) -> Vec<ThresholdResult> {
        let job = self.job;
        let (mut record, _) = self.draft(0, &|name| is_judged(job, name));
        let results = judge(&mut record);
        self.rows = std::mem::take(&mut record.series);
        results
    }

    /// Keeps a row that others added up.
    pub fn keep(&mut self, row: &Row) {
        self.end_us = self.end_us.max(row.end_us);
        let kept = self.kept(row);
        self.append(kept);
        self.thin();
    }

    /// The record of the whole.
    pub fn record(mut self, peak: u64, interrupted: bool) -> LoadRecord {
        // What was waited for is in the books, now that they are closed.
        self.waiting.clear();
        let (mut record, run) = self.draft(peak, &|_| true);
        self.cut_short(&mut record, interrupted);
        if self.job.is_part_of_search() {
            // Whoever rules has the steps of all parts.
            record.capacity = None;
        }
        let most = self.worker_cpu.values().max().copied().unwrap_or(0);
        let ending = finding::Ending {
            busy: most as f64 / self.end_us.max(SHORT_US) as f64,
            interrupted,
            cut_short: interrupted || self.is_over(),
            saturated: self.is_saturated(),
            aborted: self.aborted.take(),
        };
        finding::judge(&mut record, self.job, &run, ending);
        record
    }

    /// Whether a search that ends by itself went on to the limits of the generator.
    fn is_saturated(&self) -> bool {
        let search = self.job.search.as_ref();
        let ends = search.is_some_and(|search| search.stop_on.is_some());
        let last = || self.knee.as_ref()?.end(&self.job.validity);
        let end = self.search_end().or_else(last);
        ends && end.is_some_and(|end| end.saturated)
    }

    /// What a run that ended early says of the starts that never came: a search has found what it was
    /// to find, and did not plan for more.
    fn cut_short(&self, record: &mut LoadRecord, interrupted: bool) {
        if !(interrupted || self.is_over()) {
            return;
        }
        let due = self.job.due_before(self.end_us);
        if self.search_end().is_some() && !interrupted {
            record.streams.planned = due;
        } else {
            record.streams.dropped_starts += record.streams.planned.saturating_sub(due);
        }
        let ratio = record.counts.started as f64 / due.max(1) as f64;
        record.generator.started_ratio = ratio.min(1.0);
    }
}

/// Whether a threshold needs a metric: its own, or another series of it, which has its name with
/// something after it.
fn is_judged(job: &Job, name: &str) -> bool {
    job.thresholds
        .iter()
        .any(|one| name.starts_with(&one.metric))
}

/// Whether steps of a search have a metric: not every one, but those that are judged, and those that are
/// shown over time.
fn is_in_steps(job: &Job, name: &str) -> bool {
    IN_ROWS.contains(&name) || is_judged(job, name)
}

/// What streams wait for, over all workers; nothing unless all of them told it.
fn waiting(parts: &[Interval]) -> Vec<Tally> {
    if parts.iter().any(|part| part.waiting.is_empty()) {
        return Vec::new();
    }
    let mut sums: Vec<Tally> = Vec::new();
    for part in parts {
        if sums.is_empty() {
            sums.extend(part.waiting.iter().map(Tally::emptied));
        }
        for (sum, tally) in sums.iter_mut().zip(&part.waiting) {
            sum.add(tally);
        }
    }
    sums
}
