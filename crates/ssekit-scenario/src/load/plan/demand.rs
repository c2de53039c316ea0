//! What a plan asks of the machine that runs it.

use ssekit_record::Shard;

use super::super::scenario::LoadScenario;
use super::super::template::Template;
use super::{Deed, LoadPlan};

/// Descriptors besides those of connections: runtimes, files, the terminal.
const OTHER_DESCRIPTORS: u64 = 64;
/// Connections of a publisher.
const PUBLISHER_CONNECTIONS: u64 = 64;
/// Memory of the process without streams, in bytes.
const BASE_MEMORY: u64 = 20 * 1024 * 1024;
/// Memory of a stream over plain HTTP/1.1, in bytes, measured with small events and rounded up: see
/// reports/bench/load/scale.md.
const ALONE: u64 = 1024;
/// The same over TLS, and on a connection with others.
const ALONE_TLS: u64 = 12 * 1024;
const SHARED: u64 = 1024;
/// Memory of what undoes a content coding, in bytes: gzip and deflate, which take most while events are
/// small; brotli and zstd grow to more with what they have seen.
const DECODER: u64 = 44 * 1024;
/// How long a closed connection keeps its port (TIME-WAIT on Linux), in microseconds.
const TIME_WAIT_US: u64 = 60_000_000;

/// What one shard of a plan needs. Memory and events are estimates.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Demand {
    /// Streams started.
    pub streams: u64,
    /// Most streams open at one time.
    pub peak_streams: u64,
    /// Most connections open at one time.
    pub peak_connections: u64,
    /// File descriptors.
    pub descriptors: u64,
    /// Ports for each destination, shared by the source addresses: open connections, and those that
    /// the plan closed within the last minute.
    pub ports: u64,
    /// Memory of the process, in bytes.
    pub memory_bytes: u64,
    /// Publications.
    pub publications: u64,
    /// Events that are to arrive, where the scenario declares an interval or publishes.
    pub events: Option<u64>,
    /// Open streams times seconds.
    pub stream_seconds: f64,
}

impl Demand {
    /// To hold so many streams, `per_connection` on a connection.
    pub fn of_streams(streams: u64, per_connection: u64, is_tls: bool) -> Self {
        let connections = streams.div_ceil(per_connection.max(1));
        let each = match (per_connection > 1, is_tls) {
            (true, _) => SHARED,
            (false, true) => ALONE_TLS,
            (false, false) => ALONE,
        };
        Self {
            streams,
            peak_streams: streams,
            peak_connections: connections,
            descriptors: connections + OTHER_DESCRIPTORS,
            ports: connections,
            memory_bytes: BASE_MEMORY + streams * each,
            ..Self::default()
        }
    }

    /// What so many of these streams need at one time.
    pub fn limited_to(self, streams: u64) -> Self {
        let (all, streams) = (self.peak_streams, streams.min(self.peak_streams));
        let share = |of: u64| (of * streams).div_ceil(all.max(1));
        Self {
            peak_streams: streams,
            peak_connections: share(self.peak_connections),
            descriptors: share(self.peak_connections) + OTHER_DESCRIPTORS,
            ports: share(self.ports),
            memory_bytes: BASE_MEMORY
                + share(self.memory_bytes - BASE_MEMORY.min(self.memory_bytes)),
            ..self
        }
    }
}

impl LoadPlan {
    /// What this shard needs.
    pub fn demand(&self, scenario: &LoadScenario, shard: Shard) -> Demand {
        let flow = self.flow(shard);
        let publishers = scenario
            .populations
            .iter()
            .enumerate()
            .filter(|(_, population)| population.rate.is_some());
        let publishers: Vec<_> = publishers.map(|(index, _)| index).collect();
        let whole = Shard::default();
        let publications = |shard| -> u64 {
            publishers
                .iter()
                .map(|index| self.publications(*index, shard).count() as u64)
                .sum()
        };
        let publishes = if shard.index == 0 {
            publishers.len() as u64
        } else {
            0
        };
        let is_tls = scenario.target.url.starts_with("https:");
        let publishing = publishes * PUBLISHER_CONNECTIONS;
        let held = Demand::of_streams(flow.peak, scenario.sure_per_connection(), is_tls);
        let connections = held.peak_connections + publishing;
        let is_coded = !scenario.target.compression.0.is_empty();
        let decoders = if is_coded { flow.peak * DECODER } else { 0 };
        Demand {
            streams: self.planned(shard),
            peak_connections: connections,
            descriptors: connections + OTHER_DESCRIPTORS,
            ports: flow.ports.div_ceil(scenario.sure_per_connection()) + publishing,
            publications: publications(shard),
            events: self.events(scenario, flow.stream_seconds, publications(whole)),
            stream_seconds: flow.stream_seconds,
            memory_bytes: held.memory_bytes + decoders,
            ..held
        }
    }

    fn events(&self, scenario: &LoadScenario, seconds: f64, publications: u64) -> Option<u64> {
        if publications > 0 {
            let run = self.end_us() as f64 / 1e6;
            let topics = scenario
                .populations
                .iter()
                .map(|population| population.topics.len())
                .max();
            let url = Template::parse(&scenario.target.url).ok();
            let apart = match topics {
                Some(topics) if url.is_some_and(|url| url.has_topic()) => topics.max(1),
                _ => 1,
            };
            return Some((seconds / run * publications as f64 / apart as f64) as u64);
        }
        let interval = scenario.expect.interval?;
        Some((seconds * 1e6 / interval.us() as f64) as u64)
    }

    fn flow(&self, shard: Shard) -> Flow {
        let mut flow = Flow::default();
        let (mut open, mut since) = (0_u64, 0_u64);
        let mut closed = std::collections::VecDeque::new();
        for act in self.acts(shard) {
            flow.stream_seconds += open as f64 * (act.at_us - since) as f64 / 1e6;
            since = act.at_us;
            match act.deed {
                Deed::Start { .. } => open += 1,
                Deed::Leave => {
                    open -= 1;
                    closed.push_back(act.at_us);
                }
                Deed::Drop { leaves, .. } => {
                    open -= u64::from(leaves);
                    closed.push_back(act.at_us);
                }
            }
            while closed
                .front()
                .is_some_and(|at| at + TIME_WAIT_US < act.at_us)
            {
                closed.pop_front();
            }
            flow.peak = flow.peak.max(open);
            flow.ports = flow.ports.max(open + closed.len() as u64);
        }
        let rest = self.end_us().saturating_sub(since);
        flow.stream_seconds += open as f64 * rest as f64 / 1e6;
        flow
    }
}

#[derive(Debug, Default)]
struct Flow {
    peak: u64,
    ports: u64,
    stream_seconds: f64,
}
