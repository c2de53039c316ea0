//! How events spread over the streams that share them: the sample that shards need to be merged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MetricValue;
use crate::{Distribution, Metric};

/// Digits of merged samples.
const DIGITS: u8 = 3;

/// The sampled events of one population, in the record of a shard. Every shard samples the same
/// events, by a hash of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FanoutSketch {
    /// Name of the population.
    pub population: String,
    /// An event is in the sample when this many low bits of the hash of its key are 0.
    pub bits: u32,
    /// By key.
    pub events: BTreeMap<u64, FanoutEvent>,
}

/// The arrivals of one event. Times are on the wall clock, in microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FanoutEvent {
    /// When it was published, where its stamp says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_us: Option<u64>,
    /// First arrival at a stream.
    pub first_us: u64,
    /// Last arrival.
    pub last_us: u64,
    /// Streams that it arrived at.
    pub arrived: u64,
    /// The phase in which it was published, or else first arrived: its place in the plan, from 0.
    #[serde(default)]
    pub phase: usize,
}

impl FanoutSketch {
    /// Whether the event of this key is in a sample of so many bits.
    pub fn samples(key: u64, bits: u32) -> bool {
        let mask = 1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1);
        hash(key) & mask == 0
    }

    /// Adds the arrivals at the streams of another shard. Both are thinned to the coarser sample.
    pub fn add(&mut self, other: &Self) {
        self.bits = self.bits.max(other.bits);
        let bits = self.bits;
        self.events.retain(|key, _| Self::samples(*key, bits));
        let theirs = other.events.iter();
        for (key, event) in theirs.filter(|(key, _)| Self::samples(**key, bits)) {
            let Entry::Occupied(mut mine) = self.events.entry(*key) else {
                self.events.insert(*key, *event);
                continue;
            };
            let mine = mine.get_mut();
            if event.first_us < mine.first_us {
                mine.phase = event.phase;
            }
            mine.first_us = mine.first_us.min(event.first_us);
            mine.last_us = mine.last_us.max(event.last_us);
            mine.published_us = mine.published_us.or(event.published_us);
            mine.arrived = mine.arrived.saturating_add(event.arrived);
        }
    }

    /// Puts the times of sampled events among metrics, in the place of those that are there.
    pub fn measure<'a>(
        events: impl IntoIterator<Item = &'a FanoutEvent>,
        metrics: &mut BTreeMap<String, MetricValue>,
    ) {
        let mut samples = ["fanout_first", "fanout_last", "fanout_skew"]
            .map(|name| (name, Distribution::new(DIGITS)));
        for event in events {
            let [first, last, skew] = &mut samples;
            skew.1.record(event.last_us.saturating_sub(event.first_us));
            if let Some(published) = event.published_us {
                first.1.record(event.first_us.saturating_sub(published));
                last.1.record(event.last_us.saturating_sub(published));
            }
        }
        for (name, samples) in samples {
            metrics.remove(name);
            if let (Some(metric), false) = (Metric::named(name), samples.is_empty()) {
                let value = MetricValue::Distribution {
                    unit: metric.unit,
                    samples,
                    synthetic: 0,
                };
                metrics.insert(name.to_owned(), value);
            }
        }
    }
}

/// Spreads neighbouring numbers evenly (the finalizer of splitmix64).
fn hash(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sketch(bits: u32, offset: u64) -> FanoutSketch {
        let event = |key: u64| FanoutEvent {
            published_us: Some(key * 1000),
            first_us: key * 1000 + 10 + offset,
            last_us: key * 1000 + 20 + offset,
            arrived: 3,
            phase: 0,
        };
        FanoutSketch {
            population: "readers".into(),
            bits,
            events: (0..64)
                .filter(|key| FanoutSketch::samples(*key, bits))
                .map(|key| (key, event(key)))
                .collect(),
        }
    }

    #[test]
    fn shards_that_saw_the_same_times_are_added_too() {
        let mut whole = sketch(0, 0);
        whole.add(&sketch(0, 0));
        assert!(whole.events.values().all(|event| event.arrived == 6));
    }

    #[test]
    fn shards_that_are_added_give_first_and_last_of_all_streams() {
        let mut whole = sketch(0, 0);
        whole.add(&sketch(2, 500));
        assert_eq!(whole.bits, 2);
        assert!(
            (4..40).contains(&whole.events.len()),
            "{}",
            whole.events.len()
        );
        let mut metrics = BTreeMap::new();
        FanoutSketch::measure(whole.events.values(), &mut metrics);
        let of = |name: &str| metrics[name].samples().unwrap().clone();
        assert_eq!(
            (of("fanout_first").max(), of("fanout_last").min()),
            (10, 520)
        );
        assert_eq!(
            (of("fanout_skew").min(), of("fanout_skew").max()),
            (510, 510)
        );
    }
}
