//! What was seen and what was found.
//!
//! Plain serde types without IO: a [`Transcript`] is what one exchange showed, an [`Observation`]
//! the transcripts of one run, a [`Finding`] what a check made of them, a [`CheckRecord`] the whole
//! answer; a [`LoadRecord`] is the answer of a load run. Every other crate of the workspace speaks
//! in these types; reports see nothing else.

mod baseline;
mod bulk;
mod capture;
mod check;
mod consistency;
mod distribution;
mod exit;
mod fault;
mod finding;
mod head;
mod launched;
mod load;
mod metric;
mod metric_table;
mod observation;
mod proxy;
pub mod quantity;
mod redaction;
mod repeat;
mod schema;
mod session;
mod threshold;
mod transcript;

pub use baseline::{Acceptance, BaselineEntry, StaleEntry};
pub use bulk::{Bulk, Difference};
pub use capture::{Capture, Slice};
pub use check::{CheckOutcome, CheckRecord, CheckSummary, ProbeSummary};
pub use distribution::{Distribution, DistributionError};
pub use exit::ExitCode;
pub use fault::{Fault, FaultKind};
pub use finding::{Evidence, Excerpt, Finding, Level, Source, Verdict, escape, is_unsafe_to_show};
pub use head::{Field, Head, HttpVersion};
pub use launched::Launched;
pub use load::{
    Aborted, Capacity, CapacityStep, EventCounts, FanoutEvent, FanoutSketch, Generator, Interval,
    Live, LoadCounts, LoadFinding, LoadOutcome, LoadRecord, MetricValue, Phase, PopulationScope,
    Recovered, Recovering, RunEnd, ScenarioSummary, Scope, SearchEnd, Shard, Snapshot, Statistics,
    StepResult, StepShare, Storm, StreamCounts,
};
pub use metric::{METRICS, Metric, Series, Shape, Unit};
pub use observation::{LoadError, Observation, Skipped};
pub use proxy::{Bucket, HeadChange, Latency, Measurements, Piece, ProxyRecord, Release, Timeline};
pub use redaction::{REDACTED, is_secret_field, is_secret_parameter, redact_url};
pub use repeat::{Flakiness, Repetition, VerdictCount};
pub use schema::{RecordKind, record_kind, record_kinds};
pub use session::{FrameKind, FrameSeen, Session, SessionStream};
pub use threshold::{
    Expression, Op, Part, Severity, Stat, Threshold, ThresholdError, ThresholdResult, Window,
};
pub use transcript::{
    Chunk, Connection, End, EndKind, Goaway, Redirect, Request, TlsSession, Transcript,
};

/// The value of `schema` in every record this version writes.
pub const SCHEMA: &str = "ssekit/1";
