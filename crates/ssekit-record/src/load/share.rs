//! What the processes that share a run tell each other of its end and of a search for capacity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MetricValue, PopulationScope, Scope};

/// What a part of a run counted in one step of a search, made to its end: all that the step is judged
/// by. Those of all parts add up to that of the whole run. Not part of a record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepShare {
    /// Which step, from 0.
    pub number: u64,
    /// Begin, in microseconds since the begin of the plan.
    pub start_us: u64,
    /// End.
    pub end_us: u64,
    /// Streams started since the begin of the run; those of the next step may be among them, for the
    /// books may be closed a little late.
    pub started: u64,
    /// Streams that were due to start before the end of the step.
    pub due: u64,
    /// Streams that opened since the begin of the run.
    pub opened: u64,
    /// Streams open at the end of the step.
    pub open: u64,
    /// Connections that failed in it, by cause.
    pub errors: BTreeMap<String, u64>,
    /// Share of the time that the busiest worker ran.
    pub busiest: f64,
    /// Counters, and the metrics that it may be judged by.
    pub all: Scope,
    /// The same by population, where there are several.
    pub populations: Vec<PopulationScope>,
}

impl StepShare {
    /// Adds what another part counted in the same step.
    pub fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.due += other.due;
        self.opened += other.opened;
        self.open += other.open;
        for (cause, count) in &other.errors {
            *self.errors.entry(cause.clone()).or_default() += count;
        }
        self.busiest = self.busiest.max(other.busiest);
        self.all.add(&other.all);
        for other in &other.populations {
            let mut known = self.populations.iter_mut();
            match known.find(|known| known.population == other.population) {
                Some(known) => known.scope.add(&other.scope),
                None => self.populations.push(other.clone()),
            }
        }
    }

    /// Streams of the plan that never opened.
    pub fn unopened(&self) -> u64 {
        self.started.min(self.due).saturating_sub(self.opened)
    }

    /// The value that this share of the samples of a metric do not exceed; 0 where there are none.
    pub fn quantile(&self, metric: &str, share: f64) -> u64 {
        let value = self.all.metrics.get(metric);
        let samples = value.and_then(MetricValue::samples);
        samples.map_or(0, |samples| samples.quantile(share))
    }
}

/// That a run is over before its plan is, said to every process that makes a part of it. Not part of a
/// record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Its search for capacity has ended.
    Search(SearchEnd),
    /// A threshold with `abort` does not hold.
    Abort,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchEnd {
    /// The step that ended it, from 0.
    pub step: u64,
    /// Whether the generator was at its limits there.
    pub saturated: bool,
}
