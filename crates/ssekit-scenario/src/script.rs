//! Echo scripts: what the tester asks an echo endpoint to send.
use serde::{Deserialize, Serialize};

/// A script of steps (echo contract, version 1):
/// `{"version":1,"steps":[{"event":{"data":"a","event":"t","id":"1","retry":3000}},{"comment":"x"},{"wait_ms":50},{"close":true}]}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Always 1.
    pub version: u32,
    /// The steps, in order. Ending without `close` or `abort` closes cleanly.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Send one event; every value as given, through the server's SSE library.
    Event {
        /// `data`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// `event`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<String>,
        /// `id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// `retry`: text, so that a non-number can be asked for; numbers are accepted too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<serde_json::Value>,
    },
    /// Send a comment.
    Comment(String),
    /// Wait this many milliseconds.
    WaitMs(u64),
    /// End the response cleanly.
    Close(bool),
    /// Break the connection.
    Abort(bool),
    /// Answer with this status and no stream (only as the first step).
    Status(u16),
}

/// Bounds on a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Steps.
    pub steps: usize,
    /// Bytes of its JSON text.
    pub bytes: usize,
    /// Sum of all waits, in milliseconds.
    pub wait_ms: u64,
}
impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            steps: 10_000,
            bytes: 96 * 1024 * 1024,
            wait_ms: 120_000,
        }
    }
}

/// Why a script is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// Not JSON or not of this shape.
    #[error("not an echo script: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A bound or rule is broken.
    #[error("echo script refused: {0}")]
    Refused(String),
}
