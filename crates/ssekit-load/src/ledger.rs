//! Delivery accounting of one stream and topic: lost, duplicated, reordered, replayed.
//!
//! Sequence numbers rise by one with each event. The first one seen is where accounting begins:
//! what a stream was sent before it subscribed is not its loss.

/// Holes remembered for each ledger. When there are more, the oldest counts as lost for good, and an
/// event that fills it later as duplicated.
const HOLES: usize = 256;

/// What one event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one beyond a hole of so many numbers.
    New {
        /// Numbers skipped right before it.
        skipped: u64,
        /// Whether these lie across a reconnect.
        resumed: bool,
    },
    /// It fills a hole: it came after a higher number.
    Reordered {
        /// Whether the hole lies across a reconnect.
        resumed: bool,
    },
    /// Seen before, and sent again after a resume.
    Replayed,
    /// Seen before.
    Duplicated,
    /// It came after a higher number, and lies before the first one that was seen, so that nobody missed it.
    Early,
}

/// Numbers missing between two that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    first: u64,
    last: u64,
    lies: Lies,
}

/// Where a hole lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    /// Between two numbers of one connection.
    Within,
    /// Across a reconnect.
    Across,
    /// Before the first number that was seen: none of it was due.
    Before,
}

/// Holes from the oldest on.
#[derive(Debug, Clone, Default)]
struct Holes(Vec<Hole>);

/// What was seen of one sequence.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    high: Option<u64>,
    /// How far the lowest number that was seen lies below the highest; what is beyond this range is not told apart.
    span: u32,
    /// Once there was one.
    holes: Option<Box<Holes>>,
    /// Set by a reconnect until the first new event.
    resuming: bool,
}

impl Arrival {
    const NEXT: Self = Self::New {
        skipped: 0,
        resumed: false,
    };
}

impl Ledger {
    /// The stream was opened again: what comes up to the highest number seen is a replay.
    pub fn resume(&mut self) {
        self.resuming = self.high.is_some();
    }

    /// Takes note of an event.
    #[inline]
    pub fn note(&mut self, seq: u64) -> Arrival {
        let Some(high) = self.high else {
            self.high = Some(seq);
            return Arrival::NEXT;
        };
        if seq == high.wrapping_add(1) {
            self.high = Some(seq);
            self.span = self.span.saturating_add(1);
            self.resuming = false;
            return Arrival::NEXT;
        }
        self.note_odd(seq, high)
    }

    fn note_odd(&mut self, seq: u64, high: u64) -> Arrival {
        if seq > high {
            let resumed = std::mem::take(&mut self.resuming);
            self.holes.get_or_insert_default().remember(Hole {
                first: high + 1,
                last: seq - 1,
                lies: if resumed { Lies::Across } else { Lies::Within },
            });
            self.high = Some(seq);
            self.span = below(self.span, seq - high);
            return Arrival::New {
                skipped: seq - high - 1,
                resumed,
            };
        }
        if let Some(lies) = self.holes.as_mut().and_then(|holes| holes.fill(seq)) {
            return match lies {
                Lies::Within => Arrival::Reordered { resumed: false },
                Lies::Across => Arrival::Reordered { resumed: true },
                Lies::Before => Arrival::Early,
            };
        }
        if self.resuming {
            return Arrival::Replayed;
        }
        let low = high.saturating_sub(self.span.into());
        if seq >= low || self.span == u32::MAX {
            return Arrival::Duplicated;
        }
        self.span = below(self.span, low - seq);
        if low - seq > 1 {
            self.holes.get_or_insert_default().remember(Hole {
                first: seq + 1,
                last: low - 1,
                lies: Lies::Before,
            });
        }
        Arrival::Early
    }
}

fn below(span: u32, more: u64) -> u32 {
    span.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}

impl Holes {
    fn remember(&mut self, hole: Hole) {
        if self.0.len() == HOLES {
            self.0.remove(0);
        }
        self.0.push(hole);
    }

    /// Takes a number out of its hole, if it lies in one; tells where that lies.
    fn fill(&mut self, seq: u64) -> Option<Lies> {
        let lies_in = |hole: &Hole| (hole.first..=hole.last).contains(&seq);
        let at = self.0.iter().position(lies_in)?;
        let hole = self.0[at];
        let before = Hole {
            last: seq.wrapping_sub(1),
            ..hole
        };
        let after = Hole {
            first: seq + 1,
            ..hole
        };
        match (seq > hole.first, seq < hole.last) {
            (false, false) => {
                self.0.remove(at);
            }
            (true, false) => self.0[at] = before,
            (false, true) => self.0[at] = after,
            (true, true) => {
                self.0[at] = after;
                self.0.insert(at, before);
            }
        }
        Some(hole.lies)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// Numbers lost, and those of them that lie across a reconnect, as arrivals tell them.
    fn lost(arrivals: &[Arrival]) -> (u64, u64) {
        let (mut all, mut across) = (0, 0);
        for arrival in arrivals {
            let (change, resumed): (i64, bool) = match *arrival {
                Arrival::New { skipped, resumed } => (skipped as i64, resumed),
                Arrival::Reordered { resumed } => (-1, resumed),
                _ => continue,
            };
            all += change;
            across += if resumed { change } else { 0 };
        }
        (all as u64, across as u64)
    }

    fn run(seqs: &[u64]) -> (Ledger, Vec<Arrival>) {
        let mut ledger = Ledger::default();
        let arrivals = seqs.iter().map(|seq| ledger.note(*seq)).collect();
        (ledger, arrivals)
    }

    #[test]
    fn what_comes_late_is_reordered_and_not_lost() {
        let (_, arrivals) = run(&[5, 6, 9, 8, 10]);
        assert_eq!(arrivals[3], Arrival::Reordered { resumed: false });
        assert_eq!(lost(&arrivals), (1, 0));
    }

    #[test]
    fn what_comes_twice_is_duplicated_unless_a_resume_brought_it() {
        let (mut ledger, arrivals) = run(&[1, 2, 2, 1]);
        assert_eq!(arrivals[2..], [Arrival::Duplicated, Arrival::Duplicated]);
        ledger.resume();
        assert_eq!(ledger.note(2), Arrival::Replayed);
        assert_eq!(ledger.note(3), Arrival::NEXT);
        assert_eq!(ledger.note(3), Arrival::Duplicated);
    }

    #[test]
    fn what_comes_before_the_first_is_early_and_never_was_lost() {
        let (mut ledger, mut arrivals) = run(&[6, 5, 7, 3, 4, 4]);
        let early = [Arrival::Early; 2];
        assert_eq!((arrivals[1], &arrivals[3..5]), (Arrival::Early, &early[..]));
        assert_eq!(arrivals[5], Arrival::Duplicated);
        ledger.resume();
        // A server that sends its whole history again repeats nothing within one connection.
        arrivals.push(ledger.note(1));
        assert_eq!(arrivals[6], Arrival::Replayed);
        assert_eq!(lost(&arrivals), (0, 0));
    }

    #[test]
    fn a_hole_across_a_reconnect_is_lost_and_resume_loss() {
        let (mut ledger, mut arrivals) = run(&[1, 3]);
        ledger.resume();
        arrivals.push(ledger.note(7));
        assert_eq!(lost(&arrivals), (4, 3));
        arrivals.push(ledger.note(5));
        assert_eq!(lost(&arrivals), (3, 2));
    }

    #[test]
    fn forgotten_holes_stay_lost() {
        let seqs: Vec<u64> = (0..2000).map(|n| n * 2).collect();
        let (ledger, arrivals) = run(&seqs);
        assert_eq!(lost(&arrivals), (1999, 0));
        assert_eq!(ledger.holes.unwrap().0.len(), HOLES);
    }

    proptest! {
        /// Against sets of numbers: each new one once, holes are what lies between.
        #[test]
        fn it_counts_what_sets_count(seqs in proptest::collection::vec(100_u64..140, 1..80)) {
            let (_, arrivals) = run(&seqs);
            let first = seqs[0];
            let mut seen = std::collections::BTreeSet::new();
            for (seq, arrival) in seqs.iter().zip(&arrivals) {
                let high = seen.last().copied();
                let repeated = !seen.insert(*seq);
                prop_assert_eq!(*arrival == Arrival::Duplicated, repeated);
                // What lies before where accounting began was not due.
                let early = !repeated && *seq < first;
                prop_assert_eq!(*arrival == Arrival::Early, early);
                let late = !repeated && !early && high.is_some_and(|high| *seq < high);
                prop_assert_eq!(matches!(arrival, Arrival::Reordered { .. }), late);
            }
            let due = seen.range(first..).count() as u64;
            let span = seen.last().map_or(0, |last| last - first + 1);
            prop_assert_eq!(lost(&arrivals).0, span - due);
        }
    }
}
