//! The one clock of a run: the origin's writes and the client's reads are stamped with it.

use std::time::Instant;

/// Microseconds since the run began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// This moment.
    pub(crate) fn now_us(self) -> u64 {
        self.us(Instant::now())
    }

    /// That moment; 0 before the run began.
    pub(crate) fn us(self, then: Instant) -> u64 {
        let since = then.saturating_duration_since(self.began);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}
