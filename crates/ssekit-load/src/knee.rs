//! The search for capacity: what each step counted, and whether the generator kept up with it.

use std::collections::BTreeMap;

use ssekit_record::{Capacity, CapacityStep, PopulationScope};

use crate::cause::Cause;
use crate::job::{Job, Search, Validity};
use crate::metric::Metric;
use crate::precision::Precision;
use crate::scope::scope;
use crate::seat::State;
use crate::shift::Interval;
use crate::tally::Tally;

/// What each step of a search counted.
pub(crate) struct Knee {
    search: Search,
    steps: Vec<Step>,
}

struct Step {
    number: u64,
    span_us: (u64, u64),
    /// By population.
    tallies: Vec<Tally>,
    open: u64,
    unopened: u64,
    /// CPU time of workers at its begin and its end.
    cpu: BTreeMap<usize, (u64, u64)>,
    is_complete: bool,
}

impl Knee {
    /// Of a search that has not begun.
    pub fn new(search: &Search) -> Self {
        Self {
            search: search.clone(),
            steps: Vec::new(),
        }
    }

    /// Takes an interval that lies in the search: the sums over workers, their parts, and the streams
    /// that have started and opened until its end. Whether it ends a step.
    pub fn take(&mut self, sums: &[Tally], parts: &[Interval], unopened: u64) -> bool {
        let starts = parts.iter().map(|part| part.span_us.0).min().unwrap_or(0);
        let end = parts.iter().map(|part| part.span_us.1).max().unwrap_or(0);
        let number = self.search.step_of(end);
        if self.steps.last().is_none_or(|step| step.number != number) {
            let cpu = self.steps.last().map(|step| step.cpu.clone());
            self.steps.push(Step {
                number,
                span_us: (starts, end),
                tallies: sums.iter().map(Tally::emptied).collect(),
                open: 0,
                unopened: 0,
                cpu: cpu
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(worker, (_, end))| (worker, (end, end)))
                    .collect(),
                is_complete: false,
            });
        }
        let Some(step) = self.steps.last_mut() else {
            return false;
        };
        step.span_us.1 = end;
        step.open = 0;
        step.unopened = unopened;
        for (mine, theirs) in step.tallies.iter_mut().zip(sums) {
            mine.add(theirs);
        }
        for part in parts {
            for (mine, waiting) in step.tallies.iter_mut().zip(&part.waiting) {
                mine.add(waiting);
            }
            step.open += part.gauge.of(State::Open) + part.gauge.of(State::Live);
            let known = step.cpu.entry(part.worker).or_insert((part.cpu_us, 0));
            known.1 = part.cpu_us;
        }
        step.is_complete = self.search.is_end(end);
        step.is_complete
    }

    /// The tallies of steps that were made to their end with a generator that kept up.
    pub fn believed(&self, limits: &Validity) -> impl Iterator<Item = &Tally> {
        let steps = self
            .steps
            .iter()
            .filter(|step| step.is_complete && step.saturated(limits).is_none());
        steps.flat_map(|step| &step.tallies)
    }

    /// The entry of the record, to be judged. It has the metrics that are wanted.
    pub fn capacity(&self, job: &Job, is_wanted: &dyn Fn(&str) -> bool) -> Capacity {
        let (first, add) = self.search.streams;
        let steps = self.steps.iter().filter(|step| step.is_complete);
        let finite = job
            .populations
            .iter()
            .any(|population| population.role.expect.end != crate::expectation::End::Never);
        let steps = steps.map(|step| CapacityStep {
            streams: first + add * step.number,
            open: step.open,
            // Users of finite streams are always about to open the next one.
            unopened: if finite { 0 } else { step.unopened },
            start_us: step.span_us.0,
            end_us: step.span_us.1,
            saturated: step.saturated(&job.validity),
            all: scope(&Tally::sum(&step.tallies, job.precision), is_wanted),
            populations: step.populations(job, is_wanted),
            ..CapacityStep::default()
        });
        Capacity {
            phase: job.phases[self.search.phase].name.clone(),
            stop_on: self.search.stop_on.clone(),
            steps: steps.collect(),
            ..Capacity::default()
        }
    }

    /// Whether the search went on to its last step.
    pub fn is_complete(&self) -> bool {
        let (_, end) = self.search.span_us;
        let last = self.steps.iter().rfind(|step| step.is_complete);
        last.is_some_and(|step| step.span_us.1 + self.search.every_us > end)
    }
}

impl Step {
    fn populations(&self, job: &Job, is_wanted: &dyn Fn(&str) -> bool) -> Vec<PopulationScope> {
        let named = job.populations.iter().zip(&self.tallies);
        let scopes = named.map(|(population, tally)| PopulationScope {
            population: population.name.clone(),
            scope: scope(tally, is_wanted),
        });
        if self.tallies.len() > 1 {
            scopes.collect()
        } else {
            Vec::new()
        }
    }

    /// The resource of the generator that was at its limit, if one was.
    fn saturated(&self, limits: &Validity) -> Option<String> {
        let ms = |us: u64| us as f64 / 1000.0;
        let all = Tally::sum(&self.tallies, Precision::default());
        for (cause, what) in [
            (Cause::NoDescriptor, "file descriptors"),
            (Cause::NoPort, "ports"),
            (Cause::NoSource, "source addresses"),
        ] {
            if let Some(count) = all.errors.get(&cause) {
                return Some(format!(
                    "{what} ({count} connections failed for want of them)"
                ));
            }
        }
        let lag = all.quantile(Metric::LoopLag, 0.999);
        if lag > limits.max_loop_lag_p999_us {
            return Some(format!("loop lag ({:.1} ms at p99.9)", ms(lag)));
        }
        let late = all.quantile(Metric::ScheduleLag, 0.99);
        if late > limits.max_schedule_lag_p99_us {
            return Some(format!("schedule lag ({:.1} ms at p99)", ms(late)));
        }
        let length = (self.span_us.1 - self.span_us.0).max(1) as f64;
        let ran = self.cpu.values().map(|(begin, end)| end - begin.min(end));
        let busy = ran.max().unwrap_or(0) as f64 / length;
        let over = limits.max_cpu.is_some_and(|most| busy > most);
        over.then(|| format!("CPU (a worker ran {:.0} % of the time)", busy * 100.0))
    }
}
