//! How long to wait before the next connection.

/// The extra wait after attempts that failed (HTML, 9.2.3 Processing model: "Optionally, wait some
/// more"), as a pure function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait grows from this, or from the reconnection time where that is longer, in
    /// milliseconds.
    pub base_ms: u64,
    /// By how much each failed attempt in a row multiplies the wait.
    pub factor: u32,
    /// The wait does not grow beyond this, in milliseconds, jitter apart. A longer reconnection
    /// time holds all the same.
    pub cap_ms: u64,
    /// Up to so many percent are added at random, so that clients that were cut off together do
    /// not come back together.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    /// Doubles from 1 s up to 60 s, with up to 50 % of jitter.
    fn default() -> Self {
        Self {
            base_ms: 1_000,
            factor: 2,
            cap_ms: 60_000,
            jitter_percent: 50,
        }
    }
}

impl Backoff {
    /// The wait in milliseconds after so many failed attempts in a row; never less than the
    /// reconnection time. `random` is any 64 bits: 0 gives no jitter, `u64::MAX` nearly all of it.
    #[must_use]
    pub fn delay_ms(&self, failed_attempts: u32, reconnection_ms: u64, random: u64) -> u64 {
        let cap = self.cap_ms.max(reconnection_ms);
        let mut delay = reconnection_ms.max(self.base_ms).min(cap);
        for _ in 0..failed_attempts {
            let longer = delay.saturating_mul(u64::from(self.factor.max(1))).min(cap);
            if longer == delay {
                break;
            }
            delay = longer;
        }
        let most = u128::from(delay) * u128::from(self.jitter_percent) / 100;
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let jitter = (u128::from(most) * u128::from(random)) >> 64;
        delay.saturating_add(jitter as u64)
    }
}
