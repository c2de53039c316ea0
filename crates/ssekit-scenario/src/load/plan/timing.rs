//! When the streams of a phase come.

use crate::load::phase::RampShape;
use crate::load::random::{random, unit};
use crate::load::scenario::Arrival;

/// When streams come.
#[derive(Debug, Clone)]
pub(super) enum Timing {
    /// Evenly over this time.
    Linear { over_us: u64 },
    /// In ten equal steps.
    Step { over_us: u64 },
    /// By the same factor in the same time.
    Exp { over_us: u64 },
    /// At a rate.
    Rate { rate: f64 },
    /// At a rate, at random.
    Poisson { rate: f64, seed: u64 },
    /// So many in the first step, so many more in each further one, evenly over its first half.
    Steps { first: u64, add: u64, every_us: u64 },
    /// So many at once, and the rest as another says.
    After { at_once: u64, then: Box<Timing> },
}

impl Timing {
    pub(super) fn of_ramp(shape: RampShape, over_us: u64) -> Self {
        match shape {
            RampShape::Linear => Self::Linear { over_us },
            RampShape::Step => Self::Step { over_us },
            RampShape::Exp => Self::Exp { over_us },
        }
    }

    pub(super) fn of_rate(rate: f64, dist: Arrival, (seed, index): (u64, u64)) -> Self {
        match dist {
            Arrival::Constant => Self::Rate { rate },
            Arrival::Poisson => Self::Poisson {
                rate,
                seed: random(seed, 3, index, 0),
            },
        }
    }

    pub(super) fn after(self, at_once: u64) -> Self {
        if at_once == 0 {
            return self;
        }
        Self::After {
            at_once,
            then: Box::new(self),
        }
    }

    pub(super) fn over_us(&self) -> u64 {
        match self {
            Self::Linear { over_us } | Self::Step { over_us } | Self::Exp { over_us } => *over_us,
            Self::After { then, .. } => then.over_us(),
            Self::Rate { .. } | Self::Poisson { .. } | Self::Steps { .. } => 0,
        }
    }

    /// How many come within this time, at most so many.
    pub(super) fn count_within(&self, us: u64, most: u64) -> u64 {
        let times = self.times(most).take_while(|at| *at < us);
        times.count() as u64
    }

    /// Offsets of so many streams, rising.
    pub(super) fn times(&self, count: u64) -> Box<dyn Iterator<Item = u64> + Send> {
        let part = |over_us: u64, part: u64, whole: u64| {
            (u128::from(over_us) * u128::from(part) / u128::from(whole.max(1))) as u64
        };
        match *self {
            Self::Linear { over_us } => Box::new((0..count).map(move |i| part(over_us, i, count))),
            Self::Step { over_us } => {
                Box::new((0..count).map(move |i| part(over_us, part(10, i, count), 10)))
            }
            Self::Exp { over_us } => Box::new((0..count).map(move |i| {
                let share = ((i + 1) as f64).ln() / ((count + 1) as f64).ln();
                (over_us as f64 * share) as u64
            })),
            Self::Rate { rate } => {
                Box::new((0..count).map(move |i| (i as f64 * 1e6 / rate) as u64))
            }
            Self::Poisson { rate, seed } => {
                let gap = move |i| -(1.0 - unit(seed, 4, i, 0)).ln() * 1e6 / rate;
                Box::new((0..count).scan(0.0, move |at, i| {
                    *at += gap(i);
                    Some(*at as u64)
                }))
            }
            Self::Steps {
                first,
                add,
                every_us,
            } => Box::new((0..count).map(move |i| {
                if i < first {
                    return part(every_us / 2, i, first);
                }
                let (step, place) = ((i - first) / add, (i - first) % add);
                every_us * (step + 1) + part(every_us / 2, place, add)
            })),
            Self::After { at_once, ref then } => {
                let rest = then.times(count.saturating_sub(at_once));
                Box::new(std::iter::repeat_n(0, at_once.min(count) as usize).chain(rest))
            }
        }
    }
}
