//! A run that several processes make, while it goes on: the sum of what they tell, and where a search for
//! capacity or a threshold ends it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ssekit_record::{
    Aborted, LoadCounts, LoadRecord, Phase, PopulationScope, RunEnd, Scope, SearchEnd, Snapshot,
    StepShare, ThresholdResult,
};

use crate::assembly::Assembly;
use crate::clock::Clock;
use crate::finding;
use crate::job::Job;
use crate::knee::Lateness;
use crate::run::Progress;

/// Adds up what the processes of a run tell, interval by interval: histograms are added, and no
/// percentile is averaged. An interval is shown when all that still run have told it. A step of a search
/// counts when all processes have told theirs, and is judged as that of a run of one process is; so are
/// thresholds with `abort`, after each interval that all processes have made to its end.
pub struct Joint<'a> {
    job: &'a Job,
    processes: Vec<Process>,
    /// Of the sums so far.
    assembly: Assembly<'a>,
    phases: Vec<Phase>,
}

/// What one process told.
#[derive(Default)]
struct Process {
    /// What the others have yet to tell too.
    waiting: VecDeque<Snapshot>,
    /// The last of what has been added, without its row.
    last: Snapshot,
    /// End of the last interval that it told.
    end_us: u64,
    is_over: bool,
}

impl<'a> Joint<'a> {
    /// Of a run that has not begun. `job` is that of all processes together.
    pub fn new(job: &'a Job, processes: u32) -> Self {
        Self {
            job,
            processes: (0..processes).map(|_| Process::default()).collect(),
            assembly: Assembly::new(job, Clock::starting_in(Duration::ZERO)),
            phases: Vec::new(),
        }
    }

    /// Takes what a process tells; without anything, it is over, and the others do not wait for it any
    /// more. `sink` is called for each interval that is complete with it.
    pub fn take(
        &mut self,
        process: usize,
        told: Option<Snapshot>,
        sink: &mut dyn FnMut(Progress<'_>),
    ) {
        let Some(known) = self.processes.get_mut(process) else {
            return;
        };
        match told {
            Some(snapshot) => {
                known.end_us = known.end_us.max(snapshot.row.end_us);
                known.waiting.push_back(snapshot);
            }
            None => known.is_over = true,
        }
        while self.is_complete() {
            self.show(sink);
        }
    }

    /// How the run ended before its plan, as soon as it has: then the processes are to end too.
    pub fn end(&self) -> Option<RunEnd> {
        if let Some(end) = self.assembly.search_end() {
            return Some(RunEnd::Search(end));
        }
        let aborted = self.assembly.aborted().map(|_| RunEnd::Abort);
        aborted.or_else(|| self.abandoned().map(RunEnd::Search))
    }

    /// A search ends as well when a process has left before the plan was over, for no further step can be
    /// judged.
    fn abandoned(&self) -> Option<SearchEnd> {
        let ends = self.job.search.as_ref()?.stop_on.is_some();
        let length_us = self.job.length_us();
        let mut processes = self.processes.iter();
        let has_left = processes.any(|process| process.is_over && process.end_us < length_us);
        let abandoned = SearchEnd {
            step: 0,
            saturated: false,
        };
        (ends && has_left).then_some(abandoned)
    }

    /// Puts what a search has shown into the sum of the records of all processes, before that is judged.
    /// Gives the threshold that ended the run, if one did, and how it was judged then.
    pub fn conclude(&self, record: &mut LoadRecord) -> Option<(Aborted, ThresholdResult)> {
        self.conclude_search(record);
        self.assembly.aborted().cloned()
    }

    fn conclude_search(&self, record: &mut LoadRecord) {
        let Some(search) = &self.job.search else {
            return;
        };
        record.capacity = self.assembly.found();
        let mut own = Lateness::default();
        if !self.assembly.add_lateness(&mut own) {
            return;
        }
        let name = &self.job.phases[search.phase].name;
        let others = record.phases.iter().filter(|phase| phase.name != *name);
        others.for_each(|phase| own.add(&phase.all));
        record.generator.loop_lag_p999_us = own.of_loops(0.999);
        record.generator.loop_lag_max_us = own.of_loops(1.0);
        record.generator.schedule_lag_p99_us = own.of_starts(0.99);
        let found = finding::lateness(record, self.job).into_iter();
        let found: Vec<_> = found.chain(finding::search(record, self.job)).collect();
        record.findings.extend(found);
    }

    /// Whether all that still run have told the next interval, and any has.
    fn is_complete(&self) -> bool {
        let has_told = |process: &Process| !process.waiting.is_empty();
        let mut all = self.processes.iter();
        all.clone().any(has_told) && all.all(|process| has_told(process) || process.is_over)
    }

    fn show(&mut self, sink: &mut dyn FnMut(Progress<'_>)) {
        let mut sum: Option<ssekit_record::Interval> = None;
        let (mut shares, mut waiting) = (Vec::new(), Vec::new());
        let mut spans = Vec::new();
        for process in &mut self.processes {
            let Some(mut next) = process.waiting.pop_front() else {
                continue;
            };
            let row = std::mem::take(&mut next.row);
            spans.push((row.start_us, row.end_us));
            add_populations(&mut waiting, &next.waiting, true);
            match &mut sum {
                Some(sum) => sum.add(&row),
                None => sum = Some(row),
            }
            shares.extend(next.step.take());
            process.last = next;
        }
        let Some(row) = sum else {
            return;
        };
        self.keep(&row);
        self.learn(&shares);
        let (mut errors, mut disconnects, mut rss_bytes) = (BTreeMap::new(), BTreeMap::new(), 0);
        for process in &self.processes {
            count(&mut errors, &process.last.errors);
            count(&mut disconnects, &process.last.disconnects);
            rss_bytes += if process.is_over {
                0
            } else {
                process.last.rss_bytes
            };
        }
        let so_far = SoFar {
            errors: errors.clone(),
            disconnects: disconnects.clone(),
            waiting,
        };
        let (job, length) = (self.job, self.job.length());
        // What is cut off or missing says nothing of the whole.
        let is_whole =
            spans.len() == self.processes.len() && spans.windows(2).all(|pair| pair[0] == pair[1]);
        if is_whole && self.assembly.may_abort() {
            let results = judge(job, &mut self.assembly, &self.phases, &so_far);
            self.assembly.abort_by(results);
        }
        sink(Progress {
            errors,
            disconnects,
            rss_bytes,
            elapsed: Duration::from_micros(row.end_us),
            length,
            step: None,
            waiting: Vec::new(),
            judge: &mut || judge(job, &mut self.assembly, &self.phases, &so_far),
            row: &row,
        });
    }

    /// Takes a step that all processes have made to its end.
    fn learn(&mut self, shares: &[StepShare]) {
        let Some((first, others)) = shares.split_first() else {
            return;
        };
        let is_whole = shares.len() == self.processes.len()
            && others.iter().all(|other| other.number == first.number);
        if is_whole && !self.assembly.is_over() {
            let mut step = first.clone();
            others.iter().for_each(|other| step.add(other));
            self.assembly.learn(step);
        }
    }

    fn keep(&mut self, row: &ssekit_record::Interval) {
        self.assembly.keep(row);
        let place = self.phases.iter().position(|phase| phase.name == row.phase);
        let place = place.unwrap_or_else(|| {
            let planned = self.job.phases.iter().find(|phase| phase.name == row.phase);
            self.phases.push(Phase {
                name: row.phase.clone(),
                start_us: row.start_us,
                record: planned.is_none_or(|phase| phase.record),
                ..Phase::default()
            });
            self.phases.len() - 1
        });
        let phase = &mut self.phases[place];
        phase.end_us = row.end_us;
        phase.all.add(&Scope {
            counts: row.counts,
            metrics: row.metrics.clone(),
        });
        add_populations(&mut phase.populations, &row.populations, true);
    }
}

/// What is judged besides the intervals.
struct SoFar {
    errors: BTreeMap<String, u64>,
    disconnects: BTreeMap<String, u64>,
    /// What streams wait for, by population.
    waiting: Vec<PopulationScope>,
}

/// The thresholds, judged on the sums so far. What streams wait for counts as in a run of one process: with
/// the run and its populations, not with a phase.
fn judge(
    job: &Job,
    assembly: &mut Assembly<'_>,
    phases: &[Phase],
    so_far: &SoFar,
) -> Vec<ThresholdResult> {
    assembly.judged_on(|record: &mut LoadRecord| {
        let (mut counts, mut recorded) = (LoadCounts::default(), Scope::default());
        let mut populations: Vec<PopulationScope> = Vec::new();
        for phase in phases {
            counts.add(&phase.all.counts);
            if phase.record {
                recorded.add(&phase.all);
            }
            add_populations(&mut populations, &phase.populations, phase.record);
        }
        for part in &so_far.waiting {
            counts.add(&part.scope.counts);
        }
        let is_recorded = phases.last().is_some_and(|phase| phase.record);
        if is_recorded {
            for part in &so_far.waiting {
                recorded.add(&part.scope);
            }
        }
        if job.populations.len() > 1 {
            add_populations(&mut populations, &so_far.waiting, is_recorded);
        }
        record.counts = counts;
        record.metrics = recorded.metrics;
        record.populations = populations;
        record.phases = phases.to_vec();
        record.elapsed_us = phases.last().map_or(0, |phase| phase.end_us);
        record.errors.clone_from(&so_far.errors);
        record.disconnects.clone_from(&so_far.disconnects);
        job.thresholds
            .iter()
            .map(|one| one.evaluate(record))
            .collect()
    })
}

/// Adds the counters, and where it is recorded the samples too.
fn add_populations(sum: &mut Vec<PopulationScope>, others: &[PopulationScope], is_recorded: bool) {
    for other in others {
        let known = sum
            .iter()
            .position(|known| known.population == other.population);
        let known = known.unwrap_or_else(|| {
            sum.push(PopulationScope {
                population: other.population.clone(),
                ..PopulationScope::default()
            });
            sum.len() - 1
        });
        let scope = &mut sum[known].scope;
        if is_recorded {
            scope.add(&other.scope);
        } else {
            scope.counts.add(&other.scope.counts);
        }
    }
}

fn count(sum: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (cause, count) in counts {
        *sum.entry(cause.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests;
