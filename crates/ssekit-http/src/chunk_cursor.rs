//! The chunked coding for clients that only want its content: a few words of state, no allocation.

use memchr::memchr;
use ssekit_record::FaultKind;

use crate::chunk::{MAX_SIZE_LINE, MAX_TRAILER};

/// What the cursor came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkStep<'a> {
    /// Content.
    Data(&'a [u8]),
    /// Something the grammar does not allow.
    Fault(FaultKind),
    /// The body is complete.
    End,
}

/// Reads what [`crate::ChunkDecoder`] reads, with the same content, end and kinds of fault; it
/// keeps no lines, extensions or words about what was wrong, and skips the lines of trailers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkCursor {
    state: State,
    /// Whether the size line has digits.
    digits: bool,
    /// Whether white space stands in the size line before any extension.
    blank: bool,
    /// Whether the extension has any byte.
    extended: bool,
    /// Bytes of the size line, or of the trailer section, so far.
    len: u32,
    /// What the trailer line holds so far.
    line: TrailerLine,
    /// The size read so far, or what is left of the chunk.
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Blank,
    Extension,
    SizeCr,
    Data,
    DataEnd,
    DataCr,
    Trailer,
    Done,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TrailerLine {
    Empty,
    Cr,
    Field,
}

impl ChunkCursor {
    pub fn new() -> Self {
        Self {
            state: State::Size,
            digits: false,
            blank: false,
            extended: false,
            len: 0,
            line: TrailerLine::Empty,
            size: 0,
        }
    }

    /// Takes bytes off the front of `input` until there is something to tell; `None` when it is
    /// used up, or nothing more can be read.
    #[inline]
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<ChunkStep<'a>> {
        loop {
            let (&first, rest) = input.split_first()?;
            let step = match self.state {
                State::Data => return Some(ChunkStep::Data(self.data(input))),
                State::Done | State::Broken => return None,
                State::Trailer => self.trailer(input),
                _ => {
                    *input = rest;
                    self.byte(first)
                }
            };
            if step.is_some() {
                return step;
            }
        }
    }

    /// Whether the last chunk and the trailer section have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn data<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let here = usize::try_from(self.size).map_or(input.len(), |size| size.min(input.len()));
        let (data, rest) = input.split_at(here);
        *input = rest;
        self.size -= here as u64;
        if self.size == 0 {
            self.state = State::DataEnd;
        }
        data
    }

    #[inline]
    fn byte(&mut self, byte: u8) -> Option<ChunkStep<'static>> {
        match (self.state, byte) {
            (State::DataEnd, b'\r') => self.state = State::DataCr,
            (State::DataCr, b'\n') => *self = Self::new(),
            (State::DataEnd, b'\n') => {
                *self = Self::new();
                return Some(ChunkStep::Fault(FaultKind::ChunkDataUnterminated));
            }
            (State::DataEnd | State::DataCr, _) => {
                return self.break_off(FaultKind::ChunkDataUnterminated);
            }
            _ => return self.size_byte(byte),
        }
        None
    }

    #[inline]
    fn size_byte(&mut self, byte: u8) -> Option<ChunkStep<'static>> {
        self.len += 1;
        if self.len as usize > MAX_SIZE_LINE {
            return self.break_off(FaultKind::ChunkSizeUnterminated);
        }
        match (self.state, byte) {
            (State::SizeCr, b'\n') => self.end_size_line(None),
            (State::SizeCr, _) => self.break_off(FaultKind::ChunkSizeUnterminated),
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (State::Size, _) if !self.digits => self.break_off(FaultKind::ChunkSizeInvalid),
            (_, b'\r') => {
                self.state = State::SizeCr;
                None
            }
            (_, b'\n') => self.end_size_line(Some(FaultKind::ChunkSizeUnterminated)),
            (State::Size | State::Blank, b';') => {
                self.state = State::Extension;
                None
            }
            (State::Size | State::Blank, b' ' | b'\t') => {
                self.state = State::Blank;
                self.blank = true;
                None
            }
            (State::Extension, _) => {
                self.extended = true;
                None
            }
            _ => self.break_off(FaultKind::ChunkSizeInvalid),
        }
    }

    #[inline]
    fn digit(&mut self, byte: u8) -> Option<ChunkStep<'static>> {
        self.digits = true;
        let Some(high) = self.size.checked_mul(16) else {
            return self.break_off(FaultKind::ChunkSizeInvalid);
        };
        self.size = high + u64::from((byte as char).to_digit(16).unwrap_or(0));
        None
    }

    fn end_size_line(&mut self, fault: Option<FaultKind>) -> Option<ChunkStep<'static>> {
        let spaced = self.blank && !self.extended;
        self.state = if self.size == 0 {
            State::Trailer
        } else {
            State::Data
        };
        self.len = 0;
        let fault = fault.or(spaced.then_some(FaultKind::ChunkSizeInvalid));
        fault.map(ChunkStep::Fault)
    }

    /// Skips a piece of the trailer section, up to the empty line.
    fn trailer(&mut self, input: &mut &[u8]) -> Option<ChunkStep<'static>> {
        let found = memchr(b'\n', input);
        let wanted = found.map_or(input.len(), |at| at + 1);
        let (piece, rest) = input.split_at(wanted.min(MAX_TRAILER + 1 - self.len as usize));
        *input = rest;
        self.len += piece.len() as u32;
        if self.len as usize > MAX_TRAILER {
            return self.break_off(FaultKind::TrailerInvalid);
        }
        let text = piece.strip_suffix(b"\n").unwrap_or(piece);
        self.line = match (self.line, text) {
            (line, []) => line,
            (TrailerLine::Empty, b"\r") => TrailerLine::Cr,
            _ => TrailerLine::Field,
        };
        if found.is_some() {
            let line = std::mem::replace(&mut self.line, TrailerLine::Empty);
            if line != TrailerLine::Field {
                self.state = State::Done;
                return Some(ChunkStep::End);
            }
        }
        None
    }

    fn break_off(&mut self, kind: FaultKind) -> Option<ChunkStep<'static>> {
        self.state = State::Broken;
        Some(ChunkStep::Fault(kind))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::{ChunkDecoder, ChunkPart};

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Seen {
        data: Vec<u8>,
        faults: Vec<FaultKind>,
        done: bool,
    }

    /// What the decoder of the checker makes of it; faults once each, in order.
    fn checked(slices: &[&[u8]]) -> Seen {
        let mut decoder = ChunkDecoder::new();
        let mut seen = Seen::default();
        for mut input in slices.iter().copied() {
            while let Some(part) = decoder.next(&mut input) {
                match part {
                    ChunkPart::Data(data) => seen.data.extend_from_slice(data),
                    ChunkPart::Fault { kind, .. } => seen.faults.push(kind),
                    _ => {}
                }
            }
        }
        seen.done = decoder.is_done();
        if !decoder.is_broken() {
            seen.faults
                .retain(|kind| *kind != FaultKind::TrailerInvalid);
        }
        seen
    }

    fn read(slices: &[&[u8]]) -> Seen {
        let mut cursor = ChunkCursor::new();
        let mut seen = Seen::default();
        for mut input in slices.iter().copied() {
            while let Some(step) = cursor.next(&mut input) {
                match step {
                    ChunkStep::Data(data) => seen.data.extend_from_slice(data),
                    ChunkStep::Fault(kind) => seen.faults.push(kind),
                    ChunkStep::End => {}
                }
            }
        }
        seen.done = cursor.is_done();
        seen
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let known: Vec<Vec<u8>> = [
            "5\r\nhello\r\n",
            "a;x=1\r\n0123456789\r\n",
            "0\r\n\r\n",
            "0\r\n",
            "\r\n",
            "\r",
            "\n",
            "0\n\n",
            "3 \r\nabc\r\n",
            "3\nabc\n",
            "X-T: 1\r\n",
            "g",
            "1",
            ";",
            " ",
            "ffffffffffffffff1",
            "\r\r\n",
            "a\n",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
        select(known)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn it_reads_what_the_decoder_of_the_checker_reads(
            pieces in vec(piece(), 0..12),
            size in 1_usize..20,
        ) {
            let bytes = pieces.concat();
            let slices: Vec<&[u8]> = bytes.chunks(size).collect();
            let (theirs, ours) = (checked(&slices), read(&slices));
            prop_assert_eq!(&ours.data, &theirs.data);
            prop_assert_eq!(ours.done, theirs.done);
            prop_assert_eq!(ours.faults.is_empty(), theirs.faults.is_empty());
            for kind in &ours.faults {
                prop_assert!(theirs.faults.contains(kind), "{:?} {:?}", kind, theirs.faults);
            }
        }
    }
}
