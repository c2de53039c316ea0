//! Storms: many streams broken off at once, and how they came back.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MetricValue;

/// Many streams broken off at once, and how they came back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storm {
    /// Name of the phase.
    pub phase: String,
    /// How: `fin`, `rst`, `half-open` or `external`.
    pub mode: String,
    /// Its beginning, in microseconds since the begin of the plan.
    pub at_us: u64,
    /// Streams broken off.
    pub dropped: u64,
    /// Those of them that were told to stay away.
    #[serde(default)]
    pub left: u64,
    /// Those that had an event again before the end of observation.
    pub recovered: u64,
    /// Most connections that they tried in one second.
    pub peak_attempts: u64,
    /// When 50, 95, 99 and 100 % of the streams that were to come back had an event again.
    pub shares: Vec<Recovered>,
    /// Their attempts that failed, by cause.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// From the beginning of the storm to the next event, one sample a stream that had one.
    #[serde(default)]
    pub recovery: Option<MetricValue>,
    /// The recovery over time: what happened in each tenth of a second in which anything did, for the
    /// first ten minutes.
    #[serde(default)]
    pub curve: Vec<Recovering>,
}

/// When a share of the streams broken off had an event again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recovered {
    /// Share of the streams broken off that were to come back, from 0 to 1.
    pub share: f64,
    /// Time since the storm's beginning in microseconds; `null` when it never came to that.
    pub after_us: Option<u64>,
}

/// What happened in one stretch of [`Storm::STEP_US`] after a storm began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Recovering {
    /// Its beginning, in microseconds since the storm's.
    pub after_us: u64,
    /// Connections tried by the streams broken off.
    pub attempts: u64,
    /// Attempts that failed.
    pub errors: u64,
    /// Streams that had an event again.
    pub recovered: u64,
}

impl Storm {
    /// Length of one stretch of the curve, in microseconds.
    pub const STEP_US: u64 = 100_000;
    /// Stretches of the curve at most.
    pub const STEPS: u64 = 6_000;

    /// Makes `recovered`, `shares` and `peak_attempts` from the samples and the curve.
    pub fn settle(&mut self) {
        let samples = self.recovery.as_ref().and_then(MetricValue::samples);
        self.recovered = samples.map_or(0, crate::Distribution::count);
        let due = self.dropped.saturating_sub(self.left);
        let after = |share: f64| {
            let wanted = (share * due as f64).ceil() as u64;
            let samples = samples.filter(|s| s.count() >= wanted && wanted > 0)?;
            Some(samples.quantile(wanted as f64 / samples.count() as f64))
        };
        self.shares = match due {
            0 => Vec::new(),
            _ => [0.5, 0.95, 0.99, 1.0]
                .map(|share| Recovered {
                    share,
                    after_us: after(share),
                })
                .to_vec(),
        };
        self.peak_attempts = self.peak();
    }

    /// Most attempts in one second, wherever that second begins on the curve.
    fn peak(&self) -> u64 {
        let within = |begin: u64| {
            let second = self
                .curve
                .iter()
                .filter(move |step| (begin..begin + 1_000_000).contains(&step.after_us));
            second.map(|step| step.attempts).sum()
        };
        // A fullest second can always be moved to begin where something happened.
        let begins = self.curve.iter().map(|step| step.after_us);
        begins.map(within).max().unwrap_or(0)
    }

    /// Adds what another shard saw of the same storm.
    pub fn add(&mut self, other: Self) {
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.left = self.left.saturating_add(other.left);
        for (cause, count) in other.errors {
            *self.errors.entry(cause).or_default() += count;
        }
        match (&mut self.recovery, other.recovery) {
            (Some(mine), Some(theirs)) => mine.add(&theirs),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
        let mut steps: BTreeMap<u64, Recovering> = BTreeMap::new();
        for step in self.curve.iter().chain(&other.curve) {
            let sum = steps.entry(step.after_us).or_default();
            sum.after_us = step.after_us;
            sum.attempts += step.attempts;
            sum.errors += step.errors;
            sum.recovered += step.recovered;
        }
        self.curve = steps.into_values().collect();
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Distribution, Unit};

    fn storm(dropped: u64, times: &[u64], attempts: &[(u64, u64)]) -> Storm {
        let mut samples = Distribution::new(3);
        times.iter().for_each(|us| samples.record(*us));
        let mut storm = Storm {
            dropped,
            recovery: Some(MetricValue::Distribution {
                unit: Unit::Us,
                samples,
                synthetic: 0,
            }),
            curve: attempts
                .iter()
                .map(|(after_us, attempts)| Recovering {
                    after_us: *after_us,
                    attempts: *attempts,
                    ..Recovering::default()
                })
                .collect(),
            ..Storm::default()
        };
        storm.settle();
        storm
    }

    fn after(storm: &Storm) -> Vec<Option<u64>> {
        storm.shares.iter().map(|share| share.after_us).collect()
    }

    #[test]
    fn shares_are_of_all_that_were_broken_off() {
        let half = storm(4, &[100, 200], &[]);
        assert_eq!(after(&half), [Some(200), None, None, None]);
        let all = storm(4, &[100, 200, 300, 400], &[]);
        assert_eq!(after(&all), [Some(200), Some(400), Some(400), Some(400)]);
    }

    #[test]
    fn parts_that_are_added_give_what_the_whole_saw() {
        let mut part = storm(2, &[100, 200], &[(0, 5), (900_000, 3)]);
        part.add(storm(2, &[300, 400], &[(900_000, 4), (1_000_000, 1)]));
        let whole = storm(
            4,
            &[100, 200, 300, 400],
            &[(0, 5), (900_000, 7), (1_000_000, 1)],
        );
        assert_eq!(part, whole);
        assert_eq!(
            whole.peak_attempts, 12,
            "within a second, not within a step"
        );
    }

    #[test]
    fn who_was_told_to_leave_is_not_waited_for() {
        let mut left = storm(4, &[100, 200], &[]);
        left.left = 2;
        left.settle();
        assert_eq!(after(&left)[3], Some(200));
    }
}
