//! What a stream says last when the server stops.
use std::sync::atomic::{AtomicU64, Ordering};

use ssekit_proto::encode_retry;

/// Shortest reconnection time given, and how much longer the longest is, in milliseconds.
const SOONEST_MS: u64 = 1000;
const SPREAD_MS: u64 = 4000;
/// 2^32 over the golden ratio: multiples of it, cut to 32 bits, lie evenly and far from their
/// neighbours.
const STEP: u64 = 2_654_435_769;

/// Counts the streams that are ended.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// A reconnection time that no other stream of late was given, so that not all clients come back at
/// once (HTML, Processing model).
pub(crate) fn farewell() -> Vec<u8> {
    let turn = ENDED.fetch_add(1, Ordering::Relaxed);
    let place = turn.wrapping_mul(STEP) & u64::from(u32::MAX);
    let mut bytes = Vec::new();
    encode_retry(SOONEST_MS + ((place * SPREAD_MS) >> 32), &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn times_are_spread_over_four_seconds() {
        let mut times: Vec<u64> = (0..100)
            .map(|_| {
                let text = String::from_utf8(farewell()).unwrap();
                let time = text.strip_prefix("retry: ").unwrap().trim_end();
                time.parse().unwrap()
            })
            .collect();
        times.sort_unstable();
        assert!(times[0] >= 1000 && times[0] < 1200, "{times:?}");
        assert!(times[99] > 4800 && times[99] < 5000, "{times:?}");
        times.dedup();
        assert_eq!(times.len(), 100);
    }
}
