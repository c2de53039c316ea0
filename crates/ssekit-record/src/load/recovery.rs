//! Storms and the search for capacity.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Many streams broken off at once, and how they came back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storm {
    /// Name of the phase.
    pub phase: String,
    /// How: `fin`, `rst`, `half-open` or `external`.
    pub mode: String,
    /// Its beginning, in microseconds since the begin of the plan.
    pub at_us: u64,
    /// Streams broken off.
    pub dropped: u64,
    /// Those that had an event again before the end of observation.
    pub recovered: u64,
    /// Most connections tried in one second.
    pub peak_attempts: u64,
    /// When 50, 95, 99 and 100 % of the streams had an event again.
    pub shares: Vec<Recovered>,
}

/// When a share of the streams broken off had an event again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recovered {
    /// Share of the streams broken off, from 0 to 1.
    pub share: f64,
    /// Time since the storm's beginning in microseconds; `null` when it never came to that.
    pub after_us: Option<u64>,
}

/// What steps of rising load showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// Every step, in order.
    pub steps: Vec<CapacityStep>,
    /// The most streams at which everything held; `null` when the first step did not.
    pub knee: Option<u64>,
    /// Why the search ended: `threshold`, `saturation`, `until` or `interrupted`.
    pub stopped_by: String,
    /// The same in one sentence.
    pub detail: String,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityStep {
    /// Streams asked for.
    pub streams: u64,
    /// Streams open at its end.
    pub open: u64,
    /// Whether every threshold held.
    pub held: bool,
    /// What did not hold.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
