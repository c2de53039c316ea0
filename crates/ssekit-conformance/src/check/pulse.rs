//! Silence between arrivals, and what a heartbeat looks like.

use ssekit_record::{EndKind, Transcript};

use crate::EventSeen;

/// Longest silence that a heartbeat "every 15 seconds or so" leaves, jitter included, in
/// microseconds.
pub(super) const LONGEST_SILENCE_US: u64 = 16_000_000;
/// Shortest observation in which the lack of such a silence says something, in microseconds.
pub(super) const LONG_ENOUGH_US: u64 = 20_000_000;

/// The content's longest silence: from when to when, in microseconds since the exchange began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

impl Silence {
    pub(super) fn len_us(self) -> u64 {
        self.to_us.saturating_sub(self.from_us)
    }

    /// Between the head and the first byte, or the end where none came.
    pub(super) fn before_first_byte(transcript: &Transcript) -> Option<Self> {
        let from_us = transcript.head.as_ref()?.at_us;
        let first = transcript.body.slices.first();
        Some(Self {
            from_us,
            to_us: first.map_or(transcript.end.at_us, |slice| slice.at_us),
        })
    }

    /// The longest one after the first byte; `None` if no byte came. What follows the last byte
    /// counts too, unless a broken connection or a limit of ours explains it.
    pub(super) fn longest_after_first_byte(transcript: &Transcript) -> Option<Self> {
        let slices = &transcript.body.slices;
        let last = slices.last()?.at_us;
        let between = slices.windows(2).map(|pair| Self {
            from_us: pair[0].at_us,
            to_us: pair[1].at_us,
        });
        let counts = !matches!(transcript.end.kind, EndKind::Limit | EndKind::Malformed);
        let tail = Self {
            from_us: last,
            to_us: if counts { transcript.end.at_us } else { last },
        };
        between
            .chain(std::iter::once(tail))
            .max_by_key(|gap| gap.len_us())
    }
}

const WORDS: [&str; 8] = [
    "ping",
    "heartbeat",
    "heart-beat",
    "keepalive",
    "keep-alive",
    "keep_alive",
    "hb",
    "noop",
];

/// Whether a word is what people call a heartbeat.
pub(super) fn names_a_heartbeat(text: &str) -> bool {
    let text = text.trim().trim_matches('"');
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether an event is there to keep the connection open: by its type, its data, or the `type` of
/// its JSON.
pub(super) fn is_heartbeat(event: &EventSeen) -> bool {
    names_a_heartbeat(&event.event)
        || names_a_heartbeat(&event.data)
        || (event.data.len() < 256 && json_names_a_heartbeat(&event.data))
}

fn json_names_a_heartbeat(data: &str) -> bool {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(data) else {
        return false;
    };
    ["type", "event", "kind"]
        .iter()
        .filter_map(|key| object.get(*key)?.as_str())
        .any(names_a_heartbeat)
}

/// Whether the data of an event was meant as a comment: a colon and the name of a heartbeat.
pub(super) fn is_comment_in_data(event: &EventSeen) -> bool {
    let text = event.data.trim_start();
    text.strip_prefix(':').is_some_and(names_a_heartbeat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{HEAD_MS, Sample};

    #[test]
    fn silence_counts_to_the_end_unless_we_are_the_cause() {
        let sample = Sample::slices([(20, "a"), (900, "b"), (950, "c")]);
        let len = |s: &Sample| Silence::longest_after_first_byte(&s.0).map(Silence::len_us);
        assert_eq!(len(&sample), Some(2_060_000));
        let limit = sample.end(EndKind::Limit, 9_000);
        assert_eq!(len(&limit), Some(880_000));
        assert_eq!(len(&Sample::stream("")), None);
        let first = Silence::before_first_byte(&Sample::stream("").0).map(|s| s.from_us);
        assert_eq!(first, Some(HEAD_MS * 1000));
    }
}
