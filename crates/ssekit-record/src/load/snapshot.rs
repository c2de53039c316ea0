//! What a process tells of a run while it goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Interval, PopulationScope, StepShare};

/// The newest row of a process that makes a part of a run, and what is known besides. Not part of a
/// record: both sides are of the same version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The row, with all digits.
    pub row: Interval,
    /// Connections and requests that failed so far, by cause.
    pub errors: BTreeMap<String, u64>,
    /// Streams that ended so far other than by the plan, by cause.
    pub disconnects: BTreeMap<String, u64>,
    /// Memory that the process holds now, in bytes.
    pub rss_bytes: u64,
    /// The step of a search that ended with the row, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepShare>,
    /// What streams have waited for in vain so far, of each population and with the metrics that
    /// thresholds are about; empty where it was not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<PopulationScope>,
}
