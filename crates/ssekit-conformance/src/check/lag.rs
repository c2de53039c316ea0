//! What the times inside events tell of when they were written.

use ssekit_record::Transcript;

use super::burst::{PAUSE_US, is_local};
use super::stamp::stamps;
use crate::{EventSeen, Reading};

/// What the times inside events tell.
pub(super) enum Lag<'r> {
    Prompt { events: usize, median_us: u64 },
    OneBehind { events: usize, first: &'r EventSeen },
}

/// An event with the time it carries.
pub(super) struct Stamped<'r> {
    event: &'r EventSeen,
    pub(super) stamp_us: u64,
    arrival_us: u64,
}

pub(super) fn stamped<'r>(transcript: &Transcript, reading: &'r Reading) -> Vec<Stamped<'r>> {
    let began_us = transcript.started_unix_ms * 1000;
    let stamped = reading.events.iter().filter_map(|event| {
        let arrival_us = began_us + event.at_us;
        let mut times = stamps(&event.data, arrival_us);
        if event.has_id {
            times.extend(stamps(&event.last_event_id, arrival_us));
        }
        // The latest time that is not in the future is when it was written, if any is.
        let past = times.into_iter().filter(|us| *us <= arrival_us + 2_000);
        Some(Stamped {
            event,
            stamp_us: past.max()?,
            arrival_us,
        })
    });
    stamped.collect()
}

/// Compares arrivals with the times in the data, where both are read from one clock.
pub(super) fn by_stamps<'r>(transcript: &Transcript, reading: &'r Reading) -> Option<Lag<'r>> {
    if !is_local(transcript) {
        return None;
    }
    let all = stamped(transcript, reading);
    if all.len() < 4 || all.len() * 5 < reading.events.len() * 4 {
        return None;
    }
    let resolution = resolution_us(&all);
    // Events that came alone, written well apart from the next one. A time rounded to less than
    // half the gap cannot look like the time of the next event.
    let pairs: Vec<_> = all
        .windows(2)
        .filter(|pair| {
            let gap = pair[1].stamp_us.saturating_sub(pair[0].stamp_us);
            let apart = pair[1].arrival_us.saturating_sub(pair[0].arrival_us);
            gap >= 2 * PAUSE_US && gap >= 2 * resolution && apart >= PAUSE_US
        })
        .collect();
    if pairs.len() < 3 {
        return None;
    }
    let late = pairs.iter().filter(|pair| {
        let gap = pair[1].stamp_us - pair[0].stamp_us;
        let late = pair[0].arrival_us.saturating_sub(pair[0].stamp_us);
        let from_next = pair[0].arrival_us.abs_diff(pair[1].stamp_us);
        late * 10 >= gap * 7 && from_next <= (gap * 3 / 20).max(25_000)
    });
    let late: Vec<_> = late.collect();
    if let Some([first, ..]) = late.first()
        && late.len() * 5 >= pairs.len() * 4
    {
        return Some(Lag::OneBehind {
            events: late.len(),
            first: first.event,
        });
    }
    let mut lags: Vec<u64> = pairs
        .iter()
        .map(|pair| pair[0].arrival_us.saturating_sub(pair[0].stamp_us))
        .collect();
    lags.sort_unstable();
    let median_us = lags[lags.len() / 2];
    (median_us <= PAUSE_US.max(resolution)).then_some(Lag::Prompt {
        events: pairs.len(),
        median_us,
    })
}

/// The coarsest step that all times are multiples of.
fn resolution_us(all: &[Stamped<'_>]) -> u64 {
    let steps = [1_000_000, 100_000, 10_000, 1000];
    let fits = |step: &u64| all.iter().all(|one| one.stamp_us % step == 0);
    steps.into_iter().find(fits).unwrap_or(1)
}
