//! Decodes lines of a slice, many at a time.
use core::str;

use memchr::memrchr2;

/// How much is validated ahead of the line asked for: well within the first-level cache.
const AHEAD: usize = 8 * 1024;

/// Validates a slice in windows of whole lines, since one long validation is cheaper than many
/// short ones. Line ends are ASCII, so no character spans a window.
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

    /// The line at these positions, without its ending, unless it is not UTF-8. Lines are asked
    /// for in order.
    #[inline]
    pub(crate) fn line(&mut self, start: usize, end: usize) -> Option<&'a str> {
        if end > self.start + self.valid.len() {
            self.advance(start, end);
        }
        self.valid.get(start - self.start..end - self.start)
    }

    fn advance(&mut self, start: usize, end: usize) {
        let ahead = self.bytes.len().min(start.saturating_add(AHEAD));
        let window_end = if ahead <= end {
            end
        } else {
            memrchr2(b'\n', b'\r', &self.bytes[end..ahead]).map_or(end, |at| end + at)
        };
        let window = &self.bytes[start..window_end];
        self.start = start;
        self.valid = match str::from_utf8(window) {
            Ok(text) => text,
            Err(error) => str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default(),
        };
    }
}
