//! What happens when a stream ends.

use serde::Deserialize;

use super::super::value::Time;

/// `[reconnect]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reconnect {
    /// Which policy.
    pub policy: ReconnectPolicy,
    /// Wait before the server has set a reconnection time.
    pub base: Option<Time>,
    /// Longest wait.
    pub max: Option<Time>,
    /// Growth of the wait with each failed attempt.
    pub factor: Option<f64>,
    /// What chance adds.
    pub jitter: Option<Jitter>,
    /// Whether the server's reconnection time holds.
    pub honour_retry: bool,
    /// Whether the last event ID is sent.
    pub last_event_id: bool,
    /// What the clean end of a response means.
    pub on_eof: OnEof,
    /// Attempts in one outage at most.
    pub max_attempts: Option<u64>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            policy: ReconnectPolicy::Spec,
            base: None,
            max: None,
            factor: None,
            jitter: None,
            honour_retry: true,
            last_event_id: true,
            on_eof: OnEof::Reconnect,
            max_attempts: None,
        }
    }
}

/// `reconnect.policy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReconnectPolicy {
    /// As `EventSource` does.
    #[default]
    Spec,
    /// Not at all.
    None,
    /// With `max`, `factor` and `jitter`.
    Custom,
}

/// `reconnect.jitter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Jitter {
    /// The wait as it is.
    #[default]
    None,
    /// Evenly from nothing to the wait.
    Full,
    /// Evenly from half of the wait to the wait.
    Equal,
}

/// `reconnect.on_eof`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnEof {
    /// The stream comes back, as an event source does.
    #[default]
    Reconnect,
    /// The stream is over.
    Finish,
}
