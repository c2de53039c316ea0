//! An excerpt as text with its line ends shown, and as a hex dump.

use ssekit_record::Excerpt;

use crate::text::harmless;

/// Units shown before and after the place; an excerpt made by ssekit has fewer.
const AROUND: usize = 600;
/// Bytes of a row of the dump.
const ROW: u64 = 8;

/// An excerpt in both forms.
pub(super) struct BytesView {
    pub pieces: Vec<Piece>,
    pub rows: Vec<Row>,
    /// Whether text alone would hide what the bytes are.
    pub is_binary: bool,
    /// Whether the place is the end of the bytes.
    pub marks_end: bool,
}

/// A run of text.
pub(super) struct Piece {
    pub text: String,
    /// Stands for bytes that are not shown as themselves.
    pub is_escape: bool,
    pub is_marked: bool,
    /// A line of the stream ends here.
    pub ends_line: bool,
}

/// Bytes of the dump, in runs that are wholly marked or not at all.
pub(super) struct Row {
    pub offset: u64,
    pub runs: Vec<Run>,
    /// Places before the first byte, where the excerpt begins within a row.
    blank: usize,
}

/// Bytes that follow each other.
pub(super) struct Run {
    pub bytes: Vec<u8>,
    pub is_marked: bool,
}

impl Row {
    /// What stands before the first byte in the column of numbers.
    pub fn hex_blank(&self) -> String {
        "   ".repeat(self.blank)
    }

    /// The same in the column of characters.
    pub fn glyph_blank(&self) -> String {
        " ".repeat(self.blank)
    }
}

impl Run {
    /// Two digits a byte, with spaces between.
    pub fn hex(&self) -> String {
        let digits: Vec<String> = self.bytes.iter().map(|b| format!("{b:02x}")).collect();
        digits.join(" ")
    }

    /// The ASCII characters, and a dot for every other byte.
    pub fn glyphs(&self) -> String {
        let shown = |b: &u8| b.is_ascii_graphic() || *b == b' ';
        let glyph = |b| if shown(b) { char::from(*b) } else { '·' };
        self.bytes.iter().map(glyph).collect()
    }
}

/// One character of the excerpt, or one escape, with the bytes it stands for.
struct Unit {
    text: String,
    bytes: Vec<u8>,
    /// Position in the excerpt, in characters.
    at: usize,
}

impl Unit {
    fn is_escape(&self) -> bool {
        self.text.starts_with('\\')
    }

    /// Whether the bytes are something else than text, tabs and line ends.
    fn is_binary(&self) -> bool {
        let head: String = self.text.chars().take(2).collect();
        matches!(head.as_str(), "\\x" | "\\u" | "\\0")
    }
}

impl BytesView {
    /// The excerpt, cut to what surrounds the place.
    pub fn of(excerpt: &Excerpt) -> Self {
        let units = units(&excerpt.text);
        let end = excerpt.caret.saturating_add(excerpt.width);
        let is_marked = |unit: &Unit| {
            let unit_end = unit.at + unit.text.chars().count();
            unit.at < end && excerpt.caret < unit_end
        };
        let place = units.iter().position(is_marked).unwrap_or(units.len());
        let from = place.saturating_sub(AROUND);
        let skipped: usize = units[..from].iter().map(|u| u.bytes.len()).sum();
        let shown = &units[from..units.len().min(place.saturating_add(AROUND))];
        Self {
            pieces: pieces(shown, is_marked),
            rows: rows(
                shown,
                is_marked,
                excerpt.offset.saturating_add(skipped as u64),
            ),
            is_binary: shown.iter().any(Unit::is_binary),
            marks_end: place == units.len(),
        }
    }
}

/// Takes the escapes of [`ssekit_record::escape`] apart. A backslash that begins none of them
/// stands for itself.
fn units(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    let (mut rest, mut at) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let escape = if first == '\\' { escape(rest) } else { None };
        let (len, bytes) = escape.unwrap_or_else(|| {
            let len = first.len_utf8();
            (len, rest.as_bytes()[..len].to_vec())
        });
        let (unit, left) = rest.split_at(len);
        units.push(Unit {
            text: unit.to_owned(),
            bytes,
            at,
        });
        at += unit.chars().count();
        rest = left;
    }
    units
}

/// Length of the escape that `text` begins with, and its bytes.
fn escape(text: &str) -> Option<(usize, Vec<u8>)> {
    let simple = |byte| Some((2, vec![byte]));
    match text.as_bytes().get(1)? {
        b'\\' => simple(b'\\'),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'0' => simple(0),
        b'x' => {
            let byte = u8::try_from(hex(text.get(2..4)?)?).ok()?;
            Some((4, vec![byte]))
        }
        b'u' => {
            let digits = text.get(2..)?.strip_prefix('{')?.split_once('}')?.0;
            let c = char::from_u32(hex(digits)?)?;
            Some((digits.len() + 4, c.to_string().into_bytes()))
        }
        _ => None,
    }
}

/// The number, where nothing but hexadecimal digits stand for it.
fn hex(digits: &str) -> Option<u32> {
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

fn pieces(units: &[Unit], is_marked: impl Fn(&Unit) -> bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (i, unit) in units.iter().enumerate() {
        let next_is_lf = units.get(i + 1).is_some_and(|next| next.bytes == b"\n");
        let ends_line = unit.bytes == b"\n" || (unit.bytes == b"\r" && !next_is_lf);
        let (is_escape, is_marked) = (unit.is_escape(), is_marked(unit));
        let text = harmless(&unit.text);
        match pieces.last_mut() {
            Some(last)
                if !last.ends_line
                    && last.is_escape == is_escape
                    && last.is_marked == is_marked =>
            {
                last.text.push_str(&text);
                last.ends_line = ends_line;
            }
            _ => pieces.push(Piece {
                text: text.into_owned(),
                is_escape,
                is_marked,
                ends_line,
            }),
        }
    }
    pieces
}

fn rows(units: &[Unit], is_marked: impl Fn(&Unit) -> bool, offset: u64) -> Vec<Row> {
    let bytes = units.iter().flat_map(|unit| {
        let is_marked = is_marked(unit);
        unit.bytes.iter().map(move |byte| (*byte, is_marked))
    });
    let mut rows: Vec<Row> = Vec::new();
    let mut at = offset;
    for (byte, is_marked) in bytes {
        // Rows begin where a dump of the whole would begin them.
        let column = at % ROW;
        let starts = column == 0 || rows.is_empty();
        if starts {
            rows.push(Row {
                offset: at - column,
                runs: Vec::new(),
                blank: usize::try_from(column).unwrap_or(0),
            });
        }
        if let Some(row) = rows.last_mut() {
            match row.runs.last_mut() {
                Some(run) if run.is_marked == is_marked => run.bytes.push(byte),
                _ => row.runs.push(Run {
                    bytes: vec![byte],
                    is_marked,
                }),
            }
        }
        at = at.saturating_add(1);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(view: &BytesView) -> String {
        let runs = view.rows.iter().flat_map(|row| &row.runs);
        let hex = |run: &Run| match run.is_marked {
            true => format!("[{}]", run.hex()),
            false => run.hex(),
        };
        runs.map(hex).collect::<String>().replace(' ', "")
    }

    #[test]
    fn the_dump_shows_the_bytes_that_were_received() {
        let stream = b"a\\n\r\n\xff\0\xe2\x80\xae\xc3\xa9\tz";
        let view = BytesView::of(&Excerpt::of(stream, 5, 1, 100));
        assert_eq!(bytes(&view), "615c6e0d0a[ff]00e280aec3a9097a");
        assert!(view.is_binary && !view.marks_end);
        assert_eq!(view.rows[1].offset, 8);
        assert_eq!(view.rows[1].runs[0].glyphs(), "·····z");
        let text: String = view.pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(text, "a\\\\n\\r\\n\\xff\\0\\u{202e}é\\tz");
        let marked: Vec<_> = view.pieces.iter().filter(|p| p.is_marked).collect();
        assert_eq!(marked.len(), 1);
        assert_eq!(marked[0].text, "\\xff");
        let ends = view.pieces.iter().filter(|p| p.ends_line).count();
        assert_eq!(ends, 1);
    }

    #[test]
    fn rows_keep_to_the_grid_of_the_whole() {
        let stream: Vec<u8> = (b'a'..=b'z').collect();
        let view = BytesView::of(&Excerpt::of(&stream, 10, 2, 5));
        let offsets: Vec<_> = view.rows.iter().map(|r| r.offset).collect();
        assert_eq!(offsets, [0, 8, 16]);
        let first = &view.rows[0];
        assert_eq!(
            (first.hex_blank().len(), first.glyph_blank().len()),
            (15, 5)
        );
        assert_eq!(bytes(&view), "666768696a[6b6c]6d6e6f7071");
        assert!(!view.is_binary);
    }

    #[test]
    fn the_end_can_be_the_place() {
        let view = BytesView::of(&Excerpt::of(b"data: x", 7, 1, 100));
        assert!(view.marks_end && view.pieces.iter().all(|p| !p.is_marked));
    }

    #[test]
    fn text_that_only_looks_escaped_is_itself() {
        for text in [
            "\\",
            "\\x",
            "\\x+f",
            "\\xé",
            "\\u{",
            "\\u{}",
            "\\u{d800}",
            "\\q",
            "\u{1b}",
        ] {
            let excerpt = Excerpt {
                offset: u64::MAX,
                text: text.into(),
                caret: usize::MAX,
                width: 9,
            };
            let view = BytesView::of(&excerpt);
            assert_eq!(
                bytes(&view),
                text.bytes().map(|b| format!("{b:02x}")).collect::<String>()
            );
            let shown: String = view.pieces.iter().map(|p| p.text.as_str()).collect();
            assert_eq!(shown, harmless(text));
        }
    }
}
