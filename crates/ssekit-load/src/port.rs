//! Local ports of our own choice, where the system would search for each one for long.
//!
//! Linux gives connect(2) the ports of one parity first, and looks through all of them in vain before
//! it takes one of the other parity: once half of the range is in use towards a destination, each
//! connection takes about a millisecond of processor time. So every other connection is given a port
//! of that other parity here, and the system finds one for the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ssekit_record::Shard;

/// Ports tried for a connection before the system is left to find one.
const TRIES: usize = 8;

/// Ports to take turns over.
#[derive(Debug, Clone)]
pub struct Ports {
    /// At least one.
    ports: Arc<[u16]>,
    turns: Arc<AtomicU64>,
    given: Arc<AtomicU64>,
    /// Whether no other port may be taken.
    is_only: bool,
}

impl Ports {
    /// For so many connections at once between a source and a destination address; `None` where the
    /// system finds ports quickly by itself, or does not tell its range. Shards begin apart, since
    /// they may be processes of one machine.
    pub fn new(connections: u64, shard: Shard) -> Option<Self> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
        let range = read("ip_local_port_range").ok()?;
        let reserved = read("ip_local_reserved_ports").unwrap_or_default();
        Self::within(&range, &reserved, connections, shard)
    }

    fn within(range: &str, reserved: &str, connections: u64, shard: Shard) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse::<u16>);
        let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
        let reserved: Vec<(u16, u16)> = reserved.trim().split(',').filter_map(span).collect();
        let is_reserved = |port: u16| {
            let mut spans = reserved.iter();
            spans.any(|(first, last)| (*first..=*last).contains(&port))
        };
        let others = (first..=last).skip(1).step_by(2);
        let mut ports: Vec<u16> = others.filter(|port| !is_reserved(*port)).collect();
        if ports.is_empty() || connections <= ports.len() as u64 / 2 {
            return None;
        }
        let begin = beginning(ports.len(), shard);
        ports.rotate_left(begin);
        Some(Self {
            ports: ports.into(),
            turns: Arc::default(),
            given: Arc::default(),
            is_only: false,
        })
    }

    /// Those of a range, and no others. Shards begin apart, since they may be processes of one machine.
    pub fn only((first, last): (u16, u16), shard: Shard) -> Self {
        let mut ports: Vec<u16> = (first..=last).collect();
        let begin = beginning(ports.len(), shard);
        ports.rotate_left(begin);
        Self {
            ports: ports.into(),
            turns: Arc::default(),
            given: Arc::default(),
            is_only: true,
        }
    }

    /// Whether a connection that finds none of them free fails.
    pub fn is_only(&self) -> bool {
        self.is_only
    }

    /// How many there are, and no others may be taken; `None` where the system has more.
    pub fn limit(&self) -> Option<u64> {
        self.is_only.then_some(self.ports.len() as u64)
    }

    /// What the next connection tries, one after the other; nothing where the system is to choose.
    pub fn candidates(&self) -> impl Iterator<Item = u16> + use<'_> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        // Half of the turns, by chance: they must not coincide with those of source addresses.
        let is_ours = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1;
        let tries = match (self.is_only, is_ours) {
            (true, _) => self.ports.len(),
            (false, true) => TRIES,
            (false, false) => 0,
        };
        (0..tries).map(|_| {
            let given = self.given.fetch_add(1, Ordering::Relaxed);
            self.ports[given as usize % self.ports.len()]
        })
    }
}

/// Where a shard begins among so many ports.
fn beginning(ports: usize, shard: Shard) -> usize {
    (ports as u64 * u64::from(shard.index) / u64::from(shard.count.max(1))) as usize
}

/// One port, or the first and last of several, as in `8080` and `9000-9010`.
fn span(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ports(index: u32, count: u32, reserved: &str) -> Ports {
        let shard = Shard {
            index,
            count,
            ..Shard::default()
        };
        Ports::within("1000\t1099\n", reserved, 100, shard).unwrap()
    }

    #[test]
    fn half_of_the_connections_take_the_ports_that_the_system_takes_last() {
        let ports = ports(0, 1, "");
        let taken: Vec<u16> = (0..100).filter_map(|_| ports.candidates().next()).collect();
        assert!((40..=60).contains(&taken.len()), "{}", taken.len());
        assert!(taken.iter().all(|port| port % 2 == 1), "{taken:?}");
        let mut once = taken.clone();
        once.dedup();
        assert_eq!(once.len(), taken.len());
    }

    #[test]
    fn shards_begin_apart_and_reserved_ports_are_left_alone() {
        let all: Vec<u16> = ports(1, 2, "1051,1053-1055").ports.to_vec();
        assert_eq!(all[0], 1047);
        assert!(!all.iter().any(|port| [1051, 1053, 1055].contains(port)));
        assert_eq!(all.len(), 47);
    }

    #[test]
    fn of_a_range_every_port_is_tried_and_no_other() {
        let shard = Shard {
            index: 1,
            count: 2,
            ..Shard::default()
        };
        let ports = Ports::only((2000, 2003), shard);
        let first: Vec<u16> = ports.candidates().collect();
        assert_eq!(first, [2002, 2003, 2000, 2001]);
        assert_eq!(ports.candidates().next(), Some(2002));
        assert_eq!((ports.is_only(), ports.limit()), (true, Some(4)));
    }

    #[test]
    fn few_connections_are_left_to_the_system() {
        let few = Ports::within("1000 1099", "", 25, Shard::default());
        assert!(few.is_none());
    }
}
