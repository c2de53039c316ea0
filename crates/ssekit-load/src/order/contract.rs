//! What streams, their returns and the generator are held to, in the words of the
//! engine.

use ssekit_scenario::load::{
    self, Clock, Jitter, LoadScenario, OnBreach, OnEof, SeqScope, StampKind, StampUnit, StreamEnd,
};

use crate::expectation::{End, Expectation, Published, Sequence};
use crate::job::Validity;
use crate::reconnect::{Growth, ReconnectPolicy};
use crate::stamp::Place;
use crate::tokens::TokenPlaces;

pub(super) fn expectation(scenario: &LoadScenario) -> Expectation {
    let expect = &scenario.expect;
    Expectation {
        status: Some(expect.status),
        content_type: Some(expect.content_type.to_ascii_lowercase())
            .filter(|text| !text.is_empty()),
        codings: scenario.target.compression.0.clone(),
        interval_us: expect.interval.map(load::Time::us),
        sequence: expect.seq.as_ref().map(|seq| Sequence {
            place: place(seq.from, &seq.path),
            shared: seq.scope == SeqScope::Topic,
        }),
        published: expect.published_at.as_ref().map(|stamp| Published {
            place: place(stamp.from, &stamp.path),
            nanos_per_unit: match stamp.unit {
                StampUnit::S => 1_000_000_000,
                StampUnit::Ms => 1_000_000,
                StampUnit::Us => 1_000,
                StampUnit::Ns => 1,
            },
            intended: stamp.kind == StampKind::Intended,
            offset_us: match stamp.clock {
                Clock::Offset(us) => us,
                Clock::SameHost | Clock::Ntp => 0,
            },
            is_kept: stamp.clock == Clock::Ntp,
        }),
        trace_every: scenario.output.trace_sample,
        first_event_timeout_us: expect.first_event_timeout.map(load::Time::us),
        silence_timeout_us: expect.silence_timeout.map(load::Time::us),
        heartbeat_us: expect
            .heartbeat
            .as_ref()
            .map(|heartbeat| heartbeat.every.us()),
        heartbeat_event: expect
            .heartbeat
            .as_ref()
            .and_then(|heartbeat| heartbeat.event.clone()),
        tokens: scenario.llm.as_ref().map(|llm| TokenPlaces {
            content: llm.content.as_deref().map(Place::in_data),
            usage: llm.usage.as_deref().map(Place::in_data),
        }),
        end: match &expect.end {
            StreamEnd::Never => End::Never,
            StreamEnd::Event(name) => End::Event(name.clone()),
            StreamEnd::Data(data) => End::Data(data.clone()),
            StreamEnd::Eof => End::Eof,
        },
    }
}

fn place(from: load::Place, pointer: &str) -> Place {
    match from {
        load::Place::Id => Place::Id,
        load::Place::Data => Place::in_data(pointer),
    }
}

pub(super) fn reconnect(given: &load::Reconnect) -> ReconnectPolicy {
    let ms = |time: load::Time| time.us() / 1000;
    let standard = ReconnectPolicy::default();
    let base_ms = given.base.map_or(standard.base_ms, ms);
    let is_custom = given.policy == load::ReconnectPolicy::Custom;
    ReconnectPolicy {
        enabled: given.policy != load::ReconnectPolicy::None,
        refusals_final: !is_custom,
        growth: is_custom.then(|| Growth {
            factor: given.factor.unwrap_or(2.0).max(1.0),
            cap_ms: given.max.map_or(60_000, ms),
        }),
        jitter: match given.jitter.unwrap_or_default() {
            Jitter::None => (1.0, 1.0),
            Jitter::Full => (0.0, 1.0),
            Jitter::Equal => (0.5, 1.0),
        },
        base_ms,
        honour_retry: given.honour_retry,
        last_event_id: given.last_event_id,
        eof_finishes: given.on_eof == OnEof::Finish,
        max_attempts: given.max_attempts,
    }
}

pub(super) fn validity(scenario: &LoadScenario) -> Validity {
    let given = &scenario.validity;
    Validity {
        max_loop_lag_p999_us: given.max_loop_lag_p999.us(),
        max_schedule_lag_p99_us: given.max_schedule_lag_p99.us(),
        max_cpu: Some(given.max_cpu.0),
        min_started_ratio: given.min_started_ratio.0,
        max_clock_offset_us: given.max_clock_offset.map(load::Time::us),
        strict: given.on_breach == OnBreach::Invalid,
    }
}
