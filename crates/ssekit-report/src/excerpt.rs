//! The part of an excerpt that fits a line.

use ssekit_record::Excerpt;
use unicode_width::UnicodeWidthChar;

use crate::text::{columns, harmless, truncated};

/// An excerpt cut to a number of columns, with the place it means.
pub(crate) struct Window {
    /// One line.
    pub text: String,
    /// Columns before the place.
    pub caret: usize,
    /// Columns of the place, at least one.
    pub width: usize,
}

impl Window {
    /// As much of the excerpt as `room` columns hold, the place in it.
    pub fn around(excerpt: &Excerpt, room: usize) -> Self {
        let split = |n: usize, text: &'_ str| -> (String, String) {
            let at = text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
            (text[..at].to_owned(), text[at..].to_owned())
        };
        let (before, rest) = split(excerpt.caret, &excerpt.text);
        let (marked, after) = split(excerpt.width, &rest);
        let marked = truncated(&harmless(&marked), room / 2).into_owned();
        let before = ending(
            &harmless(&before),
            (room - columns(&marked).min(room)) * 2 / 3,
        );
        let used = columns(&before) + columns(&marked);
        let after = truncated(&harmless(&after), room.saturating_sub(used)).into_owned();
        Self {
            caret: columns(&before),
            width: columns(&marked).max(1),
            text: before + &marked + &after,
        }
    }
}

/// The end of the text that fits `width` columns, with an ellipsis where something was cut.
fn ending(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        from = at;
    }
    format!("…{}", &text[from..])
}
