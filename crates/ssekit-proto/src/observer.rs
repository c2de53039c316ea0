//! Derives diagnostics from lines, apart from what the lines cause.
use core::str;

use crate::{Diagnostic, DiagnosticKind, Line, LineEnding, LineKind, Sink};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What must be remembered between lines to tell diagnostics. Only used with [`Sink::OBSERVE`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Observer {
    first_ending: Option<LineEnding>,
    mixed: bool,
    block: Option<Seen>,
}

/// What the lines of the current block were.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start: u64,
    data: bool,
    event: bool,
    id: bool,
    ignored: bool,
}

impl Observer {
    /// A line ended: reports it, and what is to be said of it.
    pub(crate) fn line<S: Sink>(
        &mut self,
        bytes: &[u8],
        offset: u64,
        ending: LineEnding,
        sink: &mut S,
    ) {
        let kind = LineKind::of(bytes);
        sink.line(Line {
            offset,
            bytes,
            ending,
            kind,
        });
        if let Err(error) = str::from_utf8(bytes) {
            let at = offset + error.valid_up_to() as u64;
            report(sink, DiagnosticKind::InvalidUtf8, at);
        }
        match kind {
            LineKind::Blank => self.blank(sink),
            LineKind::Comment(_) => {
                self.seen(offset);
            }
            LineKind::Field { name, value, .. } => {
                let value_offset = offset + (bytes.len() - value.len()) as u64;
                self.field(name, value, offset, value_offset, sink);
            }
        }
        if ending == LineEnding::Lf {
            self.ending(ending, offset + bytes.len() as u64, sink);
        }
    }

    /// The byte after a CR is known. `offset` is that of the byte.
    pub(crate) fn after_cr<S: Sink>(&mut self, lf: bool, offset: u64, sink: &mut S) {
        if lf {
            sink.crlf(offset);
        }
        let ending = if lf { LineEnding::CrLf } else { LineEnding::Cr };
        self.ending(ending, offset - 1, sink);
    }

    fn ending<S: Sink>(&mut self, ending: LineEnding, offset: u64, sink: &mut S) {
        let first = *self.first_ending.get_or_insert(ending);
        if ending != first && !self.mixed {
            self.mixed = true;
            report(sink, DiagnosticKind::MixedLineEndings, offset);
        }
    }

    fn blank<S: Sink>(&mut self, sink: &mut S) {
        if let Some(seen) = self.block.take()
            && !seen.data
            && (seen.event || seen.ignored)
        {
            report(sink, DiagnosticKind::BlockWithoutData, seen.start);
        }
    }

    fn seen(&mut self, offset: u64) -> &mut Seen {
        self.block.get_or_insert(Seen {
            start: offset,
            data: false,
            event: false,
            id: false,
            ignored: false,
        })
    }

    fn field<S: Sink>(
        &mut self,
        name: &[u8],
        value: &[u8],
        line: u64,
        value_offset: u64,
        sink: &mut S,
    ) {
        let seen = self.seen(line);
        match name {
            b"data" => seen.data = true,
            b"event" => {
                if seen.event {
                    report(sink, DiagnosticKind::RepeatedEvent, line);
                }
                seen.event = true;
            }
            b"id" => {
                if let Some(nul) = memchr::memchr(0, value) {
                    report(sink, DiagnosticKind::IdWithNul, value_offset + nul as u64);
                } else {
                    if seen.id {
                        report(sink, DiagnosticKind::RepeatedId, line);
                    }
                    seen.id = true;
                }
            }
            b"retry" => retry(value, value_offset, sink),
            _ => {
                seen.ignored = true;
                report(sink, ignored(name), line);
            }
        }
    }
}

fn retry<S: Sink>(value: &[u8], offset: u64, sink: &mut S) {
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    if value.is_empty() || digits < value.len() {
        let at = offset + digits as u64;
        report(sink, DiagnosticKind::RetryNotDigits, at);
    } else if str::from_utf8(value).is_ok_and(|digits| digits.parse::<u64>().is_err()) {
        report(sink, DiagnosticKind::RetrySaturated, offset);
    }
}

/// Why a field that is none of the four is ignored.
fn ignored(name: &[u8]) -> DiagnosticKind {
    const KNOWN: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
    let known = |name: &[u8]| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name));
    if name.starts_with(BOM) {
        DiagnosticKind::MidStreamBom
    } else if known(name) {
        DiagnosticKind::FieldCase
    } else if known(name.trim_ascii()) {
        DiagnosticKind::FieldSpace
    } else {
        DiagnosticKind::UnknownField
    }
}

pub(crate) fn report<S: Sink>(sink: &mut S, kind: DiagnosticKind, offset: u64) {
    sink.diagnostic(Diagnostic { kind, offset });
}
