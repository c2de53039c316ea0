//! The clock all streams share: wall time that never steps.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Wall time at start, carried on by a monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    /// Milliseconds since the Unix epoch at `start`.
    start_ms: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: Instant::now(),
            start_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(0),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_ms.saturating_add(elapsed)
    }

    /// The moment at which [`Clock::now_ms`] reaches this value.
    pub(crate) fn instant_of(&self, unix_ms: u64) -> Instant {
        self.start + Duration::from_millis(unix_ms.saturating_sub(self.start_ms))
    }

    /// Time since the server started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
