//! From the intervals of workers to the record of a run.

mod draft;
mod series;

use std::collections::BTreeMap;

use ssekit_record::{Aborted, Capacity, Interval as Row, Live, LoadRecord, ThresholdResult};

use self::draft::by_name;
use self::series::{IN_ROWS, live};
use crate::cause::Cause;
use crate::clock::Clock;
use crate::fanout::Fanout;
use crate::finding;
use crate::health;
use crate::job::Job;
use crate::knee::Knee;
use crate::shift::Interval;
use crate::tally::Tally;

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
    search_is_over: bool,
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
            search_is_over: false,
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
        self.end_us == 0
    }

    /// Takes the parts of one interval, one from each worker. Gives its row with all digits: that of
    /// the series has fewer, and may be longer.
    pub fn take(&mut self, mut parts: Vec<Interval>) -> Option<Row> {
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
        self.search(phase, &sums, &parts);
        self.waiting = waiting(&parts);
        self.thin();
        self.abort();
        Some(row)
    }

    /// Whether the run is to end before its plan does: the search has found the knee, or a threshold
    /// ends it.
    pub fn is_over(&self) -> bool {
        self.search_is_over || self.aborted.is_some()
    }

    fn search(&mut self, phase: usize, sums: &[Tally], parts: &[Interval]) {
        let job = self.job;
        let search = job.search.as_ref().filter(|search| search.phase == phase);
        let (Some(knee), Some(search), false) = (&mut self.knee, search, self.search_is_over)
        else {
            return;
        };
        let counts = self.tallies.iter().flatten().map(|tally| tally.count);
        let (started, opened) = counts.fold((0, 0), |(started, opened), count| {
            (started + count.started, opened + count.opened)
        });
        // The books may be closed a little late: streams of the next step are no matter of this one.
        let started = match search.is_end(self.end_us) {
            true => started.min(job.due_before(self.end_us)),
            false => started,
        };
        if knee.take(sums, parts, started.saturating_sub(opened)) {
            let is_over = self.capacity(&self.rows, &|name| is_judged(job, name));
            self.search_is_over = is_over.is_some_and(|capacity| capacity.is_over());
        }
    }

    /// What the search has shown so far, judged.
    fn capacity(&self, series: &[Row], is_wanted: &dyn Fn(&str) -> bool) -> Option<Capacity> {
        let knee = self.knee.as_ref()?;
        // Not every metric of every step: those that are judged, and those that are shown over time.
        let is_wanted =
            |name: &str| is_wanted(name) && (IN_ROWS.contains(&name) || is_judged(self.job, name));
        let mut capacity = knee.capacity(self.job, &is_wanted);
        capacity.judge(&self.job.thresholds, series, knee.is_complete());
        Some(capacity)
    }

    /// Looks whether a threshold ends the run.
    fn abort(&mut self) {
        let job = self.job;
        if !job.may_abort() || self.aborted.is_some() || self.end_us >= job.length_us() {
            return;
        }
        let at_us = self.end_us;
        let mut results = self.judged().into_iter();
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

    fn watch(&mut self, part: &Interval, length_us: u64) {
        let before = self
            .worker_cpu
            .insert(part.worker, part.cpu_us)
            .unwrap_or(0);
        // Short intervals at the ends of phases say little.
        if length_us >= 500_000 {
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
        let (mut record, _) = self.draft(0, &|_| false);
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
        let most = self.worker_cpu.values().max().copied().unwrap_or(0);
        let ending = finding::Ending {
            busy: most as f64 / self.end_us.max(1) as f64,
            interrupted,
            cut_short: interrupted || self.is_over(),
            aborted: self.aborted.take(),
        };
        finding::judge(&mut record, self.job, &run, ending);
        record
    }

    /// What a run that ended early says of the starts that never came: a search has found what it was
    /// to find, and did not plan for more.
    fn cut_short(&self, record: &mut LoadRecord, interrupted: bool) {
        if !(interrupted || self.is_over()) {
            return;
        }
        let due = self.job.due_before(self.end_us);
        if self.search_is_over && !interrupted {
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
