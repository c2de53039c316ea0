//! The memory that all streams of a run together may take for what has begun and not ended.
//!
//! A line or an event may be long, and many streams may have begun one at the same time. What a stream
//! holds of that beyond a little counts against one bound for all; a stream that asks for more than is
//! left ends. Streams of small events never come here.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes for all streams of a run together.
pub const BOUND: u64 = 64 << 20;
/// Bytes that every stream may hold besides, not counted.
pub const FREE: u32 = 16 << 10;

/// What is held of [`BOUND`], by all workers.
#[derive(Debug, Default)]
pub struct Room(AtomicU64);

impl Room {
    /// A stream that counts for so many bytes holds this much now. Whether there is room for it: if not,
    /// it counts as before.
    #[inline]
    pub fn hold(&self, counted: &mut u32, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_sub(FREE);
        bytes == *counted || self.change(counted, bytes)
    }

    fn change(&self, counted: &mut u32, bytes: u32) -> bool {
        let (before, now) = (u64::from(*counted), u64::from(bytes));
        // None of what a stream counts for is counted twice, so the sum is not below it.
        let sum = |held: u64| held - before + now;
        let fits = |held: u64| (now < before || sum(held) <= BOUND).then(|| sum(held));
        let changed = self
            .0
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
        room.0.load(Ordering::Relaxed)
    }

    #[test]
    fn small_events_do_not_count() {
        let (room, mut counted) = (Room::default(), 0);
        for bytes in [0, 1, FREE as usize, 0] {
            assert!(room.hold(&mut counted, bytes));
            assert_eq!((counted, held(&room)), (0, 0));
        }
    }

    #[test]
    fn what_does_not_fit_changes_nothing_and_what_is_given_back_is_there_for_others() {
        let room = Room::default();
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
}
