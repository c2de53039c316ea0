//! Load scenarios: what a run is to do, and the plan it comes to.

mod error;
mod essence;
mod phase;
mod plan;
mod port;
mod quick;
mod random;
mod reader;
mod redaction;
mod scenario;
mod setting;
mod template;
mod unmeasured;
mod validation;
mod value;

pub use error::ScenarioError;
pub use essence::essence;
pub use phase::{PhaseAction, PhaseSpec, RampShape, StopOn, StormMode, Then};
pub use plan::{Act, Break, Deed, Demand, LoadPlan, PlannedPhase, PlannedPopulation, Publication};
pub use quick::Quick;
pub use reader::LoadedScenario;
pub use scenario::{
    Arrival, Baseline, Clock, Expect, FailOn, Heartbeat, HistogramSpec, Http, Jitter, LiveView,
    Llm, LoadScenario, OnBreach, OnEof, Output, OutputFormat, Place, Population, PopulationKind,
    Prometheus, PublishedAt, Reconnect, ReconnectPolicy, Resolve, Seq, SeqScope, ShardSpec,
    SlowRead, StampKind, StampUnit, StreamEnd, Target, ThresholdSpec, Tls, TopicDist, Topics,
    Validity,
};
pub use template::{Filling, Template};
pub use value::{Amount, Lifetime, Rate, Share, Size, Spread, Throughput, Time};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
