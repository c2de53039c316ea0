//! What a token stream of a language model brings besides events.

use ssekit_proto::EventRef;

use crate::metric::Metric;
use crate::stamp::{Number, Place};
use crate::tally::Tally;

/// Where a token stream tells of its tokens.
#[derive(Debug, Clone, Default)]
pub struct TokenPlaces {
    /// The text of a chunk, a JSON string. Where there is none, each event but the end marker is a chunk.
    pub content: Option<Place>,
    /// The number of tokens so far or in all: the largest counts.
    pub usage: Option<Place>,
}

/// The chunks of one answer. Times are those of the run's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    first_us: u64,
    last_us: u64,
    chunks: u64,
    tokens: Option<u64>,
    /// Whether a chunk came, also on an earlier connection.
    has_begun: bool,
}

/// The instants that an answer is measured from.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Intended start of the stream.
    pub planned_us: u64,
    /// connect(2).
    pub connect_us: u64,
}

impl Tokens {
    /// Takes an event that is no end marker.
    pub fn take(
        &mut self,
        event: &EventRef<'_>,
        places: &TokenPlaces,
        at_us: u64,
        asked: Asked,
        tally: &mut Tally,
    ) {
        if let Some(usage) = &places.usage {
            let told = usage.number(event.data, event.last_event_id);
            self.tokens = self.tokens.max(told.and_then(Number::integer));
        }
        let is_chunk = match &places.content {
            Some(content) => content.has_text(event.data, event.last_event_id),
            None => true,
        };
        if !is_chunk {
            return;
        }
        if self.chunks == 0 {
            self.first_us = at_us;
        } else {
            tally.record(Metric::Icl, at_us - self.last_us.min(at_us));
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            tally.record(Metric::Ttft, at_us - asked.planned_us.min(at_us));
            tally.record(Metric::TtftRaw, at_us - asked.connect_us.min(at_us));
        }
        self.last_us = at_us;
        self.chunks += 1;
    }

    /// Counts an answer that came to its declared end.
    pub fn finish(&self, asked: Asked, tally: &mut Tally) {
        tally.record(Metric::Chunks, self.chunks);
        let took = self.last_us - self.first_us.min(self.last_us);
        let mean = |over: u64| took.checked_div(over);
        if let Some(mean) = mean(self.chunks.saturating_sub(1)) {
            tally.record(Metric::ItlRequest, mean);
        }
        let Some(tokens) = self.tokens else { return };
        tally.record(Metric::Tokens, tokens);
        if self.chunks == 0 {
            return;
        }
        if let Some(mean) = mean(tokens.saturating_sub(1)) {
            tally.record(Metric::TpotExclFirst, mean);
        }
        let whole = self.last_us - asked.planned_us.min(self.last_us);
        if let Some(mean) = whole.checked_div(tokens) {
            tally.record(Metric::TpotInclFirst, mean);
        }
        let ratio = tokens.saturating_mul(1000) / self.chunks;
        tally.record(Metric::BatchRatio, ratio);
    }

    /// Whether a chunk has come.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The connection is over: on the next one the answer begins anew.
    pub fn restart(&mut self) {
        *self = Self {
            has_begun: self.has_begun,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked = Asked {
        planned_us: 1_000,
        connect_us: 1_500,
    };

    fn answer(places: &TokenPlaces, events: &[(u64, &str)]) -> (Tally, Tokens) {
        let (mut tally, mut tokens) = (
            Tally::new(crate::precision::Precision::default()),
            Tokens::default(),
        );
        for (at_us, data) in events {
            let event = EventRef {
                event: "message",
                data,
                last_event_id: "",
                has_id: false,
                start: 0,
                end: 0,
            };
            tokens.take(&event, places, *at_us, ASKED, &mut tally);
        }
        tokens.finish(ASKED, &mut tally);
        (tally, tokens)
    }

    fn samples(tally: &Tally, metric: Metric) -> Vec<u64> {
        let recorded = tally.histogram(metric).into_iter();
        recorded
            .flat_map(|histogram| histogram.iter_recorded())
            .flat_map(|value| {
                std::iter::repeat_n(value.value_iterated_to(), value.count_at_value() as usize)
            })
            .collect()
    }

    #[test]
    fn times_are_taken_of_chunks_with_text_alone() {
        let places = TokenPlaces {
            content: Some(Place::in_data("/choices/0/delta/content")),
            usage: Some(Place::in_data("/usage/completion_tokens")),
        };
        let chunk = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":{text}}}}}]}}"#);
        let (role, one, two) = (chunk(r#""""#), chunk(r#""a\n""#), chunk(r#""b""#));
        let (tally, _) = answer(
            &places,
            &[
                (1_600, &role),
                (2_000, &one),
                (2_100, &two),
                (2_500, &two),
                (2_600, &chunk("null")),
                (2_700, r#"{"choices":[],"usage":{"completion_tokens":5}}"#),
            ],
        );
        assert_eq!(samples(&tally, Metric::Ttft), [1_000]);
        assert_eq!(samples(&tally, Metric::TtftRaw), [500]);
        assert_eq!(samples(&tally, Metric::Icl), [100, 400]);
        assert_eq!(samples(&tally, Metric::Chunks), [3]);
        assert_eq!(samples(&tally, Metric::ItlRequest), [250]);
        assert_eq!(samples(&tally, Metric::Tokens), [5]);
        assert_eq!(samples(&tally, Metric::TpotExclFirst), [125]);
        assert_eq!(samples(&tally, Metric::TpotInclFirst), [300]);
        assert_eq!(samples(&tally, Metric::BatchRatio), [1_666]);
    }

    #[test]
    fn an_answer_that_begins_anew_has_one_first_chunk() {
        let places = TokenPlaces::default();
        let (mut tally, mut tokens) = answer(&places, &[(2_000, "a"), (2_100, "b")]);
        tokens.restart();
        assert!(tokens.has_begun());
        let event = EventRef {
            event: "message",
            data: "a",
            last_event_id: "",
            has_id: false,
            start: 0,
            end: 0,
        };
        tokens.take(&event, &places, 9_000, ASKED, &mut tally);
        tokens.finish(ASKED, &mut tally);
        assert_eq!(samples(&tally, Metric::Ttft), [1_000]);
        assert_eq!(samples(&tally, Metric::Icl), [100]);
        assert_eq!(samples(&tally, Metric::Chunks), [1, 2]);
    }

    #[test]
    fn what_an_answer_does_not_tell_is_not_made_up() {
        let places = TokenPlaces {
            content: None,
            usage: Some(Place::in_data("/usage")),
        };
        let (tally, tokens) = answer(&places, &[(2_000, "{}")]);
        assert!(tokens.has_begun());
        assert_eq!(samples(&tally, Metric::Chunks), [1]);
        for metric in [
            Metric::Icl,
            Metric::ItlRequest,
            Metric::Tokens,
            Metric::TpotExclFirst,
            Metric::TpotInclFirst,
            Metric::BatchRatio,
        ] {
            assert!(tally.histogram(metric).is_none(), "{metric:?}");
        }
        let (tally, tokens) = answer(&places, &[]);
        assert!(!tokens.has_begun());
        assert_eq!(samples(&tally, Metric::Chunks), [0]);
    }
}
