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
    let pause = PAUSE_US.max(4 * round_trip_us(transcript));
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

/// How far the peer is: windows of a distant, busy one also arrive in blocks, a round trip apart. The
/// time to connect to this machine itself only says how busy it is.
fn round_trip_us(transcript: &Transcript) -> u64 {
    if is_local(transcript) {
        return 0;
    }
    transcript.connection.connected_us.unwrap_or(0)
}

/// Whether the peer is on this machine, as far as its address tells.
pub(super) fn is_local(transcript: &Transcript) -> bool {
    let is_loopback = |peer: &str| peer.starts_with("127.") || peer.starts_with("[::1]");
    let peer = transcript.connection.peer.as_deref();
    peer.is_some_and(is_loopback)
}
