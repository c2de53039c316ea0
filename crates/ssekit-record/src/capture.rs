//! Bytes with the time each of them arrived.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Received bytes and the slices (reads or DATA frames) they came in.
///
/// Times are microseconds since the exchange began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capture {
    /// The bytes, in the order received.
    #[serde(with = "base64_text")]
    #[schemars(with = "String", extend("contentEncoding" = "base64"))]
    pub bytes: Vec<u8>,
    /// One entry per slice, in order; together they cover `bytes`.
    pub slices: Vec<Slice>,
}

/// One slice of a capture: the bytes of one read, with the time right after that read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// Offset of the first byte in the capture.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// Arrival, in microseconds since the exchange began.
    pub at_us: u64,
}

impl Capture {
    /// Appends a slice. An empty one is not recorded.
    pub fn push(&mut self, bytes: &[u8], at_us: u64) {
        if bytes.is_empty() {
            return;
        }
        self.slices.push(Slice {
            offset: self.bytes.len() as u64,
            len: bytes.len() as u64,
            at_us,
        });
        self.bytes.extend_from_slice(bytes);
    }

    /// When the byte at `offset` arrived; `None` beyond the end.
    pub fn arrival_us(&self, offset: u64) -> Option<u64> {
        let after = self.slices.partition_point(|s| s.offset <= offset);
        let slice = self.slices.get(after.checked_sub(1)?)?;
        (offset < slice.offset + slice.len).then_some(slice.at_us)
    }

    /// The slices, at most `most` of them: of more, neighbours are joined, with the time of the last.
    pub fn outline(&self, most: usize) -> Vec<Slice> {
        let together = self.slices.len().div_ceil(most.max(1)).max(1);
        let groups = self.slices.chunks(together);
        let joined = groups.filter_map(|group| {
            let (first, last) = (group.first()?, group.last()?);
            Some(Slice {
                offset: first.offset,
                len: group.iter().map(|slice| slice.len).sum(),
                at_us: last.at_us,
            })
        });
        joined.collect()
    }

    /// Number of bytes held.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether nothing was received.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

mod base64_text {
    use base64::{Engine as _, display::Base64Display, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        // Piece by piece: the text of a large capture is never held whole.
        to.collect_str(&Base64Display::new(bytes, &STANDARD))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrival_is_that_of_the_slice_holding_the_byte() {
        let mut capture = Capture::default();
        capture.push(b"abc", 10);
        capture.push(b"", 15);
        capture.push(b"de", 20);
        let seen: Vec<_> = (0..6).map(|o| capture.arrival_us(o)).collect();
        assert_eq!(
            seen,
            [Some(10), Some(10), Some(10), Some(20), Some(20), None]
        );
        assert_eq!(capture.slices.len(), 2);
    }

    #[test]
    fn an_outline_covers_everything_in_few_slices() {
        let mut capture = Capture::default();
        assert!(capture.outline(3).is_empty());
        for at_us in 1..=10 {
            capture.push(b"ab", at_us);
        }
        assert_eq!(capture.outline(10), capture.slices);
        let told: Vec<_> = capture
            .outline(3)
            .iter()
            .map(|s| (s.offset, s.len, s.at_us))
            .collect();
        assert_eq!(told, [(0, 8, 4), (8, 8, 8), (16, 4, 10)]);
        assert_eq!(capture.outline(0).len(), 1);
    }
}
