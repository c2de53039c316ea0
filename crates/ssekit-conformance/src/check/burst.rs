//! Bursts: bytes that arrived without a pause between them.

use ssekit_record::Transcript;

/// A pause that separates two writes, in microseconds.
pub(super) const PAUSE_US: u64 = 50_000;

/// Bytes that arrived without a pause between them.
pub(super) struct Burst {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) first_us: u64,
    pub(super) last_us: u64,
}

/// The bursts of a decoded stream, in order.
pub(super) fn bursts(transcript: &Transcript) -> Vec<Burst> {
    // Windows of a distant, busy peer also arrive in blocks, a round trip apart.
    let round_trip = transcript.connection.connected_us.unwrap_or(0);
    let pause = PAUSE_US.max(4 * round_trip);
    let mut bursts: Vec<Burst> = Vec::new();
    for slice in &transcript.stream().slices {
        match bursts.last_mut() {
            Some(burst) if slice.at_us.saturating_sub(burst.last_us) < pause => {
                burst.len += slice.len;
                burst.last_us = slice.at_us;
            }
            _ => bursts.push(Burst {
                offset: slice.offset,
                len: slice.len,
                first_us: slice.at_us,
                last_us: slice.at_us,
            }),
        }
    }
    bursts
}
