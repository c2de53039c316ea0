//! Clients that leave, and origins that die.

use std::time::Duration;

use super::{Probe, Wave};
use crate::ProxyOptions;
use crate::act::{Answer, Step};
use crate::client::Leave;

/// Bytes of a flood, at most.
pub(crate) const FLOOD: u64 = 48 << 20;

/// How long nothing is sent to a client that leaves, until the origin writes again.
fn quiet(options: &ProxyOptions) -> u64 {
    if options.quick { 700 } else { 3_000 }
}

/// How long the client reads on after the origin died. Envoy waits for one second before it closes.
pub(crate) fn mourning(options: &ProxyOptions) -> Duration {
    Duration::from_millis(if options.quick { 2_200 } else { 3_000 })
}

pub(super) fn probes(options: &ProxyOptions) -> Vec<Probe> {
    let quiet = quiet(options);
    let count = if options.quick { 20 } else { 60 };
    let dying = |step: Step| Answer::stream().events(1, 3, 40, 100).wait(200).step(step);
    let most = Duration::from_millis(500) + mourning(options);
    let mut probes = vec![
        Probe::new(
            "abort-active",
            "a client that leaves a busy stream",
            Answer::stream().events(1, count, 40, 100),
        )
        .leaving(Leave::AfterContent(Duration::from_millis(500))),
        Probe::new(
            "abort-idle",
            "a client that leaves a silent stream",
            Answer::stream()
                .events(1, 1, 40, 0)
                .wait(400 + quiet)
                .events(2, count / 4, 40, 250),
        )
        .leaving(Leave::AfterContent(Duration::from_millis(400)))
        .within(Duration::from_secs(4)),
        Probe::new(
            "abort-early",
            "a client that leaves before the head",
            Answer::stream()
                .after(Duration::from_millis(400 + quiet))
                .events(1, count / 4, 40, 250),
        )
        .leaving(Leave::After(Duration::from_millis(400))),
        Probe::new(
            "origin-fin",
            "an origin that closes within the content",
            dying(Step::Fin),
        )
        .within(most),
        Probe::new("origin-reset", "an origin that resets", dying(Step::Reset)).within(most),
    ];
    if !options.quick {
        let flood = Answer::stream()
            .events(1, 1, 40, 0)
            .step(Step::Flood(FLOOD, Duration::from_secs(3)));
        let flood = Probe::new("flood", "a client that does not read", flood)
            .leaving(Leave::Unread(Duration::from_millis(2_500)));
        probes.push(flood.in_wave(Wave::Alone));
    }
    probes
}
