//! The search for capacity: what each step counted, and whether the generator kept up with it.

use std::collections::BTreeMap;

use ssekit_record::{
    Capacity, CapacityStep, Distribution, MetricValue, PopulationScope, Scope, SearchEnd, StepShare,
};

use crate::assembly::by_name;
use crate::cause::Cause;
use crate::expectation::End;
use crate::job::{Job, Search, Validity};
use crate::scope::{named, scope};
use crate::seat::State;
use crate::shift::Interval;
use crate::tally::Tally;

/// What the generator is judged by in each step.
const OWN: [&str; 2] = ["loop_lag", "schedule_lag"];

/// What each step of a search counted.
pub(crate) struct Knee {
    search: Search,
    /// The step that goes on.
    now: Option<Step>,
    /// Those made to their end.
    steps: Vec<StepShare>,
    /// CPU time of workers at the end of the newest interval.
    ran_us: BTreeMap<usize, u64>,
}

struct Step {
    number: u64,
    span_us: (u64, u64),
    /// By population.
    tallies: Vec<Tally>,
    /// CPU time of workers at its begin and its end.
    cpu: BTreeMap<usize, (u64, u64)>,
}

impl Knee {
    /// Of a search that has not begun.
    pub fn new(search: &Search) -> Self {
        Self {
            search: search.clone(),
            now: None,
            steps: Vec::new(),
            ran_us: BTreeMap::new(),
        }
    }

    /// Takes an interval that lies in the search: the sums over workers, their parts, and the streams
    /// that have started and opened until its end. Gives the step that it ends, if it does, with the
    /// metrics that are wanted.
    pub fn take(
        &mut self,
        job: &Job,
        (sums, parts): (&[Tally], &[Interval]),
        (started, opened): (u64, u64),
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Option<StepShare> {
        let start = parts.iter().map(|part| part.span_us.0).min()?;
        let end = parts.iter().map(|part| part.span_us.1).max()?;
        let number = self.search.step_of(end);
        let step = match self.now.take().filter(|step| step.number == number) {
            Some(step) => step,
            None => Step::new(number, start, sums),
        };
        let step = self.now.insert(step);
        step.take(sums, end);
        for part in parts {
            let before = self.ran_us.insert(part.worker, part.cpu_us);
            let begin = before.unwrap_or(part.cpu_us);
            step.cpu.entry(part.worker).or_insert((begin, begin)).1 = part.cpu_us;
        }
        if !self.search.is_end(end) {
            return None;
        }
        for part in parts {
            for (mine, waiting) in step.tallies.iter_mut().zip(&part.waiting) {
                mine.add(waiting);
            }
        }
        let gauges = parts.iter().map(|part| &part.gauge);
        let open = gauges.map(|gauge| gauge.of(State::Open) + gauge.of(State::Live));
        let is_wanted = |name: &str| OWN.contains(&name) || is_wanted(name);
        let share = StepShare {
            started,
            due: job.due_before(end),
            opened,
            open: open.sum(),
            ..step.share(job, &is_wanted)
        };
        Some(share)
    }

    /// Takes a step that every part of the run has made to its end.
    pub fn put(&mut self, step: StepShare) {
        self.steps.push(step);
    }

    /// How the search ends, if it does with the newest step.
    pub fn end(&self, limits: &Validity) -> Option<SearchEnd> {
        self.steps.last().map(|step| SearchEnd {
            step: step.number,
            saturated: saturated(step, limits).is_some(),
        })
    }

    /// Adds how late the generator was in the steps up to the end of the search, but for those in which
    /// it did not keep up.
    pub fn add_lateness(&self, sum: &mut Lateness, limits: &Validity, end: Option<SearchEnd>) {
        let is_believed = |step: &&StepShare| match end {
            Some(end) => step.number < end.step + u64::from(!end.saturated),
            None => saturated(step, limits).is_none(),
        };
        let steps = self.steps.iter().filter(is_believed);
        steps.for_each(|step| sum.add(&step.all));
    }

    /// The entry of the record, to be judged. It has the metrics that are wanted.
    pub fn capacity(&self, job: &Job, is_wanted: &dyn Fn(&str) -> bool) -> Capacity {
        let (first, add) = self.search.streams;
        let mut roles = job.populations.iter().map(|population| &population.role);
        let finite = roles.any(|role| role.expect.end != End::Never);
        let steps = self.steps.iter().map(|step| CapacityStep {
            streams: first + add * step.number,
            open: step.open,
            // Users of finite streams are always about to open the next one.
            unopened: if finite { 0 } else { step.unopened() },
            start_us: step.start_us,
            end_us: step.end_us,
            saturated: saturated(step, &job.validity),
            all: only(&step.all, is_wanted),
            populations: step
                .populations
                .iter()
                .map(|part| PopulationScope {
                    population: part.population.clone(),
                    kind: None,
                    scope: only(&part.scope, is_wanted),
                })
                .collect(),
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
        let last = self.steps.last();
        last.is_some_and(|step| step.end_us + self.search.every_us > end)
    }
}

impl Step {
    fn new(number: u64, start_us: u64, like: &[Tally]) -> Self {
        Self {
            number,
            span_us: (start_us, start_us),
            tallies: like.iter().map(Tally::emptied).collect(),
            cpu: BTreeMap::new(),
        }
    }

    fn take(&mut self, sums: &[Tally], end_us: u64) {
        self.span_us.1 = end_us;
        for (mine, theirs) in self.tallies.iter_mut().zip(sums) {
            mine.add(theirs);
        }
    }

    fn share(&self, job: &Job, is_wanted: &dyn Fn(&str) -> bool) -> StepShare {
        let all = Tally::sum(&self.tallies, job.precision);
        let length = (self.span_us.1 - self.span_us.0).max(1) as f64;
        let ran = self.cpu.values().map(|(begin, end)| end - begin.min(end));
        StepShare {
            number: self.number,
            start_us: self.span_us.0,
            end_us: self.span_us.1,
            errors: by_name(&all.errors),
            busiest: ran.max().unwrap_or(0) as f64 / length,
            all: scope(&all, is_wanted),
            populations: match self.tallies.as_slice() {
                [_] => Vec::new(),
                several => named(job, several, is_wanted),
            },
            ..StepShare::default()
        }
    }
}

/// The resource of the generator that was at its limit, if one was.
fn saturated(step: &StepShare, limits: &Validity) -> Option<String> {
    let ms = |us: u64| us as f64 / 1000.0;
    for (cause, what) in [
        (Cause::NoDescriptor, "file descriptors"),
        (Cause::NoPort, "ports"),
        (Cause::NoSource, "source addresses"),
    ] {
        if let Some(count) = step.errors.get(&cause.to_string()) {
            return Some(format!(
                "{what} ({count} connections failed for want of them)"
            ));
        }
    }
    let lag = step.quantile("loop_lag", 0.999);
    if lag > limits.max_loop_lag_p999_us {
        return Some(format!("loop lag ({:.1} ms at p99.9)", ms(lag)));
    }
    let late = step.quantile("schedule_lag", 0.99);
    if late > limits.max_schedule_lag_p99_us {
        return Some(format!("schedule lag ({:.1} ms at p99)", ms(late)));
    }
    let over = limits.max_cpu.is_some_and(|most| step.busiest > most);
    over.then(|| {
        let share = step.busiest * 100.0;
        format!("CPU (a worker ran {share:.0} % of the time)")
    })
}

fn only(scope: &Scope, is_wanted: &dyn Fn(&str) -> bool) -> Scope {
    let metrics = scope.metrics.iter().filter(|(name, value)| {
        // Ratios are made from the counters, always.
        is_wanted(name) || matches!(value, MetricValue::Ratio { .. })
    });
    Scope {
        counts: scope.counts,
        metrics: metrics
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

/// How late the generator was itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lateness {
    lags: [Option<Distribution>; OWN.len()],
}

impl Lateness {
    /// Adds what another part of the run measured.
    pub fn add(&mut self, part: &Scope) {
        for (sum, name) in self.lags.iter_mut().zip(OWN) {
            let value = part.metrics.get(name);
            let Some(samples) = value.and_then(MetricValue::samples) else {
                continue;
            };
            match sum {
                Some(sum) => sum.add(samples),
                None => *sum = Some(samples.clone()),
            }
        }
    }

    /// The same of a tally.
    pub fn add_tally(&mut self, tally: &Tally) {
        self.add(&scope(tally, &|name| OWN.contains(&name)));
    }

    /// Of the loops, in microseconds: what this share of the samples do not exceed.
    pub fn of_loops(&self, share: f64) -> u64 {
        quantile(&self.lags[0], share)
    }

    /// Of the starts.
    pub fn of_starts(&self, share: f64) -> u64 {
        quantile(&self.lags[1], share)
    }
}

fn quantile(samples: &Option<Distribution>, share: f64) -> u64 {
    samples
        .as_ref()
        .map_or(0, |samples| samples.quantile(share))
}
