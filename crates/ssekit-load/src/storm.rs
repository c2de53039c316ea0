//! What became of the streams that a storm broke off.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use ssekit_record::{Distribution, MetricValue, Recovering, Storm, Unit};

use crate::cause::Cause;
use crate::job;
use crate::precision::Precision;

/// What was counted of one storm.
#[derive(Debug, Clone, Default)]
pub struct StormTally {
    /// Streams broken off.
    pub dropped: u64,
    /// Those of them that were told to stay away.
    pub left: u64,
    errors: BTreeMap<Cause, u64>,
    recovery: Option<Box<Histogram<u64>>>,
    /// By number of the stretch since the beginning.
    curve: BTreeMap<u64, Recovering>,
}

impl StormTally {
    /// A stream broken off tries to connect, so long after the beginning.
    pub fn attempt(&mut self, after_us: u64) {
        if let Some(step) = self.step(after_us) {
            step.attempts += 1;
        }
    }

    /// An attempt failed.
    pub fn error(&mut self, after_us: u64, cause: Cause) {
        *self.errors.entry(cause).or_default() += 1;
        if let Some(step) = self.step(after_us) {
            step.errors += 1;
        }
    }

    /// A stream had an event again.
    pub fn recover(&mut self, after_us: u64) {
        let precision = Precision::default();
        let samples = self
            .recovery
            .get_or_insert_with(|| precision.histogram(true));
        // It resizes itself, and the value is bounded.
        let recorded = samples.record(after_us.min(precision.most(true)));
        debug_assert!(recorded.is_ok(), "{recorded:?}");
        if let Some(step) = self.step(after_us) {
            step.recovered += 1;
        }
    }

    fn step(&mut self, after_us: u64) -> Option<&mut Recovering> {
        let number = after_us / Storm::STEP_US;
        (number < Storm::STEPS).then(|| self.curve.entry(number).or_default())
    }

    /// Adds what another worker, population or interval counted.
    pub fn add(&mut self, other: &Self) {
        self.dropped += other.dropped;
        self.left += other.left;
        for (cause, count) in &other.errors {
            *self.errors.entry(*cause).or_default() += count;
        }
        if let Some(theirs) = &other.recovery {
            let mine = self
                .recovery
                .get_or_insert_with(|| Precision::default().histogram(true));
            let added = mine.add(theirs.as_ref());
            debug_assert!(added.is_ok(), "{added:?}");
        }
        for (number, theirs) in &other.curve {
            let mine = self.curve.entry(*number).or_default();
            mine.attempts += theirs.attempts;
            mine.errors += theirs.errors;
            mine.recovered += theirs.recovered;
        }
    }

    /// The entry of the record.
    pub fn record(&self, storm: &job::Storm) -> Storm {
        let errors = self.errors.iter();
        let curve = self.curve.iter().map(|(number, step)| Recovering {
            after_us: number * Storm::STEP_US,
            ..*step
        });
        let mut record = Storm {
            phase: storm.phase.clone(),
            mode: storm.mode.clone(),
            at_us: storm.begin_us,
            dropped: self.dropped,
            left: self.left,
            errors: errors.map(|(cause, n)| (cause.to_string(), *n)).collect(),
            recovery: self
                .recovery
                .as_ref()
                .map(|samples| MetricValue::Distribution {
                    unit: Unit::Us,
                    samples: Distribution::from(samples.as_ref().clone()),
                    synthetic: 0,
                }),
            curve: curve.collect(),
            ..Storm::default()
        };
        record.settle();
        record
    }
}
