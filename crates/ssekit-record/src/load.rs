//! The record of a load run.

mod aborted;
mod capacity;
mod count;
mod fanout;
mod generator;
mod interval;
mod metric_value;
mod scope;
mod share;
mod snapshot;
mod storm;

pub use aborted::Aborted;
pub use capacity::{Capacity, CapacityStep, StepResult};
pub use count::{EventCounts, LoadCounts, StreamCounts};
pub use fanout::{FanoutEvent, FanoutSketch};
pub use generator::Generator;
pub use interval::{Interval, Live};
pub use metric_value::{MetricValue, Statistics};
pub(crate) use scope::add_metrics;
pub use scope::{Phase, PopulationScope, Scope};
pub use share::{RunEnd, SearchEnd, StepShare};
pub use snapshot::Snapshot;
pub use storm::{Recovered, Recovering, Storm};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ExitCode, Launched, SCHEMA, ThresholdResult, Verdict};

/// The answer of `ssekit load`.
///
/// `streams` and `events` count the whole run, warm-up included. `metrics` hold the samples of the
/// phases that are recorded. Everything that a threshold may ask for is in the record, so records
/// of shards can be merged and judged as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadRecord {
    /// [`crate::SCHEMA`].
    #[schemars(description = "The form of the record.", extend("const" = SCHEMA))]
    pub schema: String,
    /// Always `load`.
    #[schemars(extend("const" = "load"))]
    pub kind: String,
    /// URL of the streams, redacted, templates unexpanded.
    pub target: String,
    /// The one word.
    pub outcome: LoadOutcome,
    /// The one sentence: what the reader should know first.
    pub summary: String,
    /// Version of ssekit that ran.
    pub ssekit: String,
    /// Wall clock at the begin of the plan, in milliseconds since 1970-01-01T00:00:00Z.
    pub started_unix_ms: u64,
    /// From the begin of the plan to the stop of observation, in microseconds.
    pub elapsed_us: u64,
    /// Name and version of the subject that was started for the run; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is known of the server that was started for the run; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Launched>,
    /// Protocol that the streams used: `1.1` or `2`; absent where none opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// The scenario.
    pub scenario: ScenarioSummary,
    /// Which part of the plan this is: the whole is shard 0 of 1.
    pub shard: Shard,
    /// Streams of the whole run.
    pub streams: StreamCounts,
    /// Events of the whole run.
    pub events: EventCounts,
    /// Everything counted in the whole run.
    pub counts: LoadCounts,
    /// Metrics of the recorded phases, by name.
    pub metrics: BTreeMap<String, MetricValue>,
    /// The same by population, where there are several: `counts` of the whole run, samples of the recorded
    /// phases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub populations: Vec<PopulationScope>,
    /// Phases in the order of the plan.
    pub phases: Vec<Phase>,
    /// The run over time: rows of a second or, in long runs, longer.
    pub series: Vec<Interval>,
    /// Connections and requests that failed, by cause.
    pub errors: BTreeMap<String, u64>,
    /// Streams that ended after they had opened, other than by the plan, by cause.
    pub disconnects: BTreeMap<String, u64>,
    /// Faults of HTTP or of the event stream, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Storms in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storms: Vec<Storm>,
    /// What the search for capacity found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Sampled events of each population, for merging: in the record of a shard only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fanout: Vec<FanoutSketch>,
    /// The threshold that ended the run early, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<Aborted>,
    /// The generator itself.
    pub generator: Generator,
    /// One for each threshold, in the order of the scenario.
    pub thresholds: Vec<ThresholdResult>,
    /// What is wrong or worth knowing besides; `generator.*` with `error` make the run invalid.
    pub findings: Vec<LoadFinding>,
    /// What each metric of this record is, exactly.
    pub formulas: BTreeMap<String, String>,
}

/// The one word of a load record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoadOutcome {
    /// Data came, and every threshold held.
    Pass,
    /// A threshold did not hold, or there was no data.
    Fail,
    /// The generator or set-up was at fault: nothing can be concluded about the target.
    Invalid,
    /// Ended early by the user; what was measured until then is in the record.
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

/// What was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioSummary {
    /// Its name.
    pub name: String,
    /// Digest of the resolved scenario, the same for all shards of a run.
    pub digest: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Labels of the author.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// The resolved scenario as TOML, secrets redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub toml: String,
}

/// A part of a plan: stream `k` belongs to the shard `k mod count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// From 0.
    pub index: u32,
    /// At least 1.
    pub count: u32,
    /// How many shards are in this record: more than 1 in one made by merging.
    #[serde(default = "one")]
    pub merged: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            index: 0,
            count: 1,
            merged: 1,
        }
    }
}

fn one() -> u32 {
    1
}

/// Something found in a load run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadFinding {
    /// Permanent id, such as `delivery.burst` or `generator.saturated`.
    pub id: String,
    /// `fail`, `warn` or `info`; `error` when the generator or set-up is at fault.
    pub verdict: Verdict,
    /// What was seen and what to do, in one or two sentences.
    pub detail: String,
}

impl LoadRecord {
    /// The outcome that thresholds and findings ask for; `interrupted` says whether the user ended
    /// the run early.
    pub fn judged(&self, interrupted: bool) -> LoadOutcome {
        let is_invalid = self.findings.iter().any(|f| f.verdict == Verdict::Error);
        let is_failed = self.findings.iter().any(|f| f.verdict == Verdict::Fail)
            || self.thresholds.iter().any(ThresholdResult::fails)
            || self.has_no_data();
        match () {
            () if interrupted => LoadOutcome::Interrupted,
            () if is_invalid => LoadOutcome::Invalid,
            () if is_failed => LoadOutcome::Fail,
            () => LoadOutcome::Pass,
        }
    }

    /// That no stream was left at the end although the plan wanted some: they were lost, and what was
    /// not measured since then is in no percentile.
    pub fn away(&self) -> Option<LoadFinding> {
        let last = self.series.last()?.streams;
        let waiting = last.backoff.saturating_add(last.connecting);
        if self.has_no_data() || last.planned == 0 || waiting == 0 || last.open_in_all() > 0 {
            return None;
        }
        let rows = self.series.iter().rev();
        let since = rows
            .take_while(|row| row.streams.open_in_all() == 0)
            .last()?;
        Some(LoadFinding {
            id: "streams.away".into(),
            verdict: Verdict::Warn,
            detail: format!(
                "None of {} streams was open at the end: after {:.1} s of {:.1} s none was, and {waiting} waited \
                 to connect again. Look whether the server still runs; thresholds on staleness see such a time.",
                last.planned,
                since.end_us as f64 / 1e6,
                self.elapsed_us as f64 / 1e6,
            ),
        })
    }

    /// That publications overlapped and numbers were missed: the order in which the target took them is not
    /// known.
    pub fn overlapped(&self) -> Option<LoadFinding> {
        let (lost, reordered) = (self.events.lost, self.events.reordered);
        let overlapped = self.counts.publish_overlapped;
        if overlapped == 0 || (lost == 0 && reordered == 0) {
            return None;
        }
        Some(LoadFinding {
            id: "publish.overlap".into(),
            verdict: Verdict::Warn,
            detail: format!(
                "{overlapped} of {} publications left before an earlier one was answered: the target may have taken \
                 them in another order than they are numbered in, so {reordered} reordered and {lost} lost events \
                 need not be its doing. With in_order = true the publisher waits for each answer.",
                self.counts.published_due,
            ),
        })
    }

    /// That streams failed, or events were lost or came wrongly, and no threshold asks about it: the outcome
    /// says nothing of it.
    pub fn unjudged(&self) -> Option<LoadFinding> {
        if self.has_no_data() {
            return None;
        }
        let (streams, events) = (&self.streams, &self.events);
        let is_asked = |names: &[&str]| {
            let mut thresholds = self.thresholds.iter();
            thresholds.any(|result| names.contains(&result.threshold.metric.as_str()))
        };
        let failure = ["failed", "opened", "errors", "eventless"];
        let unjudged = [
            (streams.failed, "streams failed", &failure[..]),
            (events.lost, "events were lost", &["lost"]),
            (events.duplicated, "came twice", &["duplicated"]),
            (events.reordered, "came out of order", &["reordered"]),
            (
                events.faults,
                "faults of the protocol were seen",
                &["faults"],
            ),
        ];
        let unjudged: Vec<_> = unjudged
            .into_iter()
            .filter(|(count, _, names)| *count > 0 && !is_asked(names))
            .collect();
        let first = unjudged.first()?.2[0];
        let told = unjudged
            .iter()
            .map(|(count, what, _)| format!("{count} {what}"));
        Some(LoadFinding {
            id: "outcome.unjudged".into(),
            verdict: Verdict::Warn,
            detail: format!(
                "{}; no threshold asks about that, so the outcome does not speak of it. `{first} count == 0` would.",
                told.collect::<Vec<_>>().join(", "),
            ),
        })
    }

    /// Processor seconds of the generator for 100,000 events; where there were fewer than 1,000, what it takes
    /// besides would be most of it.
    pub fn cpu_per_100_000(&self) -> Option<f64> {
        let events = self.events.received;
        (events >= 1_000).then(|| self.generator.cpu_seconds / events as f64 * 1e5)
    }

    /// Whether no event was received at all.
    pub fn has_no_data(&self) -> bool {
        self.events.received == 0
    }

    /// The exit code of this record.
    pub fn exit_code(&self) -> ExitCode {
        match self.outcome {
            LoadOutcome::Pass => ExitCode::AsExpected,
            LoadOutcome::Invalid => ExitCode::Invalid,
            LoadOutcome::Interrupted => ExitCode::Interrupted,
            LoadOutcome::Fail if self.unanswered() => ExitCode::Unreachable,
            LoadOutcome::Fail if self.lacks_data() => ExitCode::NoData,
            LoadOutcome::Fail => ExitCode::Findings,
        }
    }

    /// Whether no connection got an answer.
    fn unanswered(&self) -> bool {
        let answered = self
            .errors
            .keys()
            .any(|cause| cause.starts_with("status") || cause.starts_with("content_type"));
        self.streams.opened == 0 && !answered && self.counts.wire_bytes == 0
    }

    /// Whether all that failed is that there was no data.
    fn lacks_data(&self) -> bool {
        let failed = || self.thresholds.iter().filter(|result| result.fails());
        let found = self.findings.iter().any(|f| f.verdict == Verdict::Fail);
        self.has_no_data()
            || !found && failed().count() > 0 && failed().all(|result| result.no_data)
    }
}
