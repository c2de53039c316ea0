//! Lines with field names nobody knows: what they probably were.

use crate::{LineSeen, LineShape};

/// What an ignored line probably was, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stray {
    /// A further line of a payload written without `data:`, or a comment's without a colon.
    Continuation,
    /// JSON or HTML written into the stream.
    Markup,
    /// A known name with white space around it.
    Spaced,
    /// A field of another name.
    UnknownName,
}

impl Stray {
    pub(super) fn of(line: &LineSeen) -> Self {
        let LineShape::Field { name, colon, .. } = &line.shape else {
            return Self::UnknownName;
        };
        let bare = name.trim();
        if matches!(bare, "data" | "event" | "id" | "retry") && *colon {
            return Self::Spaced;
        }
        if bare.starts_with(['{', '}', '[', ']', '"', '\'', '<']) {
            return Self::Markup;
        }
        let like_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !colon || name.is_empty() || !name.chars().all(like_name) {
            return Self::Continuation;
        }
        Self::UnknownName
    }

    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Continuation => "ignored: not a field, perhaps the rest of a payload or comment",
            Self::Markup => "ignored: JSON or HTML outside of a data field",
            Self::Spaced => "ignored: white space in the field name",
            Self::UnknownName => "ignored: no field of this name",
        }
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::Continuation => "lines that look like the rest of a payload are ignored",
            Self::Markup => "lines of JSON or HTML outside of data fields are ignored",
            Self::Spaced => "fields are ignored for white space in their names",
            Self::UnknownName => "fields of unknown names are ignored",
        }
    }

    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Continuation => {
                "Split a payload at its line breaks and put `data: ` before every line, and a \
                 colon before every line of a comment."
            }
            Self::Markup => {
                "Put `data: ` before every line of a payload. Once the stream has begun, report \
                 errors as an event, not as the body of an error page."
            }
            Self::Spaced => {
                "Begin field lines with the bare name: `data:`, not ` data:` or `data :`."
            }
            Self::UnknownName => {
                "The fields are `data`, `event`, `id` and `retry`; send anything else inside the \
                 data."
            }
        }
    }
}
