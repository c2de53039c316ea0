//! Line endings as bytes: LF CR pairs, and CRLF written in two pieces.

use std::ops::Range;

use ssekit_record::Transcript;

/// Runs of LF CR pairs, as offsets.
///
/// Only bytes that nothing else explains: a run of CR and LF in turn that begins with LF and ends
/// with CR. One that ends with LF is an LF before CRLFs. A run at the very end counts if the bytes
/// are `whole`; else an LF might follow.
pub(super) fn reversed_pairs(bytes: &[u8], whole: bool) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = bytes[at..].iter().position(|b| matches!(b, b'\r' | b'\n')) {
        let start = at + step;
        at = start + 1;
        while at < bytes.len() && matches!(bytes[at], b'\r' | b'\n') && bytes[at] != bytes[at - 1] {
            at += 1;
        }
        if bytes[start] == b'\n' && bytes[at - 1] == b'\r' && (whole || at < bytes.len()) {
            found.push(start as u64..at as u64);
        }
    }
    found
}

/// How often a CRLF was split between two writes of the server.
#[derive(Debug, Default)]
pub(super) struct SplitCrLf {
    /// CRLF pairs in the stream.
    pub(super) pairs: usize,
    /// Offsets of the LFs that begin a write whose predecessor ended with the CR.
    pub(super) places: Vec<u64>,
    /// Boundaries between writes.
    boundaries: usize,
    bytes: usize,
}

impl SplitCrLf {
    /// Chunks are writes. Without them slices are, if time passed between them: TCP may cut a
    /// burst anywhere. Behind a content coding neither shows.
    pub(super) fn of(transcript: &Transcript) -> Self {
        let bytes = &transcript.body.bytes;
        if transcript.content.is_some() {
            return Self::default();
        }
        let boundaries = boundaries(transcript);
        let splits = |at: &u64| {
            usize::try_from(*at).is_ok_and(|at| {
                at > 0 && bytes.get(at) == Some(&b'\n') && bytes.get(at - 1) == Some(&b'\r')
            })
        };
        Self {
            pairs: bytes.windows(2).filter(|pair| pair == b"\r\n").count(),
            places: boundaries.iter().copied().filter(splits).collect(),
            boundaries: boundaries.len(),
            bytes: bytes.len(),
        }
    }

    /// Whether it is how the server writes, not chance or a stream in tiny pieces.
    pub(super) fn is_habit(&self) -> bool {
        let count = self.places.len();
        let tiny = self.bytes < (self.boundaries + 1) * 2;
        count >= 2 && count * 4 >= self.boundaries && !tiny
    }
}

/// A write this long may be a full buffer, which ends anywhere.
const BUFFER: u64 = 1024;

fn boundaries(transcript: &Transcript) -> Vec<u64> {
    if !transcript.chunks.is_empty() {
        let chunks: Vec<_> = transcript.chunks.iter().filter(|c| c.size > 0).collect();
        let pairs = chunks.windows(2).filter(|pair| pair[0].size < BUFFER);
        return pairs.map(|pair| pair[1].body_offset).collect();
    }
    let slices = transcript.body.slices.windows(2);
    slices
        .filter(|pair| pair[0].len < BUFFER && pair[1].at_us >= pair[0].at_us + 1000)
        .map(|pair| pair[1].offset)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversed_pairs_are_only_what_nothing_else_explains() {
        let all = |bytes: &[u8], whole| -> Vec<(u64, u64)> {
            let pairs = reversed_pairs(bytes, whole).into_iter();
            pairs.map(|pair| (pair.start, pair.end)).collect()
        };
        let found = |bytes: &[u8]| all(bytes, false);
        assert_eq!(found(b"a\n\rb\r\nc\r\n\r\nd\n\r\ne\n\n"), [(1, 3)]);
        assert_eq!(found(b"a\n\r\n\rb"), [(1, 5)]);
        assert_eq!(found(b"a\n\r\n\r\rb"), [(1, 5)]);
        assert_eq!(found(b"a\n\r"), []);
        assert_eq!(all(b"a\n\r", true), [(1, 3)]);
        assert_eq!(all(b"a\r\n", true), []);
    }
}
