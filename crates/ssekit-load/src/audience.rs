//! How many streams of a topic are open when: who should have had an event.

/// Changes kept at most. When there are more, two and two become one.
const CHANGES: usize = 4096;

/// The number of open streams over time.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    /// From when on how many; the time rises.
    levels: Vec<(u64, u64)>,
}

impl Audience {
    /// A stream opened.
    pub fn join(&mut self, at_us: u64) {
        let level = self.now();
        self.change(at_us, level + 1);
    }

    /// A stream ended.
    pub fn leave(&mut self, at_us: u64) {
        let level = self.now();
        self.change(at_us, level.saturating_sub(1));
    }

    fn now(&self) -> u64 {
        self.levels.last().map_or(0, |(_, level)| *level)
    }

    fn change(&mut self, at_us: u64, level: u64) {
        match self.levels.last_mut() {
            Some(last) if last.0 >= at_us => last.1 = level,
            _ => self.levels.push((at_us, level)),
        }
        if self.levels.len() > CHANGES {
            let now = self.now();
            self.levels = self
                .levels
                .chunks(2)
                .map(|pair| {
                    let least = pair.iter().map(|(_, level)| *level).min();
                    (pair[0].0, least.unwrap_or(0))
                })
                .collect();
            // The newest level must stay what it is: the next change counts from it.
            self.levels.push((at_us, now));
        }
    }

    /// The fewest that were open at any time from one instant to another: those surely there.
    pub fn least(&self, from_us: u64, to_us: u64) -> u64 {
        let after = self.levels.partition_point(|(at, _)| *at <= from_us);
        let Some(before) = after.checked_sub(1) else {
            return 0;
        };
        let within = self.levels[before..]
            .iter()
            .take_while(|(at, _)| *at <= to_us.max(from_us));
        within.map(|(_, level)| *level).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_of_a_stretch_are_those_that_stayed() {
        let mut audience = Audience::default();
        for at in [10, 20, 30] {
            audience.join(at);
        }
        audience.leave(40);
        audience.join(50);
        assert_eq!(audience.least(5, 100), 0);
        assert_eq!(audience.least(20, 25), 2);
        assert_eq!((audience.least(35, 39), audience.least(35, 60)), (3, 2));
        assert_eq!(audience.least(60, 60), 3);
    }

    #[test]
    fn a_long_run_keeps_the_level_and_never_tells_more_than_there_were() {
        let mut audience = Audience::default();
        for at in 0..100_000 {
            audience.join(3 * at);
            audience.join(3 * at + 1);
            audience.leave(3 * at + 2);
        }
        assert!(audience.levels.len() <= CHANGES + 1);
        assert_eq!(audience.least(300_000, 300_000), 100_000);
        assert!(audience.least(150_000, 150_000) <= 50_002);
    }
}
