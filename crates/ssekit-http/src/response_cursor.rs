//! A response for clients that only want its status and content, read without IO.
//!
//! Where a transcript keeps everything a checker may ask for, this keeps a few words: a load run
//! holds one for each of its streams.

use ssekit_record::FaultKind;

use crate::chunk_cursor::{ChunkCursor, ChunkStep};
use crate::field_line::FieldLine;
use crate::head_reader::{HeadReader, HeadStep, RawHead};

/// Longest head in bytes, interim heads included.
const MAX_HEAD: usize = 64 * 1024;

/// The final head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// Status code.
    pub status: u16,
    /// Field lines in the order received.
    pub fields: Vec<FieldLine>,
    /// What was wrong with it, and could be read all the same.
    pub faults: Vec<FaultKind>,
}

impl ResponseHead {
    /// The value of the first field of this name, compared without case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let field = self.fields.iter().find(|field| field.is(name))?;
        Some(&field.value)
    }
}

/// What the cursor came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponsePart<'a> {
    /// The final head is complete.
    Head(ResponseHead),
    /// Content, the chunked coding undone.
    Data(&'a [u8]),
    /// Something the grammar does not allow. Where every client reads on, so does this;
    /// otherwise nothing more comes.
    Fault(FaultKind),
    /// The message is complete.
    End,
}

/// What a connection that ends here means for the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutoff {
    /// The message was complete, or ends with its connection.
    Clean,
    /// No byte of a response came.
    Unanswered,
    /// In the middle of the head or the content.
    Truncated,
    /// It could not be read any further before that.
    Broken,
}

/// Incremental reader of one HTTP/1 response to a request other than HEAD; any slicing of the same
/// bytes gives the same parts, but that the pieces of content follow the slices.
#[derive(Debug)]
pub struct ResponseCursor {
    framing: Framing,
    /// From its first byte until the head is complete.
    head: Option<Box<HeadReader>>,
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Head,
    Chunked(ChunkCursor),
    Length(u64),
    Close,
    Done,
    Broken,
}

impl Default for ResponseCursor {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponseCursor {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            framing: Framing::Head,
            head: None,
        }
    }

    /// Takes bytes off the front of `input` until there is something to tell; `None` when it is
    /// used up, or nothing more belongs to this response (the rest then stays in `input`).
    #[inline]
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<ResponsePart<'a>> {
        match &mut self.framing {
            Framing::Chunked(chunks) => match chunks.next(input)? {
                ChunkStep::Data(data) => Some(ResponsePart::Data(data)),
                ChunkStep::Fault(kind) => Some(ResponsePart::Fault(kind)),
                ChunkStep::End => {
                    self.framing = Framing::Done;
                    Some(ResponsePart::End)
                }
            },
            Framing::Length(left) => {
                if *left == 0 {
                    self.framing = Framing::Done;
                    return Some(ResponsePart::End);
                }
                let here = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                let (data, rest) = input.split_at(here);
                *input = rest;
                *left -= here as u64;
                (here > 0).then_some(ResponsePart::Data(data))
            }
            Framing::Close => {
                let data = std::mem::take(input);
                (!data.is_empty()).then_some(ResponsePart::Data(data))
            }
            Framing::Head => self.next_of_head(input),
            Framing::Done | Framing::Broken => None,
        }
    }

    fn next_of_head(&mut self, input: &mut &[u8]) -> Option<ResponsePart<'static>> {
        if input.is_empty() {
            return None;
        }
        let begin = || Box::new(HeadReader::new(MAX_HEAD));
        match self.head.get_or_insert_with(begin).read(input) {
            HeadStep::More => None,
            HeadStep::Head(head) => {
                let reader = self.head.take()?;
                Some(self.begin(head, &reader))
            }
            HeadStep::Unreadable((kind, ..)) => {
                self.head = None;
                self.framing = Framing::Broken;
                Some(ResponsePart::Fault(kind))
            }
        }
    }

    /// Chooses the framing (RFC 9112 section 6.3).
    fn begin(&mut self, head: RawHead, reader: &HeadReader) -> ResponsePart<'static> {
        let chunked = head.items("transfer-encoding");
        self.framing = match (head.status, chunked.last().map(String::as_str)) {
            (101 | 204 | 304, _) => Framing::Length(0),
            (_, Some("chunked")) => Framing::Chunked(ChunkCursor::new()),
            (_, Some(_)) => Framing::Close,
            (_, None) => match head.items("content-length").as_slice() {
                [] => Framing::Close,
                [length, more @ ..] if more.iter().all(|other| other == length) => {
                    length.parse().map_or(Framing::Broken, Framing::Length)
                }
                _ => Framing::Broken,
            },
        };
        if matches!(self.framing, Framing::Broken) {
            return ResponsePart::Fault(FaultKind::LengthInvalid);
        }
        ResponsePart::Head(ResponseHead {
            status: head.status,
            fields: head.fields,
            faults: reader.faults.iter().map(|fault| fault.0).collect(),
        })
    }

    /// What it means that the connection ends here.
    pub fn cutoff(&self) -> Cutoff {
        match &self.framing {
            Framing::Done | Framing::Close | Framing::Length(0) => Cutoff::Clean,
            Framing::Broken => Cutoff::Broken,
            Framing::Head if self.head.as_ref().is_none_or(|head| head.bytes.is_empty()) => {
                Cutoff::Unanswered
            }
            Framing::Head | Framing::Length(_) => Cutoff::Truncated,
            Framing::Chunked(chunks) if chunks.is_done() => Cutoff::Clean,
            Framing::Chunked(_) => Cutoff::Truncated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize) -> (Vec<ResponsePart<'static>>, Vec<u8>, Cutoff) {
        let mut cursor = ResponseCursor::new();
        let (mut parts, mut data) = (Vec::new(), Vec::new());
        for mut slice in bytes.chunks(size) {
            while let Some(part) = cursor.next(&mut slice) {
                match part {
                    ResponsePart::Data(piece) => data.extend_from_slice(piece),
                    ResponsePart::Head(head) => parts.push(ResponsePart::Head(head)),
                    ResponsePart::Fault(kind) => parts.push(ResponsePart::Fault(kind)),
                    ResponsePart::End => parts.push(ResponsePart::End),
                }
            }
        }
        (parts, data, cursor.cutoff())
    }

    #[test]
    fn each_framing_gives_its_content_and_end_however_it_is_cut() {
        let cases: [(&str, &str, bool, Cutoff); 6] = [
            (
                "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
                "abc",
                true,
                Cutoff::Clean,
            ),
            (
                "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
                "ab",
                false,
                Cutoff::Truncated,
            ),
            ("Content-Length: 3\r\n\r\nabc", "abc", true, Cutoff::Clean),
            (
                "Content-Length: 4\r\n\r\nabc",
                "abc",
                false,
                Cutoff::Truncated,
            ),
            ("\r\nabc", "abc", false, Cutoff::Clean),
            ("Content-Length: x\r\n\r\nabc", "", false, Cutoff::Broken),
        ];
        for (rest, content, ended, cutoff) in cases {
            let bytes = format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n{rest}");
            for size in 1..bytes.len() {
                let (parts, data, at_end) = read(bytes.as_bytes(), size);
                assert_eq!(data, content.as_bytes(), "{rest:?} by {size}");
                assert_eq!(at_end, cutoff, "{rest:?} by {size}");
                assert_eq!(
                    parts.contains(&ResponsePart::End),
                    ended,
                    "{rest:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn a_response_without_content_ends_with_its_head() {
        let mut cursor = ResponseCursor::new();
        let mut input: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert!(
            matches!(cursor.next(&mut input), Some(ResponsePart::Head(head)) if head.status == 204)
        );
        assert_eq!(cursor.next(&mut input), Some(ResponsePart::End));
        assert_eq!(cursor.cutoff(), Cutoff::Clean);
    }

    #[test]
    fn silence_and_garbage_are_told_apart() {
        assert_eq!(read(b"", 1).2, Cutoff::Unanswered);
        assert_eq!(read(b"HTTP/1.1 2", 3).2, Cutoff::Truncated);
        let (parts, _, cutoff) = read(b"SSH-2.0-OpenSSH\r\n", 4);
        assert_eq!(parts, [ResponsePart::Fault(FaultKind::NotHttp)]);
        assert_eq!(cutoff, Cutoff::Broken);
    }
}
