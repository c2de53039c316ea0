//! Reads everything a server sends on an HTTP/2 connection: frames, and the field sections that
//! HEADERS and CONTINUATION carry (RFC 9113 sections 4.1 and 4.3).

use loona_hpack::Decoder;
use ssekit_record::{EndKind, FaultKind, escape};

use crate::field_line::FieldLine;
use crate::frame::{self, Frame, FrameReader};

/// What both sides start with and the client never changes (RFC 9113 section 6.5.2).
const HPACK_TABLE: usize = 4096;

/// What came, in order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A whole frame.
    Frame(Frame),
    /// The field section that the frames before complete.
    Fields {
        stream: u32,
        end_stream: bool,
        fields: Vec<FieldLine>,
    },
}

/// Why reading cannot go on.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// What came is not HTTP/2: the bytes, and in words.
    NotHttp2(String, String),
    /// A field section beyond the limit.
    TooLarge(String),
    /// HTTP/2 with an error that concerns the connection.
    Broken(String),
}

impl Unreadable {
    /// The end it makes.
    pub fn end(&self) -> EndKind {
        match self {
            Self::TooLarge(_) => EndKind::Limit,
            _ => EndKind::Malformed,
        }
    }

    /// The fault it is, its detail, and the end it makes in words.
    pub fn told(self) -> (FaultKind, String, String) {
        match self {
            Self::NotHttp2(bytes, words) => (FaultKind::NotHttp2, bytes, words),
            Self::TooLarge(detail) => (FaultKind::HeadTooLarge, detail.clone(), detail),
            Self::Broken(detail) => (FaultKind::Http2, detail.clone(), detail),
        }
    }
}

/// Incremental reader of one direction of a connection. Keeps a frame and a field section at most.
pub(crate) struct ConnectionReader {
    frames: FrameReader,
    hpack: Decoder<'static>,
    block: Option<Block>,
    limit: usize,
    begun: bool,
}

/// A field block whose fragments are still coming.
struct Block {
    stream: u32,
    fragments: Vec<u8>,
    end_stream: bool,
    /// Belongs to PUSH_PROMISE.
    promise: bool,
}

impl ConnectionReader {
    /// Refuses field sections beyond `limit` bytes, coded or decoded.
    pub fn new(limit: usize) -> Self {
        let mut hpack = Decoder::new();
        hpack.set_max_allowed_table_size(HPACK_TABLE);
        Self {
            frames: FrameReader::default(),
            hpack,
            block: None,
            limit,
            begun: false,
        }
    }

    /// Takes one slice and gives what it completes.
    ///
    /// # Errors
    /// When reading cannot go on; what came before is in `items`.
    pub fn read(&mut self, slice: &[u8], items: &mut Vec<Item>) -> Result<(), Unreadable> {
        let mut frames = Vec::new();
        let read = self.frames.read(slice, &mut frames);
        if !self.begun {
            if self.frames.held().starts_with(b"HTTP/") || read.is_err() {
                return Err(self.not_http2(slice));
            }
            let first = frames.first().map(|f| f.kind);
            self.begun = first.is_some();
            if first.is_some_and(|kind| kind != frame::SETTINGS) {
                let detail = "the first frame is not SETTINGS (RFC 9113 section 3.4)";
                return Err(Unreadable::Broken(detail.into()));
            }
        }
        for frame in frames {
            self.frame(frame, items)?;
        }
        read.map_err(Unreadable::Broken)
    }

    fn not_http2(&self, slice: &[u8]) -> Unreadable {
        let held = self.frames.held();
        let came = if held.is_empty() { slice } else { held };
        let bytes = format!("\"{}\"", escape(&came[..came.len().min(60)]));
        let words = if came.starts_with(b"HTTP/") {
            "the server answered in HTTP/1: it does not speak HTTP/2 on this port".to_owned()
        } else {
            format!("the answer is not HTTP/2: it begins {bytes}")
        };
        Unreadable::NotHttp2(bytes, words)
    }

    fn frame(&mut self, frame: Frame, items: &mut Vec<Item>) -> Result<(), Unreadable> {
        let goes_on = frame.kind == frame::CONTINUATION;
        let interrupted = goes_on != self.block.is_some()
            || self
                .block
                .as_ref()
                .is_some_and(|b| b.stream != frame.stream);
        if interrupted {
            let detail = "a field block that is interrupted";
            return Err(Unreadable::Broken(detail.into()));
        }
        let fields = match frame.kind {
            frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION => self.fragment(&frame)?,
            _ => None,
        };
        items.push(Item::Frame(frame));
        items.extend(fields);
        Ok(())
    }

    fn fragment(&mut self, frame: &Frame) -> Result<Option<Item>, Unreadable> {
        let Some(content) = frame.content() else {
            let detail = "a HEADERS frame with more padding than payload";
            return Err(Unreadable::Broken(detail.into()));
        };
        let mut block = self.block.take().unwrap_or(Block {
            stream: frame.stream,
            fragments: Vec::new(),
            end_stream: frame.has(frame::END_STREAM),
            promise: frame.kind == frame::PUSH_PROMISE,
        });
        block.fragments.extend_from_slice(content);
        if block.fragments.len() > self.limit {
            let detail = format!("a field block beyond {} bytes", self.limit);
            return Err(Unreadable::TooLarge(detail));
        }
        if !frame.has(frame::END_HEADERS) {
            self.block = Some(block);
            return Ok(None);
        }
        let fields = self.fields(&block.fragments)?;
        Ok((!block.promise).then_some(Item::Fields {
            stream: block.stream,
            end_stream: block.end_stream,
            fields,
        }))
    }

    /// Decodes a field block; one that unpacks beyond the limit is refused.
    fn fields(&mut self, block: &[u8]) -> Result<Vec<FieldLine>, Unreadable> {
        let mut fields = Vec::new();
        let (mut size, limit) = (0, self.limit);
        let decoded = self.hpack.decode_with_cb(block, |name, value| {
            size += name.len() + value.len();
            if size <= limit {
                fields.push(FieldLine {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    value: value.to_vec(),
                    offset: 0,
                });
            }
        });
        if size > limit {
            return Err(Unreadable::TooLarge(format!("fields beyond {limit} bytes")));
        }
        decoded
            .map_err(|e| Unreadable::Broken(format!("a field block that is not HPACK: {e:?}")))?;
        Ok(fields)
    }
}
