//! The block being read: its buffers, and dispatch.
use alloc::string::String;

use crate::{EventRef, LimitError, LimitKind, Limits, Sink};

/// The buffers of HTML, 9.2.6 Interpreting an event stream, as far as they outlive a slice.
///
/// Of the data buffer the final LF is left out: `has_data` says whether it holds a line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    open: bool,
    start: u64,
    /// Bytes of `data`, `event` and `id` lines; 0 means that discarding the block loses nothing.
    kept: usize,
    has_data: bool,
    has_id: bool,
    data: String,
    event: String,
    id: String,
    last_event_id: String,
    retry_ms: Option<u64>,
}

/// Parts of the block that still lie in the slice being read. Each, where there is one, stands for
/// the buffer of its name in [`Block`].
#[derive(Debug, Default)]
pub(crate) struct Borrowed<'a> {
    data: Option<&'a str>,
    event: Option<&'a str>,
    id: Option<&'a str>,
}

/// A decoded line that is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextLine<'a> {
    pub(crate) text: &'a str,
    /// Length as sent, before replacement.
    pub(crate) raw_len: usize,
    pub(crate) offset: u64,
}

impl Block {
    pub(crate) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    pub(crate) fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id.clear();
        self.last_event_id.push_str(id);
    }

    pub(crate) fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Where the block began, if it holds anything that would have had an effect.
    pub(crate) fn pending(&self) -> Option<u64> {
        (self.kept > 0).then_some(self.start)
    }

    /// Where the block began, if it has a line.
    pub(crate) fn start(&self) -> Option<u64> {
        self.open.then_some(self.start)
    }

    /// Processes a line that is not empty.
    #[inline]
    pub(crate) fn line<'a, S: Sink>(
        &mut self,
        line: TextLine<'a>,
        borrowed: &mut Borrowed<'a>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<(), LimitError> {
        if !self.open {
            self.open = true;
            self.start = line.offset;
        }
        let text = line.text;
        // Field names are compared literally, with no case folding.
        if let Some(value) = field(text, "data") {
            self.keep(line.raw_len, limits)?;
            self.data(value, borrowed, limits)?;
        } else if let Some(comment) = text.strip_prefix(':') {
            sink.comment(comment, line.offset);
        } else if let Some(value) = field(text, "id") {
            if !value.as_bytes().contains(&0) {
                self.keep(line.raw_len, limits)?;
                self.has_id = true;
                borrowed.id = Some(value);
            }
        } else if let Some(value) = field(text, "event") {
            self.keep(line.raw_len, limits)?;
            borrowed.event = Some(value);
        } else if let Some(value) = field(text, "retry")
            && let Some(ms) = milliseconds(value)
        {
            self.retry_ms = Some(ms);
            sink.retry(ms);
        }
        Ok(())
    }

    #[inline]
    fn keep(&mut self, raw_len: usize, limits: &Limits) -> Result<(), LimitError> {
        self.kept = self.kept.saturating_add(raw_len).saturating_add(1);
        if self.kept > limits.event {
            return Err(self.passed(LimitKind::Event, limits.event));
        }
        Ok(())
    }

    /// "Append the field value to the data buffer, then append a single U+000A LINE FEED."
    #[inline]
    fn data<'a>(
        &mut self,
        value: &'a str,
        borrowed: &mut Borrowed<'a>,
        limits: &Limits,
    ) -> Result<(), LimitError> {
        if !self.has_data {
            self.has_data = true;
            borrowed.data = Some(value);
            if value.len() > limits.data {
                return Err(self.passed(LimitKind::Data, limits.data));
            }
            return Ok(());
        }
        self.settle_data(borrowed);
        let len = self
            .data
            .len()
            .saturating_add(1)
            .saturating_add(value.len());
        if len > limits.data {
            return Err(self.passed(LimitKind::Data, limits.data));
        }
        self.data.push('\n');
        self.data.push_str(value);
        Ok(())
    }

    /// Processes an empty line: dispatches the event, if there is one. `end` is the offset after
    /// the line.
    #[inline]
    pub(crate) fn dispatch<S: Sink>(
        &mut self,
        borrowed: &mut Borrowed<'_>,
        end: u64,
        sink: &mut S,
    ) {
        // The last event ID string is set first, also where there is no data.
        if self.has_id {
            let id = borrowed.id.unwrap_or(&self.id);
            self.last_event_id.clear();
            self.last_event_id.push_str(id);
        }
        if self.has_data {
            let event = borrowed.event.unwrap_or(&self.event);
            sink.event(EventRef {
                event: if event.is_empty() { "message" } else { event },
                data: borrowed.data.unwrap_or(&self.data),
                last_event_id: &self.last_event_id,
                has_id: self.has_id,
                start: self.start,
                end,
            });
        }
        *borrowed = Borrowed::default();
        self.clear();
    }

    /// Drops the block; keeps the last event ID string and the reconnection time.
    pub(crate) fn clear(&mut self) {
        self.open = false;
        self.kept = 0;
        self.has_data = false;
        self.has_id = false;
        self.data.clear();
        self.event.clear();
        self.id.clear();
    }

    /// Copies what still lies in the slice, so that the slice can go.
    #[inline]
    pub(crate) fn settle(&mut self, borrowed: &mut Borrowed<'_>) {
        self.settle_data(borrowed);
        if let Some(event) = borrowed.event.take() {
            self.event.clear();
            self.event.push_str(event);
        }
        if let Some(id) = borrowed.id.take() {
            self.id.clear();
            self.id.push_str(id);
        }
    }

    #[inline]
    fn settle_data(&mut self, borrowed: &mut Borrowed<'_>) {
        if let Some(data) = borrowed.data.take() {
            self.data.push_str(data);
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

/// The value, if the line is a field of this name: what follows the colon and one space.
#[inline]
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(':')?;
    Some(value.strip_prefix(' ').unwrap_or(value))
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
