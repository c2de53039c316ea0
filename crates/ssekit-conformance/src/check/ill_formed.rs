//! Ill-formed UTF-8: where it is and which forbidden form it takes (RFC 3629 3 and 4).

use std::fmt;

/// Bytes shown in a sentence.
const SHOWN: usize = 8;

/// Adjacent bytes that belong to no well-formed sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run<'a> {
    /// Offset of the first of them.
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    /// Whether the bytes end with it in the middle of a sequence that could have become well-formed.
    pub(super) cut: bool,
}

impl Run<'_> {
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Bytes in hexadecimal, shortened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{byte:02x}", if i == 0 { "" } else { " " })?;
        }
        f.write_str(if self.0.len() > SHOWN { " …" } else { "" })
    }
}

/// The ill-formed runs of some bytes, in order.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Run<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += first_ill_formed(&bytes[at..])?;
        let start = at;
        let mut cut = false;
        while let Err(error) = std::str::from_utf8(&bytes[at..]) {
            let unfinished = error.error_len().is_none();
            // A sequence that is cut stands for itself, also right after ill-formed bytes.
            if error.valid_up_to() > 0 || (unfinished && at > start) {
                break;
            }
            cut = unfinished;
            at += error.error_len().unwrap_or(bytes.len() - at);
        }
        Some(Run {
            offset: start as u64,
            bytes: &bytes[start..at],
            cut,
        })
    })
}

fn first_ill_formed(bytes: &[u8]) -> Option<usize> {
    std::str::from_utf8(bytes)
        .err()
        .map(|error| error.valid_up_to())
}

/// A form that UTF-8 forbids though its bits could be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Two encoded surrogates that stand for one character.
    Pair,
    /// One encoded surrogate.
    Surrogate,
    /// More bytes than the code point needs; so many.
    Overlong(usize),
    /// A code point beyond U+10FFFF, in so many bytes.
    Beyond(usize),
}

impl Form {
    /// The forbidden forms among ill-formed bytes, with their positions.
    pub(super) fn find_in(bytes: &[u8]) -> Vec<(usize, Self)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            match Self::at(&bytes[at..]) {
                Some(form) => {
                    found.push((at, form));
                    at += form.len();
                }
                None => at += 1,
            }
        }
        found
    }

    fn at(bytes: &[u8]) -> Option<Self> {
        let lead = *bytes.first()?;
        let width = match lead {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF7 => 4,
            0xF8..=0xFB => 5,
            0xFC..=0xFD => 6,
            _ => return None,
        };
        let rest = bytes.get(1..width)?;
        if !rest.iter().all(|byte| byte & 0xC0 == 0x80) {
            return None;
        }
        match (lead, rest[0]) {
            (0xC0..=0xC1, _) | (0xE0, 0x80..=0x9F) | (0xF0, 0x80..=0x8F) => {
                Some(Self::Overlong(width))
            }
            (0xED, 0xA0..=0xAF) if is_low_surrogate(&bytes[3..]) => Some(Self::Pair),
            (0xED, 0xA0..=0xBF) => Some(Self::Surrogate),
            (0xF4, 0x90..=0xBF) | (0xF5..=0xFD, _) => Some(Self::Beyond(width)),
            _ => None,
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::Pair => 6,
            Self::Surrogate => 3,
            Self::Overlong(width) | Self::Beyond(width) => width,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pair => "a surrogate pair encoded as two characters (CESU-8)",
            Self::Surrogate => "an encoded surrogate",
            Self::Overlong(_) => "an overlong form",
            Self::Beyond(_) => "a code point beyond U+10FFFF",
        }
    }
}

fn is_low_surrogate(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, 0xB0..=0xBF, 0x80..=0xBF, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_adjacent_bytes_and_keep_offsets() {
        let seen: Vec<_> = runs(b"a\xff\xfeb\xc3\xbcc\xed\xa0\x80").collect();
        let places: Vec<_> = seen
            .iter()
            .map(|run| (run.offset, run.len(), run.cut))
            .collect();
        assert_eq!(places, [(1, 2, false), (7, 3, false)]);
    }

    #[test]
    fn only_what_could_still_become_whole_is_cut() {
        let cut = |bytes: &[u8]| runs(bytes).map(|run| run.cut).collect::<Vec<_>>();
        assert_eq!(cut(b"a\xe2\x82"), [true]);
        assert_eq!(cut(b"a\xe2("), [false]);
        assert_eq!(cut(b"a\xc0"), [false]);
        assert_eq!(cut(b"a\xff\xe2\x82"), [false, true]);
        assert_eq!(cut("a€".as_bytes()), [] as [bool; 0]);
    }
}
