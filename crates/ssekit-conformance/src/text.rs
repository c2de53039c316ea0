//! Text of any length that is known at every place: each 16 characters are the number of their
//! place, so that nothing can be lost, doubled or moved unseen.

/// Characters of a line, where there are lines.
const LINE: u64 = 64;
/// Digits of a number.
const DIGITS: u64 = 16;

/// Such a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    /// Length, line ends as they are written.
    len: u64,
    /// How a line end is written; nothing where there are none.
    line_end: &'static [u8],
}

impl Text {
    /// One line of `len` bytes.
    pub(crate) fn flat(len: u64) -> Self {
        Self { len, line_end: b"" }
    }

    /// Lines of 64 characters, divided by LF, of `len` bytes in all. The last is one of its own, so the
    /// text does not end with LF.
    pub(crate) fn lines(len: u64) -> Self {
        debug_assert_ne!(len % (LINE + 1), 0, "the text would end with LF");
        Self {
            len,
            line_end: b"\n",
        }
    }

    /// The same as a JSON string writes it, without the quotation marks.
    pub(crate) fn escaped(self) -> Self {
        if self.line_end != b"\n" {
            return self;
        }
        Self {
            len: self.len + self.len / (LINE + 1),
            line_end: b"\\n",
        }
    }

    /// Length in bytes.
    pub(crate) fn len(self) -> u64 {
        self.len
    }

    /// Writes what stands from `at` on; gives how many bytes there were.
    pub(crate) fn fill(self, at: u64, out: &mut [u8]) -> usize {
        let left = self.len.saturating_sub(at);
        let count = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        let width = LINE + self.line_end.len() as u64;
        let (mut line, mut column) = match self.line_end {
            [] => (0, at),
            _ => (at / width, at % width),
        };
        let is_flat = self.line_end.is_empty();
        for byte in &mut out[..count] {
            if is_flat || column < LINE {
                *byte = digit(line * LINE + column);
            } else {
                *byte = self.line_end[(column - LINE) as usize];
            }
            column += 1;
            if !is_flat && column == width {
                (line, column) = (line + 1, 0);
            }
        }
        count
    }

    /// How many bytes of the unescaped text the first `at` bytes of this one are.
    pub(crate) fn unescaped(self, at: u64) -> u64 {
        let width = LINE + self.line_end.len() as u64;
        match self.line_end {
            b"\\n" => at / width * (LINE + 1) + (at % width).min(LINE),
            _ => at,
        }
    }
}

fn digit(at: u64) -> u8 {
    let shift = 4 * (DIGITS - 1 - at % DIGITS);
    b"0123456789abcdef"[((at / DIGITS) >> shift & 15) as usize]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn all(text: Text) -> String {
        let mut out = vec![0; text.len() as usize];
        assert_eq!(text.fill(0, &mut out), out.len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_number_stands_at_its_place() {
        let flat = all(Text::flat(40));
        assert_eq!(flat, "0000000000000000000000000000000100000000");
        let lines = all(Text::lines(70));
        assert_eq!(lines, all(Text::flat(64)) + "\n00000");
        let escaped = all(Text::lines(70).escaped());
        assert_eq!(
            serde_json::from_str::<String>(&format!("\"{escaped}\"")).unwrap(),
            lines
        );
    }

    #[test]
    fn any_place_reads_as_in_the_whole() {
        for text in [
            Text::flat(300),
            Text::lines(300),
            Text::lines(300).escaped(),
        ] {
            let whole = all(text);
            for at in 0..text.len() {
                let mut out = [0; 80];
                let count = text.fill(at, &mut out);
                let wanted = whole.as_bytes()[at as usize..].iter().take(80).copied();
                assert!(wanted.eq(out[..count].iter().copied()), "{text:?} at {at}");
            }
        }
    }

    #[test]
    fn escaped_places_lead_back() {
        let escaped = Text::lines(300).escaped();
        for (at, back) in [(0, 0), (63, 63), (64, 64), (65, 64), (66, 65), (132, 130)] {
            assert_eq!(escaped.unescaped(at), back, "{at}");
        }
    }
}
