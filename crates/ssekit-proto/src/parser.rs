//! Reads slices: BOM, line ends, decoding (HTML, 9.2.6 Interpreting an event stream).
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use crate::line_end::line_end;

use crate::block::{Block, Borrowed, SPARE, TextLine};
use crate::observer::{Observer, report};
use crate::text::Text;
use crate::whole_block::{Place, WholeBlock};
use crate::{DiagnosticKind, LimitError, LimitKind, Limits, LineEnding, Sink};

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];
const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// How the stream ended for the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The last event ID string, as committed by the last empty line.
    pub last_event_id: String,
    /// Whether something that would have had an effect was discarded: a line without its ending,
    /// or a `data`, `event` or `id` field without an empty line after it. Complete comments,
    /// `retry` and unknown fields had all the effect they can have.
    pub discarded: bool,
}

/// Incremental parser of an event stream.
///
/// [`Parser::feed`] it slices as they come, cut anywhere; what a [`Sink`] receives does not depend
/// on where. At the end of the stream call [`Parser::finish`], and before the next stream of the
/// same source [`Parser::reset`].
///
/// A CR ends its line, and dispatches, at once; an LF that follows it, even in a later slice,
/// belongs to the same ending.
#[derive(Debug, Clone, Default)]
pub struct Parser {
    limits: Limits,
    /// Bytes read before the slice being read.
    offset: u64,
    bom: Bom,
    after_cr: bool,
    /// The line that earlier slices began, and where it began.
    line: Vec<u8>,
    line_start: u64,
    block: Block,
    /// Once there is something to observe.
    observer: Option<Box<Observer>>,
    failed: Option<Box<LimitError>>,
}

/// "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are present."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bom {
    /// So many of its bytes were seen, and nothing else.
    Matched(u8),
    /// Removed, or there was none.
    Decided,
}

impl Default for Bom {
    fn default() -> Self {
        Self::Matched(0)
    }
}

impl Parser {
    /// With default limits and an empty last event ID.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// For a resumed stream: the last event ID string starts as this.
    pub fn set_last_event_id(&mut self, id: &str) {
        self.block.set_last_event_id(id);
    }

    /// Reads the next slice.
    ///
    /// # Errors
    /// When a limit is passed. What came before the line that passed it has been delivered, and
    /// every later call fails alike.
    pub fn feed<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), LimitError> {
        if let Some(error) = &self.failed {
            return Err(**error);
        }
        let result = self.read(bytes, sink);
        match result {
            Ok(()) => self.offset += bytes.len() as u64,
            Err(error) => {
                self.failed = Some(Box::new(error));
                self.offset = self.line_start;
            }
        }
        result
    }

    /// Tells that the stream ended; a pending block is discarded.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> End {
        let cut_line = matches!(self.bom, Bom::Matched(1..)) || !self.line.is_empty();
        let discarded = cut_line || self.failed.is_some() || self.block.is_pending();
        if S::OBSERVE && discarded {
            let at = self.block.start().unwrap_or(self.line_start);
            report(sink, DiagnosticKind::DiscardedTail, at);
        }
        empty(&mut self.line);
        self.block.clear();
        self.bom = Bom::Decided;
        End {
            last_event_id: self.last_event_id().to_string(),
            discarded,
        }
    }

    /// The last event ID string, as committed by the last empty line.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.block.last_event_id()
    }

    /// The reconnection time last set by the source, in milliseconds.
    #[must_use]
    pub fn retry_ms(&self) -> Option<u64> {
        self.block.retry_ms()
    }

    /// Bytes read so far; after an error, those before the line that passed the limit.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes held between two slices: the line and the event that have begun, and the last event ID.
    #[must_use]
    #[inline]
    pub fn held(&self) -> usize {
        self.line.len() + self.block.held()
    }

    /// Ready for the next connection: keeps limits, last event ID and reconnection time only.
    pub fn reset(&mut self) {
        self.offset = 0;
        self.bom = Bom::default();
        self.after_cr = false;
        empty(&mut self.line);
        self.line_start = 0;
        self.block.clear();
        self.observer = None;
        self.failed = None;
    }

    fn read<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), LimitError> {
        let mut pos = self.read_bom(bytes, sink);
        if pos == bytes.len() {
            return Ok(());
        }
        if !self.line.is_empty() {
            let Some(end) = self.read_begun_line(bytes, pos, sink)? else {
                return Ok(());
            };
            pos = end;
        }
        let mut borrowed = Borrowed::default();
        let rest = self.read_lines(bytes, pos, &mut borrowed, sink);
        self.block.settle(&mut borrowed);
        self.begin_line(&bytes[rest?..])
    }

    /// Skips a leading BOM; returns where the rest of the slice begins.
    #[inline]
    fn read_bom<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> usize {
        let Bom::Matched(before) = self.bom else {
            return 0;
        };
        let before = usize::from(before);
        let same = bytes.iter().zip(&BOM[before..]).take_while(|(a, b)| a == b);
        let now = same.count();
        if before + now == BOM.len() {
            self.bom = Bom::Decided;
            self.line_start = BOM.len() as u64;
            if S::OBSERVE {
                report(sink, DiagnosticKind::LeadingBom, 0);
            }
        } else if now == bytes.len() {
            self.bom = Bom::Matched((before + now) as u8);
        } else {
            // Not a BOM after all: what looked like one begins the first line.
            self.bom = Bom::Decided;
            self.line.extend_from_slice(&BOM[..before]);
            return 0;
        }
        now
    }

    /// Ends the line that an earlier slice began, or lengthens it; returns the position after it.
    fn read_begun_line<S: Sink>(
        &mut self,
        bytes: &[u8],
        pos: usize,
        sink: &mut S,
    ) -> Result<Option<usize>, LimitError> {
        let rest = &bytes[pos..];
        let len = line_end(rest);
        let more = &rest[..len.unwrap_or(rest.len())];
        self.check_line(self.line.len() + more.len())?;
        self.line.extend_from_slice(more);
        let Some(len) = len else {
            return Ok(None);
        };
        let line = mem::take(&mut self.line);
        if S::OBSERVE {
            let ending = line_ending(rest[len]);
            self.observer
                .get_or_insert_default()
                .line(&line, self.line_start, ending, sink);
        }
        self.line = self.owned_line(line, sink)?;
        empty(&mut self.line);
        self.after_cr = rest[len] == CR;
        Ok(Some(pos + len + 1))
    }

    /// Processes a line, not empty, that no slice holds whole or that must be repaired. Returns a
    /// buffer for the next such line.
    fn owned_line<S: Sink>(&mut self, line: Vec<u8>, sink: &mut S) -> Result<Vec<u8>, LimitError> {
        let raw_len = line.len();
        let text = String::from_utf8(line)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let (limits, offset) = (&self.limits, self.line_start);
        self.block.owned_line(text, raw_len, offset, limits, sink)
    }

    /// Processes the lines that lie whole in the slice; returns where the rest begins.
    #[inline]
    fn read_lines<'a, S: Sink>(
        &mut self,
        bytes: &'a [u8],
        mut pos: usize,
        borrowed: &mut Borrowed<'a>,
        sink: &mut S,
    ) -> Result<usize, LimitError> {
        let mut text = Text::new(bytes);
        loop {
            if !S::OBSERVE && !self.after_cr && self.block.is_closed() {
                pos = self.read_blocks(bytes, pos, &mut text, borrowed, sink);
            }
            if self.after_cr {
                let Some(&next) = bytes.get(pos) else {
                    return Ok(pos);
                };
                self.after_cr = false;
                if S::OBSERVE {
                    let offset = self.offset + pos as u64;
                    self.observer
                        .get_or_insert_default()
                        .after_cr(next == LF, offset, sink);
                }
                pos += usize::from(next == LF);
            }
            let offset = self.offset + pos as u64;
            self.line_start = offset;
            let Some(len) = line_len(&bytes[pos..]) else {
                return Ok(pos);
            };
            self.check_line(len)?;
            let (begin, end) = (pos, pos + len);
            pos = end + 1;
            self.after_cr = bytes[end] == CR;
            if S::OBSERVE {
                let ending = line_ending(bytes[end]);
                let line = &bytes[begin..end];
                self.observer
                    .get_or_insert_default()
                    .line(line, offset, ending, sink);
            }
            if len == 0 {
                self.block.dispatch(borrowed, offset + 1, sink);
            } else if let Some((text, text_begin)) = text.line(begin, end) {
                let line = TextLine {
                    bytes: &bytes[begin..end],
                    text,
                    begin: text_begin,
                    raw_len: len,
                    offset,
                };
                self.block.line(line, borrowed, &self.limits, sink)?;
            } else {
                self.block.settle(borrowed);
                self.owned_line(bytes[begin..end].to_vec(), sink)?;
            }
        }
    }

    /// Processes whole blocks as long as nothing is special about them; returns where line by line
    /// must take over, perhaps in the middle of a block.
    #[inline(always)]
    fn read_blocks<'a, S: Sink>(
        &mut self,
        bytes: &'a [u8],
        mut pos: usize,
        text: &mut Text<'a>,
        borrowed: &mut Borrowed<'a>,
        sink: &mut S,
    ) -> usize {
        let (base, least) = (self.offset, self.limits.least());
        loop {
            let block = WholeBlock::read(bytes, pos);
            let (end, complete) = (block.end, block.complete);
            // A block that is smaller than every limit passes none of them.
            if end == pos || end - pos > least {
                return pos;
            }
            let Some((text, begin)) = text.line(pos, end) else {
                return pos;
            };
            let place = Place {
                begin: pos,
                text_begin: pos - begin,
                offset: base + pos as u64,
            };
            self.block.take(&block, text, place, borrowed, sink);
            pos = end;
            if !complete {
                return pos;
            }
        }
    }

    /// Keeps the rest of a slice, which has no line end.
    fn begin_line(&mut self, rest: &[u8]) -> Result<(), LimitError> {
        self.check_line(rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    #[inline]
    fn check_line(&self, len: usize) -> Result<(), LimitError> {
        if len > self.limits.line {
            return Err(LimitError {
                kind: LimitKind::Line,
                limit: self.limits.line,
                offset: self.line_start,
            });
        }
        Ok(())
    }
}

/// Empties the buffer of a line for the next one. A large one is given back: a stream need not keep the
/// room that its longest line took.
fn empty(line: &mut Vec<u8>) {
    if line.capacity() > SPARE {
        *line = Vec::new();
    } else {
        line.clear();
    }
}

/// Length of the first line, if it is complete.
#[inline(always)]
fn line_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        &LF | &CR => Some(0),
        _ => line_end(bytes),
    }
}

fn line_ending(byte: u8) -> LineEnding {
    if byte == CR {
        LineEnding::Cr
    } else {
        LineEnding::Lf
    }
}
