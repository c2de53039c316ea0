//! What a stream does when it ended or could not be opened.

use ssekit_proto::{Backoff, DEFAULT_RECONNECTION_MS};

use crate::cause::Cause;

/// When to connect again, and with what.
#[derive(Debug, Clone)]
pub struct ReconnectPolicy {
    /// Whether to connect again at all.
    pub enabled: bool,
    /// Whether what `EventSource` takes for a final answer is one here: a status other than the
    /// expected one, or another media type.
    pub refusals_final: bool,
    /// Growth of the wait; every wait is the reconnection time where there is none.
    pub backoff: Option<Backoff>,
    /// Each wait is multiplied with a number drawn from between these.
    pub jitter: (f64, f64),
    /// The wait before the server sets a reconnection time, in milliseconds.
    pub base_ms: u64,
    /// Whether the reconnection time of the server holds.
    pub honour_retry: bool,
    /// Whether the last event ID is sent.
    pub last_event_id: bool,
    /// Whether the clean end of a response is an end for good.
    pub eof_finishes: bool,
    /// Attempts in one outage at most.
    pub max_attempts: Option<u64>,
}

impl Default for ReconnectPolicy {
    /// As `EventSource` does.
    fn default() -> Self {
        Self {
            enabled: true,
            refusals_final: true,
            backoff: None,
            jitter: (1.0, 1.0),
            base_ms: DEFAULT_RECONNECTION_MS,
            honour_retry: true,
            last_event_id: true,
            eof_finishes: false,
            max_attempts: None,
        }
    }
}

impl ReconnectPolicy {
    /// Whether to connect again after this, with so many attempts made in the outage.
    pub fn reconnects(&self, cause: Cause, attempts: u64) -> bool {
        let last = self.max_attempts.is_some_and(|most| attempts >= most);
        let by_cause = match cause {
            // 204 tells an event source to stop (HTML, 9.2.3 Processing model, reestablish).
            Cause::Status(204) | Cause::End | Cause::Client | Cause::Limit => false,
            Cause::Status(_) | Cause::ContentType => !self.refusals_final,
            Cause::Eof => !self.eof_finishes,
            _ => true,
        };
        self.enabled && !last && by_cause
    }

    /// The wait before the next attempt in milliseconds: the reconnection time, and what the policy
    /// adds. `random` is any 64 bits.
    pub fn wait_ms(&self, retry_ms: Option<u64>, failed: u32, random: u64) -> (u64, u64) {
        let retry = retry_ms
            .filter(|_| self.honour_retry)
            .unwrap_or(self.base_ms);
        let wait = self
            .backoff
            .map_or(retry, |backoff| backoff.delay_ms(failed, retry, random));
        let (least, most) = self.jitter;
        let drawn = least + (most - least) * (random as f64 / u64::MAX as f64);
        (retry, (wait as f64 * drawn) as u64)
    }
}
