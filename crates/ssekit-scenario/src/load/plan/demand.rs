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
const BASE_MEMORY: u64 = 12 * 1024 * 1024;
/// Memory of a stream over plain HTTP/1.1, over TLS, and over HTTP/2, in bytes.
const MEMORY: [u64; 3] = [2 * 1024, 40 * 1024, 3 * 1024];
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
        let connections = flow.peak.div_ceil(scenario.per_connection());
        let publishes = if shard.index == 0 {
            publishers.len() as u64
        } else {
            0
        };
        let is_tls = scenario.target.url.starts_with("https:");
        let per_stream = match (scenario.per_connection() > 1, is_tls) {
            (true, _) => MEMORY[2],
            (false, true) => MEMORY[1],
            (false, false) => MEMORY[0],
        };
        Demand {
            streams: self.planned(shard),
            peak_streams: flow.peak,
            peak_connections: connections,
            descriptors: connections + publishes * PUBLISHER_CONNECTIONS + OTHER_DESCRIPTORS,
            ports: flow.ports.div_ceil(scenario.per_connection()),
            memory_bytes: BASE_MEMORY + flow.peak * per_stream,
            publications: publications(shard),
            events: self.events(scenario, flow.stream_seconds, publications(whole)),
            stream_seconds: flow.stream_seconds,
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
