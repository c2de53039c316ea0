//! What a broken echo endpoint writes for a step, where that differs from the encoder.
use ssekit_scenario::{Retry, Step};

use crate::flaw::EchoFlaw as E;

/// Stands for half a surrogate pair, which no text holds, while a script is performed.
const HALF: char = '\u{e000}';

/// A script as the endpoint reads it that takes half a surrogate pair for a character.
pub(crate) fn with_halves(json: &[u8]) -> Vec<u8> {
    let json = String::from_utf8_lossy(json);
    json.replace("\\ud800", &HALF.to_string()).into_bytes()
}

/// What that endpoint writes: the half as UTF-8 would have it.
pub(crate) fn halved(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut half = [0; 4];
    let half = HALF.encode_utf8(&mut half).as_bytes();
    let mut rest = bytes;
    while let Some(at) = rest.windows(half.len()).position(|three| three == half) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\xed\xa0\x80");
        rest = &rest[at + half.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// The bytes a broken endpoint sends for a step; `None` where the flaw does not touch it.
pub(crate) fn spoilt(flaw: E, step: &Step) -> Option<Vec<u8>> {
    match step {
        Step::Comment { text } if flaw == E::RawComment => Some(format!(":{text}\n").into_bytes()),
        Step::Event {
            data,
            event,
            id,
            retry,
        } => {
            let head = fields(flaw, event.as_deref(), id.as_deref(), retry.as_ref());
            let body = match data {
                Some(data) => data_lines(flaw, data)?,
                None if flaw == E::NoLoneRetry => return Some(Vec::new()),
                None if flaw == E::RawRetry => String::new(),
                None => return None,
            };
            Some((head + &body + "\n").into_bytes())
        }
        _ => None,
    }
}

/// A step without the member that a broken endpoint does not look at before it writes it.
pub(crate) fn checked(flaw: E, step: &Step) -> Step {
    let mut checked = step.clone();
    if let Step::Event {
        event, id, retry, ..
    } = &mut checked
    {
        match flaw {
            E::RawType => *event = None,
            E::RawId => *id = None,
            E::RawRetry => *retry = None,
            _ => {}
        }
    }
    checked
}

/// The lines before the data.
fn fields(flaw: E, event: Option<&str>, id: Option<&str>, retry: Option<&Retry>) -> String {
    let mut lines = String::new();
    match retry {
        Some(Retry::Ms(ms)) => lines += &format!("retry: {ms}\n"),
        Some(Retry::Text(text)) => lines += &format!("retry: {text}\n"),
        None => {}
    }
    if let Some(event) = event.filter(|event| flaw != E::AsciiType || event.is_ascii()) {
        lines += &format!("event: {event}\n");
    }
    if let Some(id) = id.filter(|id| flaw != E::NoReset || !id.is_empty()) {
        if flaw == E::AsciiId && !id.is_ascii() {
            let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
            lines += &format!("id: {id}\n");
        } else {
            lines += &format!("id: {id}\n");
        }
    }
    lines
}

/// The data lines; `None` where an event with this data is not sent at all.
fn data_lines(flaw: E, data: &str) -> Option<String> {
    let mut text = data.replace("\r\n", "\n");
    if flaw != E::RawCr && flaw != E::NoCr {
        text = text.replace('\r', "\n");
    }
    match flaw {
        E::NoAstral => text = text.replace(|c| c > '\u{ffff}', "\u{fffd}"),
        E::Blocks(size) => {
            let blocks = text.as_bytes().chunks(size);
            text = blocks.map(String::from_utf8_lossy).collect();
        }
        E::CutAtNul => text.truncate(text.find('\0').unwrap_or(text.len())),
        E::NoCr => text = data.replace('\r', ""),
        E::TrimEnd => text.truncate(text.trim_end_matches('\n').len()),
        E::NoColon => text = text.trim_start_matches(':').to_owned(),
        E::ChangeAt(at) if text.get(at..at + 1).is_some() => text.replace_range(at..at + 1, "."),
        E::CutAt(size) => text = text.chars().take(size).collect(),
        E::UnicodeLines => {
            let ends = ['\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}'];
            text = text.replace(ends, "\n");
        }
        E::NoEmpty if text.is_empty() => return Some(String::new()),
        _ => {}
    }
    let lines = text.split('\n').enumerate();
    Some(
        lines
            .filter_map(|(n, line)| data_line(flaw, n, line))
            .collect(),
    )
}

fn data_line(flaw: E, n: usize, line: &str) -> Option<String> {
    let is_field = ["id:", "event:", "retry:"]
        .iter()
        .any(|name| line.starts_with(name));
    match flaw {
        E::FirstLine if n > 0 && !line.is_empty() => None,
        E::FieldsInData if is_field => Some(format!("{line}\n")),
        E::BlankInData if n > 0 && line.is_empty() => Some("\n".into()),
        E::BlankInData if n > 0 && line.starts_with("data:") => Some(format!("{line}\n")),
        E::NoSpace => Some(format!("data:{line}\n")),
        _ => Some(format!("data: {line}\n")),
    }
}
