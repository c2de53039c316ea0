//! Reads the body of an HTTP/1 response by its framing, without IO (RFC 9112 section 6).

use ssekit_record::{Chunk, EndKind, FaultKind, HttpVersion, escape};

use crate::chunk::{ChunkDecoder, ChunkPart};
use crate::head_reader::RawHead;
use crate::recorder::Recorder;

/// How the end of the body is found.
#[derive(Debug)]
enum Framing {
    /// There can be no content.
    None,
    Chunked(Box<ChunkDecoder>),
    Length(u64),
    /// Ends with the connection.
    Close,
    /// Ends with the connection because the declared length makes no sense.
    BadLength,
}

/// Incremental reader of one body; tells the recorder what it finds.
#[derive(Debug)]
pub(crate) struct BodyReader {
    framing: Framing,
    /// Bytes read since the end of the head.
    offset: u64,
    piece: Vec<u8>,
}

impl BodyReader {
    /// Chooses the framing by RFC 9112 section 6.3 and notes its faults.
    pub fn new(method: &str, asked: HttpVersion, head: &RawHead, rec: &mut Recorder<'_>) -> Self {
        Self {
            framing: framing(method, asked, head, rec),
            offset: 0,
            piece: Vec::new(),
        }
    }

    /// Whether the message ends with its head.
    pub fn is_none(&self) -> bool {
        matches!(self.framing, Framing::None)
    }

    /// Whether nothing more belongs to the message from the start: no content, or a length of 0.
    pub fn is_empty(&self) -> bool {
        matches!(self.framing, Framing::None | Framing::Length(0))
    }

    /// Reads one slice, all of it recorded as received. Ends the record when the message does.
    pub fn read(&mut self, slice: &[u8], at_us: u64, rec: &mut Recorder<'_>) {
        let slice = rec.wire(slice, at_us);
        let begin = self.offset;
        self.offset += slice.len() as u64;
        match &mut self.framing {
            Framing::Close | Framing::BadLength => rec.body(slice, at_us),
            Framing::None => excess(FaultKind::ContentForbidden, slice, begin, at_us, rec),
            Framing::Length(left) => {
                let here = usize::try_from(*left).map_or(slice.len(), |l| l.min(slice.len()));
                let (content, rest) = slice.split_at(here);
                *left -= here as u64;
                let complete = *left == 0;
                rec.body(content, at_us);
                if complete {
                    rec.end(EndKind::Clean, at_us, "");
                    let at = begin + here as u64;
                    excess(FaultKind::BytesAfterEnd, rest, at, at_us, rec);
                }
            }
            Framing::Chunked(chunks) => {
                self.piece.clear();
                read_chunks(chunks, slice, at_us, &mut self.piece, rec);
            }
        }
    }

    /// Bytes that came after the end of the message.
    pub fn read_excess(&mut self, slice: &[u8], at_us: u64, rec: &mut Recorder<'_>) {
        let kind = if self.is_none() {
            FaultKind::ContentForbidden
        } else {
            FaultKind::BytesAfterEnd
        };
        let begin = self.offset;
        let slice = rec.wire(slice, at_us);
        self.offset += slice.len() as u64;
        excess(kind, slice, begin, at_us, rec);
    }

    /// The connection is over: `reset` says whether by a reset, else the peer closed it.
    pub fn close(&mut self, reset: Option<&str>, at_us: u64, rec: &mut Recorder<'_>) {
        let fault = match &self.framing {
            Framing::None | Framing::Close | Framing::Length(0) => None,
            Framing::BadLength => {
                let detail = "Content-Length cannot be read, so where the content ends is unknown";
                return rec.end(EndKind::Malformed, at_us, detail);
            }
            Framing::Chunked(chunks) => chunks.finish(),
            Framing::Length(left) => Some((
                FaultKind::LengthShort,
                format!("{left} more bytes were due by Content-Length"),
            )),
        };
        let truncated = fault.is_some();
        let words = fault.as_ref().map(|f| f.1.clone()).unwrap_or_default();
        if let Some((kind, detail)) = fault {
            rec.fault(kind, self.offset, at_us, detail);
        }
        match (reset, truncated) {
            (Some(detail), _) => rec.end(EndKind::Reset, at_us, detail),
            (None, true) => rec.end(EndKind::Truncated, at_us, &words),
            (None, false) => rec.end(EndKind::Clean, at_us, ""),
        }
    }
}

fn excess(kind: FaultKind, bytes: &[u8], offset: u64, at_us: u64, rec: &mut Recorder<'_>) {
    if !bytes.is_empty() {
        let shown = escape(&bytes[..bytes.len().min(40)]);
        rec.fault(kind, offset, at_us, format!("\"{shown}\""));
    }
}

fn framing(method: &str, asked: HttpVersion, head: &RawHead, rec: &mut Recorder<'_>) -> Framing {
    if method == "HEAD" || matches!(head.status, 101 | 204 | 304) {
        return Framing::None;
    }
    let at = rec.head_at_us();
    let codings = head.items("transfer-encoding");
    let length = content_length(head);
    if let Some(field) = head.all("transfer-encoding").next() {
        let shown = codings.join(", ");
        if let Some(length) = head.all("content-length").next() {
            let detail = format!(
                "Content-Length: {} and Transfer-Encoding: {shown}",
                escape(&length.value)
            );
            rec.fault(
                FaultKind::LengthWithTransferEncoding,
                length.offset,
                at,
                detail,
            );
        }
        if asked == HttpVersion::Http10 || head.version == HttpVersion::Http10 {
            let whose = if asked == HttpVersion::Http10 {
                "in answer to an HTTP/1.0 request"
            } else {
                "in an HTTP/1.0 response"
            };
            let detail = format!("Transfer-Encoding: {shown} {whose}");
            rec.fault(
                FaultKind::TransferEncodingToHttp10,
                field.offset,
                at,
                detail,
            );
        }
        if codings != ["chunked"] {
            let detail = format!("Transfer-Encoding: {shown}");
            rec.fault(FaultKind::TransferCodingUnknown, field.offset, at, detail);
        }
        return match codings.last().map(String::as_str) {
            Some("chunked") => Framing::Chunked(Box::default()),
            _ => Framing::Close,
        };
    }
    match length {
        Ok(None) => Framing::Close,
        Ok(Some(length)) => Framing::Length(length),
        Err((offset, detail)) => {
            rec.fault(FaultKind::LengthInvalid, offset, at, detail);
            Framing::BadLength
        }
    }
}

/// The one length that all Content-Length values agree on (RFC 9110 section 8.6).
fn content_length(head: &RawHead) -> Result<Option<u64>, (u64, String)> {
    let mut agreed = None;
    for field in head.all("content-length") {
        for item in field.value.split(|&b| b == b',') {
            let item = item.trim_ascii();
            let wrong = |why: &str| {
                let shown = escape(&field.value[..field.value.len().min(40)]);
                Err((field.offset, format!("Content-Length: {shown} ({why})")))
            };
            if item.is_empty() || !item.iter().all(u8::is_ascii_digit) {
                return wrong("not digits");
            }
            let value: Option<u64> = std::str::from_utf8(item).ok().and_then(|t| t.parse().ok());
            let Some(value) = value else {
                return wrong("beyond 64 bits");
            };
            if agreed.is_some_and(|other| other != value) {
                return wrong("several that differ");
            }
            agreed = Some(value);
        }
    }
    Ok(agreed)
}

/// Decodes one slice; the chunk data in it becomes one slice of the body.
fn read_chunks(
    chunks: &mut ChunkDecoder,
    slice: &[u8],
    at_us: u64,
    piece: &mut Vec<u8>,
    rec: &mut Recorder<'_>,
) {
    let mut input = slice;
    let mut ended = None;
    while let Some(part) = chunks.next(&mut input) {
        match part {
            ChunkPart::Data(data) => piece.extend_from_slice(data),
            ChunkPart::Chunk {
                offset,
                size,
                extension,
            } => {
                let chunk = Chunk {
                    wire_offset: offset,
                    body_offset: rec.body_len() + piece.len() as u64,
                    size,
                    extension,
                };
                rec.chunk(chunk, at_us);
            }
            ChunkPart::Trailer(field) => rec.trailer(field.record()),
            ChunkPart::Fault {
                kind,
                offset,
                detail,
            } => {
                if chunks.is_broken() {
                    ended = Some(broken_end(chunks, &detail));
                }
                rec.fault(kind, offset, at_us, detail);
            }
            ChunkPart::End => ended = Some((EndKind::Clean, String::new())),
        }
    }
    rec.body(piece, at_us);
    if let Some((kind, detail)) = ended {
        rec.end(kind, at_us, &detail);
        if kind == EndKind::Clean {
            excess(FaultKind::BytesAfterEnd, input, chunks.offset(), at_us, rec);
        }
    }
}

fn broken_end(chunks: &ChunkDecoder, detail: &str) -> (EndKind, String) {
    if chunks.broke_at_empty_size_line() {
        let detail = "the chunked coding breaks off with an empty line: so proxies report that \
                      their source failed";
        return (EndKind::Truncated, detail.into());
    }
    (EndKind::Malformed, format!("chunked coding: {detail}"))
}
