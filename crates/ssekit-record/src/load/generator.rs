//! What a load run says of its own generator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// The generator's own health: what it used, and how late it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Generator {
    /// CPU time, user and system, of all its processes, in seconds.
    pub cpu_seconds: f64,
    /// Share of the time that the busiest worker's thread ran, from 0 to 1, in the busiest second.
    pub busiest_worker: f64,
    /// Most memory held, in bytes; the sum where there were several processes.
    pub max_rss_bytes: u64,
    /// Workers, each a thread with a loop of its own.
    pub workers: u32,
    /// Processes.
    pub processes: u32,
    /// How late a timer of a worker's loop ran, 99.9 % of samples, in microseconds.
    pub loop_lag_p999_us: u64,
    /// The latest of them.
    pub loop_lag_max_us: u64,
    /// How late connections began after their planned start, 99 % of samples, in microseconds.
    pub schedule_lag_p99_us: u64,
    /// Times that more was waiting in a socket than one turn may take.
    pub backlog: u64,
    /// Share of planned starts that were begun, from 0 to 1.
    pub started_ratio: f64,
    /// How the publishing times were read: `same-host`, `ntp` or `offset:…`; empty where none were.
    pub clock: String,
    /// Events that arrived before they were published by their stamp: the clocks disagree.
    pub negative: u64,
    /// How far the stamp of an event lay after its arrival at most, in microseconds: the clocks are at
    /// least so far apart.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead_us: u64,
    /// How far the wall clock of this machine was set while the run went on, at most, in microseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_step_us: u64,
}
