//! A histogram of times as Prometheus counts it, in its two forms.

use std::collections::BTreeMap;

use ssekit_record::Distribution;

use super::family::{Bucket, Histogram, Span};

/// Upper bounds of the buckets of the classic form, in microseconds.
const BOUNDS_US: [u64; 17] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// Schema of the native form: each power of two has 2^4 buckets, so a bucket ends 4.4 % above its begin,
/// and a quantile is off by no more than that.
pub const SCHEMA: i32 = 4;
/// What is not larger counts as zero: the customary 2^-128, far below a microsecond.
const ZERO: f64 = 1.0 / (1u128 << 127) as f64 / 2.0;
/// So many empty buckets are told as such, since a new span would take more room.
const GAP: i32 = 2;

/// The samples so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// Samples that are not larger than the bound, for each bound.
    counts: [u64; BOUNDS_US.len()],
    count: u64,
    sum_us: f64,
    zeros: u64,
    /// Samples in native buckets, by their numbers.
    native: BTreeMap<i32, u64>,
}

impl Buckets {
    /// Adds samples in microseconds.
    pub fn add(&mut self, samples: &Distribution) {
        for (count, bound) in self.counts.iter_mut().zip(BOUNDS_US) {
            *count += samples.count() - samples.count_above(bound);
        }
        self.count += samples.count();
        self.sum_us += samples.mean() * samples.count() as f64;
        let histogram = samples.histogram();
        for (highest, count) in samples.steps() {
            // As with the classic bounds: what cannot be told from a bound is not above it.
            let us = match histogram.lowest_equivalent(highest) {
                0 => highest,
                lowest => lowest,
            };
            match us {
                0 => self.zeros += count,
                us => *self.native.entry(number(us)).or_default() += count,
            }
        }
    }

    /// In seconds, with the native form where that is asked for.
    pub fn histogram(&self, is_native: bool) -> Histogram {
        let buckets = BOUNDS_US.into_iter().zip(self.counts);
        let buckets = buckets.map(|(bound, count)| Bucket {
            cumulative_count: count,
            upper_bound: bound as f64 / 1e6,
        });
        let classic = Histogram {
            count: self.count,
            sum: self.sum_us / 1e6,
            buckets: buckets.collect(),
            ..Histogram::default()
        };
        if !is_native {
            return classic;
        }
        let (spans, deltas) = self.spans();
        Histogram {
            schema: SCHEMA,
            // Shows that the form is native, even without a sample.
            zero_threshold: ZERO,
            zero_count: self.zeros,
            spans,
            deltas,
            ..classic
        }
    }

    fn spans(&self) -> (Vec<Span>, Vec<i64>) {
        let (mut spans, mut deltas): (Vec<Span>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut next, mut before) = (0, 0);
        for (number, count) in &self.native {
            let empty = number - next;
            match spans.last_mut().filter(|_| empty <= GAP) {
                Some(span) => {
                    for _ in 0..empty {
                        deltas.push(-before);
                        before = 0;
                    }
                    span.length += empty.unsigned_abs() + 1;
                }
                None => spans.push(Span {
                    offset: empty,
                    length: 1,
                }),
            }
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            deltas.push(count - before);
            (next, before) = (number + 1, count);
        }
        (spans, deltas)
    }
}

/// The native bucket of a time: the one with number `n` ends at 2^(n / 2^SCHEMA) seconds and begins after
/// the end of the one before.
fn number(us: u64) -> i32 {
    let seconds = us as f64 / 1e6;
    (seconds.log2() * f64::from(1 << SCHEMA)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[u64]) -> Histogram {
        let mut distribution = Distribution::new(3);
        samples.iter().for_each(|us| distribution.record(*us));
        let mut buckets = Buckets::default();
        buckets.add(&distribution);
        buckets.histogram(true)
    }

    /// Upper bounds in seconds, with the samples of their buckets, as a reader makes them of the message.
    fn read(histogram: &Histogram) -> Vec<(f64, i64)> {
        let (mut number, mut count) = (0, 0);
        let mut deltas = histogram.deltas.iter();
        let mut all = Vec::new();
        for span in &histogram.spans {
            number += span.offset;
            for _ in 0..span.length {
                count += deltas.next().copied().unwrap_or_default();
                all.push((f64::from(number) / f64::from(1 << histogram.schema), count));
                number += 1;
            }
        }
        assert_eq!(deltas.next(), None, "each delta belongs to a bucket");
        let all = all.into_iter();
        all.map(|(power, count)| (power.exp2(), count)).collect()
    }

    #[test]
    fn each_sample_is_in_the_bucket_that_holds_it() {
        let width = 2f64.powf(1.0 / 16.0);
        for us in (0..36).map(|power| 3u64.pow(power % 20) * 7 + u64::from(power)) {
            let histogram = of(&[us]);
            let bounds = read(&histogram);
            assert_eq!((bounds.len(), bounds[0].1), (1, 1), "{us}");
            // HdrHistogram tells values apart to a thousandth.
            let (seconds, high) = (us as f64 / 1e6, bounds[0].0);
            let low = high / width;
            let is_in = low < seconds && seconds * 0.999 <= high;
            assert!(is_in, "{low} {seconds} {high}");
        }
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        for (us, expected) in [
            (1_000_000, 0),
            (2_000_000, 16),
            (500_000, -16),
            (1_000_001, 1),
        ] {
            assert_eq!(number(us), expected, "{us}");
        }
    }

    #[test]
    fn spans_leave_out_long_gaps_and_counts_add_up() {
        let samples = [
            &[1_000_000; 5][..],
            &[1_100_000; 2],
            &[60_000_000; 9],
            &[0; 3],
        ];
        let histogram = of(&samples.concat());
        assert_eq!((histogram.zero_count, histogram.count), (3, 19));
        assert_eq!((histogram.schema, histogram.spans.len()), (4, 2));
        assert_eq!(
            histogram.spans[0],
            Span {
                offset: 0,
                length: 4
            }
        );
        let counts: Vec<i64> = read(&histogram).iter().map(|(_, count)| *count).collect();
        // 1.1 s is in the bucket that ends at 2^(3/16) s; the two between are empty.
        assert_eq!(counts, [5, 0, 0, 2, 9]);
    }

    #[test]
    fn what_has_no_sample_is_native_all_the_same() {
        let empty = Buckets::default().histogram(true);
        assert!(empty.zero_threshold > 0.0 && empty.zero_threshold < 1e-30);
        assert_eq!(empty.zero_threshold, (-128f64).exp2());
        assert_eq!(Buckets::default().histogram(false).zero_threshold, 0.0);
    }
}
