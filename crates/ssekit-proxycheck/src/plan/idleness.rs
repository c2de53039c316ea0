//! Streams that are silent, or long.

use std::time::Duration;

use super::{Probe, Wave};
use crate::ProxyOptions;
use crate::act::{Answer, event};

/// Interval of the comments that should keep a stream alive.
fn beat(options: &ProxyOptions) -> u64 {
    let idle = options.idle.as_millis() as u64;
    (idle / 4).clamp(50, 1_000)
}

pub(super) fn probes(options: &ProxyOptions) -> Vec<Probe> {
    let mut probes = Vec::new();
    let idle = options.idle.as_millis() as u64;
    if !options.quick {
        let most = options.idle + Duration::from_secs(3);
        let silent = Answer::stream()
            .events(1, 1, 40, idle)
            .events(2, 1, 40, 500);
        probes.push(
            Probe::new("idle", "a stream that is silent", silent)
                .within(most)
                .in_wave(Wave::Long),
        );
        let mut beating = Answer::stream().events(1, 1, 40, 0);
        for _ in 0..idle / beat(options) {
            beating = beating.wait(beat(options)).piece(":\n\n");
        }
        let beating = beating.events(2, 1, 40, 500);
        probes.push(
            Probe::new("idle-comments", "the same with comments", beating)
                .within(most)
                .in_wave(Wave::Long),
        );
    }
    if let Some(lifetime) = options.lifetime {
        let seconds = lifetime.as_millis().div_ceil(500) as usize;
        let mut busy = Answer::stream();
        for number in 1..=seconds {
            busy = busy.piece(event(number, 40)).wait(500);
        }
        let most = lifetime + Duration::from_secs(3);
        probes.push(
            Probe::new("lifetime", "a busy stream, for long", busy)
                .within(most)
                .in_wave(Wave::Long),
        );
    }
    probes
}
