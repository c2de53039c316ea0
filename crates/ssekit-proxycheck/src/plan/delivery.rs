//! When events come out of the hop.

use std::time::Duration;

use ssekit_http::HttpChoice;

use super::{Probe, Wave, mourning};
use crate::ProxyOptions;
use crate::act::{Answer, Framing, Step};

/// Sizes of single events that a hop may hold, in bytes.
pub(crate) const SIZES: [usize; 6] = [512, 4080, 4096, 5120, 8192, 65_536];

/// How long the head waits alone for the first event, in milliseconds.
fn head_alone(options: &ProxyOptions) -> u64 {
    let bar = options.max_added_latency.as_millis() as u64;
    if options.quick { 800 } else { 1_500 }.max(3 * bar)
}

fn tail(options: &ProxyOptions) -> u64 {
    let bar = options.max_added_latency.as_millis() as u64;
    600.max(3 * bar)
}

fn small(options: &ProxyOptions) -> Answer {
    let count = if options.quick { 10 } else { 20 };
    Answer::stream()
        .events(1, count, 40, 100)
        .wait(tail(options))
}

fn large(options: &ProxyOptions) -> Answer {
    let gap = 300.max(3 * options.max_added_latency.as_millis() as u64);
    let mut answer = Answer::stream().events(1, 1, 40, gap);
    for (i, size) in SIZES.into_iter().enumerate() {
        answer = answer.events(i + 2, 1, size, gap);
    }
    answer.wait(100)
}

pub(super) fn probes(options: &ProxyOptions) -> Vec<Probe> {
    let tail = tail(options);
    let gap = 300.max(3 * options.max_added_latency.as_millis() as u64);
    let compressible = || Answer::stream().events(1, 10, 120, 100).wait(tail);
    let alone = head_alone(options);
    let pieces = if options.quick { 70 } else { 140 };
    let codings = "gzip, deflate, br";
    let mut direct = Probe::new("direct", "small events without the hop", small(options));
    direct.direct = true;
    vec![
        direct,
        Probe::new("release", "small events, one every 100 ms", small(options)),
        Probe::new(
            "burst",
            "events of 1 KiB, one every 12 ms",
            Answer::stream().events(1, pieces, 1024, 12).wait(tail),
        ),
        Probe::new(
            "large",
            "single events of 512 bytes to 64 KiB",
            large(options),
        ),
        Probe::new(
            "close-delimited",
            "events without chunked coding or length",
            // Head and first event in one write, as many servers have it: hops differ on that.
            Answer::stream()
                .framed(Framing::Close)
                .with_first_piece()
                .events(1, 10, 40, 100)
                .events(11, 1, 5120, gap)
                .wait(tail),
        ),
        Probe::new(
            "head",
            "a head long before its first event",
            Answer::stream().wait(alone).events(1, 2, 40, 200),
        ),
        Probe::new(
            "head-comment",
            "a head and a comment long before the first event",
            Answer::stream()
                .piece(":\n\n")
                .wait(alone)
                .events(1, 2, 40, 200),
        ),
        Probe::new(
            "gzip",
            "events to a client that accepts compression",
            compressible(),
        )
        .field("Accept-Encoding", codings),
        Probe::new(
            "no-transform",
            "the same, marked no-transform",
            compressible().field("Cache-Control", "no-cache, no-transform"),
        )
        .field("Accept-Encoding", codings),
        Probe::new(
            "accel",
            "events with X-Accel-Buffering: no",
            Answer::stream()
                .field("X-Accel-Buffering", "no")
                .wait(gap + 100)
                .events(1, 5, 40, 100)
                .events(6, 1, 5120, gap)
                .wait(tail),
        ),
    ]
}

pub(super) fn over_http2(options: &ProxyOptions) -> Vec<Probe> {
    let dying = Answer::stream()
        .events(1, 3, 40, 100)
        .wait(200)
        .step(Step::Fin);
    let most = Duration::from_millis(500) + mourning(options);
    [
        Probe::new("h2-release", "small events over HTTP/2", small(options)),
        Probe::new(
            "h2-large",
            "single large events over HTTP/2",
            large(options),
        ),
        Probe::new("h2-fin", "an origin that dies, over HTTP/2", dying).within(most),
    ]
    .map(|probe| probe.over(HttpChoice::Http2).in_wave(Wave::Timed))
    .into()
}
