//! What a load run is to do, as its file says it.

mod baseline;
mod expectation;
mod histogram;
mod llm;
mod output;
mod population;
mod reconnect;
mod shard;
mod target;
mod threshold;
mod validity;

pub use baseline::{Baseline, FailOn};
pub use expectation::{
    Clock, Expect, Heartbeat, Place, PublishedAt, Seq, SeqScope, StampKind, StampUnit, StreamEnd,
};
pub use histogram::HistogramSpec;
pub use llm::Llm;
pub use output::{LiveView, Output, OutputFormat, Prometheus};
pub use population::{Arrival, Population, PopulationKind, SlowRead, TopicDist, Topics};
pub use reconnect::{Jitter, OnEof, Reconnect, ReconnectPolicy};
pub use shard::ShardSpec;
pub use target::{Http, Resolve, Target, Tls};
pub use threshold::{NumberOrText, ThresholdSpec};
pub use validity::{OnBreach, Validity};

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phase::PhaseSpec;

/// A scenario, read and checked: see `scenarios/README.md` for every key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadScenario {
    /// Version of the format: 1.
    #[serde(default = "version")]
    pub schema: u32,
    /// Name in reports.
    #[serde(default = "unnamed")]
    pub name: String,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Labels, copied into the record.
    #[serde(default)]
    pub meta: BTreeMap<String, String>,
    /// Where streams are asked for, and how.
    pub target: Target,
    /// What streams are expected to bring.
    #[serde(default)]
    pub expect: Expect,
    /// What happens when one ends.
    #[serde(default)]
    pub reconnect: Reconnect,
    /// Who takes part. One population of subscribers where there is none.
    #[serde(default, rename = "population")]
    pub populations: Vec<Population>,
    /// What happens, in order.
    #[serde(default, rename = "phase")]
    pub phases: Vec<PhaseSpec>,
    /// What must hold.
    #[serde(default, rename = "threshold")]
    pub thresholds: Vec<ThresholdSpec>,
    /// When the run itself is not to be believed.
    #[serde(default)]
    pub validity: Validity,
    /// Histograms and the series.
    #[serde(default)]
    pub histogram: HistogramSpec,
    /// Reports.
    #[serde(default)]
    pub output: Output,
    /// An earlier record to compare with.
    pub baseline: Option<Baseline>,
    /// Which part of the plan this process runs.
    #[serde(default)]
    pub shard: ShardSpec,
    /// Token streams of language models.
    pub llm: Option<Llm>,
}

fn version() -> u32 {
    1
}

fn unnamed() -> String {
    "load".into()
}

impl LoadScenario {
    /// Whether streams end by themselves, so that a user of the closed model begins the next one.
    pub fn is_finite(&self) -> bool {
        self.expect.end != StreamEnd::Never
    }

    /// URL of the streams without secrets, as records name it.
    pub fn target_shown(&self) -> String {
        super::redaction::without_secrets(&self.target.url)
    }

    /// Streams on one connection at most, where HTTP/2 is spoken.
    pub fn per_connection(&self) -> u64 {
        const DEFAULT: u64 = 100;
        match (self.target.http, self.target.streams_per_connection) {
            (Http::Http11, _) => 1,
            (_, streams) => streams.unwrap_or(DEFAULT).max(1),
        }
    }

    /// The same, as far as it is known before a server was asked: one where that may choose HTTP/1.1.
    pub fn sure_per_connection(&self) -> u64 {
        match self.target.http {
            Http::Http2 => self.per_connection(),
            Http::Http11 | Http::Auto => 1,
        }
    }
}
