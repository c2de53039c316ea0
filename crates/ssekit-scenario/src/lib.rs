//! What ssekit is told to do: echo scripts, subject manifests, proxy and load scenarios, baselines.

mod baseline;
mod file;
mod hop;
pub mod load;
mod script;
mod subject;

pub use baseline::{Baseline, BaselineError};
pub use hop::{Demand, HopExpectation, HopScenario};
pub use script::{ECHO_VERSION, Retry, Script, ScriptError, ScriptLimits, Step};
pub use subject::{Expectation, ResolvedSubject, Subject, SubjectError};
