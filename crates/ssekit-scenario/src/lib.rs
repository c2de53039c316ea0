//! What ssekit is told to do: echo scripts, subject manifests and proxy scenarios.

mod hop;
mod script;
mod subject;

pub use hop::{Demand, HopExpectation, HopScenario};
pub use script::{ECHO_VERSION, Retry, Script, ScriptError, ScriptLimits, Step};
pub use subject::{Expectation, ResolvedSubject, Subject, SubjectError};
