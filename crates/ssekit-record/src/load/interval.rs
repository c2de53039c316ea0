//! One row of a run over time.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadCounts, MetricValue, PopulationScope, add_metrics};

/// One row of `series`. Rows lie without gaps and end where a phase ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Begin, in microseconds since the begin of the plan.
    pub start_us: u64,
    /// End.
    pub end_us: u64,
    /// Name of the phase.
    pub phase: String,
    /// Where streams stood at its end.
    pub streams: Live,
    /// What was counted in it.
    pub counts: LoadCounts,
    /// Samples taken in it.
    pub metrics: BTreeMap<String, MetricValue>,
    /// The same by population, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub populations: Vec<PopulationScope>,
    /// CPU time of the generator in it, in seconds.
    #[serde(default)]
    pub cpu_seconds: f64,
}

impl Interval {
    /// Adds the row of another process over the same stretch.
    pub fn add(&mut self, other: &Self) {
        self.start_us = self.start_us.min(other.start_us);
        self.end_us = self.end_us.max(other.end_us);
        self.streams.add(&other.streams);
        self.counts.add(&other.counts);
        add_metrics(&mut self.metrics, &other.metrics);
        self.cpu_seconds += other.cpu_seconds;
        for other in &other.populations {
            let mut known = self.populations.iter_mut();
            match known.find(|known| known.population == other.population) {
                Some(known) => known.scope.add(&other.scope),
                None => self.populations.push(other.clone()),
            }
        }
    }
}

/// Where streams stood at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Live {
    /// Streams that the plan wanted open.
    pub planned: u64,
    /// Connecting, or waiting for the head.
    pub connecting: u64,
    /// Open, without an event so far.
    pub open: u64,
    /// Open, with an event.
    pub live: u64,
    /// Waiting before the next attempt.
    pub backoff: u64,
    /// Failed for good.
    pub failed: u64,
}

impl Live {
    /// Streams that are open.
    pub fn open_in_all(&self) -> u64 {
        self.open.saturating_add(self.live)
    }

    /// Adds those of another worker or shard.
    pub fn add(&mut self, other: &Self) {
        self.planned += other.planned;
        self.connecting += other.connecting;
        self.open += other.open;
        self.live += other.live;
        self.backoff += other.backoff;
        self.failed += other.failed;
    }
}
