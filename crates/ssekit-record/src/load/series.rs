//! A run over time.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Samples;

/// What was seen in one step of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesPoint {
    /// When it begins, in microseconds since the run began.
    pub at_us: u64,
    /// Its length.
    pub length_us: u64,
    /// Phase at its beginning.
    pub phase: String,
    /// Streams the plan has open at its end.
    pub planned: u64,
    /// Streams open at its end.
    pub open: u64,
    /// Streams being connected at its end.
    pub connecting: u64,
    /// Streams that wait to reconnect at its end.
    pub waiting: u64,
    /// Streams that opened.
    pub opened: u64,
    /// Streams that failed for good.
    pub failed: u64,
    /// Connections opened again.
    pub reconnects: u64,
    /// Events dispatched.
    pub events: u64,
    /// Bytes of the event streams.
    pub bytes: u64,
    /// Numbers found missing.
    pub lost: u64,
    /// Errors and disconnects.
    pub errors: u64,
    /// Processor time of the generator, in seconds.
    pub cpu_seconds: f64,
    /// Histograms of this step, of the metrics that vary over time: `delivery`, `gap`,
    /// `first_event`, `tick_lateness`, `loop_lag` and those a threshold has a window on.
    pub metrics: BTreeMap<String, Samples>,
}

impl SeriesPoint {
    /// Takes in the step that follows, so that a long run has a bounded series.
    pub fn absorb(&mut self, next: &Self) {
        self.length_us = (next.at_us + next.length_us).saturating_sub(self.at_us);
        self.planned = next.planned;
        self.open = next.open;
        self.connecting = next.connecting;
        self.waiting = next.waiting;
        self.sum(next);
    }

    /// Adds the same step of another shard.
    pub fn beside(&mut self, other: &Self) {
        self.planned += other.planned;
        self.open += other.open;
        self.connecting += other.connecting;
        self.waiting += other.waiting;
        self.sum(other);
    }

    fn sum(&mut self, other: &Self) {
        self.opened += other.opened;
        self.failed += other.failed;
        self.reconnects += other.reconnects;
        self.events += other.events;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.errors += other.errors;
        self.cpu_seconds += other.cpu_seconds;
        for (name, samples) in &other.metrics {
            self.metrics.entry(name.clone()).or_default().add(samples);
        }
    }
}
