//! What a stream does when it ended or could not be opened.

use ssekit_proto::DEFAULT_RECONNECTION_MS;

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
    pub growth: Option<Growth>,
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

/// How the wait grows while attempts fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// By how much each failed attempt in a row multiplies the wait, at least 1.
    pub factor: f64,
    /// It does not grow beyond this, in milliseconds; a longer reconnection time holds all the same.
    pub cap_ms: u64,
}

impl Growth {
    /// The wait after so many failed attempts in a row, from the reconnection time on.
    fn wait_ms(self, failed: u32, first_ms: u64) -> u64 {
        let times = self.factor.powf(f64::from(failed));
        let grown = (first_ms as f64 * times).round();
        (grown as u64).min(self.cap_ms.max(first_ms))
    }
}

impl Default for ReconnectPolicy {
    /// As `EventSource` does.
    fn default() -> Self {
        Self {
            enabled: true,
            refusals_final: true,
            growth: None,
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
        let wait = self.growth.map_or(retry, |growth| {
            growth.wait_ms(failed, retry.max(self.base_ms))
        });
        let (least, most) = self.jitter;
        let drawn = least + (most - least) * (random as f64 / u64::MAX as f64);
        (retry, (wait as f64 * drawn) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(factor: f64, cap_ms: u64, retry_ms: Option<u64>) -> Vec<u64> {
        let policy = ReconnectPolicy {
            growth: Some(Growth { factor, cap_ms }),
            base_ms: 1_000,
            ..ReconnectPolicy::default()
        };
        let wait = |failed| policy.wait_ms(retry_ms, failed, 0).1;
        (0..6).map(wait).collect()
    }

    #[test]
    fn waits_grow_by_the_factor_up_to_the_cap() {
        assert_eq!(
            waits(1.5, 4_000, None),
            [1_000, 1_500, 2_250, 3_375, 4_000, 4_000]
        );
        assert_eq!(waits(1.0, 4_000, None), [1_000; 6]);
        assert_eq!(
            waits(2.0, 4_000, Some(200)),
            [1_000, 2_000, 4_000, 4_000, 4_000, 4_000]
        );
        assert_eq!(waits(2.0, 4_000, Some(9_000)), [9_000; 6]);
        assert_eq!(waits(1000.0, u64::MAX, None)[5], 1_000_000_000_000_000_000);
    }

    #[test]
    fn full_jitter_draws_from_all_of_the_wait() {
        let policy = ReconnectPolicy {
            jitter: (0.0, 1.0),
            ..ReconnectPolicy::default()
        };
        assert_eq!(policy.wait_ms(Some(500), 3, 0), (500, 0));
        assert_eq!(policy.wait_ms(Some(500), 3, u64::MAX), (500, 500));
    }
}
