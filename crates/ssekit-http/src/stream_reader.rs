//! Reads the response on one HTTP/2 stream out of tapped bytes (RFC 9113 sections 6 and 8).

use loona_hpack::Decoder;
use ssekit_record::{EndKind, FaultKind, HttpVersion, escape};

use crate::field_line::{FieldLine, is_token_byte};
use crate::frame::{self, Frame, FrameReader};
use crate::head_reader::RawHead;
use crate::recorder::Recorder;
use crate::request::CONNECTION_SPECIFIC;

/// The stream of the first request on a connection.
const STREAM: u32 = 1;
/// What both sides start with and the client never changes (RFC 9113 section 6.5.2).
const HPACK_TABLE: usize = 4096;

/// Incremental reader of everything the server sends; tells the recorder what it finds.
pub(crate) struct StreamReader {
    frames: FrameReader,
    hpack: Decoder<'static>,
    block: Option<Block>,
    interim: Vec<u16>,
    no_content: bool,
    declared: Option<u64>,
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

/// Why a field block gives no fields.
enum Unreadable {
    TooLarge(String),
    Invalid(String),
}

impl StreamReader {
    pub fn new(method: &str) -> Self {
        let mut hpack = Decoder::new();
        hpack.set_max_allowed_table_size(HPACK_TABLE);
        Self {
            frames: FrameReader::default(),
            hpack,
            block: None,
            interim: Vec::new(),
            no_content: method == "HEAD",
            declared: None,
            begun: false,
        }
    }

    /// Whether the head that came allows no content.
    pub fn awaits_no_content(&self) -> bool {
        self.no_content
    }

    pub fn read(&mut self, slice: &[u8], at_us: u64, rec: &mut Recorder<'_>) {
        let mut frames = Vec::new();
        let read = self.frames.read(slice, &mut frames);
        if !self.begun {
            let first = frames.first().map(|f| f.kind);
            if self.frames.held().starts_with(b"HTTP/") || read.is_err() {
                return self.not_http2(slice, at_us, rec);
            }
            self.begun = first.is_some();
            if first.is_some_and(|kind| kind != frame::SETTINGS) {
                let detail = "the first frame is not SETTINGS (RFC 9113 section 3.4)";
                return self.fatal(detail, at_us, rec);
            }
        }
        for frame in frames {
            if !rec.is_over() {
                self.frame(&frame, at_us, rec);
            }
        }
        if let Err(detail) = read {
            self.fatal(&detail, at_us, rec);
        }
    }

    fn not_http2(&mut self, slice: &[u8], at_us: u64, rec: &mut Recorder<'_>) {
        let held = self.frames.held();
        let came = if held.is_empty() { slice } else { held };
        let detail = format!("\"{}\"", escape(&came[..came.len().min(60)]));
        let words = if came.starts_with(b"HTTP/") {
            "the server answered in HTTP/1: it does not speak HTTP/2 on this port".to_owned()
        } else {
            format!("the answer is not HTTP/2: it begins {detail}")
        };
        rec.fault(FaultKind::Http2, 0, at_us, detail);
        rec.end(EndKind::Malformed, at_us, &words);
    }

    fn fatal(&self, detail: &str, at_us: u64, rec: &mut Recorder<'_>) {
        rec.fault(FaultKind::Http2, rec.body_len(), at_us, detail);
        rec.end(EndKind::Malformed, at_us, detail);
    }

    fn frame(&mut self, frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
        let goes_on = frame.kind == frame::CONTINUATION;
        if goes_on != self.block.is_some() {
            return self.fatal("a field block that is interrupted", at_us, rec);
        }
        match frame.kind {
            frame::DATA if frame.stream == STREAM => self.data(frame, at_us, rec),
            frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION => {
                self.fragment(frame, at_us, rec);
            }
            frame::RST_STREAM if frame.stream == STREAM => {
                let detail = format!("RST_STREAM {}", frame.error_code());
                rec.fault(FaultKind::Http2, rec.body_len(), at_us, detail.as_str());
                rec.end(EndKind::Reset, at_us, &format!("the server sent {detail}"));
            }
            frame::GOAWAY => goaway(frame, at_us, rec),
            _ => {}
        }
    }

    fn data(&mut self, frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
        let Some(content) = frame.content() else {
            return self.fatal("a DATA frame with more padding than payload", at_us, rec);
        };
        if !rec.has_head() {
            return self.fatal("a DATA frame before the head", at_us, rec);
        }
        if self.no_content && !content.is_empty() {
            let shown = escape(&content[..content.len().min(40)]);
            rec.fault(
                FaultKind::ContentForbidden,
                0,
                at_us,
                format!("\"{shown}\""),
            );
        } else {
            rec.body(content, at_us);
        }
        if frame.has(frame::END_STREAM) {
            self.end_stream(at_us, rec);
        }
    }

    /// The message is complete; its length must be the declared one (RFC 9113 section 8.1.1).
    fn end_stream(&self, at_us: u64, rec: &mut Recorder<'_>) {
        if !rec.has_head() {
            return self.fatal("the stream ended without a head", at_us, rec);
        }
        let len = rec.body_len();
        match self.declared {
            Some(declared) if declared != len && !self.no_content => {
                let detail = format!("Content-Length: {declared}, but {len} bytes of content");
                let kind = if len < declared {
                    FaultKind::LengthShort
                } else {
                    FaultKind::Http2
                };
                rec.fault(kind, len, at_us, detail.as_str());
                rec.end(EndKind::Malformed, at_us, &detail);
            }
            _ => rec.end(EndKind::Clean, at_us, ""),
        }
    }

    fn fragment(&mut self, frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
        let Some(content) = frame.content() else {
            return self.fatal("a HEADERS frame with more padding than payload", at_us, rec);
        };
        let mut block = self.block.take().unwrap_or(Block {
            stream: frame.stream,
            fragments: Vec::new(),
            end_stream: frame.has(frame::END_STREAM),
            promise: frame.kind == frame::PUSH_PROMISE,
        });
        block.fragments.extend_from_slice(content);
        if block.fragments.len() > rec.limits().head {
            let detail = format!("a field block beyond {} bytes", rec.limits().head);
            rec.fault(FaultKind::HeadTooLarge, 0, at_us, detail.as_str());
            return rec.end(EndKind::Limit, at_us, &detail);
        }
        if frame.has(frame::END_HEADERS) {
            self.end_block(&block, at_us, rec);
        } else {
            self.block = Some(block);
        }
    }

    fn end_block(&mut self, block: &Block, at_us: u64, rec: &mut Recorder<'_>) {
        let fields = match self.fields(&block.fragments, rec.limits().head) {
            Ok(fields) => fields,
            Err(Unreadable::TooLarge(detail)) => {
                rec.fault(FaultKind::HeadTooLarge, 0, at_us, detail.as_str());
                return rec.end(EndKind::Limit, at_us, &detail);
            }
            Err(Unreadable::Invalid(detail)) => return self.fatal(&detail, at_us, rec),
        };
        if block.stream != STREAM || block.promise {
            return;
        }
        if rec.has_head() {
            for field in fields.iter().filter(|f| !f.name.starts_with(':')) {
                rec.trailer(field.record());
            }
        } else {
            self.head(fields, at_us, rec);
        }
        if block.end_stream && !rec.is_over() {
            self.end_stream(at_us, rec);
        }
    }

    /// Decodes a field block; one that unpacks beyond the limit is refused.
    fn fields(&mut self, block: &[u8], limit: usize) -> Result<Vec<FieldLine>, Unreadable> {
        let mut fields = Vec::new();
        let mut size = 0;
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
            let detail = format!("fields beyond {limit} bytes");
            return Err(Unreadable::TooLarge(detail));
        }
        decoded
            .map_err(|e| Unreadable::Invalid(format!("a field block that is not HPACK: {e:?}")))?;
        Ok(fields)
    }

    fn head(&mut self, fields: Vec<FieldLine>, at_us: u64, rec: &mut Recorder<'_>) {
        let faults = field_faults(&fields);
        let status = fields
            .iter()
            .find(|f| f.name == ":status")
            .and_then(|f| std::str::from_utf8(&f.value).ok()?.parse::<u16>().ok())
            .filter(|status| (100..1000).contains(status));
        let Some(status) = status else {
            return self.fatal("a head without a :status of three digits", at_us, rec);
        };
        if (100..200).contains(&status) {
            return self.interim.push(status);
        }
        let fields = fields.into_iter().filter(|f| !f.name.starts_with(':'));
        let raw = RawHead {
            version: HttpVersion::Http2,
            status,
            reason: String::new(),
            fields: fields.collect(),
        };
        self.no_content |= matches!(status, 204 | 304);
        self.declared = raw
            .items("content-length")
            .first()
            .and_then(|l| l.parse().ok());
        for detail in faults {
            rec.fault(FaultKind::Http2, 0, at_us, detail);
        }
        rec.head(&raw, std::mem::take(&mut self.interim), at_us);
    }
}

fn goaway(frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
    let last = frame.number(0) & 0x7fff_ffff;
    let code = frame.error_code();
    if code == "NO_ERROR" && last >= STREAM {
        // The server goes, but finishes this stream first (RFC 9113 section 6.8).
        return;
    }
    let debug = frame.payload.get(8..).unwrap_or_default();
    let mut detail = format!("GOAWAY {code}");
    if !debug.is_empty() {
        detail += &format!(" \"{}\"", escape(&debug[..debug.len().min(60)]));
    }
    rec.fault(FaultKind::Http2, rec.body_len(), at_us, detail.as_str());
    rec.end(EndKind::Reset, at_us, &format!("the server sent {detail}"));
}

/// What makes a head malformed (RFC 9113 sections 8.2 and 8.3).
fn field_faults(fields: &[FieldLine]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut regular = false;
    for field in fields {
        let name = field.name.as_str();
        let shown = escape(name.as_bytes());
        let rest = name.strip_prefix(':').unwrap_or(name);
        if name.starts_with(':') {
            if regular {
                faults.push(format!("pseudo-header field {shown} after other fields"));
            } else if name != ":status" {
                faults.push(format!("pseudo-header field {shown} in a response"));
            }
        } else {
            regular = true;
        }
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            faults.push(format!("upper case in field name {shown}"));
        } else if rest.is_empty() || !rest.bytes().all(is_token_byte) {
            faults.push(format!("field name \"{shown}\" is no token"));
        }
        if CONNECTION_SPECIFIC.contains(&name.to_ascii_lowercase().as_str()) {
            let value = escape(&field.value[..field.value.len().min(40)]);
            faults.push(format!("connection-specific field {shown}: {value}"));
        }
        if field.value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
            faults.push(format!("NUL, CR or LF in the value of {shown}"));
        }
    }
    faults
}
