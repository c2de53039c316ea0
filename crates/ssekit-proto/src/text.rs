//! Decodes lines of a slice, many at a time.
use core::str;

/// How much is validated at once: well within the first-level cache.
const WINDOW: usize = 8 * 1024;

/// Validates a slice in windows that begin with a line, since one long validation is cheaper than
/// many short ones.
pub(crate) struct Text<'a> {
    bytes: &'a [u8],
    start: usize,
    valid: &'a str,
}

impl<'a> Text<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            start: 0,
            valid: "",
        }
    }

    /// Text in which the line at these positions, without its ending, lies, and where it begins
    /// there; none if the line is not UTF-8. Lines are asked for in order.
    #[inline(always)]
    pub(crate) fn line(&mut self, start: usize, end: usize) -> Option<(&'a str, usize)> {
        if end > self.start + self.valid.len() {
            self.advance(start, end);
            if end > self.start + self.valid.len() {
                return None;
            }
        }
        Some((self.valid, start - self.start))
    }

    /// Begins a window with this line. What the end of the window cuts is seen again as part of
    /// the next window.
    #[cold]
    fn advance(&mut self, start: usize, end: usize) {
        let window_end = end.max(self.bytes.len().min(start.saturating_add(WINDOW)));
        let window = &self.bytes[start..window_end];
        self.start = start;
        self.valid = match str::from_utf8(window) {
            Ok(text) => text,
            Err(error) => str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default(),
        };
    }
}
