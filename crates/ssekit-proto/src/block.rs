//! The block being read: its buffers, and dispatch.
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use crate::whole_block::{Place, WholeBlock};
use crate::{EventRef, LimitError, LimitKind, Limits, Sink};

/// Largest buffer kept for what comes next, in bytes. Beyond it an allocation costs little beside what it
/// is filled with.
pub(crate) const SPARE: usize = 16 * 1024;

/// The buffers of HTML, 9.2.6 Interpreting an event stream, as far as they outlive a slice.
///
/// Of the data buffer the final LF is left out: `has_data` says whether it holds a line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    open: bool,
    has_data: bool,
    has_id: bool,
    /// Whether one of the buffers is in use.
    owns: bool,
    start: u64,
    /// Bytes of `data`, `event` and `id` lines; 0 means that discarding the block loses nothing.
    kept: u64,
    /// From the first block on that did not lie whole in a slice.
    buffers: Option<Box<Buffers>>,
    last_event_id: String,
    retry_ms: Option<u64>,
}

/// What had to be copied out of slices.
#[derive(Debug, Clone, Default)]
struct Buffers {
    /// The data buffer begins at `data_start`, so that a line can become the buffer without a copy.
    data: String,
    data_start: usize,
    event: String,
    id: String,
}

/// Parts of the block that still lie in the slice being read. Each, where there is one, stands for
/// the buffer of its name in [`Block`].
#[derive(Debug, Default)]
pub(crate) struct Borrowed<'a> {
    data: Option<&'a str>,
    event: Option<&'a str>,
    id: Option<&'a str>,
    last_event_id: Option<&'a str>,
}

/// A decoded line that is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextLine<'a> {
    /// The line as sent, unless it had to be repaired.
    pub(crate) bytes: &'a [u8],
    /// Valid text in which the line lies, and where it begins there.
    pub(crate) text: &'a str,
    pub(crate) begin: usize,
    /// Length as sent, before replacement.
    pub(crate) raw_len: usize,
    pub(crate) offset: u64,
}

impl<'a> TextLine<'a> {
    /// The value, if the line is a field of this name: what follows the colon and one space.
    #[inline(always)]
    fn field(&self, name: &[u8]) -> Option<&'a str> {
        let value = match self.bytes.strip_prefix(name)? {
            [b':', b' ', ..] => name.len() + 2,
            [b':', ..] => name.len() + 1,
            [] => name.len(),
            _ => return None,
        };
        Some(self.text_from(value))
    }

    #[inline(always)]
    fn text_from(&self, skip: usize) -> &'a str {
        &self.text[self.begin + skip..self.begin + self.bytes.len()]
    }
}

impl Block {
    pub(crate) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    pub(crate) fn set_last_event_id(&mut self, id: &str) {
        empty(&mut self.last_event_id);
        self.last_event_id.push_str(id);
    }

    pub(crate) fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Whether the block holds anything that would have had an effect.
    pub(crate) fn is_pending(&self) -> bool {
        self.kept > 0
    }

    /// Where the block began, if it has a line.
    pub(crate) fn start(&self) -> Option<u64> {
        self.open.then_some(self.start)
    }

    /// Processes a line that is not empty. Field names are compared literally, with no case
    /// folding.
    #[inline(always)]
    pub(crate) fn line<'a, S: Sink>(
        &mut self,
        line: TextLine<'a>,
        borrowed: &mut Borrowed<'a>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<(), LimitError> {
        self.open(line.offset);
        match line.bytes[0] {
            b'd' => {
                if let Some(value) = line.field(b"data") {
                    self.keep(line.raw_len, limits)?;
                    self.data(value, borrowed, limits)?;
                }
            }
            b'e' => {
                if let Some(value) = line.field(b"event") {
                    self.keep(line.raw_len, limits)?;
                    borrowed.event = Some(value);
                }
            }
            b'i' => {
                if let Some(value) = line.field(b"id")
                    && !value.as_bytes().contains(&0)
                {
                    self.keep(line.raw_len, limits)?;
                    self.has_id = true;
                    borrowed.id = Some(value);
                }
            }
            b':' => sink.comment(line.text_from(1), line.offset),
            b'r' => {
                if let Some(ms) = line.field(b"retry").and_then(milliseconds) {
                    self.retry_ms = Some(ms);
                    sink.retry(ms);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the next line begins a block.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        !self.open
    }

    /// Takes over what was read of a block without going line by line, and dispatches it if it is
    /// complete: the same as [`Block::line`] for each line and [`Block::dispatch`]. The block
    /// passes no limit and its lines lie in `text`.
    #[inline(always)]
    pub(crate) fn take<'a, S: Sink>(
        &mut self,
        block: &WholeBlock,
        text: &'a str,
        place: Place,
        borrowed: &mut Borrowed<'a>,
        sink: &mut S,
    ) {
        let (begin, offset) = (place.text_begin, place.offset);
        let len = (block.end - place.begin) as u64;
        let id = block.id.of(text, begin);
        if block.complete {
            if id.is_some() {
                borrowed.last_event_id = id;
            }
            if let Some(data) = block.data.of(text, begin) {
                let event = block.event.of(text, begin).unwrap_or_default();
                sink.event(EventRef {
                    event: if event.is_empty() { "message" } else { event },
                    data,
                    last_event_id: borrowed.last_event_id.unwrap_or(&self.last_event_id),
                    has_id: id.is_some(),
                    start: offset,
                    end: offset + len,
                });
            }
            return;
        }
        self.open(offset);
        self.kept = len;
        self.has_data = block.data.is_some();
        self.has_id = id.is_some();
        borrowed.data = block.data.of(text, begin);
        borrowed.event = block.event.of(text, begin);
        borrowed.id = id;
    }

    #[inline(always)]
    fn open(&mut self, offset: u64) {
        if !self.open {
            self.open = true;
            self.start = offset;
        }
    }

    #[inline(always)]
    fn keep(&mut self, raw_len: usize, limits: &Limits) -> Result<(), LimitError> {
        self.kept += raw_len as u64 + 1;
        if self.kept > limits.event as u64 {
            return Err(self.passed(LimitKind::Event, limits.event));
        }
        Ok(())
    }

    /// "Append the field value to the data buffer, then append a single U+000A LINE FEED."
    #[inline(always)]
    fn data<'a>(
        &mut self,
        value: &'a str,
        borrowed: &mut Borrowed<'a>,
        limits: &Limits,
    ) -> Result<(), LimitError> {
        if self.has_data {
            return self.more_data(value, borrowed, limits);
        }
        if value.len() > limits.data {
            return Err(self.passed(LimitKind::Data, limits.data));
        }
        self.has_data = true;
        borrowed.data = Some(value);
        Ok(())
    }

    fn more_data(
        &mut self,
        value: &str,
        borrowed: &mut Borrowed<'_>,
        limits: &Limits,
    ) -> Result<(), LimitError> {
        self.settle_data(borrowed);
        let buffers = self.buffers();
        let len = buffers.data.len() - buffers.data_start;
        if len.saturating_add(1).saturating_add(value.len()) > limits.data {
            return Err(self.passed(LimitKind::Data, limits.data));
        }
        buffers.data.push('\n');
        buffers.data.push_str(value);
        Ok(())
    }

    /// Processes a line that no slice holds. A long first `data` line becomes the data buffer
    /// itself; the buffer that comes back is there for the next line.
    pub(crate) fn owned_line<S: Sink>(
        &mut self,
        line: String,
        raw_len: usize,
        offset: u64,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<Vec<u8>, LimitError> {
        let text_line = TextLine {
            bytes: line.as_bytes(),
            text: &line,
            begin: 0,
            raw_len,
            offset,
        };
        if !self.has_data
            && let Some(value) = text_line.field(b"data")
        {
            self.open(offset);
            self.keep(raw_len, limits)?;
            if value.len() > limits.data {
                return Err(self.passed(LimitKind::Data, limits.data));
            }
            self.has_data = true;
            let buffers = self.buffers();
            buffers.data_start = line.len() - value.len();
            return Ok(mem::replace(&mut buffers.data, line).into_bytes());
        }
        let mut borrowed = Borrowed::default();
        self.line(text_line, &mut borrowed, limits, sink)?;
        self.settle(&mut borrowed);
        Ok(line.into_bytes())
    }

    /// Processes an empty line: dispatches the event, if there is one. `end` is the offset after
    /// the line.
    #[inline(always)]
    pub(crate) fn dispatch<'a, S: Sink>(
        &mut self,
        borrowed: &mut Borrowed<'a>,
        end: u64,
        sink: &mut S,
    ) {
        // The last event ID string is set first, also where there is no data.
        if self.has_id {
            if let Some(id) = borrowed.id {
                borrowed.last_event_id = Some(id);
            } else if let Some(buffers) = &mut self.buffers {
                mem::swap(&mut self.last_event_id, &mut buffers.id);
                borrowed.last_event_id = None;
            }
        }
        if self.has_data {
            let (data, event) = self.buffers.as_ref().map_or(("", ""), |buffers| {
                (&buffers.data[buffers.data_start..], &buffers.event)
            });
            let event = borrowed.event.unwrap_or(event);
            sink.event(EventRef {
                event: if event.is_empty() { "message" } else { event },
                data: borrowed.data.unwrap_or(data),
                last_event_id: borrowed.last_event_id.unwrap_or(&self.last_event_id),
                has_id: self.has_id,
                start: self.start,
                end,
            });
        }
        borrowed.data = None;
        borrowed.event = None;
        borrowed.id = None;
        self.clear();
    }

    /// Drops the block; keeps the last event ID string and the reconnection time.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.open = false;
        self.has_data = false;
        self.has_id = false;
        self.kept = 0;
        if self.owns {
            self.clear_buffers();
        }
    }

    fn clear_buffers(&mut self) {
        self.owns = false;
        if let Some(buffers) = &mut self.buffers {
            buffers.data_start = 0;
            let Buffers {
                data, event, id, ..
            } = buffers.as_mut();
            [data, event, id].into_iter().for_each(empty);
        }
    }

    /// Bytes in buffers of its own.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        let buffers = self.buffers.as_ref().filter(|_| self.owns);
        let begun = buffers.map_or(0, |b| b.data.len() + b.event.len() + b.id.len());
        self.last_event_id.len() + begun
    }

    fn buffers(&mut self) -> &mut Buffers {
        self.owns = true;
        self.buffers.get_or_insert_default()
    }

    /// Copies what still lies in the slice, so that the slice can go.
    pub(crate) fn settle(&mut self, borrowed: &mut Borrowed<'_>) {
        self.settle_data(borrowed);
        if let Some(event) = borrowed.event.take() {
            let buffers = self.buffers();
            buffers.event.clear();
            buffers.event.push_str(event);
        }
        if let Some(id) = borrowed.id.take() {
            let buffers = self.buffers();
            buffers.id.clear();
            buffers.id.push_str(id);
        }
        if let Some(id) = borrowed.last_event_id.take() {
            self.set_last_event_id(id);
        }
    }

    fn settle_data(&mut self, borrowed: &mut Borrowed<'_>) {
        if let Some(data) = borrowed.data.take() {
            self.buffers().data.push_str(data);
        }
    }

    #[cold]
    fn passed(&self, kind: LimitKind, limit: usize) -> LimitError {
        LimitError {
            kind,
            limit,
            offset: self.start,
        }
    }
}

/// As that of lines.
fn empty(buffer: &mut String) {
    if buffer.capacity() > SPARE {
        *buffer = String::new();
    } else {
        buffer.clear();
    }
}

/// The value as an integer in base ten, if it consists of ASCII digits only; saturates.
fn milliseconds(value: &str) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.bytes().try_fold(0_u64, |ms, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(ms.saturating_mul(10).saturating_add(digit))
    })
}
