//! Who takes part.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::super::phase::PhaseSpec;
use super::super::value::{Lifetime, Rate, Throughput, Time};

/// `[[population]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Unique name.
    pub name: String,
    /// What its members do.
    #[serde(default)]
    pub kind: PopulationKind,
    /// Share of the streams of the common phases, relative to the other populations.
    pub weight: Option<f64>,
    /// Phases of its own, beside the common ones.
    #[serde(default, rename = "phase")]
    pub phases: Vec<PhaseSpec>,
    /// How long each stream stays.
    #[serde(default)]
    pub lifetime: Lifetime,
    /// How slowly it reads: kind `slow`.
    pub read: Option<SlowRead>,
    /// File of rows for templates: CSV with a head line, or JSON lines.
    pub data: Option<PathBuf>,
    /// URL instead of that of the target; publishers need it. A template.
    pub url: Option<String>,
    /// Method; publishers use `POST` by default.
    pub method: Option<String>,
    /// Field lines besides those of the target; for publishers instead of them.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Publications a second: kind `publisher`.
    pub rate: Option<Rate>,
    /// How they are spread.
    #[serde(default)]
    pub arrival: Arrival,
    /// Whether each publication waits for the answer to the one before, so that they are taken in order.
    #[serde(default)]
    pub in_order: bool,
    /// Content of a publication, a template.
    pub payload: Option<String>,
    /// Topics; publications take them as `topic_dist` says, streams in turn.
    #[serde(default)]
    pub topics: Topics,
    /// How publications are spread over topics.
    #[serde(default)]
    pub topic_dist: TopicDist,
}

/// `population.kind`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PopulationKind {
    /// Reads a stream.
    #[default]
    Subscriber,
    /// Publishes.
    Publisher,
    /// Reads a stream slowly.
    Slow,
    /// Reads a stream, and is told apart from those that make the load.
    Probe,
}

impl PopulationKind {
    /// The word of scenarios and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscriber => "subscriber",
            Self::Publisher => "publisher",
            Self::Slow => "slow",
            Self::Probe => "probe",
        }
    }
}

/// `population.read`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowRead {
    /// Bytes a second at most.
    pub rate: Option<Throughput>,
    /// How long it does not read at all.
    pub pause: Option<Time>,
    /// How often it pauses.
    pub every: Option<Time>,
}

/// How arrivals are spread over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// Evenly.
    #[default]
    Constant,
    /// At random, independently of each other.
    Poisson,
}

/// `population.topics`: names, or how many.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected names such as [\"a\", \"b\"], or how many topics"
)]
pub enum Topics {
    /// Names.
    Names(Vec<String>),
    /// So many, named `0`, `1` and so on.
    Count(u64),
}

impl Default for Topics {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl Topics {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Names(names) => names.len() as u64,
            Self::Count(count) => *count,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of one; empty where there are none.
    pub fn name(&self, index: u64) -> String {
        match self {
            _ if self.is_empty() => String::new(),
            Self::Names(names) => names[(index % names.len() as u64) as usize].clone(),
            Self::Count(count) => (index % count).to_string(),
        }
    }
}

/// How publications are spread over topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicDist {
    /// In turn.
    #[default]
    Uniform,
    /// Topic `n` in proportion to `1 / n`.
    Zipf,
}
