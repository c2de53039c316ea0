//! Reads the head of an HTTP/1 response as it comes, without IO (RFC 9112 sections 2 to 5).

use memchr::memchr;
use ssekit_record::{FaultKind, HttpVersion, escape};

use crate::field_line::{FieldLine, parse_field_line};

/// A response head with everything the wire showed; secrets are still in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawHead {
    pub version: HttpVersion,
    pub status: u16,
    pub reason: String,
    pub fields: Vec<FieldLine>,
}

impl RawHead {
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FieldLine> + 'a {
        self.fields.iter().filter(move |f| f.is(name))
    }

    /// The items of a comma-separated field over all its lines, in lower case, empty ones left out.
    pub fn items(&self, name: &str) -> Vec<String> {
        self.all(name)
            .flat_map(|f| f.value.split(|&b| b == b','))
            .map(|item| String::from_utf8_lossy(item.trim_ascii()).to_ascii_lowercase())
            .filter(|item| !item.is_empty())
            .collect()
    }
}

/// A fault of the head: kind, offset in the head, detail.
pub(crate) type HeadFault = (FaultKind, u64, String);

/// How far the reader came.
#[derive(Debug)]
pub(crate) enum HeadStep {
    /// The head goes on.
    More,
    /// The final head is complete; the rest of the input is what follows it.
    Head(RawHead),
    /// What came is not the beginning of a response, or no status can be read out of it.
    Unreadable(HeadFault),
}

/// Incremental reader of interim heads and the final one.
///
/// A single LF ends a line too, a line may be folded, and a missing reason phrase may lack its
/// space: recipients accept that (RFC 9112 sections 2.2 and 5.2), so none of it is a fault here.
#[derive(Debug)]
pub(crate) struct HeadReader {
    limit: usize,
    /// Everything of the head so far, interim ones included; bounded by `limit`.
    pub bytes: Vec<u8>,
    line_begin: usize,
    head: Option<RawHead>,
    pub interim: Vec<u16>,
    pub faults: Vec<HeadFault>,
}

const BEGINNING: &[u8] = b"HTTP/";

impl HeadReader {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            line_begin: 0,
            head: None,
            interim: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Takes bytes off the front of `input`, up to the end of the final head.
    pub fn read(&mut self, input: &mut &[u8]) -> HeadStep {
        while !input.is_empty() {
            let end = memchr(b'\n', input);
            let wanted = end.map_or(input.len(), |at| at + 1);
            let taken = wanted.min(self.limit.saturating_sub(self.bytes.len()));
            self.bytes.extend_from_slice(&input[..taken]);
            *input = &input[taken..];
            if self.head.is_none() && self.is_no_response() {
                return self.not_http();
            }
            if taken < wanted {
                let detail = format!("no end of the head within {} bytes", self.limit);
                return HeadStep::Unreadable((
                    FaultKind::HeadTooLarge,
                    self.bytes.len() as u64,
                    detail,
                ));
            }
            if end.is_none() {
                continue;
            }
            match self.line() {
                Ok(Some(head)) => return HeadStep::Head(head),
                Ok(None) => {}
                Err(fault) => return HeadStep::Unreadable(fault),
            }
        }
        HeadStep::More
    }

    /// Whether the bytes of the line so far rule out a status line.
    fn is_no_response(&self) -> bool {
        let line = &self.bytes[self.line_begin..];
        let same = line.len().min(BEGINNING.len());
        let is_blank = matches!(line, b"\r" | b"\n" | b"\r\n") && self.interim.is_empty();
        !is_blank && line[..same] != BEGINNING[..same]
    }

    fn not_http(&self) -> HeadStep {
        let line = &self.bytes[self.line_begin..];
        let shown = escape(&line[..line.len().min(60)]);
        HeadStep::Unreadable((FaultKind::NotHttp, self.line_begin as u64, shown))
    }

    fn line(&mut self) -> Result<Option<RawHead>, HeadFault> {
        let begin = self.line_begin;
        self.line_begin = self.bytes.len();
        let line = match &self.bytes[begin..] {
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
            line => line,
        };
        let offset = begin as u64;
        let Some(head) = &mut self.head else {
            if line.is_empty() {
                let detail = "an empty line before the status line".into();
                self.faults.push((FaultKind::HeadInvalid, offset, detail));
                return Ok(None);
            }
            let (head, wrong) =
                status_line(line).map_err(|detail| (FaultKind::HeadInvalid, offset, detail))?;
            self.faults
                .extend(wrong.map(|detail| (FaultKind::HeadInvalid, offset, detail)));
            self.head = Some(head);
            return Ok(None);
        };
        if line.is_empty() {
            return Ok(self.end_of_head());
        }
        if let ([b' ' | b'\t', ..], Some(last)) = (line, head.fields.last_mut()) {
            last.value.push(b' ');
            last.value.extend_from_slice(line.trim_ascii());
            return Ok(None);
        }
        let wrong = match parse_field_line(line, offset) {
            Ok((field, wrong)) => {
                head.fields.push(field);
                wrong
            }
            Err(wrong) => Some(wrong),
        };
        self.faults
            .extend(wrong.map(|detail| (FaultKind::HeadInvalid, offset, detail)));
        Ok(None)
    }

    /// An interim head is noted and the next one awaited (RFC 9110 section 15.2). 101 was not
    /// asked for, so nothing but that head can come.
    fn end_of_head(&mut self) -> Option<RawHead> {
        let head = self.head.take()?;
        if (100..200).contains(&head.status) && head.status != 101 {
            self.interim.push(head.status);
            return None;
        }
        Some(head)
    }
}

/// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 section 4).
fn status_line(line: &[u8]) -> Result<(RawHead, Option<String>), String> {
    let shown = || escape(&line[..line.len().min(60)]);
    let mut parts = line.splitn(2, |&b| b == b' ');
    let (version, rest) = (parts.next().unwrap_or_default(), parts.next());
    let rest = rest.unwrap_or_default();
    let code = rest.trim_ascii_start();
    let digits: Vec<u16> = code
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .take(4)
        .map(|b| u16::from(b - b'0'))
        .collect();
    let &[hundreds, tens, ones] = digits.as_slice() else {
        return Err(format!("no status code of three digits in \"{}\"", shown()));
    };
    let status = hundreds * 100 + tens * 10 + ones;
    let after = &code[3..];
    let (known, version) = match version {
        b"HTTP/1.1" => (true, HttpVersion::Http11),
        b"HTTP/1.0" => (true, HttpVersion::Http10),
        _ => (false, HttpVersion::Http11),
    };
    let well_spaced = code.len() == rest.len() && matches!(after.first(), None | Some(b' '));
    let wrong = if !known || !well_spaced {
        Some(format!("status line \"{}\"", shown()))
    } else if !(100..600).contains(&status) {
        Some(format!("status {status} is outside 100 to 599"))
    } else if after.iter().any(|&b| b != b'\t' && b.is_ascii_control()) {
        Some(format!("a control character in \"{}\"", shown()))
    } else {
        None
    };
    let head = RawHead {
        version,
        status,
        reason: String::from_utf8_lossy(after.trim_ascii()).into_owned(),
        fields: Vec::new(),
    };
    Ok((head, wrong))
}
