//! HTTP/2 frames to send, as bytes (RFC 9113 sections 3.4 and 6, RFC 7541).

use ssekit_record::FrameSeen;

use crate::frame::{self, Frame, MAX_FRAME};

/// What a client begins a connection with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The error codes NO_ERROR and CANCEL (RFC 9113 section 7).
const NO_ERROR: u32 = 0;
const CANCEL: u32 = 8;
/// A dynamic table size update to 0 (RFC 7541 section 6.3).
const EMPTY_TABLE: u8 = 0x20;
/// Answers of some 20 bytes that a peer may leave in the socket's way; one read asks for fewer than half.
const MOST_ANSWERS: u32 = 20_000;

pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// Frames that wait for the socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// Answers among them at most: those since there was nothing to send.
    answers: u32,
    /// The peer's table became smaller than the one every connection starts with.
    shrinks_table: bool,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            bytes: PREFACE.to_vec(),
            answers: 0,
            shrinks_table: false,
        }
    }

    /// Bytes not written yet.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// These many bytes were written.
    pub fn written(&mut self, count: usize) {
        self.bytes.drain(..count);
        if self.bytes.is_empty() {
            self.answers = 0;
        }
    }

    /// Whether the peer has asked for more answers than anybody needs, and takes none: they would fill the
    /// memory.
    pub fn is_flooded(&self) -> bool {
        self.answers > MOST_ANSWERS
    }

    /// Nobody takes bytes any more.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The peer's decoder wants a table of this size: field sections use none, which must be said
    /// once where it is smaller than what it was (RFC 9113 section 4.3.1).
    pub fn table_size(&mut self, size: u32) {
        self.shrinks_table |= size < 4096;
    }

    pub fn settings(&mut self, window: u32, head_limit: u32, at_us: u64) -> FrameSeen {
        let settings = [
            (ENABLE_PUSH, 0),
            (INITIAL_WINDOW_SIZE, window),
            (MAX_HEADER_LIST_SIZE, head_limit),
        ];
        let entry =
            |(id, value): (u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let payload = settings.map(entry).concat();
        self.push(frame::SETTINGS, 0, 0, payload, at_us)
    }

    pub fn settings_ack(&mut self, at_us: u64) -> FrameSeen {
        self.answers = self.answers.saturating_add(1);
        self.push(frame::SETTINGS, frame::ACK, 0, Vec::new(), at_us)
    }

    pub fn ping(&mut self, payload: &[u8], flags: u8, at_us: u64) -> FrameSeen {
        self.answers = self.answers.saturating_add(1);
        self.push(frame::PING, flags, 0, payload.to_vec(), at_us)
    }

    pub fn window_update(&mut self, stream: u32, by: u32, at_us: u64) -> FrameSeen {
        let payload = by.to_be_bytes().to_vec();
        self.push(frame::WINDOW_UPDATE, 0, stream, payload, at_us)
    }

    pub fn cancel(&mut self, stream: u32, at_us: u64) -> FrameSeen {
        let payload = CANCEL.to_be_bytes().to_vec();
        self.push(frame::RST_STREAM, 0, stream, payload, at_us)
    }

    pub fn goaway(&mut self, at_us: u64) -> FrameSeen {
        let payload = [0, NO_ERROR].map(u32::to_be_bytes).concat();
        self.push(frame::GOAWAY, 0, 0, payload, at_us)
    }

    /// A request without content: HEADERS, and CONTINUATION where one frame does not hold it.
    pub fn request(&mut self, stream: u32, fields: &[(&str, &[u8])], at_us: u64) -> Vec<FrameSeen> {
        self.head(stream, fields, true, at_us)
    }

    /// The head of a request, which its content follows unless it ends the stream.
    pub fn head(
        &mut self,
        stream: u32,
        fields: &[(&str, &[u8])],
        ends: bool,
        at_us: u64,
    ) -> Vec<FrameSeen> {
        let mut block = Vec::new();
        if std::mem::take(&mut self.shrinks_table) {
            block.push(EMPTY_TABLE);
        }
        for (name, value) in fields {
            literal(name.as_bytes(), value, &mut block);
        }
        let count = block.chunks(MAX_FRAME).len();
        let mut seen = Vec::new();
        for (at, fragment) in block.chunks(MAX_FRAME).enumerate() {
            let (kind, end_stream) = match at {
                0 if ends => (frame::HEADERS, frame::END_STREAM),
                0 => (frame::HEADERS, 0),
                _ => (frame::CONTINUATION, 0),
            };
            let end = if at + 1 == count {
                frame::END_HEADERS
            } else {
                0
            };
            seen.push(self.push(kind, end_stream | end, stream, fragment.to_vec(), at_us));
        }
        seen
    }

    /// Content of a request: at most [`MAX_FRAME`] bytes.
    pub fn data(&mut self, stream: u32, content: &[u8], ends: bool) -> FrameSeen {
        let flags = if ends { frame::END_STREAM } else { 0 };
        self.push(frame::DATA, flags, stream, content.to_vec(), 0)
    }

    fn push(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: Vec<u8>,
        at_us: u64,
    ) -> FrameSeen {
        let len = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        self.bytes.extend_from_slice(&len[1..]);
        self.bytes.extend_from_slice(&[kind, flags]);
        self.bytes.extend_from_slice(&stream.to_be_bytes());
        self.bytes.extend_from_slice(&payload);
        let frame = Frame {
            kind,
            flags,
            stream,
            payload,
        };
        frame.seen(at_us, true)
    }
}

/// A field line that enters no table (RFC 7541 section 6.2.2).
fn literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    for text in [name, value] {
        integer(text.len(), out);
        out.extend_from_slice(text);
    }
}

/// An integer with a prefix of seven bits, the eighth being 0: no Huffman code (RFC 7541 section
/// 5.1).
fn integer(value: usize, out: &mut Vec<u8>) {
    const PREFIX: usize = 0x7f;
    if value < PREFIX {
        return out.push(value as u8);
    }
    out.push(PREFIX as u8);
    let mut rest = value - PREFIX;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::connection_reader::{ConnectionReader, Item};

    /// What our own reader makes of what is sent after the preface and SETTINGS.
    fn read_back(outbox: &Outbox) -> Vec<Item> {
        let mut items = Vec::new();
        let bytes = outbox.bytes().strip_prefix(PREFACE).unwrap();
        ConnectionReader::new(1 << 20)
            .read(bytes, &mut items)
            .unwrap();
        items
    }

    #[test]
    fn requests_of_every_length_are_read_back() {
        for len in [
            0, 1, 126, 127, 128, 254, 255, 16_000, 16_384, 40_000, 300_000,
        ] {
            let value = vec![b'v'; len];
            let mut outbox = Outbox::new();
            outbox.settings(0, 4096, 0);
            let fields: [(&str, &[u8]); 2] = [(":method", b"GET"), ("x-long", &value)];
            outbox.request(3, &fields, 0);
            let items = read_back(&outbox);
            let Some(Item::Fields {
                stream,
                end_stream,
                fields,
            }) = items.last()
            else {
                panic!("{len}");
            };
            assert_eq!((*stream, *end_stream), (3, true), "{len}");
            assert_eq!(fields[1].value, value);
            let longest = items.iter().map(|item| match item {
                Item::Frame(frame) => frame.payload.len(),
                Item::Fields { .. } => 0,
            });
            assert!(longest.max().unwrap() <= MAX_FRAME);
        }
    }

    #[test]
    fn a_smaller_table_is_acknowledged_once() {
        let mut outbox = Outbox::new();
        outbox.table_size(65_536);
        outbox.table_size(0);
        outbox.clear();
        outbox.request(1, &[("a", b"b")], 0);
        assert_eq!(outbox.bytes()[9], EMPTY_TABLE);
        outbox.clear();
        outbox.request(3, &[("a", b"b")], 0);
        assert_eq!(outbox.bytes()[9], 0);
    }
}
