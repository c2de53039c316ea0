//! Reads the response on one HTTP/2 stream out of its frames (RFC 9113 section 8.1).

use ssekit_record::{EndKind, FaultKind, HttpVersion, escape};

use crate::field_line::{FieldLine, is_token_byte};
use crate::frame::{self, Frame};
use crate::head_reader::RawHead;
use crate::recorder::Recorder;
use crate::request::CONNECTION_SPECIFIC;

/// Interim heads taken of one response.
const INTERIM: usize = 100;

/// Incremental reader of one response; tells the recorder what it finds.
#[derive(Debug)]
pub(crate) struct MessageReader {
    interim: Vec<u16>,
    no_content: bool,
    declared: Option<u64>,
}

impl MessageReader {
    pub fn new(method: &str) -> Self {
        Self {
            interim: Vec::new(),
            no_content: method == "HEAD",
            declared: None,
        }
    }

    /// Whether the head that came allows no content.
    pub fn awaits_no_content(&self) -> bool {
        self.no_content
    }

    /// Takes a DATA frame.
    pub fn data(&mut self, frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
        let Some(content) = frame.content() else {
            return fatal("a DATA frame with more padding than payload", at_us, rec);
        };
        if !rec.has_head() {
            return fatal("a DATA frame before the head", at_us, rec);
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

    /// Takes a RST_STREAM frame.
    pub fn reset(&mut self, frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
        let detail = format!("RST_STREAM {}", frame.error_code());
        rec.fault(FaultKind::Http2, rec.body_len(), at_us, detail.as_str());
        rec.end(EndKind::Reset, at_us, &format!("the server sent {detail}"));
    }

    /// Takes a field section: a head, interim or final, or trailers.
    pub fn fields(
        &mut self,
        fields: Vec<FieldLine>,
        end_stream: bool,
        at_us: u64,
        rec: &mut Recorder<'_>,
    ) {
        if !rec.has_head() {
            self.head(fields, at_us, rec);
        } else if end_stream {
            for field in fields.iter().filter(|f| !f.name.starts_with(':')) {
                rec.trailer(field.record());
            }
        } else {
            return fatal("trailers that do not end the stream", at_us, rec);
        }
        if end_stream && !rec.is_over() {
            self.end_stream(at_us, rec);
        }
    }

    /// The message is complete; its length must be the declared one (RFC 9113 section 8.1.1).
    fn end_stream(&self, at_us: u64, rec: &mut Recorder<'_>) {
        if !rec.has_head() {
            return fatal("the stream ended without a head", at_us, rec);
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

    fn head(&mut self, fields: Vec<FieldLine>, at_us: u64, rec: &mut Recorder<'_>) {
        let faults = field_faults(&fields);
        let status = fields
            .iter()
            .find(|f| f.name == ":status")
            .and_then(|f| std::str::from_utf8(&f.value).ok()?.parse::<u16>().ok())
            .filter(|status| (100..1000).contains(status));
        let Some(status) = status else {
            return fatal("a head without a :status of three digits", at_us, rec);
        };
        if (100..200).contains(&status) {
            if self.interim.len() >= INTERIM {
                let detail = format!("more than {INTERIM} interim heads");
                rec.fault(FaultKind::HeadTooLarge, 0, at_us, detail.as_str());
                return rec.end(EndKind::Limit, at_us, &detail);
            }
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

fn fatal(detail: &str, at_us: u64, rec: &mut Recorder<'_>) {
    rec.fault(FaultKind::Http2, rec.body_len(), at_us, detail);
    rec.end(EndKind::Malformed, at_us, detail);
}

/// What makes a head malformed (RFC 9113 sections 8.2 and 8.3).
pub(crate) fn field_faults(fields: &[FieldLine]) -> Vec<String> {
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
