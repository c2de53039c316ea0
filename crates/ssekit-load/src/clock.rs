//! The one clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since the run began, and wall-clock times on the same scale. One anchor pair for a
/// process: two would put their difference into every latency.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    /// Wall clock at the origin, in microseconds since 1970.
    wall_us: u64,
}

impl Clock {
    /// A clock whose zero is now plus this.
    pub fn starting_in(delay: Duration) -> Self {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default() + delay;
        Self {
            origin: now + delay,
            wall_us: u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Now; 0 before the run begins.
    #[inline]
    pub fn now_us(&self) -> u64 {
        self.us(Instant::now())
    }

    /// A monotonic instant on this clock; 0 before the run begins.
    #[inline]
    pub fn us(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.origin);
        since.as_secs() * 1_000_000 + u64::from(since.subsec_micros())
    }

    /// The monotonic instant of a time on this clock.
    pub fn instant(&self, us: u64) -> Instant {
        self.origin + Duration::from_micros(us)
    }

    /// A wall-clock time, in microseconds since 1970, on this clock; negative before the run began.
    #[inline]
    pub fn of_wall(&self, wall_us: u64) -> i64 {
        wall_us as i64 - self.wall_us as i64
    }

    /// The wall-clock time, in microseconds since 1970, of a time on this clock.
    pub fn wall_us(&self, us: u64) -> u64 {
        self.wall_us + us
    }
}
