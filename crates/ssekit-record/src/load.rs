//! The record of a load run.

mod evaluation;
mod expression;
mod histogram;
mod metric;
mod series;
mod threshold;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ExitCode, Verdict};

pub use evaluation::{COUNTERS, evaluate, validate};
pub use expression::{Comparison, Expression, ExpressionError, Quantity, Stat};
pub use histogram::{HistogramError, Samples};
pub use metric::{Definition, Unit, definition, definitions};
pub use series::SeriesPoint;
pub use threshold::{Severity, Threshold, ThresholdResult, Where};

/// The answer of `ssekit load`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadRecord {
    /// [`crate::SCHEMA`].
    pub schema: String,
    /// Always `load`.
    pub kind: String,
    /// URL under load, redacted.
    pub target: String,
    /// The one word.
    pub outcome: LoadOutcome,
    /// The one sentence: what the reader should know first.
    pub summary: String,
    /// Version of ssekit that measured.
    pub ssekit: String,
    /// Wall clock at the beginning of the first phase, in milliseconds since
    /// 1970-01-01T00:00:00Z.
    pub started_unix_ms: u64,
    /// Whole run, in milliseconds.
    pub elapsed_ms: u64,
    /// What was asked for.
    pub scenario: ScenarioSummary,
    /// Which part of the plan this is; of a merged record, all of it.
    pub shard: Shard,
    /// Streams of the whole run.
    pub streams: StreamCounts,
    /// Events of the whole run.
    pub events: EventCounts,
    /// Histograms of the recorded phases, by name; see [`definitions`].
    pub metrics: BTreeMap<String, Samples>,
    /// Why connections failed to open, by cause.
    pub errors: BTreeMap<String, u64>,
    /// Why streams that were open ended, by cause.
    pub disconnects: BTreeMap<String, u64>,
    /// What the grammar of HTTP or of event streams does not allow, by kind.
    pub protocol_faults: BTreeMap<String, u64>,
    /// What the generator saw of itself.
    pub generator: Generator,
    /// One for each threshold of the scenario.
    pub thresholds: Vec<ThresholdResult>,
    /// What else should be known.
    pub findings: Vec<LoadFinding>,
    /// Parts of the run: phases, populations, and populations within phases.
    pub slices: Vec<LoadSlice>,
    /// The phases in order.
    pub phases: Vec<PhaseSpan>,
    /// The run over time, in steps of a second; in longer ones for a long run.
    pub series: Vec<SeriesPoint>,
    /// The formula of every metric in this record, by name.
    pub formulas: BTreeMap<String, String>,
}

/// The one word of a load record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoadOutcome {
    /// Every threshold holds, and data came.
    Pass,
    /// A threshold does not hold, or no data came where data was due.
    Fail,
    /// The generator or the set-up was at fault: the figures say nothing about the target.
    Invalid,
    /// Ended early on request; the figures are those of the time until then.
    Interrupted,
}

impl LoadOutcome {
    /// The word used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioSummary {
    /// Name of the scenario.
    pub name: String,
    /// SHA-256 of the resolved scenario, in hex: runs with the same digest were asked the same.
    pub digest: String,
    /// Seed of all that is random.
    pub seed: u64,
    /// The resolved scenario as TOML, without secrets.
    pub text: String,
}

/// One part of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

/// What became of the streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamCounts {
    /// Streams whose intended start lay within the run.
    pub planned: u64,
    /// Streams that were answered with an event stream at least once.
    pub opened: u64,
    /// Streams that never opened, or ended for good before the plan said so.
    pub failed: u64,
    /// Most streams open at once.
    pub peak: u64,
    /// Connections opened again after a stream had ended.
    pub reconnects: u64,
    /// Streams that ended as the plan or the scenario said.
    #[serde(default)]
    pub finished: u64,
    /// Streams that opened and never had an event.
    #[serde(default)]
    pub eventless: u64,
    /// Starts that were left out because too many were pending.
    #[serde(default)]
    pub dropped_starts: u64,
    /// Connections tried.
    #[serde(default)]
    pub attempts: u64,
}

/// What became of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventCounts {
    /// Events dispatched, duplicates and replays included.
    pub received: u64,
    /// Bytes of the event streams.
    pub bytes: u64,
    /// Numbers of a sequence that never came.
    pub lost: u64,
    /// Events that came again without a resumption to explain it.
    pub duplicated: u64,
    /// Events that came after a higher number of the same stream.
    pub reordered: u64,
    /// Events that were sent again after a resumption.
    #[serde(default)]
    pub replayed: u64,
    /// Of the lost, those missing between the last event before a reconnection and the first after.
    #[serde(default)]
    pub resume_loss: u64,
    /// Events that were due in the sequences seen: what came in order, and what was lost.
    #[serde(default)]
    pub expected: u64,
    /// Comments.
    #[serde(default)]
    pub comments: u64,
    /// Bytes read from the connections, framing included.
    #[serde(default)]
    pub wire_bytes: u64,
    /// Events that came in one read with another.
    #[serde(default)]
    pub coalesced: u64,
    /// Events without the sequence number that was declared.
    #[serde(default)]
    pub unnumbered: u64,
    /// Events without the stamp that was declared.
    #[serde(default)]
    pub unstamped: u64,
    /// Events whose stamp lies after their arrival: clocks that differ. They are in no histogram.
    #[serde(default)]
    pub negative: u64,
    /// Ticks of the declared interval that never came.
    #[serde(default)]
    pub ticks_missed: u64,
    /// Samples that correction filled in, over all metrics.
    #[serde(default)]
    pub synthetic: u64,
    /// Publications that were due.
    #[serde(default)]
    pub publications: u64,
    /// Publications that failed.
    #[serde(default)]
    pub publications_failed: u64,
}

/// What the generator saw of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Processor time of all processes of the generator, in seconds.
    pub cpu_seconds: f64,
    /// Most memory resident at once, in bytes; of several processes the sum.
    pub max_rss_bytes: u64,
    /// 99.9th percentile of how late the loops of the workers were, in microseconds.
    pub loop_lag_p999_us: u64,
    /// 99th percentile of how late connections were begun, in microseconds.
    pub schedule_lag_p99_us: u64,
    /// Largest share of one worker's time spent working, 0 to 1.
    pub cpu_share: f64,
    /// Times that more was waiting in a socket than one turn may read.
    pub read_backlog: u64,
    /// Workers of all processes.
    pub workers: u32,
    /// Processes.
    pub processes: u32,
    /// Limits of `[validity]` that were broken; empty for a valid run.
    pub breaches: Vec<String>,
}

/// Something that should be known, such as `delivery.burst`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadFinding {
    /// Id, permanent.
    pub id: String,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was seen, and what it means.
    pub detail: String,
}

/// A part of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSlice {
    /// Phase; absent for all recorded phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Population; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// Its length, in microseconds.
    pub length_us: u64,
    /// Its streams.
    pub streams: StreamCounts,
    /// Its events.
    pub events: EventCounts,
    /// Its histograms.
    pub metrics: BTreeMap<String, Samples>,
}

/// One phase on the time line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSpan {
    /// Name.
    pub name: String,
    /// `ramp`, `arrive`, `hold`, `steps`, `storm`, `spike`, `drain` or `wait`.
    pub kind: String,
    /// When it began, in microseconds since the run began.
    pub from_us: u64,
    /// When it ended.
    pub to_us: u64,
    /// Whether its samples count.
    pub recorded: bool,
}

impl LoadRecord {
    /// The exit code of this record.
    pub fn exit_code(&self) -> ExitCode {
        match self.outcome {
            LoadOutcome::Pass => ExitCode::AsExpected,
            LoadOutcome::Invalid => ExitCode::Invalid,
            LoadOutcome::Interrupted => ExitCode::Interrupted,
            LoadOutcome::Fail if self.streams.opened == 0 && self.is_unreachable() => {
                ExitCode::Unreachable
            }
            LoadOutcome::Fail if self.events.received == 0 => ExitCode::NoData,
            LoadOutcome::Fail => ExitCode::Findings,
        }
    }

    /// Whether no connection ever got an answer of any kind.
    fn is_unreachable(&self) -> bool {
        let answered = self.errors.keys().any(|cause| cause.starts_with("status"));
        !answered && !self.errors.is_empty()
    }

    /// The part of the run that a threshold looks at.
    pub fn slice(&self, at: &Where) -> Option<LoadSlice> {
        if at.phase.is_none() && at.population.is_none() {
            let recorded = self.phases.iter().filter(|phase| phase.recorded);
            return Some(LoadSlice {
                length_us: recorded.map(|phase| phase.to_us - phase.from_us).sum(),
                streams: self.streams,
                events: self.events,
                metrics: self.metrics.clone(),
                ..LoadSlice::default()
            });
        }
        let wanted = (&at.phase, &at.population);
        let mut slices = self.slices.iter();
        slices
            .find(|slice| (&slice.phase, &slice.population) == wanted)
            .cloned()
    }

    /// Evaluates these thresholds on this record, and gives the outcome that follows from them.
    /// An outcome of `invalid` or `interrupted` stays.
    pub fn judge(&mut self, thresholds: &[Threshold]) {
        self.thresholds = thresholds.iter().map(|t| evaluate(t, self)).collect();
        if matches!(
            self.outcome,
            LoadOutcome::Invalid | LoadOutcome::Interrupted
        ) {
            return;
        }
        let failed = |result: &ThresholdResult| result.verdict == Verdict::Fail;
        let fails = self.thresholds.iter().any(failed)
            || self.findings.iter().any(|f| f.verdict == Verdict::Fail)
            || self.streams.opened == 0
            || self.events.received == 0;
        self.outcome = if fails {
            LoadOutcome::Fail
        } else {
            LoadOutcome::Pass
        };
    }
}
