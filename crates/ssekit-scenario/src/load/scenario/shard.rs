//! Which part of the plan a process runs.

use serde::Deserialize;

use super::super::value::Time;

/// `[shard]`, normally set on the command line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardSpec {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// When the plan begins: milliseconds since 1970-01-01T00:00:00Z.
    pub start_at: Option<u64>,
    /// A shard that is ready later than this after `start_at` does not run; without it none may be late.
    pub late_tolerance: Option<Time>,
    /// Source addresses of each shard, by its index: an IP address or a block of them.
    pub unit_ips: Vec<String>,
}

impl Default for ShardSpec {
    fn default() -> Self {
        Self {
            index: 0,
            count: 1,
            start_at: None,
            late_tolerance: None,
            unit_ips: Vec::new(),
        }
    }
}
