//! Decoder of the chunked transfer coding (RFC 9112 section 7.1), without IO.

use std::collections::VecDeque;

use memchr::memchr;
use ssekit_record::{FaultKind, escape};

use crate::field_line::{FieldLine, parse_field_line};

/// Longest chunk size line, extension included, in bytes.
pub const MAX_SIZE_LINE: usize = 16 * 1024;
/// Longest trailer section in bytes.
pub const MAX_TRAILER: usize = 64 * 1024;
/// How much of a line at fault is shown.
const SHOWN: usize = 40;

/// What the decoder found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkPart<'a> {
    /// A complete chunk size line; `size` 0 is the last chunk.
    Chunk {
        /// Offset of the size line from the beginning of the body.
        offset: u64,
        /// Declared size in bytes.
        size: u64,
        /// Chunk extension without its leading semicolon; broken UTF-8 becomes U+FFFD.
        extension: String,
    },
    /// Chunk data; one chunk may come in several pieces.
    Data(&'a [u8]),
    /// A trailer field.
    Trailer(FieldLine),
    /// Something the grammar does not allow. Decoding goes on where every client goes on;
    /// otherwise [`ChunkDecoder::is_broken`] and nothing more comes.
    Fault {
        /// What.
        kind: FaultKind,
        /// Offset of the byte at fault from the beginning of the body.
        offset: u64,
        /// The bytes at fault, readable.
        detail: String,
    },
    /// The empty line after the last chunk: the body is complete.
    End,
}

/// Incremental decoder: any slicing of the same bytes gives the same parts, but that the pieces of
/// [`ChunkPart::Data`] follow the slices.
///
/// Data is borrowed, never copied; nothing is allocated for chunks without extension. Memory is
/// bounded by [`MAX_SIZE_LINE`] and [`MAX_TRAILER`].
#[derive(Debug)]
pub struct ChunkDecoder {
    state: State,
    /// Bytes consumed.
    offset: u64,
    /// Where the current size line began.
    line_offset: u64,
    /// Length of the current size line so far, or of the trailer section.
    line_len: usize,
    size: u64,
    digits: bool,
    /// Beginning of the size line to show, or the trailer line so far.
    line: Vec<u8>,
    extension: Vec<u8>,
    ready: VecDeque<ChunkPart<'static>>,
    empty_size_line: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    /// White space after the size digits.
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

impl Default for ChunkDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkDecoder {
    /// A decoder before the first byte of the body.
    pub fn new() -> Self {
        Self {
            state: State::Size,
            offset: 0,
            line_offset: 0,
            line_len: 0,
            size: 0,
            digits: false,
            line: Vec::new(),
            extension: Vec::new(),
            ready: VecDeque::new(),
            empty_size_line: false,
        }
    }

    /// Takes bytes off the front of `input` until there is something to tell; `None` when `input`
    /// is used up, or the body is complete or broken (the rest then stays in `input`).
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<ChunkPart<'a>> {
        loop {
            if let Some(part) = self.ready.pop_front() {
                return Some(part);
            }
            if matches!(self.state, State::Done | State::Broken) {
                return None;
            }
            let (&first, rest) = input.split_first()?;
            match self.state {
                State::Data => return Some(ChunkPart::Data(self.data(input))),
                State::Trailer => self.trailer(input),
                _ => {
                    *input = rest;
                    self.byte(first);
                    self.offset += 1;
                }
            }
        }
    }

    /// Whether the last chunk and the trailer section have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether a fault was met after which nothing can be read.
    pub fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Whether it broke at a chunk size line without anything in it. Proxies whose source failed
    /// write that on purpose, so that the client does not take the content for complete.
    pub fn broke_at_empty_size_line(&self) -> bool {
        self.empty_size_line
    }

    /// Bytes consumed since the beginning of the body.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The fault of a connection that ends here; `None` when the body is complete, or broken
    /// already.
    pub fn finish(&self) -> Option<(FaultKind, String)> {
        let detail = match self.state {
            State::Done | State::Broken => return None,
            State::Trailer => {
                return Some((
                    FaultKind::TrailerInvalid,
                    "the connection ended before the empty line after the last chunk".into(),
                ));
            }
            State::Data => format!("{} more bytes of chunk data were due", self.size),
            State::Size if self.line_len == 0 => "between two chunks".into(),
            State::DataEnd | State::DataCr => "before the CRLF after chunk data".into(),
            _ => "inside a chunk size line".into(),
        };
        Some((
            FaultKind::LastChunkMissing,
            format!("the connection ended before the last chunk: {detail}"),
        ))
    }

    fn data<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let here = usize::try_from(self.size).map_or(input.len(), |size| size.min(input.len()));
        let (data, rest) = input.split_at(here);
        *input = rest;
        self.size -= here as u64;
        self.offset += here as u64;
        if self.size == 0 {
            self.state = State::DataEnd;
        }
        data
    }

    fn byte(&mut self, byte: u8) {
        match self.state {
            State::DataEnd if byte == b'\r' => self.state = State::DataCr,
            State::DataCr if byte == b'\n' => self.begin_size(),
            State::DataEnd if byte == b'\n' => {
                self.fault(FaultKind::ChunkDataUnterminated, "LF without CR".into());
                self.begin_size();
            }
            State::DataEnd | State::DataCr => {
                let detail = format!("\"{}\" where CRLF was due", escape(&[byte]));
                self.break_off(FaultKind::ChunkDataUnterminated, detail);
            }
            _ => self.size_byte(byte),
        }
    }

    fn begin_size(&mut self) {
        self.state = State::Size;
        self.line_offset = self.offset + 1;
        self.line_len = 0;
        self.size = 0;
        self.digits = false;
        self.line.clear();
        self.extension.clear();
    }

    fn size_byte(&mut self, byte: u8) {
        self.line_len += 1;
        if self.line.len() < SHOWN {
            self.line.push(byte);
        }
        if self.line_len > MAX_SIZE_LINE {
            let detail = format!("no line end within {MAX_SIZE_LINE} bytes");
            return self.break_off(FaultKind::ChunkSizeUnterminated, detail);
        }
        match (self.state, byte) {
            (State::SizeCr, b'\n') => self.end_size_line(),
            (State::SizeCr, _) => {
                let detail = format!("\"{}\": CR without LF", escape(&self.line));
                self.break_off(FaultKind::ChunkSizeUnterminated, detail);
            }
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (State::Size, _) if !self.digits => self.no_digit(byte),
            (_, b'\r') => self.state = State::SizeCr,
            (_, b'\n') => {
                self.fault(FaultKind::ChunkSizeUnterminated, "LF without CR".into());
                self.end_size_line();
            }
            (State::Size | State::Blank, b';') => self.state = State::Extension,
            (State::Size | State::Blank, b' ' | b'\t') => self.state = State::Blank,
            (State::Extension, byte) => self.extension.push(byte),
            _ => self.break_size(),
        }
    }

    fn digit(&mut self, byte: u8) {
        self.digits = true;
        let digit = (byte as char).to_digit(16).unwrap_or(0);
        match self.size.checked_mul(16) {
            Some(high) => self.size = high + u64::from(digit),
            None => {
                let detail = format!("\"{}\" is beyond 64 bits", escape(&self.line));
                self.break_off(FaultKind::ChunkSizeInvalid, detail);
            }
        }
    }

    fn no_digit(&mut self, byte: u8) {
        if matches!(byte, b'\r' | b'\n') {
            self.empty_size_line = true;
            self.break_off(
                FaultKind::ChunkSizeInvalid,
                "an empty line where a chunk size was due".into(),
            );
        } else {
            self.break_size();
        }
    }

    fn break_size(&mut self) {
        let detail = format!("\"{}\" is not a chunk size", escape(&self.line));
        self.break_off(FaultKind::ChunkSizeInvalid, detail);
    }

    fn end_size_line(&mut self) {
        // White space before a line end has no place in the grammar, and no client minds.
        if self.extension.is_empty() && self.line.iter().any(|b| matches!(b, b' ' | b'\t')) {
            let detail = format!("white space after the size: \"{}\"", escape(&self.line));
            self.fault(FaultKind::ChunkSizeInvalid, detail);
        }
        self.ready.push_back(ChunkPart::Chunk {
            offset: self.line_offset,
            size: self.size,
            extension: String::from_utf8_lossy(&self.extension).into_owned(),
        });
        self.line.clear();
        self.line_len = 0;
        self.state = if self.size == 0 {
            State::Trailer
        } else {
            State::Data
        };
    }

    fn trailer(&mut self, input: &mut &[u8]) {
        let found = memchr(b'\n', input);
        let wanted = found.map_or(input.len(), |at| at + 1);
        let taken = wanted.min(MAX_TRAILER + 1 - self.line_len);
        let (piece, rest) = input.split_at(taken);
        *input = rest;
        let line_begin = self.offset - self.line.len() as u64;
        self.offset += taken as u64;
        self.line_len += taken;
        self.line.extend_from_slice(piece);
        if self.line_len > MAX_TRAILER {
            let detail = format!("no empty line within {MAX_TRAILER} bytes");
            self.break_off(FaultKind::TrailerInvalid, detail);
        } else if found.is_some() {
            let line = std::mem::take(&mut self.line);
            self.trailer_line(&line, line_begin);
        }
    }

    fn trailer_line(&mut self, line: &[u8], offset: u64) {
        let (line, crlf) = match line {
            [line @ .., b'\r', b'\n'] => (line, true),
            [line @ .., _] => (line, false),
            [] => return,
        };
        if !crlf {
            self.trailer_fault(offset + line.len() as u64, "LF without CR".into());
        }
        if line.is_empty() {
            self.state = State::Done;
            self.ready.push_back(ChunkPart::End);
            return;
        }
        match parse_field_line(line, offset) {
            Ok((field, wrong)) => {
                if let Some(detail) = wrong {
                    self.trailer_fault(offset, detail);
                }
                self.ready.push_back(ChunkPart::Trailer(field));
            }
            Err(detail) => self.trailer_fault(offset, detail),
        }
    }

    fn trailer_fault(&mut self, offset: u64, detail: String) {
        self.ready.push_back(ChunkPart::Fault {
            kind: FaultKind::TrailerInvalid,
            offset,
            detail,
        });
    }

    fn fault(&mut self, kind: FaultKind, detail: String) {
        let offset = self.offset;
        self.ready.push_back(ChunkPart::Fault {
            kind,
            offset,
            detail,
        });
    }

    fn break_off(&mut self, kind: FaultKind, detail: String) {
        self.fault(kind, detail);
        self.state = State::Broken;
    }
}
