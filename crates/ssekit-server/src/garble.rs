//! Defects in the text of the stream: what they make of a piece.
use std::time::Duration;

use crate::{
    flaw::TextFlaw,
    piece::{Piece, PieceKind, Write},
};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Long enough for a reader to see two writes apart.
const APART: Duration = Duration::from_millis(15);

/// Changes pieces as one text defect does.
#[derive(Debug)]
pub(crate) struct Garble {
    flaw: Option<TextFlaw>,
    /// Whether the stream was asked for with a `Last-Event-ID`.
    resumed: bool,
}

impl Garble {
    pub(crate) fn new(flaw: Option<TextFlaw>, resumed: bool) -> Self {
        Self { flaw, resumed }
    }

    /// The writes a piece leaves in.
    pub(crate) fn apply(&self, piece: Piece) -> Vec<Write> {
        let Some(flaw) = self.flaw else {
            return vec![piece.bytes.into()];
        };
        if let Some(end) = line_end(flaw) {
            let bytes = replace(&piece.bytes, b"\n", end.as_bytes());
            return cut_crlf(flaw, piece.kind, bytes);
        }
        let Piece { kind, bytes } = piece;
        let bytes = match kind {
            PieceKind::Preamble => self.preamble(flaw, bytes),
            PieceKind::Event { number, last } => self.event(flaw, number, last, bytes),
            PieceKind::Heartbeat => bytes,
        };
        let bytes = match flaw {
            // The first BOM of a stream would be stripped: it is those after it that do harm.
            TextFlaw::BomResumed if self.resumed && kind != PieceKind::Preamble => {
                prefixed(BOM, bytes)
            }
            _ => bytes,
        };
        vec![bytes.into()]
    }

    fn preamble(&self, flaw: TextFlaw, bytes: Vec<u8>) -> Vec<u8> {
        match flaw {
            TextFlaw::BomStart => prefixed(BOM, bytes),
            TextFlaw::Retry(text) => {
                let at = find(&bytes, b"retry:").unwrap_or(bytes.len());
                [&bytes[..at], text.as_bytes()].concat()
            }
            _ => bytes,
        }
    }

    fn event(&self, flaw: TextFlaw, number: u64, last: bool, bytes: Vec<u8>) -> Vec<u8> {
        let due = |every: u64| number.is_multiple_of(every);
        match flaw {
            TextFlaw::InData(text, every) if due(every) => in_data(&bytes, text),
            TextFlaw::BomBefore(every) if due(every) => prefixed(BOM, bytes),
            TextFlaw::CrlfIn(every) if due(every) => replace(&bytes, b"\n", b"\r\n"),
            TextFlaw::LfCr => [&bytes[..bytes.len() - 1], b"\r"].concat(),
            TextFlaw::After(text, every) if due(every) => [&bytes[..], text.as_bytes()].concat(),
            TextFlaw::Unterminated if last && !self.resumed => bytes[..bytes.len() - 1].to_vec(),
            TextFlaw::HalfData(every) if due(every) => half_data(&bytes),
            TextFlaw::AfterData(text) => {
                [&bytes[..bytes.len() - 1], text.as_bytes(), b"\n"].concat()
            }
            TextFlaw::NoSpace(every) if due(every) => replace(&bytes, b"data: ", b"data:"),
            TextFlaw::EventLines(text, every) if due(every) => {
                replace(&bytes, b"event: tick\n", text.as_bytes())
            }
            TextFlaw::AfterEventLine(text, every) if due(every) => {
                let lines = [b"event: tick\n", text.as_bytes()].concat();
                replace(&bytes, b"event: tick\n", &lines)
            }
            TextFlaw::IdLines(text) => {
                let id = number.to_string();
                let lines = text.replace("{id}", &id);
                replace(&bytes, format!("id: {id}\n").as_bytes(), lines.as_bytes())
            }
            TextFlaw::IdTwice => {
                let copy = replace(&bytes, b"{\"tick\":", b"{\"copy\":");
                [bytes, copy].concat()
            }
            _ => bytes,
        }
    }
}

fn line_end(flaw: TextFlaw) -> Option<&'static str> {
    match flaw {
        TextFlaw::LineEnd(end) => Some(end),
        TextFlaw::CrlfSplit => Some("\r\n"),
        _ => None,
    }
}

/// Writes that end between the CR and the LF of the id and the data line of an event, where that
/// is the defect.
fn cut_crlf(flaw: TextFlaw, kind: PieceKind, bytes: Vec<u8>) -> Vec<Write> {
    let ends: Vec<usize> = find_all(&bytes, b"\r\n").collect();
    let is_event = matches!(kind, PieceKind::Event { .. });
    let &[.., id, data, _] = &ends[..] else {
        return vec![bytes.into()];
    };
    if flaw != TextFlaw::CrlfSplit || !is_event {
        return vec![bytes.into()];
    }
    vec![
        bytes[..=id].to_vec().into(),
        Write::Pause(APART),
        bytes[id + 1..=data].to_vec().into(),
        Write::Pause(APART),
        bytes[data + 1..].to_vec().into(),
    ]
}

fn find_all(bytes: &[u8], pattern: &[u8]) -> impl Iterator<Item = usize> {
    let windows = bytes.windows(pattern.len()).enumerate();
    windows.filter_map(move |(at, window)| (window == pattern).then_some(at))
}

/// A further member with this text in the JSON object.
fn in_data(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    let at = bytes.iter().rposition(|b| *b == b'}').unwrap_or(0);
    [&bytes[..at], b",\"text\":\"", text, b"\"", &bytes[at..]].concat()
}

/// The data line cut in its middle.
fn half_data(bytes: &[u8]) -> Vec<u8> {
    let from = find(bytes, b"data: ").unwrap_or(0) + b"data: ".len();
    let to = bytes.len() - 2;
    [&bytes[..from + (to - from) / 2], b"\n\n"].concat()
}

fn prefixed(prefix: &[u8], bytes: Vec<u8>) -> Vec<u8> {
    [prefix, &bytes].concat()
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|w| w == pattern)
}

fn replace(bytes: &[u8], pattern: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + by.len());
    let mut rest = bytes;
    while let Some(at) = find(rest, pattern) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + pattern.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::{Defect, flaw::Flaw, plan::Plan, tick::Tick};

    fn event(flaw: TextFlaw) -> String {
        let plan = Plan::read("count=12", Duration::from_secs(10)).unwrap();
        let piece = Piece {
            kind: PieceKind::Event {
                number: 12,
                last: true,
            },
            bytes: Tick::new(12, &plan, &[]).encode(),
        };
        let writes = Garble::new(Some(flaw), false).apply(piece);
        let bytes = writes.into_iter().flat_map(|write| match write {
            Write::Bytes(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        });
        bytes.map(char::from).collect()
    }

    #[test]
    fn each_text_flaw_changes_a_twelfth_event_or_the_preamble() {
        let good = "event: tick\nid: 12\ndata: {\"tick\":12,\"of\":12}\n\n";
        for entry in Defect::all() {
            let Flaw::Text(flaw) = entry.flaw else {
                continue;
            };
            let elsewhere = matches!(
                flaw,
                TextFlaw::BomStart | TextFlaw::BomResumed | TextFlaw::Retry(_)
            );
            assert_eq!(event(flaw) == good, elsewhere, "{}", entry.id);
        }
    }

    #[test]
    fn changes_are_where_they_should_be() {
        let half = event(TextFlaw::HalfData(4));
        assert_eq!(half, "event: tick\nid: 12\ndata: {\"tick\":1\n\n");
        let stray = event(TextFlaw::AfterData("}\n"));
        assert!(stray.ends_with("12}\n}\n\n"));
        let ids = event(TextFlaw::IdLines("id: {id}\nid: {id}\0\n"));
        assert!(ids.contains("\nid: 12\nid: 12\0\ndata"));
        let odd = event(TextFlaw::LfCr);
        assert!(odd.ends_with("}\n\r"));
        let text = event(TextFlaw::InData(b"x", 3));
        assert!(text.contains(",\"of\":12,\"text\":\"x\"}\n\n"));
    }

    #[test]
    fn the_reconnection_time_is_replaced() {
        let piece = Piece {
            kind: PieceKind::Preamble,
            bytes: b": hello\nretry: 3000\n\n".to_vec(),
        };
        let garble = Garble::new(Some(TextFlaw::Retry("retry: 0\n\n")), false);
        let wanted = Write::Bytes(": hello\nretry: 0\n\n".into());
        assert_eq!(garble.apply(piece), [wanted]);
    }
}
