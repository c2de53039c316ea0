//! Text made harmless, wrapped and measured.

use std::borrow::Cow;
use std::fmt::Write as _;

use ssekit_record::{escape, is_unsafe_to_show};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest text shown of one value, in characters; the rest is counted.
const LONGEST: usize = 2_000;

/// The text with everything that could act on a terminal or reorder a line escaped, as
/// [`escape`] does it, except that backslashes stay single: text that was escaped once reads the
/// same again.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe_to_show) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut buffer = [0; 4];
    for c in text.chars() {
        if is_unsafe_to_show(c) {
            out.push_str(&escape(c.encode_utf8(&mut buffer).as_bytes()));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// [`harmless`], cut after 2 000 characters with a note of how many more there were.
pub fn bounded(text: &str) -> String {
    bounded_to(text, LONGEST)
}

/// As [`bounded`], after as many characters as are given.
pub fn bounded_to(text: &str, longest: usize) -> String {
    let Some((cut, _)) = text.char_indices().nth(longest) else {
        return harmless(text).into_owned();
    };
    let more = text[cut..].chars().count();
    let mut out = harmless(&text[..cut]).into_owned();
    let _ = write!(out, "… ({more} characters more)");
    out
}

/// Lines of at most `width` columns; a word longer than that is broken.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let lines = textwrap::wrap(text, width.max(20));
    lines.into_iter().map(Cow::into_owned).collect()
}

/// Parts of a list on lines of at most `width` columns, each but the last followed by `mark`. A line ends
/// between two parts, and within one only where it alone is longer.
pub fn packed(parts: &[String], mark: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let mark = if at + 1 < parts.len() { mark } else { "" };
        let part = format!("{part}{mark}");
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(&part) <= width => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.extend(wrap(&part, width)),
        }
    }
    lines
}

/// Columns a text takes on a terminal.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The start of the text that fits `width` columns, with an ellipsis where something was cut.
pub fn truncated(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let room = width.saturating_sub(1);
    let fits = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > room
    });
    let end = fits.map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// A span of microseconds with the unit a person would choose: `830 µs`, `12.4 ms`, `5.20 s`.
pub fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

/// `1 check`, `2 checks`.
pub fn counted(n: usize, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_escapes_once_and_only_once() {
        let hostile = "a\\b\x1b[31m\u{202e}\n\u{9b}é";
        let once = harmless(hostile).into_owned();
        assert_eq!(once, "a\\b\\u{1b}[31m\\u{202e}\\n\\u{9b}é");
        assert_eq!(harmless(&once), once);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "é".repeat(2_010);
        assert!(bounded(&long).ends_with("é… (10 characters more)"));
        assert_eq!(truncated("日本語", 4), "日…");
        assert_eq!(truncated("abcd", 4), "abcd");
    }

    #[test]
    fn a_list_is_broken_between_its_parts() {
        let parts = [
            "loop lag 0 µs",
            "busiest worker 0 %",
            "1 one that is far too long",
        ];
        let parts = parts.map(String::from);
        assert_eq!(
            packed(&parts, ",", 21),
            [
                "loop lag 0 µs,",
                "busiest worker 0 %,",
                "1 one that is far too",
                "long"
            ]
        );
        assert_eq!(
            packed(&parts[..2], " ·", 80),
            ["loop lag 0 µs · busiest worker 0 %"]
        );
    }

    #[test]
    fn durations_read_like_a_person_wrote_them() {
        let read: Vec<_> = [0, 999, 1_000, 12_450, 999_999, 1_000_000, 65_129_999]
            .map(duration)
            .into();
        assert_eq!(
            read,
            [
                "0 µs", "999 µs", "1.0 ms", "12.4 ms", "999.9 ms", "1.00 s", "65.12 s"
            ]
        );
    }
}
