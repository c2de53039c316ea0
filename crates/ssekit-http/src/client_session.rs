//! The client's side of one HTTP/2 connection with many responses, without IO (RFC 9113).
//!
//! Bytes that were read go in, parts of responses come out, and what is to be written waits in
//! [`ClientSession::output`]. SETTINGS and PING are answered and windows given back here. DATA is
//! handed on as it stands in the caller's buffer, so a stream costs a few words.

mod reading;
mod request;
mod section;
mod upload;

use loona_hpack::Decoder;
use ssekit_record::FaultKind;

use self::reading::{HEADER, Reading, Step};
use self::section::{Block, MAX_HEAD};
use self::upload::Upload;
use crate::frame::{self, Frame};
use crate::outbox::{HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, Outbox};
use crate::response_cursor::ResponseHead;

pub use self::request::SessionRequest;

/// Flow control window of the connection, so that no stream waits for another.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Flow control window of a stream.
const STREAM_WINDOW: u32 = 256 << 10;
/// What every window starts with (RFC 9113 section 6.9.2).
const FIRST_WINDOW: u32 = 65_535;

/// What the table for field sections of the peer holds at most, as every connection begins and we
/// never change (RFC 9113 section 6.5.2).
const HPACK_TABLE: usize = 4096;

/// A decoder that refuses a peer which would have us keep more (RFC 7541 section 6.3).
fn decoder() -> Decoder<'static> {
    let mut hpack = Decoder::new();
    hpack.set_max_allowed_table_size(HPACK_TABLE);
    hpack
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionPart<'a> {
    /// The peer's settings: requests can be sent, and there may be more or less room for them.
    Settings,
    /// The final head of a response.
    Head(u32, ResponseHead),
    /// Content.
    Data(u32, &'a [u8]),
    /// The response is complete.
    End(u32),
    /// The peer reset the stream, with this error code (RFC 9113 section 7).
    Reset(u32, u32),
    /// The response cannot be read; its stream was reset.
    Malformed(u32),
    /// The peer goes away and will not answer streams above this one.
    Goaway(u32),
}

/// One connection.
pub struct ClientSession {
    header: [u8; HEADER],
    have: usize,
    reading: Option<Reading>,
    held: Vec<u8>,
    block: Option<Block>,
    ending: Option<u32>,
    hpack: Decoder<'static>,
    outbox: Outbox,
    /// By rising number.
    streams: Vec<Stream>,
    next_stream: u32,
    consumed: u32,
    peer: Peer,
    uploads: usize,
}

/// What the peer said of itself.
struct Peer {
    has_settings: bool,
    most_streams: u32,
    stream_window: i64,
    window: i64,
    leaves: bool,
}

struct Stream {
    number: u32,
    consumed: u32,
    has_head: bool,
    upload: Option<Box<Upload>>,
}

impl Default for ClientSession {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientSession {
    /// Before the first byte; the preface waits in the output.
    pub fn new() -> Self {
        let mut outbox = Outbox::new();
        outbox.settings(STREAM_WINDOW, MAX_HEAD as u32, 0);
        outbox.window_update(0, CONNECTION_WINDOW - FIRST_WINDOW, 0);
        Self {
            header: [0; HEADER],
            have: 0,
            reading: None,
            held: Vec::new(),
            block: None,
            ending: None,
            hpack: decoder(),
            outbox,
            streams: Vec::new(),
            next_stream: 1,
            consumed: 0,
            peer: Peer {
                has_settings: false,
                most_streams: u32::MAX,
                stream_window: FIRST_WINDOW.into(),
                window: FIRST_WINDOW.into(),
                leaves: false,
            },
            uploads: 0,
        }
    }

    /// Bytes to write.
    pub fn output(&self) -> &[u8] {
        self.outbox.bytes()
    }

    /// These many of them were written.
    pub fn written(&mut self, count: usize) {
        self.outbox.written(count);
    }

    /// Responses that have not ended.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Streams that the peer allows at once.
    pub fn most_streams(&self) -> u32 {
        self.peer.most_streams
    }

    /// Whether the peer goes away.
    pub fn leaves(&self) -> bool {
        self.peer.leaves
    }

    /// Whether one more request can be sent now.
    pub fn has_room(&self) -> bool {
        let peer = &self.peer;
        let has_number = self.next_stream < 1 << 31;
        let fits = self.streams.len() < peer.most_streams as usize;
        peer.has_settings && !peer.leaves && has_number && fits
    }

    /// Sends a request; the number of its stream, or `None` where there is no room for it.
    pub fn request(&mut self, request: SessionRequest) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        let number = self.next_stream;
        self.next_stream += 2;
        let fields: Vec<(&str, &[u8])> = request
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let has_body = !request.body.is_empty();
        self.outbox.head(number, &fields, !has_body, 0);
        let upload = has_body.then(|| {
            Box::new(Upload {
                body: request.body,
                sent: 0,
                window: self.peer.stream_window,
            })
        });
        self.uploads += usize::from(has_body);
        self.streams.push(Stream {
            number,
            consumed: 0,
            has_head: false,
            upload,
        });
        self.upload();
        Some(number)
    }

    /// Gives a stream up; nothing of it is told any more.
    pub fn cancel(&mut self, stream: u32) {
        if self.remove(stream).is_some() {
            self.outbox.cancel(stream, 0);
        }
    }

    /// Takes bytes off the front of `input` until there is something to tell; `None` when it is used
    /// up.
    ///
    /// # Errors
    /// When the connection breaks the protocol; nothing can be read of it any more.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<SessionPart<'a>>, FaultKind> {
        loop {
            if let Some(stream) = self.ending.take()
                && self.finish(stream)
            {
                return Ok(Some(SessionPart::End(stream)));
            }
            let Some(reading) = self.reading else {
                if !self.begin(input)? {
                    return Ok(None);
                }
                continue;
            };
            if reading.kind == frame::DATA {
                match self.data(reading, input)? {
                    Step::Part(part) => return Ok(Some(part)),
                    Step::On => continue,
                    Step::More => return Ok(None),
                }
            }
            let here = reading.left.min(input.len());
            let (bytes, rest) = input.split_at(here);
            *input = rest;
            self.held.extend_from_slice(bytes);
            if here < reading.left {
                self.reading = Some(Reading {
                    left: reading.left - here,
                    ..reading
                });
                return Ok(None);
            }
            self.reading = None;
            let frame = Frame {
                kind: reading.kind,
                flags: reading.flags,
                stream: reading.stream,
                payload: std::mem::take(&mut self.held),
            };
            if let Some(part) = self.frame(&frame)? {
                return Ok(Some(part));
            }
        }
    }

    fn frame(&mut self, frame: &Frame) -> Result<Option<SessionPart<'static>>, FaultKind> {
        if frame.malformed().is_some() || self.outbox.is_flooded() {
            return Err(FaultKind::Http2);
        }
        Ok(match frame.kind {
            frame::SETTINGS if !frame.has(frame::ACK) => {
                self.settings(frame);
                Some(SessionPart::Settings)
            }
            frame::PING if !frame.has(frame::ACK) => {
                self.outbox.ping(&frame.payload, frame::ACK, 0);
                None
            }
            frame::GOAWAY => {
                self.peer.leaves = true;
                Some(SessionPart::Goaway(frame.number(0) & 0x7fff_ffff))
            }
            frame::RST_STREAM => {
                let removed = self.remove(frame.stream);
                removed.map(|_| SessionPart::Reset(frame.stream, frame.number(0)))
            }
            frame::WINDOW_UPDATE => {
                self.widen(frame.stream, (frame.number(0) & 0x7fff_ffff).into());
                None
            }
            frame::HEADERS | frame::CONTINUATION => return self.fragment(frame),
            // It was told not to (SETTINGS_ENABLE_PUSH).
            frame::PUSH_PROMISE => return Err(FaultKind::Http2),
            _ => None,
        })
    }

    fn settings(&mut self, frame: &Frame) {
        self.peer.has_settings = true;
        for (id, value) in frame.settings() {
            match id {
                HEADER_TABLE_SIZE => self.outbox.table_size(value),
                MAX_CONCURRENT_STREAMS => self.peer.most_streams = value,
                INITIAL_WINDOW_SIZE => {
                    let by = i64::from(value) - self.peer.stream_window;
                    self.peer.stream_window = value.into();
                    let uploads = self.streams.iter_mut().flat_map(|s| &mut s.upload);
                    uploads.for_each(|upload| upload.window += by);
                }
                _ => {}
            }
        }
        self.outbox.settings_ack(0);
        self.upload();
    }

    /// The peer has sent all of a response; whether it was awaited. What the peer does not wait for
    /// is not sent any more.
    fn finish(&mut self, stream: u32) -> bool {
        let Some(removed) = self.remove(stream) else {
            return false;
        };
        if removed.upload.is_some() {
            self.outbox.cancel(stream, 0);
        }
        true
    }

    fn find(&mut self, stream: u32) -> Option<&mut Stream> {
        let at = self.streams.binary_search_by_key(&stream, |s| s.number);
        self.streams.get_mut(at.ok()?)
    }

    fn remove(&mut self, stream: u32) -> Option<Stream> {
        let at = self.streams.binary_search_by_key(&stream, |s| s.number);
        let removed = self.streams.remove(at.ok()?);
        self.uploads -= usize::from(removed.upload.is_some());
        Some(removed)
    }
}

impl std::fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let streams = self.streams.len();
        f.debug_struct("ClientSession")
            .field("streams", &streams)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
