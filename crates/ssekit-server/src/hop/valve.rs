//! What is held back, and until when. No IO: the relay asks it.
use std::{collections::VecDeque, io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tokio::time::Instant;

/// Pieces of this size are held by [`Hold::Large`].
const LARGE: usize = 4096;

/// How pieces are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Nothing,
    Delay(Duration),
    Coalesce(Duration),
    Block(usize),
    All,
    Large,
}

/// Passes pieces on as one way of holding has it.
#[derive(Debug)]
pub(super) struct Valve {
    hold: Hold,
    held: Vec<u8>,
    /// Each with the moment at which it leaves.
    queue: VecDeque<(Instant, Bytes)>,
    coder: Option<Coder>,
}

/// A compressor, and whether it gives out what it has after each piece.
#[derive(Debug)]
struct Coder {
    encoder: GzEncoder<Vec<u8>>,
    flushes: bool,
}

impl Valve {
    pub(super) fn new(hold: Hold) -> Self {
        Self {
            hold,
            held: Vec::new(),
            queue: VecDeque::new(),
            coder: None,
        }
    }

    /// Compresses what passes.
    pub(super) fn compressing(mut self, flushes: bool) -> Self {
        self.coder = Some(Coder {
            encoder: GzEncoder::new(Vec::new(), Compression::fast()),
            flushes,
        });
        self
    }

    /// What leaves now that this has come.
    pub(super) fn take(&mut self, piece: Bytes, now: Instant) -> Vec<Bytes> {
        let piece = self.coded(piece);
        if piece.is_empty() {
            return Vec::new();
        }
        match self.hold {
            Hold::Nothing => vec![piece],
            Hold::Delay(time) => {
                self.queue.push_back((now + time, piece));
                Vec::new()
            }
            Hold::Coalesce(time) => {
                self.held.extend_from_slice(&piece);
                if self.queue.is_empty() {
                    self.queue.push_back((now + time, Bytes::new()));
                }
                Vec::new()
            }
            Hold::Block(size) => self.blocks(size, &piece),
            Hold::All => {
                self.held.extend_from_slice(&piece);
                Vec::new()
            }
            Hold::Large => {
                let mut out: Vec<Bytes> = self.flushed();
                if piece.len() >= LARGE {
                    self.held = piece.to_vec();
                } else {
                    out.push(piece);
                }
                out
            }
        }
    }

    fn coded(&mut self, piece: Bytes) -> Bytes {
        let Some(coder) = &mut self.coder else {
            return piece;
        };
        // A vector takes every write.
        let _ = coder.encoder.write_all(&piece);
        if coder.flushes {
            let _ = coder.encoder.flush();
        }
        std::mem::take(coder.encoder.get_mut()).into()
    }

    fn blocks(&mut self, size: usize, piece: &[u8]) -> Vec<Bytes> {
        self.held.extend_from_slice(piece);
        let mut out = Vec::new();
        while self.held.len() >= size {
            let rest = self.held.split_off(size);
            out.push(std::mem::replace(&mut self.held, rest).into());
        }
        out
    }

    fn flushed(&mut self) -> Vec<Bytes> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Vec::new();
        }
        vec![held.into()]
    }

    /// When something leaves without anything having come.
    pub(super) fn due(&self) -> Option<Instant> {
        self.queue.front().map(|(due, _)| *due)
    }

    /// What leaves at that moment.
    pub(super) fn fire(&mut self) -> Vec<Bytes> {
        match self.queue.pop_front() {
            Some((_, piece)) if piece.is_empty() => self.flushed(),
            Some((_, piece)) => vec![piece],
            None => Vec::new(),
        }
    }

    /// What leaves at the end; nothing that is due later is left then.
    pub(super) fn finish(&mut self) -> Vec<Bytes> {
        let mut out = self.flushed();
        if let Some(coder) = self.coder.take() {
            out.extend(coder.encoder.finish().ok().map(Bytes::from));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_holding_gives_out_what_it_should() {
        let now = Instant::now();
        let piece = |size: usize| Bytes::from(vec![b'x'; size]);
        let sizes = |out: Vec<Bytes>| out.iter().map(Bytes::len).collect::<Vec<_>>();
        let mut valve = Valve::new(Hold::Block(4));
        assert_eq!(sizes(valve.take(piece(3), now)), [] as [usize; 0]);
        assert_eq!(sizes(valve.take(piece(6), now)), [4, 4]);
        assert_eq!(sizes(valve.finish()), [1]);
        let mut valve = Valve::new(Hold::Large);
        assert_eq!(sizes(valve.take(piece(4096), now)), [] as [usize; 0]);
        assert_eq!(sizes(valve.take(piece(10), now)), [4096, 10]);
        let mut valve = Valve::new(Hold::Coalesce(Duration::from_secs(1)));
        assert!(valve.take(piece(1), now).is_empty() && valve.take(piece(2), now).is_empty());
        assert_eq!(valve.due(), Some(now + Duration::from_secs(1)));
        assert_eq!(sizes(valve.fire()), [3]);
        assert_eq!(valve.due(), None);
    }
}
