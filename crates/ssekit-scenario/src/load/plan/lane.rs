//! One list of phases and the streams it moves.

use std::iter::Peekable;
use std::sync::Arc;

use ssekit_record::Shard;

use super::segment::{Ranges, Segment};
use super::{LANE_BITS, PlannedPhase};
use crate::load::phase::StormMode;
use crate::load::random::random;

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
        /// It is left out while so many streams of the run are connecting.
        most_pending: Option<u64>,
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
        let started = segment.started();
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
