//! The memory that all streams of a run together may take for what has begun and not ended, and for what
//! decoders keep.
//!
//! A line or an event may be long, and many streams may have begun one at the same time. What a stream
//! holds of that beyond a little counts against one bound for all; a stream that asks for more than is
//! left ends. Streams of small events never come here. What has been decoded is kept as far back as the
//! coding may refer to it, 16 MiB for each stream at most, and counts against a bound of its own.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes for all streams of a run together.
pub const BOUND: u64 = 64 << 20;
/// Bytes that every stream may hold besides, not counted.
pub const FREE: u32 = 16 << 10;
/// What decoders keep counts in steps of this, and the first not at all.
const STEP: u32 = 64 << 10;

/// What is held by all workers.
#[derive(Debug)]
pub struct Room {
    begun: Budget,
    decoded: Budget,
}

impl Room {
    /// With this bound, in bytes, on what decoders keep.
    pub fn new(decoded: u64) -> Self {
        Self {
            begun: Budget::of(BOUND),
            decoded: Budget::of(decoded),
        }
    }

    /// A stream that counts for so many bytes holds this much now of lines and events that have begun.
    /// Whether there is room for it: if not, it counts as before.
    #[inline]
    pub fn hold(&self, counted: &mut u32, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_sub(FREE);
        self.begun.hold(counted, bytes)
    }

    /// The same of what its decoder keeps.
    #[inline]
    pub fn hold_decoded(&self, counted: &mut u32, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX) / STEP * STEP;
        self.decoded.hold(counted, bytes)
    }
}

/// Bytes held, and at most.
#[derive(Debug)]
struct Budget {
    held: AtomicU64,
    bound: u64,
}

impl Budget {
    fn of(bound: u64) -> Self {
        Self {
            held: AtomicU64::new(0),
            bound,
        }
    }

    #[inline]
    fn hold(&self, counted: &mut u32, bytes: u32) -> bool {
        bytes == *counted || self.change(counted, bytes)
    }

    fn change(&self, counted: &mut u32, bytes: u32) -> bool {
        let (before, now) = (u64::from(*counted), u64::from(bytes));
        // None of what a stream counts for is counted twice, so the sum is not below it.
        let sum = |held: u64| held - before + now;
        let fits = |held: u64| (now < before || sum(held) <= self.bound).then(|| sum(held));
        let changed = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if changed.is_ok() {
            *counted = bytes;
        }
        changed.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(room: &Room) -> u64 {
        room.begun.held.load(Ordering::Relaxed)
    }

    #[test]
    fn small_events_do_not_count() {
        let (room, mut counted) = (Room::new(0), 0);
        for bytes in [0, 1, FREE as usize, 0] {
            assert!(room.hold(&mut counted, bytes));
            assert_eq!((counted, held(&room)), (0, 0));
        }
    }

    #[test]
    fn what_does_not_fit_changes_nothing_and_what_is_given_back_is_there_for_others() {
        let room = Room::new(0);
        let mut streams = [0; 100];
        let (mut refused, step) = (0, 1_000_000);
        for round in 1..=16 {
            for counted in &mut streams {
                refused += u32::from(!room.hold(counted, round * step));
                assert!(held(&room) <= BOUND);
            }
        }
        assert!(refused > 0);
        let sum: u64 = streams.iter().map(|counted| u64::from(*counted)).sum();
        assert_eq!(sum, held(&room));
        for counted in &mut streams {
            assert!(room.hold(counted, 0));
        }
        assert_eq!(held(&room), 0);
        assert!(room.hold(&mut streams[0], BOUND as usize + FREE as usize));
        assert!(!room.hold(&mut streams[1], FREE as usize + 1));
        // Less than before is never refused.
        assert!(room.hold(&mut streams[0], BOUND as usize));
    }

    #[test]
    fn what_decoders_keep_has_a_bound_of_its_own() {
        let room = Room::new(1 << 20);
        let (mut small, mut one, mut other, mut begun) = (0, 0, 0, 0);
        assert!(room.hold_decoded(&mut small, STEP as usize - 1));
        assert!(room.hold_decoded(&mut one, 1 << 20));
        assert!(!room.hold_decoded(&mut other, STEP as usize));
        assert!(room.hold(&mut begun, 32 << 20));
        assert!(room.hold_decoded(&mut one, 0));
        assert!(room.hold_decoded(&mut other, STEP as usize));
        assert_eq!((small, one, other), (0, 0, STEP));
    }
}
