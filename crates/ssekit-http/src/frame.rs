//! HTTP/2 frames out of tapped bytes, without IO (RFC 9113 section 4.1).

use ssekit_record::{FrameKind, FrameSeen};

/// Length of a frame header in bytes.
const HEADER: usize = 9;
/// Longest payload read. The client never allows more than [`MAX_FRAME`].
const LONGEST: usize = 1 << 20;

/// SETTINGS_MAX_FRAME_SIZE of both sides, as every connection starts (RFC 9113 section 6.5.2).
pub(crate) const MAX_FRAME: usize = 16_384;

/// Settings kept of one frame: RFC 9113 defines six.
const SETTINGS_KEPT: usize = 32;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const PRIORITY: u8 = 0x20;

/// One complete frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without padding, and without the priority fields that HEADERS may carry;
    /// `None` when there is more padding than payload.
    pub fn content(&self) -> Option<&[u8]> {
        let mut content = self.payload.as_slice();
        if self.has(PADDED) {
            let (&padding, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(padding.into())?)?;
        }
        if self.kind == HEADERS && self.has(PRIORITY) {
            content = content.get(5..)?;
        }
        if self.kind == PUSH_PROMISE {
            content = content.get(4..)?;
        }
        Some(content)
    }

    /// What a session keeps of the frame.
    pub fn seen(&self, at_us: u64, sent: bool) -> FrameSeen {
        let value = match self.kind {
            PING => Some(u64::from(self.number(0)) << 32 | u64::from(self.number(4))),
            RST_STREAM => Some(self.number(0).into()),
            WINDOW_UPDATE => Some((self.number(0) & 0x7fff_ffff).into()),
            GOAWAY => Some(self.number(4).into()),
            _ => None,
        };
        let settings = match self.kind {
            SETTINGS => self.settings().take(SETTINGS_KEPT).collect(),
            _ => Vec::new(),
        };
        FrameSeen {
            at_us,
            sent,
            kind: kind_seen(self.kind),
            flags: self.flags,
            stream: self.stream,
            len: u32::try_from(self.payload.len()).unwrap_or(u32::MAX),
            value,
            settings,
        }
    }

    /// Identifiers and values of a SETTINGS frame.
    pub fn settings(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.payload.chunks_exact(6).map(|entry| {
            let id = u16::from_be_bytes([entry[0], entry[1]]);
            let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            (id, value)
        })
    }

    /// What is wrong with the length of a frame of this type, or with the stream it is on.
    pub fn malformed(&self) -> Option<String> {
        let len = self.payload.len();
        let fits = match self.kind {
            RST_STREAM | WINDOW_UPDATE => len == 4,
            PING => len == 8,
            SETTINGS if self.has(ACK) => len == 0,
            SETTINGS => len.is_multiple_of(6),
            GOAWAY => len >= 8,
            _ => len <= MAX_FRAME,
        };
        let name = kind_seen(self.kind);
        if !fits || len > MAX_FRAME {
            return Some(format!("a frame of type {name:?} with {len} bytes"));
        }
        let of_connection = matches!(self.kind, SETTINGS | PING | GOAWAY);
        let of_stream = matches!(
            self.kind,
            DATA | HEADERS | RST_STREAM | PUSH_PROMISE | CONTINUATION
        );
        let misplaced = (of_connection && self.stream != 0) || (of_stream && self.stream == 0);
        misplaced.then(|| format!("a frame of type {name:?} on stream {}", self.stream))
    }

    /// The error code of RST_STREAM and GOAWAY (RFC 9113 section 7).
    pub fn error_code(&self) -> &'static str {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let code = self.number(at);
        ERROR_CODES
            .get(code as usize)
            .copied()
            .unwrap_or("an unknown error code")
    }

    /// The 32-bit number at this offset of the payload; 0 beyond its end.
    pub fn number(&self, at: usize) -> u32 {
        match self.payload.get(at..at + 4) {
            Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        }
    }
}

fn kind_seen(kind: u8) -> FrameKind {
    match kind {
        DATA => FrameKind::Data,
        HEADERS => FrameKind::Headers,
        2 => FrameKind::Priority,
        RST_STREAM => FrameKind::RstStream,
        SETTINGS => FrameKind::Settings,
        PUSH_PROMISE => FrameKind::PushPromise,
        PING => FrameKind::Ping,
        GOAWAY => FrameKind::Goaway,
        WINDOW_UPDATE => FrameKind::WindowUpdate,
        CONTINUATION => FrameKind::Continuation,
        _ => FrameKind::Unknown,
    }
}

const ERROR_CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Incremental reader of frames.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    held: Vec<u8>,
}

impl FrameReader {
    /// Takes one slice and gives the frames it completes.
    ///
    /// # Errors
    /// In words, when a frame is longer than any the client allows; reading cannot go on then.
    pub fn read(&mut self, slice: &[u8], frames: &mut Vec<Frame>) -> Result<(), String> {
        self.held.extend_from_slice(slice);
        let mut begin = 0;
        while let Some(&[a, b, c, kind, flags, s1, s2, s3, s4]) =
            self.held.get(begin..begin + HEADER)
        {
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            if len > LONGEST {
                return Err(format!("a frame of {len} bytes"));
            }
            let payload = begin + HEADER;
            let Some(bytes) = self.held.get(payload..payload + len) else {
                break;
            };
            frames.push(Frame {
                kind,
                flags,
                stream: u32::from_be_bytes([s1, s2, s3, s4]) & 0x7fff_ffff,
                payload: bytes.to_vec(),
            });
            begin = payload + len;
        }
        self.held.drain(..begin);
        Ok(())
    }

    /// Bytes of the frame that has not come whole.
    pub fn held(&self) -> &[u8] {
        &self.held
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn frames_do_not_depend_on_slices_and_lose_their_padding() {
        let bytes = [
            0,
            0,
            6,
            DATA,
            PADDED | END_STREAM,
            0x80,
            0,
            0,
            1,
            2,
            b'a',
            b'b',
            b'c',
            0,
            0, // padded
            0,
            0,
            4,
            RST_STREAM,
            0,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            8,
        ];
        for size in 1..=bytes.len() {
            let mut reader = FrameReader::default();
            let mut frames = Vec::new();
            for slice in bytes.chunks(size) {
                reader.read(slice, &mut frames).unwrap();
            }
            assert_eq!(frames.len(), 2);
            assert_eq!(frames[0].content(), Some(b"abc".as_slice()));
            assert_eq!((frames[0].stream, frames[0].has(END_STREAM)), (1, true));
            assert_eq!(frames[1].error_code(), "CANCEL");
            assert!(reader.held().is_empty());
        }
    }

    #[test]
    fn more_padding_than_payload_is_refused() {
        let frame = Frame {
            kind: DATA,
            flags: PADDED,
            stream: 1,
            payload: vec![3, 0, 0],
        };
        assert_eq!(frame.content(), None);
    }
}
