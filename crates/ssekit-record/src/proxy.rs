//! The record of a run through an intermediary.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::CheckRecord;

/// The answer of `ssekit proxy`: findings of the same form as those of a check, what was measured,
/// and the timelines behind it.
///
/// In JSON the members of [`ProxyRecord::run`] stand at the top, with `kind` being `proxy` and
/// `target` the URL of the hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = of_kind_proxy)]
pub struct ProxyRecord {
    /// Findings, outcome and exchanges.
    #[serde(flatten)]
    pub run: CheckRecord,
    /// What was measured.
    pub measurements: Measurements,
    /// What was sent above the hop and received below it, one per exchange worth drawing.
    #[serde(default)]
    pub timelines: Vec<Timeline>,
}

/// The members taken over from a check's record say that it is one of a check.
fn of_kind_proxy(schema: &mut Schema) {
    let kind = schema.pointer_mut("/properties/kind");
    if let Some(kind) = kind.and_then(serde_json::Value::as_object_mut) {
        kind.insert("const".into(), "proxy".into());
        kind.insert("description".into(), "Always `proxy`.".into());
    }
}

/// What a hop does to small events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// Each leaves as it came.
    Immediate,
    /// Each leaves on its own, late.
    Delayed,
    /// Several leave together, after a time.
    Coalesced,
    /// They leave in blocks of a number of bytes.
    Block,
    /// They leave when the origin closes.
    UntilClose,
}

impl Release {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Immediate,
        Self::Delayed,
        Self::Coalesced,
        Self::Block,
        Self::UntilClose,
    ];

    /// The word used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Delayed => "delayed",
            Self::Coalesced => "coalesced",
            Self::Block => "block",
            Self::UntilClose => "until-close",
        }
    }
}

/// What was measured of a hop. `None` where it was not looked at, or did not show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Measurements {
    /// What happens to small events.
    pub release: Option<Release>,
    /// Size of the blocks, in bytes, where `release` is `block`.
    pub block_bytes: Option<u64>,
    /// How much later than sent small events arrived.
    pub added_latency_us: Option<Latency>,
    /// The same for the origin asked without the hop: what ssekit and this machine add.
    pub baseline_latency_us: Option<Latency>,
    /// Silence after which the hop ended the stream, in milliseconds.
    pub idle_cut_ms: Option<u64>,
    /// Longest silence the stream is known to survive, in milliseconds.
    pub idle_passed_ms: Option<u64>,
    /// Interval advised for heartbeats, in milliseconds.
    pub heartbeat_ms: Option<u64>,
    /// Age at which the hop ended a busy stream, in milliseconds.
    pub lifetime_cut_ms: Option<u64>,
    /// From the client's leaving a busy stream until the origin could tell, in milliseconds.
    pub client_abort_seen_ms: Option<u64>,
    /// The same on a silent stream.
    pub client_abort_idle_seen_ms: Option<u64>,
    /// The same before the head was sent.
    pub client_abort_early_seen_ms: Option<u64>,
    /// Content coding the hop applies to an event stream, such as `gzip`.
    pub compressed: Option<String>,
    /// Bytes of a flood the hop took while the client did not read.
    pub swallowed_bytes: Option<u64>,
    /// How the hop changed the heads.
    pub head: HeadChange,
}

/// Delays of events, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Events that arrived.
    pub count: u64,
    /// Shortest.
    pub min_us: u64,
    /// Arithmetic mean, rounded down.
    pub mean_us: u64,
    /// Median: the smallest value that at least half of the events do not exceed.
    pub p50_us: u64,
    /// The same for 90 of 100.
    pub p90_us: u64,
    /// The same for 99 of 100.
    pub p99_us: u64,
    /// Longest.
    pub max_us: u64,
    /// How many events lie in which range, without empty ranges.
    pub buckets: Vec<Bucket>,
}

/// The events of a delay above that of the bucket before, up to `le_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// Upper bound, in microseconds, inclusive.
    pub le_us: u64,
    /// Events.
    pub count: u64,
}

impl Latency {
    /// Statistics of these delays; `None` of none.
    pub fn of(delays: &[u64]) -> Option<Self> {
        let mut sorted = delays.to_vec();
        sorted.sort_unstable();
        let (&min_us, &max_us) = (sorted.first()?, sorted.last()?);
        let count = sorted.len() as u64;
        let mut buckets: Vec<Bucket> = Vec::new();
        for &delay in &sorted {
            let le_us = upper_bound(delay);
            match buckets.last_mut() {
                Some(last) if last.le_us == le_us => last.count += 1,
                _ => buckets.push(Bucket { le_us, count: 1 }),
            }
        }
        Some(Self {
            count,
            min_us,
            mean_us: sorted.iter().sum::<u64>() / count,
            p50_us: rank(&sorted, 50),
            p90_us: rank(&sorted, 90),
            p99_us: rank(&sorted, 99),
            max_us,
            buckets,
        })
    }
}

/// The nearest-rank percentile of sorted values.
fn rank(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

/// The next of 100 µs, 200 µs, 500 µs, 1 ms, 2 ms, 5 ms and so on.
fn upper_bound(delay: u64) -> u64 {
    let mut decade = 100;
    loop {
        for step in [decade, 2 * decade, 5 * decade] {
            if delay <= step {
                return step;
            }
        }
        decade *= 10;
        if decade > u64::MAX / 50 {
            return u64::MAX;
        }
    }
}

/// How a hop changed the heads that went through it. Names are in lower case; fields that belong to
/// one connection are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadChange {
    /// Version the origin was asked with, such as `HTTP/1.0`.
    pub origin_asked_with: Option<String>,
    /// Response fields the client got and the origin did not send.
    pub added: Vec<String>,
    /// Response fields the origin sent and the client did not get.
    pub removed: Vec<String>,
    /// Response fields with another value.
    pub changed: Vec<String>,
    /// Request fields the origin got and the client did not send.
    pub request_added: Vec<String>,
    /// Request fields the client sent and the origin did not get.
    pub request_removed: Vec<String>,
    /// Request fields with another value.
    pub request_changed: Vec<String>,
}

/// What the origin sent and when the client got it, on one clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Name of the exchange.
    pub probe: String,
    /// What was sent, in words.
    pub about: String,
    /// Check whose finding it shows.
    pub check: String,
    /// Microseconds shown; times count from the origin's first byte.
    pub span_us: u64,
    /// What the origin sent, in order.
    pub pieces: Vec<Piece>,
    /// When the origin ended the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_us: Option<u64>,
}

/// One event of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Piece {
    /// When the origin wrote it, in microseconds.
    pub sent_us: u64,
    /// When the client had all of it; `None` if it never came.
    pub got_us: Option<u64>,
    /// Its size in bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn delays_are_counted_in_ranges_and_ranked() {
        let latency = Latency::of(&[90, 100, 101, 250, 4_000_000]).unwrap();
        let of = |le_us, count| Bucket { le_us, count };
        assert_eq!(
            latency.buckets,
            [of(100, 2), of(200, 1), of(500, 1), of(5_000_000, 1)]
        );
        assert_eq!((latency.min_us, latency.max_us), (90, 4_000_000));
        assert_eq!((latency.p50_us, latency.p90_us), (101, 4_000_000));
        assert_eq!(Latency::of(&[]), None);
        assert_eq!(upper_bound(u64::MAX), u64::MAX);
    }
}
