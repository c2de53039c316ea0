//! One list of phases and the streams it moves.

use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use ssekit_record::Shard;

use super::{LANE_BITS, PlannedPhase};
use crate::load::phase::{RampShape, StormMode};
use crate::load::random::{permuted, random, unit};
use crate::load::scenario::Arrival;

/// Something a stream does at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// When, in microseconds since the begin of the plan.
    pub at_us: u64,
    /// Number of the stream, unique in the plan.
    pub stream: u64,
    /// Index of its population.
    pub population: usize,
    /// What.
    pub deed: Deed,
}

/// What a stream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Starts.
    Start {
        /// Whether the next stream begins in its place when it ends as declared or its lifetime is
        /// over: the number of open streams is what the plan holds. Not so for arrivals at a rate.
        renews: bool,
    },
    /// Leaves for good.
    Leave,
    /// Is broken off.
    Drop {
        /// How.
        how: Break,
        /// Whether it stays away.
        leaves: bool,
    },
}

/// How a stream is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed.
    Fin,
    /// It is reset.
    Rst,
    /// It is left open, and nothing is read or sent any more.
    HalfOpen,
}

impl Break {
    /// `None` where something else does it.
    pub(super) fn of(mode: StormMode) -> Option<Self> {
        match mode {
            StormMode::Fin => Some(Self::Fin),
            StormMode::Rst => Some(Self::Rst),
            StormMode::HalfOpen => Some(Self::HalfOpen),
            StormMode::External => None,
        }
    }
}

/// Phases of one list, in order, and who takes part.
#[derive(Debug)]
pub(super) struct Lane {
    index: u64,
    seed: u64,
    members: Vec<(usize, f64)>,
    weight: f64,
    phases: Vec<PlannedPhase>,
    segments: Vec<Segment>,
    open: Ranges,
    total: u64,
    peak: u64,
}

impl Lane {
    pub(super) fn new(index: u64, seed: u64, members: Vec<(usize, f64)>) -> Self {
        Self {
            index,
            seed: random(seed, 1, index, 0),
            weight: members.iter().map(|(_, weight)| weight).sum(),
            members,
            phases: Vec::new(),
            segments: Vec::new(),
            open: Ranges::default(),
            total: 0,
            peak: 0,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn push(&mut self, phase: PlannedPhase, segment: Segment) {
        let started = segment.course.started();
        self.peak = self.peak.max(segment.peak());
        self.total += started;
        self.open = segment.after();
        self.phases.push(phase);
        self.segments.push(segment);
    }

    pub(super) fn phases(&self) -> &[PlannedPhase] {
        &self.phases
    }

    pub(super) fn end_us(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.end_us)
    }

    /// Ordinals of the streams that are open after the last phase.
    pub(super) fn open(&self) -> &Ranges {
        &self.open
    }

    /// Streams started in all.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    pub(super) fn planned(&self, shard: Shard) -> u64 {
        let (index, count) = (u64::from(shard.index), u64::from(shard.count.max(1)));
        (self.total + count - 1).saturating_sub(index) / count
    }

    /// Populations in the proportions of their weights, evenly mixed: the multiples of the golden
    /// ratio spread most evenly.
    fn population(&self, ordinal: u64) -> usize {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let turn = ordinal.wrapping_add(1).wrapping_mul(GOLDEN) as f64 / 2.0_f64.powi(64);
        let mut rest = turn * self.weight;
        for (population, weight) in &self.members {
            if rest < *weight {
                return *population;
            }
            rest -= weight;
        }
        self.members.last().map_or(0, |(population, _)| *population)
    }

    pub(super) fn acts(self: Arc<Self>) -> Box<dyn Iterator<Item = Act> + Send> {
        let segments = self.segments.clone();
        let acts = segments.into_iter().flat_map(Segment::acts);
        Box::new(acts.map(move |(at_us, ordinal, deed)| Act {
            at_us,
            stream: self.index << LANE_BITS | ordinal,
            population: self.population(ordinal),
            deed,
        }))
    }
}

/// Ordinals of open streams, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    fn nth(&self, mut index: u64) -> Option<u64> {
        for range in &self.0 {
            let len = range.end - range.start;
            if index < len {
                return Some(range.start + index);
            }
            index -= len;
        }
        None
    }

    fn push(&mut self, range: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if range.is_empty() => {}
            _ => self.0.push(range),
        }
    }

    /// Takes the oldest away.
    fn drop_first(&mut self, mut count: u64) {
        self.0.retain_mut(|range| {
            let taken = count.min(range.end - range.start);
            range.start += taken;
            count -= taken;
            !range.is_empty()
        });
    }
}

/// One phase's part in moving streams.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    start_us: u64,
    pub(super) end_us: u64,
    open: Ranges,
    course: Course,
    seed: u64,
}

/// What moves.
#[derive(Debug, Clone)]
pub(super) enum Course {
    /// Streams come.
    Open {
        first: u64,
        count: u64,
        timing: Timing,
        renews: bool,
    },
    /// The oldest leave, evenly.
    Close { count: u64, over_us: u64 },
    /// The oldest leaves and another comes, again and again.
    Churn { first: u64, count: u64, rate: f64 },
    /// Some are broken off at once; those that are to stay away are the oldest.
    Storm {
        count: u64,
        how: Break,
        leaves: bool,
    },
    /// Some come at once, and leave at the end.
    Spike { first: u64, count: u64 },
    /// Nothing moves.
    Rest,
}

impl Course {
    fn started(&self) -> u64 {
        match self {
            Self::Open { count, .. } | Self::Churn { count, .. } | Self::Spike { count, .. } => {
                *count
            }
            Self::Close { .. } | Self::Storm { .. } | Self::Rest => 0,
        }
    }
}

type Moves = Box<dyn Iterator<Item = (u64, u64, Deed)> + Send>;

impl Segment {
    pub(super) fn new(
        start_us: u64,
        end_us: u64,
        open: Ranges,
        course: Course,
        (seed, index): (u64, u64),
    ) -> Self {
        Self {
            start_us,
            end_us,
            open,
            course,
            seed: random(seed, 2, index, 0),
        }
    }

    fn peak(&self) -> u64 {
        match self.course {
            Course::Open { count, .. } | Course::Spike { count, .. } => self.open.len() + count,
            _ => self.open.len(),
        }
    }

    /// Streams that are open afterwards.
    fn after(&self) -> Ranges {
        let mut open = self.open.clone();
        match self.course {
            Course::Open { first, count, .. } => open.push(first..first + count),
            Course::Close { count, .. }
            | Course::Storm {
                count,
                leaves: true,
                ..
            } => {
                open.drop_first(count);
            }
            Course::Churn { first, count, .. } => {
                open.push(first..first + count);
                open.drop_first(count);
            }
            Course::Storm { .. } | Course::Spike { .. } | Course::Rest => {}
        }
        open
    }

    fn acts(self) -> Moves {
        let Self {
            start_us,
            end_us,
            open,
            course,
            seed,
        } = self;
        let start = |renews| Deed::Start { renews };
        match course {
            Course::Open {
                first,
                count,
                timing,
                renews,
            } => {
                let times = timing.times(count);
                Box::new(
                    (first..first + count)
                        .zip(times)
                        .map(move |(stream, at)| (start_us + at, stream, start(renews))),
                )
            }
            Course::Close { count, over_us } => {
                let times = Timing::Linear { over_us }.times(count);
                let streams = (0..count).map_while(move |index| open.nth(index));
                Box::new(
                    streams
                        .zip(times)
                        .map(move |(stream, at)| (start_us + at, stream, Deed::Leave)),
                )
            }
            Course::Churn { first, count, rate } => {
                let mut all = open;
                all.push(first..first + count);
                Box::new((0..count).flat_map(move |index| {
                    let at = start_us + (index as f64 * 1e6 / rate) as u64;
                    let leaves = all.nth(index).map(|stream| (at, stream, Deed::Leave));
                    leaves.into_iter().chain([(at, first + index, start(true))])
                }))
            }
            Course::Storm { count, how, leaves } => {
                let all = open.len();
                let is_hit = move |index: &u64| match leaves {
                    true => *index < count,
                    false => permuted(seed, *index, all) < count,
                };
                let deed = Deed::Drop { how, leaves };
                let hit = (0..all)
                    .filter(is_hit)
                    .map_while(move |index| open.nth(index));
                Box::new(hit.map(move |stream| (start_us, stream, deed)))
            }
            Course::Spike { first, count } => {
                let come =
                    (first..first + count).map(move |stream| (start_us, stream, start(true)));
                let leave = (first..first + count).map(move |stream| (end_us, stream, Deed::Leave));
                Box::new(come.chain(leave))
            }
            Course::Rest => Box::new(std::iter::empty()),
        }
    }
}

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

/// Acts of several lanes in order of time.
pub(super) struct Merge {
    lanes: Vec<Peekable<Box<dyn Iterator<Item = Act> + Send>>>,
}

impl Merge {
    pub(super) fn new(lanes: Vec<Box<dyn Iterator<Item = Act> + Send>>) -> Self {
        Self {
            lanes: lanes.into_iter().map(Iterator::peekable).collect(),
        }
    }
}

impl Iterator for Merge {
    type Item = Act;

    fn next(&mut self) -> Option<Act> {
        let heads = self.lanes.iter_mut().enumerate();
        let heads = heads.filter_map(|(index, lane)| Some((lane.peek()?.at_us, index)));
        let (_, first) = heads.min()?;
        self.lanes[first].next()
    }
}
