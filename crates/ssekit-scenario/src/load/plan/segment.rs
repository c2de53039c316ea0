//! One phase's part in moving streams.

use std::ops::Range;

use super::course::Course;
use super::lane::Deed;
use super::timing::Timing;
use crate::load::random::{permuted, random};

/// One phase's part in moving streams.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    start_us: u64,
    pub(super) end_us: u64,
    open: Ranges,
    course: Course,
    seed: u64,
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

    /// Streams that it starts.
    pub(super) fn started(&self) -> u64 {
        self.course.started()
    }

    pub(super) fn peak(&self) -> u64 {
        match self.course {
            Course::Open { count, .. } | Course::Spike { count, .. } => self.open.len() + count,
            _ => self.open.len(),
        }
    }

    /// Streams that are open afterwards.
    pub(super) fn after(&self) -> Ranges {
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

    pub(super) fn acts(self) -> Moves {
        let Self {
            start_us,
            end_us,
            open,
            course,
            seed,
        } = self;
        let start = |renews, most_pending| Deed::Start {
            renews,
            most_pending,
        };
        match course {
            Course::Open {
                first,
                count,
                timing,
                renews,
                most_pending,
            } => {
                let times = timing.times(count);
                Box::new(
                    (first..first + count).zip(times).map(move |(stream, at)| {
                        (start_us + at, stream, start(renews, most_pending))
                    }),
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
                    leaves
                        .into_iter()
                        .chain([(at, first + index, start(true, None))])
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
                    (first..first + count).map(move |stream| (start_us, stream, start(true, None)));
                let leave = (first..first + count).map(move |stream| (end_us, stream, Deed::Leave));
                Box::new(come.chain(leave))
            }
            Course::Rest => Box::new(std::iter::empty()),
        }
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
