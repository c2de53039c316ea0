//! A transcript's bytes read as an event stream, with offsets and arrival times.

use std::sync::Arc;

use ssekit_proto::{Diagnostic, EventRef, LimitError, Line, LineEnding, LineKind, Parser, Sink};
use ssekit_record::Transcript;

pub use ssekit_proto::DiagnosticKind;

/// Lines read of one transcript, at most: a flood shows nothing new after so many.
pub(crate) const MOST_LINES: usize = 50_000;
/// Bytes of a field's value that are kept; a longer one is cut.
const LONGEST_VALUE: usize = 1024;
/// Bytes read between two looks at how many lines there are.
const STRIDE: usize = 4 * 1024;

/// Everything the standard's interpretation finds in one transcript.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Dispatched events, in order.
    pub events: Vec<EventSeen>,
    /// Complete lines, in order.
    pub lines: Vec<LineSeen>,
    /// Comment lines, in order.
    pub comments: Vec<CommentSeen>,
    /// What the parser noticed, in order.
    pub diagnostics: Vec<DiagnosticSeen>,
    /// Reconnection times set, in order, in milliseconds.
    pub retries: Vec<u64>,
    /// The last event ID string at the end.
    pub last_event_id: String,
    /// Whether an incomplete block was discarded at the end.
    pub discarded: bool,
    /// Offset where the last complete block ended: what follows is a pending block or line.
    pub tail: u64,
    /// Set when a limit of the parser stopped the reading.
    pub limit: Option<LimitError>,
    /// Whether the transcript holds more lines than are read; what follows was not looked at.
    pub partial: bool,
}

/// A dispatched event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSeen {
    /// Event type.
    pub event: String,
    /// Data.
    pub data: String,
    /// Last event ID string at dispatch; events under the same one share it.
    pub last_event_id: Arc<str>,
    /// Whether the block itself carried a valid id.
    pub has_id: bool,
    /// Offset of the first byte of the block.
    pub start: u64,
    /// Offset after the empty line that dispatched it.
    pub end: u64,
    /// Arrival of its first byte, in microseconds since the exchange began.
    pub first_us: u64,
    /// Arrival of its last byte: when a client could dispatch it.
    pub at_us: u64,
}

/// A complete line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSeen {
    /// Offset of its first byte.
    pub offset: u64,
    /// Length without the ending.
    pub len: u64,
    /// What ended it.
    pub ending: LineEnd,
    /// What it is.
    pub shape: LineShape,
}

/// What ended a line, known with hindsight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnd {
    /// LF.
    Lf,
    /// CR alone.
    Cr,
    /// CR LF.
    CrLf,
}

impl LineEnd {
    /// The name people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::Cr => "CR",
            Self::CrLf => "CRLF",
        }
    }

    /// Length in bytes.
    pub fn width(self) -> u64 {
        if self == Self::CrLf { 2 } else { 1 }
    }
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineShape {
    /// Empty: dispatches.
    Blank,
    /// A comment.
    Comment,
    /// A field; bytes that are not UTF-8 are shown as U+FFFD.
    Field {
        /// Field name; at most its first 1,024 bytes.
        name: String,
        /// Value, one leading space removed; at most its first 1,024 bytes.
        value: String,
        /// Whether there was a colon.
        colon: bool,
        /// Whether a space was removed.
        space: bool,
    },
}

/// A comment line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentSeen {
    /// What follows the colon; at most its first 1,024 bytes.
    pub text: String,
    /// Offset of the colon.
    pub offset: u64,
    /// Arrival, in microseconds since the exchange began.
    pub at_us: u64,
}

/// What the parser noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagnosticSeen {
    /// What.
    pub kind: DiagnosticKind,
    /// Offset in the stream.
    pub offset: u64,
}

impl Reading {
    /// Reads the decoded content of a transcript.
    pub fn of(transcript: &Transcript) -> Self {
        Self::up_to(MOST_LINES, transcript)
    }

    /// The same of so many lines, or a few more.
    pub(crate) fn up_to(most_lines: usize, transcript: &Transcript) -> Self {
        let mut reading = Self::read(most_lines, transcript);
        // Those of all probes are held at once.
        reading.lines.shrink_to_fit();
        reading.events.shrink_to_fit();
        reading.comments.shrink_to_fit();
        reading.diagnostics.shrink_to_fit();
        reading
    }

    fn read(most_lines: usize, transcript: &Transcript) -> Self {
        let stream = transcript.stream();
        let mut sink = Collector {
            reading: Self::default(),
            transcript,
            id: Arc::default(),
            id_line: false,
        };
        let mut parser = Parser::new();
        for part in stream.bytes.chunks(STRIDE) {
            if let Err(error) = parser.feed(part, &mut sink) {
                sink.reading.limit = Some(error);
                break;
            }
            sink.reading.partial = sink.reading.lines.len() > most_lines;
            if sink.reading.partial {
                break;
            }
        }
        let mut reading = sink.reading;
        if reading.partial || reading.limit.is_some() {
            // What comes after was not read, so nothing can be said of the end.
            reading.tail = stream.len();
            reading.last_event_id = parser.last_event_id().to_owned();
            return reading;
        }
        let mut sink = Collector { reading, ..sink };
        let end = parser.finish(&mut sink);
        let mut reading = sink.reading;
        reading.last_event_id = end.last_event_id;
        reading.discarded = end.discarded;
        reading
    }

    /// The first diagnostic of a kind.
    pub fn first(&self, kind: DiagnosticKind) -> Option<DiagnosticSeen> {
        self.diagnostics.iter().copied().find(|d| d.kind == kind)
    }

    /// Every diagnostic of a kind.
    pub fn all(&self, kind: DiagnosticKind) -> impl Iterator<Item = DiagnosticSeen> + '_ {
        self.diagnostics
            .iter()
            .copied()
            .filter(move |d| d.kind == kind)
    }

    /// Every field line with this exact name: the line and its value.
    pub fn fields<'a>(
        &'a self,
        wanted: &'a str,
    ) -> impl Iterator<Item = (&'a LineSeen, &'a str)> + 'a {
        self.lines.iter().filter_map(move |line| match &line.shape {
            LineShape::Field { name, value, .. } if name == wanted => Some((line, value.as_str())),
            _ => None,
        })
    }

    /// Blocks: runs of lines between blank lines, the pending one at the end left out.
    pub fn blocks(&self) -> impl Iterator<Item = &[LineSeen]> {
        let complete = self
            .lines
            .iter()
            .rposition(|line| line.shape == LineShape::Blank)
            .map_or(0, |last| last + 1);
        self.lines[..complete]
            .split_inclusive(|line| line.shape == LineShape::Blank)
            .map(|block| &block[..block.len() - 1])
            .filter(|block| !block.is_empty())
    }
}

struct Collector<'a> {
    reading: Reading,
    transcript: &'a Transcript,
    /// The last event ID string of the event before.
    id: Arc<str>,
    /// Whether an `id` line came since: without one it is the same.
    id_line: bool,
}

impl Collector<'_> {
    fn arrival(&self, offset: u64) -> u64 {
        self.transcript.stream().arrival_us(offset).unwrap_or(0)
    }
}

impl Sink for Collector<'_> {
    const OBSERVE: bool = true;

    fn event(&mut self, event: EventRef<'_>) {
        let first_us = self.arrival(event.start);
        let at_us = self.arrival(event.end.saturating_sub(1));
        let may_differ = std::mem::take(&mut self.id_line);
        if may_differ && *self.id != *event.last_event_id {
            self.id = event.last_event_id.into();
        }
        self.reading.events.push(EventSeen {
            event: event.event.to_owned(),
            data: event.data.to_owned(),
            last_event_id: Arc::clone(&self.id),
            has_id: event.has_id,
            start: event.start,
            end: event.end,
            first_us,
            at_us,
        });
    }

    fn comment(&mut self, text: &str, offset: u64) {
        let at_us = self.arrival(offset);
        self.reading.comments.push(CommentSeen {
            text: text.chars().take(LONGEST_VALUE).collect(),
            offset,
            at_us,
        });
    }

    fn retry(&mut self, ms: u64) {
        self.reading.retries.push(ms);
    }

    fn line(&mut self, line: Line<'_>) {
        self.id_line |= matches!(line.kind, LineKind::Field { name: b"id", .. });
        let len = line.bytes.len() as u64;
        let after = usize::try_from(line.offset + len + 1).unwrap_or(usize::MAX);
        let ending = match line.ending {
            LineEnding::Lf => LineEnd::Lf,
            _ if self.transcript.stream().bytes.get(after) == Some(&b'\n') => LineEnd::CrLf,
            _ => LineEnd::Cr,
        };
        let shape = match line.kind {
            LineKind::Blank => LineShape::Blank,
            LineKind::Comment(_) => LineShape::Comment,
            LineKind::Field {
                name,
                value,
                colon,
                space,
            } => LineShape::Field {
                name: String::from_utf8_lossy(&name[..name.len().min(LONGEST_VALUE)]).into_owned(),
                value: String::from_utf8_lossy(&value[..value.len().min(LONGEST_VALUE)])
                    .into_owned(),
                colon,
                space,
            },
        };
        if shape == LineShape::Blank {
            self.reading.tail = line.offset + len + ending.width();
        }
        self.reading.lines.push(LineSeen {
            offset: line.offset,
            len,
            ending,
            shape,
        });
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.reading.diagnostics.push(DiagnosticSeen {
            kind: diagnostic.kind,
            offset: diagnostic.offset,
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::check::sample::Sample;

    #[test]
    fn events_share_the_id_they_have_in_common_and_no_other() {
        let text = "data\n\nid:a\n\ndata\n\ndata\n\nid:b\ndata\n\nid:\0\ndata\n\nid\ndata\n\n";
        let events = Reading::of(&Sample::stream(text).0).events;
        let ids: Vec<&str> = events.iter().map(|event| &*event.last_event_id).collect();
        assert_eq!(ids, ["", "a", "a", "b", "b", ""]);
        let is_shared = |one: usize| {
            let ids = [one, one + 1].map(|at| events[at].last_event_id.as_ptr());
            ptr::eq(ids[0], ids[1])
        };
        assert!(is_shared(1) && is_shared(3));
    }

    #[test]
    fn a_reading_ends_after_so_many_lines() {
        let text = "data:x\n\n".repeat(10_000);
        let sample = Sample::stream(&text);
        let reading = Reading::up_to(5_000, &sample.0);
        assert!(reading.partial);
        assert!((5_000..7_500).contains(&reading.lines.len()));
        assert!(!Reading::of(&sample.0).partial);
    }
}
