//! What ssekit is told to do: echo scripts and subject manifests.

mod script;
mod subject;

pub use script::{ECHO_VERSION, Retry, Script, ScriptError, ScriptLimits, Step};
pub use subject::{Expectation, ResolvedSubject, Subject, SubjectError};
