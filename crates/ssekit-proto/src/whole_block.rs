//! The fast path: blocks that lie whole in a slice and need no state.
use crate::line_end::line_end;

/// What a block holds that has at most one `data`, `event` and `id` line each and nothing else, as
/// far as it was read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WholeBlock {
    pub(crate) data: Span,
    pub(crate) event: Span,
    pub(crate) id: Span,
    /// After the last line read.
    pub(crate) end: usize,
    /// Whether an empty line ended it.
    pub(crate) complete: bool,
}

/// Where a value lies in the slice. No value begins at 0: its field name stands before it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    begin: usize,
    end: usize,
}

/// Where a block lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its position in the slice.
    pub(crate) begin: usize,
    /// The position in the slice of the text in which it lies.
    pub(crate) text_begin: usize,
    /// Its offset in the stream.
    pub(crate) offset: u64,
}

impl Span {
    #[inline(always)]
    pub(crate) fn is_some(self) -> bool {
        self.begin != 0
    }

    /// The value in `text`, which lies at this position of the slice.
    #[inline(always)]
    pub(crate) fn of(self, text: &str, position: usize) -> Option<&str> {
        if !self.is_some() {
            return None;
        }
        Some(&text[self.begin - position..self.end - position])
    }
}

impl WholeBlock {
    /// Reads lines that LF ends from this position on, up to the empty line, or to the first line
    /// that is unusual or not complete.
    #[inline(always)]
    pub(crate) fn read(bytes: &[u8], begin: usize) -> Self {
        let mut block = Self {
            end: begin,
            ..Self::default()
        };
        while block.line(&bytes[block.end..]) {}
        block
    }

    /// Reads the first of these lines; false where there is nothing more to read.
    #[inline(always)]
    fn line(&mut self, rest: &[u8]) -> bool {
        if rest.starts_with(b"data:") {
            Self::value(&mut self.data, &mut self.end, rest, 5)
        } else if rest.starts_with(b"\n") {
            self.end += 1;
            self.complete = true;
            false
        } else if rest.starts_with(b"id:") {
            Self::value(&mut self.id, &mut self.end, rest, 3)
        } else if rest.starts_with(b"event:") {
            Self::value(&mut self.event, &mut self.end, rest, 6)
        } else {
            false
        }
    }

    #[inline(always)]
    fn value(span: &mut Span, end: &mut usize, rest: &[u8], name: usize) -> bool {
        let value = &rest[name..];
        let Some(len) = line_end(value) else {
            return false;
        };
        if value[len] == b'\r' || span.is_some() || (name == 3 && value[..len].contains(&0)) {
            return false;
        }
        span.begin = *end + name + usize::from(value[0] == b' ');
        span.end = *end + name + len;
        *end = span.end + 1;
        true
    }
}
