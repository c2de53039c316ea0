//! What one worker counted of one population in one interval; what intervals add up to.

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;
use ssekit_record::{FaultKind, LoadCounts};

use crate::cause::Cause;
use crate::metric::Metric;
use crate::precision::Precision;
use crate::storm::StormTally;
use crate::trace::Notes;

/// Histograms and counters. Histograms are made when their first sample comes and grow with the
/// largest: most runs use a few of them.
#[derive(Debug, Clone)]
pub struct Tally {
    histograms: Vec<Option<Box<Histogram<u64>>>>,
    precision: Precision,
    /// Events of the same size in a row, not in their histogram yet: the size, and how many.
    sizes: (u64, u64),
    /// Whether gaps are corrected; `gap_corrected` is then `gap` and what was filled in.
    pub corrects: bool,
    /// Counters.
    pub count: LoadCounts,
    /// Groups of events in a burst, by whether their stamps lie apart: held back on the way, or sent
    /// together.
    pub groups_held: u64,
    /// See `groups_held`.
    pub groups_sent: u64,
    /// How far the stamp of an event lay after its arrival at most.
    pub ahead_us: u64,
    /// Streams that ended since all together held as much as they may.
    pub crowded: u64,
    /// The same of what decoders keep.
    pub crowded_decoded: u64,
    /// Heads over HTTP/1.1, and over HTTP/2.
    pub heads: [u64; 2],
    /// The fewest streams that a server allowed on a connection, where more were asked for.
    pub allowed: Option<u64>,
    /// Connections and streams that failed to open, by cause.
    pub errors: BTreeMap<Cause, u64>,
    /// Streams that ended after they were open, by cause.
    pub disconnects: BTreeMap<Cause, u64>,
    /// What the grammar of HTTP or the stream does not allow.
    pub faults: HashMap<FaultKind, u64>,
    /// Events of traced streams; not added up, but taken out by whoever writes them.
    pub notes: Notes,
    /// Storms by their beginnings.
    pub storms: BTreeMap<u64, StormTally>,
}

impl Tally {
    /// With histograms of this precision.
    pub fn new(precision: Precision) -> Self {
        Self {
            histograms: vec![None; Metric::ALL.len()],
            precision,
            sizes: (0, 0),
            corrects: false,
            count: LoadCounts::default(),
            groups_held: 0,
            groups_sent: 0,
            ahead_us: 0,
            crowded: 0,
            crowded_decoded: 0,
            heads: [0; 2],
            allowed: None,
            errors: BTreeMap::new(),
            disconnects: BTreeMap::new(),
            faults: HashMap::new(),
            notes: Notes::default(),
            storms: BTreeMap::new(),
        }
    }

    /// One of the same precision with nothing in it.
    pub fn emptied(&self) -> Self {
        Self::new(self.precision)
    }

    /// The sum of several, such as those of all populations.
    pub fn sum<'a>(tallies: impl IntoIterator<Item = &'a Self>, precision: Precision) -> Self {
        let mut sum = Self::new(precision);
        tallies.into_iter().for_each(|tally| sum.add(tally));
        sum
    }

    /// Takes a sample.
    #[inline]
    pub fn record(&mut self, metric: Metric, value: u64) {
        self.record_n(metric, value, 1);
    }

    /// Takes the same sample so many times.
    #[inline]
    pub fn record_n(&mut self, metric: Metric, value: u64, count: u64) {
        let (precision, is_time) = (self.precision, metric.is_time());
        let histogram =
            self.histograms[metric as usize].get_or_insert_with(|| precision.histogram(is_time));
        let most = precision.most(is_time);
        if value > most {
            self.count.beyond += count;
        }
        // It resizes itself, and the value is bounded.
        let recorded = histogram.record_n(value.min(most), count);
        debug_assert!(recorded.is_ok(), "{recorded:?}");
    }

    /// Counts an event of this size. Events of a burst are mostly alike, and counted together.
    #[inline]
    pub fn size(&mut self, bytes: u64) {
        if self.sizes.0 != bytes {
            self.flush_sizes();
            self.sizes.0 = bytes;
        }
        self.sizes.1 += 1;
    }

    /// Puts the events counted by [`Self::size`] into their histogram; due at the end of each read.
    #[inline]
    pub fn flush_sizes(&mut self) {
        let (bytes, count) = std::mem::take(&mut self.sizes);
        if count > 0 {
            self.record_n(Metric::EventSize, bytes, count);
        }
    }

    /// Takes the samples that one longer than the interval kept from being taken: one interval less,
    /// two intervals less, and so on. Returns how many these are.
    pub fn fill(&mut self, metric: Metric, value: u64, interval: u64) -> u64 {
        const FILLED: u64 = 1000;
        let missing = (value / interval.max(1)).saturating_sub(1);
        let step = missing.div_ceil(FILLED).max(1);
        let mut filled = 0;
        while filled < missing {
            let count = step.min(missing - filled);
            let back = filled + count.div_ceil(2);
            self.record_n(metric, value - back * interval, count);
            filled += count;
        }
        missing
    }

    /// The samples of a metric, if there are any.
    pub fn histogram(&self, metric: Metric) -> Option<&Histogram<u64>> {
        self.histograms[metric as usize].as_deref()
    }

    /// The value that this share of the samples of a metric do not exceed; 0 where there are none.
    pub fn quantile(&self, metric: Metric, share: f64) -> u64 {
        self.histogram(metric)
            .map_or(0, |samples| samples.value_at_quantile(share))
    }

    /// What is counted of the storm that began then.
    pub fn storm(&mut self, begin_us: u64) -> &mut StormTally {
        self.storms.entry(begin_us).or_default()
    }

    /// Counts one.
    pub fn error(&mut self, cause: Cause) {
        self.count.errors += 1;
        *self.errors.entry(cause).or_default() += 1;
    }

    /// Counts one.
    pub fn disconnect(&mut self, cause: Cause) {
        if cause != Cause::Client {
            self.count.disconnects += 1;
            *self.disconnects.entry(cause).or_default() += 1;
        }
    }

    /// Counts one.
    pub fn fault(&mut self, kind: FaultKind) {
        self.count.faults += 1;
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Adds another interval, worker or population.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.histograms.iter_mut().zip(&other.histograms) {
            let Some(theirs) = theirs else { continue };
            let mine = mine.get_or_insert_with(|| {
                let mut empty = Box::new(Histogram::new_from(theirs.as_ref()));
                empty.auto(true);
                empty
            });
            // Both resize themselves, so no value of one is out of the range of the other.
            let added = mine.add(theirs.as_ref());
            debug_assert!(added.is_ok(), "{added:?}");
        }
        self.corrects |= other.corrects;
        self.count.add(&other.count);
        self.groups_held += other.groups_held;
        self.groups_sent += other.groups_sent;
        self.ahead_us = self.ahead_us.max(other.ahead_us);
        self.crowded += other.crowded;
        self.crowded_decoded += other.crowded_decoded;
        for (mine, theirs) in self.heads.iter_mut().zip(other.heads) {
            *mine += theirs;
        }
        self.allowed = self.allowed.into_iter().chain(other.allowed).min();
        let maps = [
            (&mut self.errors, &other.errors),
            (&mut self.disconnects, &other.disconnects),
        ];
        for (mine, theirs) in maps {
            for (cause, count) in theirs {
                *mine.entry(*cause).or_default() += count;
            }
        }
        for (kind, count) in &other.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        for (begin, storm) in &other.storms {
            self.storms.entry(*begin).or_default().add(storm);
        }
    }

    /// Takes what was counted and begins anew.
    pub fn take(&mut self) -> Self {
        let emptied = self.emptied();
        std::mem::replace(self, emptied)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn correction_fills_in_what_a_stall_kept_from_being_taken() {
        let mut tally = Tally::new(Precision::default());
        assert_eq!(tally.fill(Metric::GapCorrected, 100, 100), 0);
        assert_eq!(tally.fill(Metric::GapCorrected, 450, 100), 3);
        let histogram = tally.histogram(Metric::GapCorrected).unwrap();
        let values: Vec<u64> = histogram
            .iter_recorded()
            .map(|v| v.value_iterated_to())
            .collect();
        assert_eq!(values, [150, 250, 350]);
    }

    #[test]
    fn a_long_stall_is_filled_in_bounded_steps_that_keep_the_count() {
        let mut tally = Tally::new(Precision::default());
        assert_eq!(tally.fill(Metric::GapCorrected, 1_000_000, 10), 99_999);
        let histogram = tally.histogram(Metric::GapCorrected).unwrap();
        assert_eq!(histogram.len(), 99_999);
        let median = histogram.value_at_quantile(0.5);
        assert!((499_000..502_000).contains(&median), "{median}");
    }

    #[test]
    fn adding_gives_the_percentiles_of_all_samples() {
        let (mut all, mut odd, mut even) = (
            Tally::new(Precision::default()),
            Tally::new(Precision::default()),
            Tally::new(Precision::default()),
        );
        for value in 1..2000 {
            all.record(Metric::Gap, value * 37);
            let half = if value % 2 == 0 { &mut even } else { &mut odd };
            half.record(Metric::Gap, value * 37);
            half.count.received += 1;
        }
        odd.add(&even);
        assert_eq!(odd.count.received, 1999);
        assert_eq!(odd.histogram(Metric::Gap), all.histogram(Metric::Gap));
    }
}
