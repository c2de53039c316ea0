//! What became of the pieces one answer was sent in.

use memchr::memmem;
use ssekit_record::{Latency, Piece};

use crate::client::Sight;
use crate::journal::Visit;

/// Slices of one burst follow each other within this time, in microseconds.
const BURST_GAP_US: u64 = 3_000;
/// Pieces released by the same cause arrive within this time, in microseconds.
const TOGETHER_US: u64 = 5_000;

/// The pieces of one answer, in order, with times on the clock of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub pieces: Vec<Piece>,
    /// When the origin ended the content.
    pub closed_us: Option<u64>,
    /// Bytes and arrival of each burst the client got.
    pub bursts: Vec<(u64, u64)>,
}

impl Delivery {
    /// Finds each piece the origin sent in what the client got. A piece that was changed on its way
    /// counts as one that never came.
    pub(crate) fn of(visit: &Visit, sight: &Sight) -> Self {
        let stream = sight.transcript.stream();
        let mut from = 0;
        let pieces = visit.writes.iter().map(|write| {
            let bytes = visit.piece(write);
            let found = memmem::find(stream.bytes.get(from..).unwrap_or_default(), bytes);
            let end = found.map(|at| from + at + bytes.len());
            from = end.unwrap_or(from);
            let got = end.and_then(|end| stream.arrival_us(end as u64 - 1));
            Piece {
                sent_us: write.at_us,
                got_us: got.map(|at| sight.us(at)),
                bytes: write.len as u64,
            }
        });
        Self {
            pieces: pieces.collect(),
            closed_us: visit.ended_us,
            bursts: bursts(sight),
        }
    }

    /// How late each piece that came was.
    pub(crate) fn delays(&self) -> Vec<u64> {
        self.pieces.iter().filter_map(delay).collect()
    }

    pub(crate) fn latency(&self) -> Option<Latency> {
        Latency::of(&self.delays())
    }

    /// The pieces that came later than `bar_us` after they were sent, or never.
    pub(crate) fn late(&self, bar_us: u64) -> impl Iterator<Item = (usize, &Piece)> {
        let pieces = self.pieces.iter().enumerate();
        pieces.filter(move |(_, piece)| delay(piece).is_none_or(|delay| delay > bar_us))
    }

    /// Whether a piece came only once the origin had ended the content.
    pub(crate) fn waited_for_close(&self, piece: &Piece) -> bool {
        match (piece.got_us, self.closed_us) {
            // Of a foreign origin the close is seen on another connection, a moment sooner or later.
            (Some(got), Some(closed)) => got + TOGETHER_US >= closed && piece.sent_us < closed,
            (None, _) => true,
            _ => false,
        }
    }

    /// Whether a piece came only once a later one was sent: it was held for it.
    pub(crate) fn waited_for_next(&self, at: usize) -> bool {
        let (Some(piece), Some(next)) = (self.pieces.get(at), self.pieces.get(at + 1)) else {
            return false;
        };
        piece.got_us.is_some_and(|got| got >= next.sent_us)
    }

    /// How many groups the late pieces came in: those of one arrive together.
    pub(crate) fn groups(&self, bar_us: u64) -> usize {
        let mut groups = 0;
        let mut last: Option<u64> = None;
        for (_, piece) in self.late(bar_us) {
            let Some(got) = piece.got_us else { continue };
            let apart = last.is_none_or(|last| got.saturating_sub(last) > TOGETHER_US);
            groups += usize::from(apart);
            last = Some(got);
        }
        groups
    }

    /// Sizes of the bursts that came before the origin ended the content.
    pub(crate) fn burst_sizes(&self) -> Vec<u64> {
        let before = self.bursts.iter().filter(|(_, at)| {
            // What is on its way when the end is written was not released by it.
            self.closed_us.is_none_or(|closed| *at < closed)
        });
        before.map(|(bytes, _)| *bytes).collect()
    }

    /// The longest run of pieces that arrived together: how many, how late the first of them was,
    /// and their bytes.
    pub(crate) fn largest_group(&self) -> Option<Group> {
        let mut best: Option<Group> = None;
        let mut current: Option<Group> = None;
        for piece in &self.pieces {
            let (Some(got), Some(late_us)) = (piece.got_us, delay(piece)) else {
                continue;
            };
            current = match current {
                Some(group) if got.saturating_sub(group.got_us) <= TOGETHER_US => Some(Group {
                    count: group.count + 1,
                    bytes: group.bytes + piece.bytes,
                    ..group
                }),
                _ => Some(Group {
                    count: 1,
                    late_us,
                    bytes: piece.bytes,
                    got_us: got,
                }),
            };
            if current.map(|g| g.count) > best.map(|g| g.count) {
                best = current;
            }
        }
        best
    }
}

/// Pieces that arrived together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    pub count: usize,
    /// How late the first of them was.
    pub late_us: u64,
    pub bytes: u64,
    got_us: u64,
}

/// How late a piece was; `None` if it never came.
pub(crate) fn delay(piece: &Piece) -> Option<u64> {
    piece.got_us.map(|got| got.saturating_sub(piece.sent_us))
}

/// What the client got in one go: bytes, and when it began.
pub(crate) fn bursts(sight: &Sight) -> Vec<(u64, u64)> {
    let mut bursts: Vec<(u64, u64)> = Vec::new();
    let mut last = None;
    for slice in &sight.transcript.stream().slices {
        let at = sight.us(slice.at_us);
        match bursts.last_mut() {
            Some((bytes, _)) if last.is_some_and(|l| at.saturating_sub(l) <= BURST_GAP_US) => {
                *bytes += slice.len;
            }
            _ => bursts.push((slice.len, at)),
        }
        last = Some(at);
    }
    bursts
}
