//! How events spread over the streams that share them: a sample of event numbers, chosen by hash so
//! that every worker and shard chooses the same ones.

use std::collections::HashMap;

/// Events followed at most. Beyond that every second one is dropped, by hash.
const FOLLOWED: usize = 4096;

/// The arrivals of the events in the sample.
#[derive(Debug, Clone, Default)]
pub struct Fanout {
    /// An event is in the sample when this many low bits of its hash are 0.
    bits: u32,
    seen: HashMap<u64, Spread>,
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
    /// When it was published, where its stamp says so.
    pub published_us: Option<i64>,
}

impl Fanout {
    /// An event arrived for the first time at a stream.
    #[inline]
    pub fn arrive(&mut self, seq: u64, at_us: u64, published_us: Option<i64>) {
        if hash(seq) & self.mask() != 0 {
            return;
        }
        let arrived = Spread {
            first_us: at_us,
            last_us: at_us,
            count: 1,
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
            self.bits += 1;
            let mask = self.mask();
            self.seen.retain(|seq, _| hash(*seq) & mask == 0);
        }
    }

    fn mask(&self) -> u64 {
        (1 << self.bits) - 1
    }

    /// Adds the arrivals at the streams of another worker.
    pub fn add(&mut self, other: &Self) {
        if other.bits > self.bits {
            self.bits = other.bits;
            let mask = self.mask();
            self.seen.retain(|seq, _| hash(*seq) & mask == 0);
        }
        let mask = self.mask();
        for (seq, spread) in &other.seen {
            if hash(*seq) & mask == 0 {
                self.join(*seq, *spread);
            }
        }
        self.thin();
    }

    /// The events in the sample.
    pub fn spreads(&self) -> impl Iterator<Item = (u64, &Spread)> {
        self.seen.iter().map(|(seq, spread)| (*seq, spread))
    }
}

/// Spreads neighbouring numbers evenly (the finalizer of splitmix64).
fn hash(seq: u64) -> u64 {
    let mut z = seq.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_followed_different_shares_agree_when_added() {
        let (mut one, mut two, mut all) = (Fanout::default(), Fanout::default(), Fanout::default());
        for seq in 0..20_000 {
            one.arrive(seq, 10 * seq + 5, Some(10 * seq as i64));
            all.arrive(seq, 10 * seq + 5, Some(10 * seq as i64));
            if seq < 6_000 {
                two.arrive(seq, 10 * seq + 2, None);
                all.arrive(seq, 10 * seq + 2, None);
            }
        }
        two.add(&one);
        assert_eq!(two.bits, all.bits);
        assert_eq!(two.seen, all.seen);
        let (_, both) = two
            .spreads()
            .find(|(seq, _)| *seq < 6_000)
            .unwrap_or_else(|| panic!());
        assert_eq!((both.count, both.last_us - both.first_us), (2, 3));
    }
}
