//! Adds a field to every HTTP/2 field block, which hyper would refuse to send.
use crate::rewritten::Rewrite;

/// Length of a frame header (RFC 9113 4.1).
const HEADER: usize = 9;
/// The type of HEADERS (RFC 9113 6.2).
const HEADERS: u8 = 1;
/// The flags END_HEADERS and PADDED of HEADERS.
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
/// HTTP/1.1 answers begin with it; no frame of ours is that long.
const HTTP1: u8 = b'H';

/// Adds the field to whole, unpadded HEADERS frames; HTTP/1.1 passes as it is.
pub(crate) struct Graft {
    field: Vec<u8>,
    plain: Option<bool>,
    held: Vec<u8>,
}

impl Graft {
    /// Adds a field of this name and value, each shorter than 127 bytes.
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self {
            field: literal(name, value),
            plain: None,
            held: Vec::new(),
        }
    }
}

impl Rewrite for Graft {
    fn write(&mut self, bytes: &[u8], client: &mut Vec<u8>) {
        let plain = *self
            .plain
            .get_or_insert(bytes.first().is_some_and(|byte| *byte == HTTP1));
        if plain {
            client.extend_from_slice(bytes);
            return;
        }
        self.held.extend_from_slice(bytes);
        while let Some(&[a, b, c, kind, flags, ..]) = self.held.get(..HEADER) {
            let len = u32::from_be_bytes([0, a, b, c]);
            let end = HEADER + len as usize;
            if self.held.len() < end {
                break;
            }
            let whole = kind == HEADERS && flags & END_HEADERS != 0 && flags & PADDED == 0;
            let grown = len as usize + if whole { self.field.len() } else { 0 };
            let [_, a, b, c] = u32::try_from(grown).unwrap_or(len).to_be_bytes();
            client.extend_from_slice(&[a, b, c]);
            client.extend(self.held.drain(..end).skip(3));
            if whole {
                client.extend_from_slice(&self.field);
            }
        }
    }
}

/// A literal field line without indexing, its name new and neither string compressed (RFC 7541
/// 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap_or(0) & 0x7f);
        field.extend_from_slice(text.as_bytes());
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written when these bytes come in slices of this size.
    fn written(bytes: &[u8], size: usize) -> Vec<u8> {
        let (mut graft, mut client) = (Graft::new("A", "b"), Vec::new());
        for slice in bytes.chunks(size) {
            graft.write(slice, &mut client);
        }
        assert!(graft.held.is_empty());
        client
    }

    #[test]
    fn only_whole_field_blocks_grow_whatever_the_slices() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let headers = [0, 0, 1, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x88];
        let begun = [0, 0, 1, HEADERS, 0, 0, 0, 0, 3, 0x88];
        let grown = [
            0,
            0,
            6,
            HEADERS,
            END_HEADERS,
            0,
            0,
            0,
            1,
            0x88,
            0,
            1,
            b'A',
            1,
            b'b',
        ];
        let bytes = [&settings[..], &headers, &begun].concat();
        let expected = [&settings[..], &grown, &begun].concat();
        for size in 1..=bytes.len() {
            assert_eq!(written(&bytes, size), expected, "{size}");
        }
    }

    #[test]
    fn http1_is_left_alone() {
        let bytes = b"HTTP/1.1 200 OK\r\n\r\ndata: a\n\n";
        assert_eq!(written(bytes, 4), bytes);
    }
}
