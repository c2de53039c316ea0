//! What histograms tell apart.

use hdrhistogram::Histogram;

/// Largest sample of what is no time.
const MOST: u64 = 1 << 40;

/// The bounds of histograms. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision {
    /// Significant decimal digits, 1 to 5.
    pub digits: u8,
    /// Shorter times are not told apart.
    pub min_us: u64,
    /// Longer times count as this one, and are counted.
    pub max_us: u64,
}

impl Default for Precision {
    /// Three digits, from a microsecond to an hour.
    fn default() -> Self {
        Self {
            digits: 3,
            min_us: 1,
            max_us: 3_600_000_000,
        }
    }
}

impl Precision {
    /// The largest sample of times, or of anything else.
    #[inline]
    pub fn most(&self, is_time: bool) -> u64 {
        if is_time { self.max_us } else { MOST }
    }

    /// A histogram that grows with its largest sample.
    pub fn histogram(&self, is_time: bool) -> Box<Histogram<u64>> {
        let least = if is_time { self.min_us.max(1) } else { 1 };
        let digits = self.digits.clamp(1, 5);
        #[expect(
            clippy::expect_used,
            reason = "the upper bound is twice the lower one, and digits 1 to 5"
        )]
        let mut histogram =
            Histogram::new_with_bounds(least, least.saturating_mul(2).max(2), digits)
                .expect("valid bounds");
        histogram.auto(true);
        Box::new(histogram)
    }
}
