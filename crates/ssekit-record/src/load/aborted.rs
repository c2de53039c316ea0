//! A run that a threshold ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which threshold with `abort` ended a run, and when. Such a run fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aborted {
    /// The threshold as people write it.
    pub threshold: String,
    /// When it was found broken, in microseconds since the begin of the plan.
    pub at_us: u64,
    /// What was measured until then.
    pub detail: String,
}
