//! The one clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Looks at both clocks for one comparison.
const LOOKS: u32 = 5;

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

    /// A clock whose zero was so long ago; `None` where this machine's clock does not reach back so far.
    pub fn started(ago: Duration) -> Option<Self> {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            origin: Instant::now().checked_sub(ago)?,
            wall_us: u64::try_from(wall.checked_sub(ago)?.as_micros()).ok()?,
        })
    }

    /// How far the wall clock is from where it would be had nobody set it since the run began. A thread
    /// may be held up between its looks at the two clocks, so it looks a few times: the least counts.
    pub fn step_us(&self) -> u64 {
        let look = |_| {
            let due = self.wall_us.saturating_add(self.now_us());
            let wall = SystemTime::now().duration_since(UNIX_EPOCH);
            let wall = wall.unwrap_or_default().as_micros();
            u64::try_from(wall).unwrap_or(u64::MAX).abs_diff(due)
        };
        (0..LOOKS).map(look).min().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_clock_that_began_before_is_on_the_same_scales() {
        let late = Clock::started(Duration::from_millis(700)).unwrap();
        assert!(late.now_us() >= 700_000);
        let fresh = Clock::starting_in(Duration::ZERO);
        let apart = fresh.wall_us(0) - late.wall_us(0);
        assert!((690_000..60_000_000).contains(&apart), "{apart}");
    }

    #[test]
    fn a_wall_clock_that_is_set_shows() {
        let clock = Clock::started(Duration::from_secs(1)).unwrap();
        assert!(clock.step_us() < 500_000, "{}", clock.step_us());
        for wall_us in [clock.wall_us - 5_000_000, clock.wall_us + 5_000_000] {
            let set = Clock { wall_us, ..clock };
            assert!((4_000_000..6_000_000).contains(&set.step_us()));
        }
    }
}
