//! The server that was started for a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of the server that ssekit started for a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Launched {
    /// File with everything it printed, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The last lines it printed, twelve at most.
    pub tail: Vec<String>,
    /// Why it could not be proved that what was judged is what was started; absent where the
    /// listening socket was found among its processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproved: Option<String>,
    /// CPU time, user and system, that its processes spent during a load run, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// The most memory that each of its processes held, together, in bytes, in a load run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rss_bytes: Option<u64>,
}
