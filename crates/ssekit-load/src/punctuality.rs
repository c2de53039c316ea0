//! How late each tick of a declared schedule was.
//!
//! The n-th tick is due at `t0 + n × interval`; its lateness is the arrival less that. `t0` is the
//! first arrival, and moves to before it when a later tick comes before it would be due: a first
//! tick that was late itself must not make the others look early.

/// Samples for one hole at most; where more ticks are missing, a sample stands for several in a row.
const SAMPLES: u64 = 1000;

/// The schedule of one stream. Times are microseconds of one clock.
#[derive(Debug, Clone)]
pub struct Punctuality {
    interval: u64,
    /// When tick 0 was due, and the sequence number it has.
    origin: Option<(u64, u64)>,
    /// Ticks accounted for; the next one is due at `origin + next × interval`.
    next: u64,
    last: u64,
}

impl Punctuality {
    /// A schedule with this interval, at least 1 µs.
    pub fn new(interval_us: u64) -> Self {
        Self {
            interval: interval_us.max(1),
            origin: None,
            next: 0,
            last: 0,
        }
    }

    /// A tick arrived. Tells the lateness of it, and before that of each tick that it shows to be
    /// missing, as from their due times to the arrival that came in their stead.
    ///
    /// `seq` is its number in the sequence, where there is one. Without one, a tick that is late by
    /// an interval or more is taken for one in a backlog as long as ticks follow each other faster
    /// than the schedule, and otherwise shows that ticks before it were skipped.
    pub fn arrive(&mut self, at: u64, seq: Option<u64>, mut late: impl FnMut(Lateness)) {
        let Some((origin, first)) = self.origin else {
            self.origin = Some((at, seq.unwrap_or(0)));
            self.next = 1;
            self.last = at;
            return late(Lateness::arrived(0));
        };
        let index = match seq {
            Some(seq) if seq >= first => seq - first,
            // Before the first one, or none: out of this schedule.
            Some(_) => return,
            None => self.next + self.skipped(at, origin),
        };
        let came = if seq.is_some() { at } else { self.last };
        self.spread(origin, self.next..index, |due, count| {
            late(Lateness {
                us: came.saturating_sub(due),
                count,
                tick: Tick::Missing,
            });
        });
        let due = self.due(origin, index);
        if at < due {
            self.origin = Some((origin - (due - at).min(origin), first));
        }
        self.next = self.next.max(index + 1);
        self.last = at;
        late(Lateness::arrived(at.saturating_sub(due)));
    }

    /// Ticks that a regular one shows to have been skipped before the last arrival.
    fn skipped(&self, at: u64, origin: u64) -> u64 {
        let behind = at.saturating_sub(self.due(origin, self.next)) / self.interval;
        let regular = (at - self.last.min(at)) * 2 >= self.interval;
        let held = self.last.saturating_sub(self.due(origin, self.next)) / self.interval + 1;
        let waiting = self.last >= self.due(origin, self.next);
        if regular && waiting {
            behind.min(held)
        } else {
            0
        }
    }

    fn due(&self, origin: u64, index: u64) -> u64 {
        origin.saturating_add(index.saturating_mul(self.interval))
    }

    /// Goes over the due times of these ticks, in at most [`SAMPLES`] steps.
    fn spread(&self, origin: u64, ticks: std::ops::Range<u64>, mut each: impl FnMut(u64, u64)) {
        let step = (ticks.end.saturating_sub(ticks.start))
            .div_ceil(SAMPLES)
            .max(1);
        let mut index = ticks.start;
        while index < ticks.end {
            let count = step.min(ticks.end - index);
            each(self.due(origin, index + count / 2), count);
            index += count;
        }
    }

    /// Tells how late the ticks still due were when observation stopped, a lower bound of each,
    /// and how many ticks that is true of.
    pub fn stop(&self, at: u64, late: impl FnMut(u64, u64)) {
        let Some((origin, _)) = self.origin else {
            return;
        };
        let due = self.due(origin, self.next);
        if at < due {
            return;
        }
        let end = self.next + (at - due) / self.interval + 1;
        let mut late = late;
        self.spread(origin, self.next..end, |due, count| {
            late(at.saturating_sub(due), count);
        });
    }
}

/// How late ticks were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lateness {
    /// In microseconds.
    pub us: u64,
    /// How many ticks it stands for.
    pub count: u64,
    /// What became of them.
    pub tick: Tick,
}

impl Lateness {
    fn arrived(us: u64) -> Self {
        Self {
            us,
            count: 1,
            tick: Tick::Arrived,
        }
    }
}

/// What a lateness was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// A tick that came.
    Arrived,
    /// A tick that never came.
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lateness(ticks: &[(u64, Option<u64>)], interval: u64) -> Vec<(u64, bool)> {
        let mut schedule = Punctuality::new(interval);
        let mut all = Vec::new();
        for (at, seq) in ticks {
            schedule.arrive(*at, *seq, |late| {
                all.push((late.us, late.tick == Tick::Arrived))
            });
        }
        all
    }

    #[test]
    fn a_stall_that_is_caught_up_gives_a_falling_stair() {
        // Ticks each 20 ms; tick 3 and all that were due meanwhile come 700 ms late at once.
        let mut ticks: Vec<(u64, Option<u64>)> = (0..3).map(|n| (n * 20, None)).collect();
        ticks.extend((3..=38).map(|_| (760, None)));
        ticks.extend((39..45).map(|n| (n * 20, None)));
        let got = lateness(&ticks, 20);
        let mut want: Vec<u64> = vec![0, 0, 0];
        want.extend((3..=38).map(|n| 760 - n * 20));
        want.extend([0; 6]);
        assert_eq!(got.iter().map(|tick| tick.0).collect::<Vec<_>>(), want);
        let numbered: Vec<_> = ticks
            .iter()
            .zip(0..)
            .map(|((at, _), n)| (*at, Some(n)))
            .collect();
        assert_eq!(lateness(&numbered, 20), got);
    }

    #[test]
    fn ticks_that_were_skipped_count_as_late_until_the_next_one_came() {
        let ticks: Vec<_> = [0, 1, 2, 13, 14, 15].map(|n| (n * 100, Some(n))).to_vec();
        let mut want: Vec<(u64, bool)> = vec![(0, true); 3];
        want.extend((3..13).map(|n| ((13 - n) * 100, false)));
        want.extend([(0, true); 3]);
        assert_eq!(lateness(&ticks, 100), want);
    }

    #[test]
    fn without_numbers_a_regular_tick_after_the_hole_shows_what_was_skipped() {
        let ticks: Vec<_> = [0, 1, 2, 13, 14, 15].map(|n| (n * 100, None)).to_vec();
        let got = lateness(&ticks, 100);
        // Tick 13 came in the stead of 3, and 14 showed that 4 to 13 would not come.
        let mut want = vec![(0, true), (0, true), (0, true), (1000, true)];
        want.extend((4..14).map(|n| (1300 - n * 100, false)));
        want.extend([(0, true), (0, true)]);
        assert_eq!(got, want);
    }

    #[test]
    fn a_late_first_tick_does_not_make_the_others_early() {
        let ticks = [(50, None), (120, None), (220, None), (330, None)];
        let got = lateness(&ticks, 100);
        assert_eq!(got, [(0, true), (0, true), (0, true), (10, true)]);
    }

    #[test]
    fn a_huge_hole_is_told_in_bounded_steps_that_count_every_tick() {
        let mut schedule = Punctuality::new(1000);
        schedule.arrive(0, Some(1), |_| {});
        let (mut steps, mut ticks, mut sum) = (0, 0, 0);
        schedule.arrive(5_000_000_000, Some(5_000_001), |late| {
            (steps, ticks) = (steps + 1, ticks + late.count);
            sum += late.us * late.count;
        });
        assert!(steps <= 1001);
        assert_eq!(ticks, 5_000_000);
        let mean = sum / ticks;
        assert!((2_499_000_000..2_501_000_000).contains(&mean), "{mean}");
    }

    #[test]
    fn ticks_still_due_at_the_stop_are_told_apart() {
        let mut schedule = Punctuality::new(100);
        schedule.arrive(1000, None, |_| {});
        let mut open = Vec::new();
        schedule.stop(1350, |late, _| open.push(late));
        assert_eq!(open, [250, 150, 50]);
    }
}
