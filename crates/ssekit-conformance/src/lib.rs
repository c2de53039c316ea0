//! Does a server keep the standard?
//!
//! A *probe* makes one exchange and records a transcript; a *check* is a pure function from
//! transcripts to a verdict. [`check`] runs the probes that the selected checks need and judges;
//! [`judge`] judges a saved [`ssekit_record::Observation`] again, without a network.
//!
//! ```text
//! CheckOptions ─▶ plan ─▶ probes ─▶ Observation ─▶ checks ─▶ CheckRecord
//!                            └────── Progress ──▶ any sink
//! ```

mod case;
mod check;
mod echo;
mod endpoint;
mod error;
mod judge;
mod judgement;
mod options;
mod plan;
mod probe;
mod product;
mod reading;
mod rule;
mod runner;
mod scene;
mod selection;

pub use case::Case;
pub use echo::{EchoCase, EchoTarget};
pub use error::ConformanceError;
pub use judge::judge;
pub use judgement::Judgement;
pub use options::CheckOptions;
pub use plan::{PlannedProbe, plan};
pub use probe::Probe;
pub use product::Product;
pub use reading::{CommentSeen, DiagnosticSeen, EventSeen, LineEnd, LineSeen, LineShape, Reading};
pub use rule::{Applies, Needs, Rule, registry, rule};
pub use runner::{Checked, Progress, check};
pub use scene::EchoScene;
pub use selection::Selection;
