//! A run that several processes make, while it goes on: the sum of what they tell.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ssekit_record::{
    LoadCounts, LoadRecord, Phase, PopulationScope, Scope, Snapshot, ThresholdResult,
};

use crate::assembly::Assembly;
use crate::clock::Clock;
use crate::job::Job;
use crate::run::Progress;

/// Adds up what the processes of a run tell, interval by interval: histograms are added, and no
/// percentile is averaged. An interval is shown when all that still run have told it.
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
            Some(snapshot) => known.waiting.push_back(snapshot),
            None => known.is_over = true,
        }
        while self.is_complete() {
            self.show(sink);
        }
    }

    /// Whether all that still run have told the next interval, and any has.
    fn is_complete(&self) -> bool {
        let has_told = |process: &Process| !process.waiting.is_empty();
        let mut all = self.processes.iter();
        all.clone().any(has_told) && all.all(|process| has_told(process) || process.is_over)
    }

    fn show(&mut self, sink: &mut dyn FnMut(Progress<'_>)) {
        let mut sum: Option<Snapshot> = None;
        for process in &mut self.processes {
            let Some(next) = process.waiting.pop_front() else {
                continue;
            };
            match &mut sum {
                Some(sum) => sum.row.add(&next.row),
                None => sum = Some(next.clone()),
            }
            process.last = Snapshot {
                row: Default::default(),
                ..next
            };
        }
        let Some(Snapshot { row, .. }) = sum else {
            return;
        };
        self.keep(&row);
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
        let judged = (errors.clone(), disconnects.clone());
        let (job, length) = (self.job, self.job.length());
        sink(Progress {
            errors,
            disconnects,
            rss_bytes,
            elapsed: Duration::from_micros(row.end_us),
            length,
            judge: &mut || judge(job, &mut self.assembly, &self.phases, &judged),
            row: &row,
        });
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
        add_populations(&mut phase.populations, &row.populations);
    }
}

/// The thresholds, judged on the sums so far.
fn judge(
    job: &Job,
    assembly: &mut Assembly<'_>,
    phases: &[Phase],
    (errors, disconnects): &(BTreeMap<String, u64>, BTreeMap<String, u64>),
) -> Vec<ThresholdResult> {
    assembly.judged_on(|record: &mut LoadRecord| {
        let (mut counts, mut recorded) = (LoadCounts::default(), Scope::default());
        let mut populations: Vec<PopulationScope> = Vec::new();
        for phase in phases {
            counts.add(&phase.all.counts);
            if phase.record {
                recorded.add(&phase.all);
                add_populations(&mut populations, &phase.populations);
            }
        }
        record.counts = counts;
        record.metrics = recorded.metrics;
        record.populations = populations;
        record.phases = phases.to_vec();
        record.elapsed_us = phases.last().map_or(0, |phase| phase.end_us);
        record.errors.clone_from(errors);
        record.disconnects.clone_from(disconnects);
        job.thresholds
            .iter()
            .map(|one| one.evaluate(record))
            .collect()
    })
}

fn add_populations(sum: &mut Vec<PopulationScope>, others: &[PopulationScope]) {
    for other in others {
        match sum
            .iter_mut()
            .find(|known| known.population == other.population)
        {
            Some(known) => known.scope.add(&other.scope),
            None => sum.push(other.clone()),
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
