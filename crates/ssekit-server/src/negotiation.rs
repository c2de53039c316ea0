//! Whether a request accepts an event stream (RFC 9110 12.5.1).
use http::{HeaderMap, header};

/// Whether the `Accept` fields allow `text/event-stream`; none allows everything.
///
/// Of the ranges that match, the most specific decides. Ranges that cannot be read are passed
/// over; where none can be read, everything is allowed.
pub(crate) fn accepts_event_stream(fields: &HeaderMap) -> bool {
    let mut readable = false;
    let mut best: Option<(u8, bool)> = None;
    let values = fields.get_all(header::ACCEPT);
    let ranges = values.iter().filter_map(|value| value.to_str().ok());
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        readable |= essence.contains('/');
        let specific = match essence.as_str() {
            "text/event-stream" => 2,
            "text/*" => 1,
            "*/*" => 0,
            _ => continue,
        };
        let wanted = !parts.any(is_zero_weight);
        if best.is_none_or(|(known, _)| specific >= known) {
            best = Some((specific, wanted));
        }
    }
    best.map_or(!readable, |(_, wanted)| wanted)
}

/// Whether this is a parameter that says `not at all`.
pub(crate) fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0_f32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use http::HeaderValue;

    use super::*;

    fn accepts(values: &[&'static str]) -> bool {
        let mut fields = HeaderMap::new();
        for value in values {
            fields.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        accepts_event_stream(&fields)
    }

    #[test]
    fn the_most_specific_range_decides() {
        for yes in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "text/*",
            "*/*;q=0.1",
            "application/json, text/event-stream;q=0.5",
            "*/*;q=0, text/event-stream",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "",
            "nonsense",
        ] {
            assert!(accepts(&[yes]), "{yes}");
        }
        for no in [
            "application/json",
            "text/html, application/json",
            "text/event-stream;q=0",
            "text/event-stream;q=0.000, */*",
            "*/*, text/*;q=0.0",
        ] {
            assert!(!accepts(&[no]), "{no}");
        }
        assert!(accepts(&[]));
        assert!(accepts(&["application/json", "*/*"]));
    }
}
