//! The client's side of one HTTP/2 connection with many responses, without IO (RFC 9113).
//!
//! Bytes that were read go in, parts of responses come out, and what is to be written waits in
//! [`ClientSession::output`]. SETTINGS and PING are answered and windows given back here. DATA is
//! handed on as it stands in the caller's buffer, so a stream costs a few words.

use loona_hpack::Decoder;
use ssekit_record::FaultKind;

use crate::field_line::FieldLine;
use crate::frame::{self, Frame, MAX_FRAME};
use crate::message_reader::field_faults;
use crate::outbox::{HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, Outbox};
use crate::response_cursor::ResponseHead;

/// Flow control window of the connection, so that no stream waits for another.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Flow control window of a stream.
const STREAM_WINDOW: u32 = 256 << 10;
/// What every window starts with (RFC 9113 section 6.9.2).
const FIRST_WINDOW: u32 = 65_535;
/// Longest field section in bytes, coded or decoded.
const MAX_HEAD: usize = 64 * 1024;
const HEADER: usize = 9;

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
    /// The peer reset the stream.
    Reset(u32),
    /// The response cannot be read; its stream was reset.
    Malformed(u32),
    /// The peer goes away and will not answer streams above this one.
    Goaway(u32),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
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

/// The frame whose payload is coming.
#[derive(Clone, Copy)]
struct Reading {
    kind: u8,
    flags: u8,
    stream: u32,
    len: usize,
    left: usize,
    /// Padding at the end; `None` while its length has not come.
    padding: Option<usize>,
}

struct Block {
    stream: u32,
    end_stream: bool,
    fragments: Vec<u8>,
}

struct Stream {
    number: u32,
    consumed: u32,
    has_head: bool,
    upload: Option<Box<Upload>>,
}

struct Upload {
    body: Vec<u8>,
    sent: usize,
    window: i64,
}

impl SessionRequest {
    /// The request that these bytes are on HTTP/1.1, as this crate writes them; `None` when they are
    /// not such.
    pub fn from_http1(bytes: &[u8], scheme: &str) -> Option<Self> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let line_end = memchr::memmem::find(bytes, b"\r\n")?;
        let first = std::str::from_utf8(&bytes[..line_end]).ok()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let mut fields = vec![
            (":method".to_owned(), method.as_bytes().to_vec()),
            (":scheme".to_owned(), scheme.as_bytes().to_vec()),
            (":path".to_owned(), path.as_bytes().to_vec()),
        ];
        let mut rest = bytes.get(line_end + 2..end).unwrap_or_default();
        while !rest.is_empty() {
            let at = memchr::memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            let (line, after) = rest.split_at(at);
            rest = after.get(2..).unwrap_or_default();
            let colon = memchr::memchr(b':', line)?;
            let name = std::str::from_utf8(&line[..colon])
                .ok()?
                .to_ascii_lowercase();
            let value = line[colon + 1..].trim_ascii().to_vec();
            match name.as_str() {
                "host" => fields.insert(2, (":authority".to_owned(), value)),
                name if crate::request::CONNECTION_SPECIFIC.contains(&name) => {}
                "te" if !value.eq_ignore_ascii_case(b"trailers") => {}
                _ => fields.push((name, value)),
            }
        }
        Some(Self {
            fields,
            body: bytes[end + 4..].to_vec(),
        })
    }
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
            hpack: Decoder::new(),
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

    /// Reads the header of a frame; whether it is complete.
    fn begin(&mut self, input: &mut &[u8]) -> Result<bool, FaultKind> {
        let here = (HEADER - self.have).min(input.len());
        let (bytes, rest) = input.split_at(here);
        *input = rest;
        self.header[self.have..self.have + here].copy_from_slice(bytes);
        self.have += here;
        if self.have < HEADER {
            return Ok(false);
        }
        self.have = 0;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = self.header;
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes([s1, s2, s3, s4]) & 0x7fff_ffff;
        if !self.peer.has_settings && kind != frame::SETTINGS {
            return Err(FaultKind::NotHttp2);
        }
        let goes_on = kind == frame::CONTINUATION;
        let interrupted = match &self.block {
            Some(block) => !goes_on || block.stream != stream,
            None => goes_on,
        };
        if len > MAX_FRAME || interrupted || kind == frame::DATA && stream == 0 {
            return Err(FaultKind::Http2);
        }
        let is_padded = kind == frame::DATA && flags & frame::PADDED != 0;
        self.reading = Some(Reading {
            kind,
            flags,
            stream,
            len,
            left: len,
            padding: (!is_padded).then_some(0),
        });
        Ok(true)
    }

    fn data<'a>(
        &mut self,
        mut reading: Reading,
        input: &mut &'a [u8],
    ) -> Result<Step<'a>, FaultKind> {
        let Some(padding) = reading.padding else {
            if reading.left == 0 {
                return Err(FaultKind::Http2);
            }
            let Some((&padding, rest)) = input.split_first() else {
                return Ok(Step::More);
            };
            *input = rest;
            reading.left -= 1;
            if usize::from(padding) > reading.left {
                return Err(FaultKind::Http2);
            }
            reading.padding = Some(padding.into());
            self.reading = Some(reading);
            return Ok(Step::On);
        };
        if reading.left == 0 {
            self.reading = None;
            self.give_back(reading.stream, reading.len as u32);
            if reading.flags & frame::END_STREAM != 0 {
                self.ending = Some(reading.stream);
            }
            return Ok(Step::On);
        }
        if input.is_empty() {
            return Ok(Step::More);
        }
        let content = reading.left - padding;
        let most = if content > 0 { content } else { padding };
        let (bytes, rest) = input.split_at(most.min(input.len()));
        *input = rest;
        reading.left -= bytes.len();
        if content == 0 {
            reading.padding = Some(reading.left);
        }
        self.reading = Some(reading);
        let Some(stream) = self.find(reading.stream).filter(|_| content > 0) else {
            return Ok(Step::On);
        };
        if !stream.has_head {
            self.cancel(reading.stream);
            return Ok(Step::Part(SessionPart::Malformed(reading.stream)));
        }
        Ok(Step::Part(SessionPart::Data(reading.stream, bytes)))
    }

    /// Gives windows back once half of them is used (RFC 9113 section 6.9).
    fn give_back(&mut self, stream: u32, count: u32) {
        self.consumed += count;
        if self.consumed >= CONNECTION_WINDOW / 2 {
            self.outbox.window_update(0, self.consumed, 0);
            self.consumed = 0;
        }
        let Some(found) = self.find(stream) else {
            return;
        };
        found.consumed += count;
        if found.consumed >= STREAM_WINDOW / 2 {
            let by = std::mem::take(&mut found.consumed);
            self.outbox.window_update(stream, by, 0);
        }
    }

    fn frame(&mut self, frame: &Frame) -> Result<Option<SessionPart<'static>>, FaultKind> {
        if frame.malformed().is_some() {
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
                removed.map(|_| SessionPart::Reset(frame.stream))
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

    fn widen(&mut self, stream: u32, by: i64) {
        if stream == 0 {
            self.peer.window += by;
        } else if let Some(upload) = self.find(stream).and_then(|s| s.upload.as_mut()) {
            upload.window += by;
        }
        self.upload();
    }

    /// Sends of request contents what the peer's windows allow.
    fn upload(&mut self) {
        if self.uploads == 0 {
            return;
        }
        for stream in &mut self.streams {
            let Some(upload) = &mut stream.upload else {
                continue;
            };
            loop {
                let rest = &upload.body[upload.sent..];
                let window = upload.window.min(self.peer.window).max(0) as usize;
                let count = rest.len().min(MAX_FRAME).min(window);
                if count == 0 {
                    break;
                }
                let is_last = count == rest.len();
                self.outbox.data(stream.number, &rest[..count], is_last);
                upload.sent += count;
                upload.window -= count as i64;
                self.peer.window -= count as i64;
                if is_last {
                    break;
                }
            }
            if upload.sent == upload.body.len() {
                stream.upload = None;
                self.uploads -= 1;
            }
        }
    }

    fn fragment(&mut self, frame: &Frame) -> Result<Option<SessionPart<'static>>, FaultKind> {
        let content = frame.content().ok_or(FaultKind::Http2)?;
        let mut block = self.block.take().unwrap_or(Block {
            stream: frame.stream,
            end_stream: frame.has(frame::END_STREAM),
            fragments: Vec::new(),
        });
        block.fragments.extend_from_slice(content);
        if block.fragments.len() > MAX_HEAD {
            return Err(FaultKind::HeadTooLarge);
        }
        if !frame.has(frame::END_HEADERS) {
            self.block = Some(block);
            return Ok(None);
        }
        let fields = self.decode(&block.fragments)?;
        Ok(self.section(&block, fields))
    }

    fn decode(&mut self, block: &[u8]) -> Result<Vec<FieldLine>, FaultKind> {
        let (mut fields, mut size) = (Vec::new(), 0);
        let decoded = self.hpack.decode_with_cb(block, |name, value| {
            size += name.len() + value.len();
            if size <= MAX_HEAD {
                fields.push(FieldLine {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    value: value.to_vec(),
                    offset: 0,
                });
            }
        });
        decoded.map_err(|_| FaultKind::Http2)?;
        if size > MAX_HEAD {
            return Err(FaultKind::HeadTooLarge);
        }
        Ok(fields)
    }

    /// A field section: an interim or final head, or trailers (RFC 9113 section 8.1).
    fn section(
        &mut self,
        block: &Block,
        mut fields: Vec<FieldLine>,
    ) -> Option<SessionPart<'static>> {
        let (number, ends) = (block.stream, block.end_stream);
        let has_head = self.find(number)?.has_head;
        let status = fields.iter().find(|field| field.name == ":status");
        let status =
            status.and_then(|field| std::str::from_utf8(&field.value).ok()?.parse::<u16>().ok());
        let status = status.filter(|status| (100..1000).contains(status));
        let is_malformed = match (has_head, status) {
            (true, _) => !ends,
            (false, None) => true,
            (false, Some(status)) => status < 200 && ends,
        };
        if is_malformed {
            self.cancel(number);
            return Some(SessionPart::Malformed(number));
        }
        let status = status.filter(|status| !has_head && *status >= 200);
        self.ending = ends.then_some(number);
        let status = status?;
        self.find(number)?.has_head = true;
        let faults = field_faults(&fields);
        fields.retain(|field| !field.name.starts_with(':'));
        let head = ResponseHead {
            status,
            fields,
            faults: faults.iter().map(|_| FaultKind::Http2).collect(),
        };
        Some(SessionPart::Head(number, head))
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

enum Step<'a> {
    Part(SessionPart<'a>),
    On,
    More,
}

#[cfg(test)]
mod tests;
