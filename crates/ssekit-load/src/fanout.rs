//! How events spread over the streams that share them: a sample of event numbers, chosen by hash so
//! that every worker and shard chooses the same ones.

use std::collections::HashMap;

use ssekit_record::{FanoutEvent, FanoutSketch};

use crate::audience::Audience;

/// Events followed at most. Beyond that every second one is dropped, by hash.
const FOLLOWED: usize = 2048;
/// Keeps the numbers of topics apart.
const TOPIC_STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;
/// What arrived not everywhere within this time before observation stopped may have been on its way.
const ON_ITS_WAY_US: u64 = 1_000_000;

/// The arrivals of the events in the sample.
#[derive(Debug, Clone, Default)]
pub struct Fanout {
    /// An event is in the sample when this many low bits of its hash are 0.
    bits: u32,
    seen: HashMap<u64, Spread>,
    /// The open streams of each topic, once for each worker that has some.
    audiences: HashMap<u64, Vec<Audience>>,
}

/// The arrivals of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// First arrival.
    pub first_us: u64,
    /// Last arrival.
    pub last_us: u64,
    /// Streams it arrived at.
    pub count: u64,
    /// Its topic.
    pub topic: u64,
    /// When it was published, where its stamp says so.
    pub published_us: Option<i64>,
}

impl Spread {
    /// When it was published; where no stamp says so, when it was first seen.
    pub fn begin_us(&self) -> u64 {
        let published = self.published_us.and_then(|us| u64::try_from(us).ok());
        published.map_or(self.first_us, |us| us.min(self.first_us))
    }
}

impl Fanout {
    /// A stream of a topic opened.
    pub fn join_topic(&mut self, topic: u64, at_us: u64) {
        self.audience(topic).join(at_us);
    }

    /// A stream of a topic ended.
    pub fn leave_topic(&mut self, topic: u64, at_us: u64) {
        self.audience(topic).leave(at_us);
    }

    fn audience(&mut self, topic: u64) -> &mut Audience {
        let audiences = self.audiences.entry(topic).or_default();
        if audiences.is_empty() {
            audiences.push(Audience::default());
        }
        &mut audiences[0]
    }

    /// An event of a topic arrived for the first time at a stream.
    #[inline]
    pub fn arrive(&mut self, topic: u64, seq: u64, at_us: u64, published_us: Option<i64>) {
        let seq = seq.wrapping_add(topic.wrapping_mul(TOPIC_STRIDE));
        if !FanoutSketch::samples(seq, self.bits) {
            return;
        }
        let arrived = Spread {
            first_us: at_us,
            last_us: at_us,
            count: 1,
            topic,
            published_us,
        };
        self.join(seq, arrived);
        self.thin();
    }

    fn join(&mut self, seq: u64, other: Spread) {
        self.seen
            .entry(seq)
            .and_modify(|spread| {
                spread.first_us = spread.first_us.min(other.first_us);
                spread.last_us = spread.last_us.max(other.last_us);
                spread.count += other.count;
                spread.published_us = spread.published_us.or(other.published_us);
            })
            .or_insert(other);
    }

    fn thin(&mut self) {
        while self.seen.len() > FOLLOWED {
            self.coarsen(self.bits + 1);
        }
    }

    fn coarsen(&mut self, bits: u32) {
        self.bits = bits;
        self.seen.retain(|seq, _| FanoutSketch::samples(*seq, bits));
    }

    /// Adds the arrivals at the streams of another worker.
    pub fn add(&mut self, other: &Self) {
        if other.bits > self.bits {
            self.coarsen(other.bits);
        }
        for (seq, spread) in &other.seen {
            if FanoutSketch::samples(*seq, self.bits) {
                self.join(*seq, *spread);
            }
        }
        for (topic, audiences) in &other.audiences {
            let mine = self.audiences.entry(*topic).or_default();
            mine.extend(audiences.iter().cloned());
        }
        self.thin();
    }

    /// Whether no event is in the sample.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The events in the sample.
    pub fn spreads(&self) -> impl Iterator<Item = &Spread> {
        self.seen.values()
    }

    /// At how many streams an event arrived, and at how many it was due: those of its topic that were
    /// open from when it was published, or first seen, until it was last seen. `None` where some of it
    /// may have been on its way when observation stopped.
    pub fn reach(&self, spread: &Spread, end_us: u64) -> Option<(u64, u64)> {
        let audiences = self.audiences.get(&spread.topic).into_iter().flatten();
        let due = audiences
            .map(|one| one.least(spread.begin_us(), spread.last_us))
            .sum::<u64>();
        let is_late = spread.first_us.saturating_add(ON_ITS_WAY_US) > end_us;
        let is_whole = spread.count >= due;
        (is_whole || !is_late).then(|| (spread.count, due.max(spread.count)))
    }

    /// What a merge with other shards needs; `wall_us` makes wall-clock times, and `phase_of` tells the
    /// phase of an instant.
    pub fn sketch(
        &self,
        population: &str,
        wall_us: impl Fn(u64) -> u64,
        phase_of: impl Fn(u64) -> usize,
    ) -> FanoutSketch {
        let events = self.seen.iter().map(|(seq, spread)| {
            let published = spread.published_us.and_then(|us| u64::try_from(us).ok());
            let event = FanoutEvent {
                published_us: published.map(&wall_us),
                first_us: wall_us(spread.first_us),
                last_us: wall_us(spread.last_us),
                arrived: spread.count,
                phase: phase_of(spread.begin_us()),
            };
            (*seq, event)
        });
        FanoutSketch {
            population: population.to_owned(),
            bits: self.bits,
            events: events.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_followed_different_shares_agree_when_added() {
        let (mut one, mut two, mut all) = (Fanout::default(), Fanout::default(), Fanout::default());
        for seq in 0..20_000 {
            one.arrive(0, seq, 10 * seq + 5, Some(10 * seq as i64));
            all.arrive(0, seq, 10 * seq + 5, Some(10 * seq as i64));
            if seq < 6_000 {
                two.arrive(0, seq, 10 * seq + 2, None);
                all.arrive(0, seq, 10 * seq + 2, None);
            }
        }
        two.add(&one);
        assert_eq!(two.bits, all.bits);
        assert_eq!(two.seen, all.seen);
        let both = two
            .spreads()
            .find(|spread| spread.count == 2)
            .unwrap_or_else(|| panic!());
        assert_eq!((both.count, both.last_us - both.first_us), (2, 3));
    }

    #[test]
    fn an_event_is_due_where_its_topic_was_open_all_the_while() {
        let mut fanout = Fanout::default();
        for at in [10, 20, 30] {
            fanout.join_topic(1, at);
        }
        fanout.join_topic(2, 15);
        fanout.arrive(1, 7, 100, Some(90));
        fanout.arrive(1, 7, 120, Some(90));
        // One that opens after the event was published owes nothing.
        fanout.join_topic(1, 95);
        let spread = *fanout.spreads().next().unwrap_or_else(|| panic!());
        assert_eq!(fanout.reach(&spread, 10_000_000), Some((2, 3)));
        assert_eq!(fanout.reach(&spread, 200), None, "may be on its way");
        fanout.leave_topic(1, 110);
        assert_eq!(fanout.reach(&spread, 10_000_000), Some((2, 3)));
    }
}
