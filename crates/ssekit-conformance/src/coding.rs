//! Content codings: what is offered in `Accept-Encoding`, and what an answer says it uses.

use ssekit_record::{Head, Transcript};

/// What an exchange offers in `Accept-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Offer {
    /// Everything a browser offers.
    All,
    /// Only `gzip`.
    Gzip,
    /// Only `deflate`.
    Deflate,
    /// Only `br`.
    Br,
    /// Only `zstd`.
    Zstd,
}

impl Offer {
    /// Every offer.
    pub(crate) const EACH: [Self; 5] = [Self::All, Self::Gzip, Self::Deflate, Self::Br, Self::Zstd];

    /// The value of `Accept-Encoding`.
    pub(crate) fn value(self) -> &'static str {
        match self {
            Self::All => "gzip, deflate, br, zstd",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings an answer says were applied, in order, in lower case. `identity` and `none` are no
/// codings.
pub(crate) fn codings(head: &Head) -> Vec<String> {
    let values: Vec<&str> = head.all("content-encoding").collect();
    let items = values.iter().flat_map(|value| value.split(','));
    let named = items.map(|item| item.trim().to_ascii_lowercase());
    named
        .filter(|item| !matches!(item.as_str(), "" | "identity" | "none"))
        .collect()
}

/// Whether a transcript's content says it is coded.
pub(crate) fn is_coded(transcript: &Transcript) -> bool {
    let head = transcript.head.as_ref();
    head.is_some_and(|head| !codings(head).is_empty())
}

/// The coding that content without a `Content-Encoding` shows by its first bytes, or by being no text
/// where only `br`, which has no such bytes, was offered.
pub(crate) fn unnamed(transcript: &Transcript) -> Option<&'static str> {
    if is_coded(transcript) {
        return None;
    }
    let asked = transcript.request.fields.iter();
    let mut offered = asked.filter(|field| field.name.eq_ignore_ascii_case("accept-encoding"));
    match transcript.body.bytes.as_slice() {
        [0x1f, 0x8b, 0x08, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        // No text begins like this: the second byte continues a character that has not begun.
        [0x78, 0x9c | 0xda, ..] => Some("deflate"),
        other => (!is_text(other) && offered.any(|field| field.value == "br")).then_some("br"),
    }
}

/// Whether content is text, or was meant as such: it is UTF-8 without NUL, as far as it came, or begins
/// like an event stream.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let begins = ["data", "event", "id", "retry", ":", "\n", "\r"];
    if begins.iter().any(|name| bytes.starts_with(name.as_bytes())) {
        return true;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => !text.contains('\0'),
        // What was left while a character was under way.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0 && !bytes.contains(&0),
    }
}
