//! Whether the value of `Last-Event-ID` comes back in the stream, and in which form.

use crate::plan::MARKER;
use crate::{LineSeen, LineShape, Reading};

/// What the marker's line ends bring about, if a server decodes them: this data line.
const INJECTED: &str = "ssekit-marker";
/// The same line as a payload that a proper writer has put behind `data:`.
const ENCODED: &str = "data: ssekit-marker";

/// How the value came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reflection<'r> {
    /// Decoded, its line ends taking effect: this line is not the server's.
    Injected(&'r LineSeen),
    /// As it was sent, in this line.
    Raw(&'r LineSeen),
    /// Inside JSON, where a writer would escape line ends.
    Quoted,
}

impl<'r> Reflection<'r> {
    /// Looks for the marker; the worst form wins. `bytes` are those of the stream.
    pub(super) fn in_stream(reading: &'r Reading, bytes: &[u8]) -> Option<Self> {
        if let Some(line) = injected(reading) {
            return Some(Self::Injected(line));
        }
        let mut holding = reading
            .lines
            .iter()
            .filter(|line| holds_marker(line, bytes));
        let copied = holding.clone().next().is_some();
        let raw = holding.find(|line| !is_json(line)).map(Self::Raw);
        raw.or_else(|| copied.then_some(Self::Quoted))
    }
}

/// A data line that the marker's line ends made. A block in which the rest of the marker was
/// written as data too was encoded properly.
fn injected(reading: &Reading) -> Option<&LineSeen> {
    let blocks = reading.lines.split(|line| line.shape == LineShape::Blank);
    blocks
        .filter(|block| !block.iter().any(|line| is_data(line, ENCODED)))
        .flatten()
        .find(|line| is_data(line, INJECTED))
}

fn is_data(line: &LineSeen, wanted: &str) -> bool {
    matches!(&line.shape, LineShape::Field { name, value, .. } if name == "data" && value == wanted)
}

fn holds_marker(line: &LineSeen, bytes: &[u8]) -> bool {
    let range = usize::try_from(line.offset)
        .ok()
        .zip(usize::try_from(line.len).ok());
    let text = range.and_then(|(at, len)| bytes.get(at..at + len));
    text.is_some_and(|text| {
        let mut windows = text.windows(MARKER.len());
        windows.any(|window| window == MARKER.as_bytes())
    })
}

fn is_json(line: &LineSeen) -> bool {
    match &line.shape {
        LineShape::Field { name, value, .. } if name == "data" => {
            matches!(value.trim_start().chars().next(), Some('{' | '[' | '"'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::Sample;

    const DECODED: &str = "ssekit-marker\ndata: ssekit-marker\r\n\r\ndata:ssekit-marker";

    fn form(stream: &str) -> String {
        let sample = Sample::stream(stream);
        let reading = Reading::of(&sample.0);
        match Reflection::in_stream(&reading, stream.as_bytes()) {
            Some(Reflection::Injected(line)) => format!("injected {}", line.offset),
            Some(Reflection::Raw(line)) => format!("raw {}", line.offset),
            Some(Reflection::Quoted) => "quoted".into(),
            None => "none".into(),
        }
    }

    #[test]
    fn decoded_copies_are_injections_wherever_they_stand() {
        assert_eq!(form(&format!("id: {DECODED}\ndata: x\n\n")), "injected 18");
        assert_eq!(form(&format!(": after {DECODED}\n\n")), "injected 22");
        let json = format!("data: {{\"after\":\"{DECODED}\"}}\n\n");
        assert!(form(&json).starts_with("injected"));
    }

    #[test]
    fn raw_copies_are_told_from_encoded_ones() {
        assert_eq!(form(&format!("id: {MARKER}\ndata: x\n\n")), "raw 0");
        assert_eq!(form(&format!("data: x\n\n: after {MARKER}\n")), "raw 9");
        let json = format!("data: {{\"after\":\"{MARKER}\"}}\n\n");
        assert_eq!(form(&json), "quoted");
        assert_eq!(form("data: x\n\n"), "none");
        let proper = "data: ssekit-marker\ndata: data: ssekit-marker\ndata: \ndata: \
                      data:ssekit-marker\n\n";
        assert_eq!(form(proper), "none");
    }
}
