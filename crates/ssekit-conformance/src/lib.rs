//! Does a server of Server-Sent Events keep the standard?
//!
//! # In a test
//!
//! [`Checker`] serves an application on a free port, asks it what `ssekit check` would ask, and
//! panics with what is wrong, where in the bytes, by which standard, and what to change:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use axum::{Router, response::sse::{Event, Sse}, routing::get};
//! use futures_util::stream::{self, Stream};
//! use ssekit_conformance::Checker;
//!
//! async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
//!     let clock = tokio::time::interval(std::time::Duration::from_millis(50));
//!     Sse::new(stream::unfold((0, clock), |(n, mut clock)| async move {
//!         clock.tick().await;
//!         Some((Ok(Event::default().id(n.to_string()).data("tick")), (n + 1, clock)))
//!     }))
//! }
//!
//! #[tokio::main(flavor = "current_thread")] // in a test: #[tokio::test]
//! async fn main() {
//!     let app = Router::new().route("/events", get(events));
//!     Checker::serving("/events", |listener| axum::serve(listener, app))
//!         .only("framing")
//!         .only("*.valid-utf8")
//!         .assert()
//!         .await;
//! }
//! ```
//!
//! A failure reads like this:
//!
//! ```text
//! tests/events.rs:21:10: http://127.0.0.1:38157/events does not conform: 1 of 118 checks
//!
//! FAIL data.final-terminated [must]: The stream ends with an empty line, so that no event is lost
//!   expected  …
//!   actual    …
//!   where     probe main, byte 37, after 3.2 ms: the last line
//!             data: bye
//!                      ^
//!   source    HTML, Interpreting an event stream https://html.spec.whatwg.org/…
//!   impact    …
//!   remedy    …
//! ```
//!
//! A server that runs already is checked with [`Checker::new`]. [`Checker::echo`] sends hostile
//! values through the server's SSE library, [`Checker::run`] gives the record instead of a panic,
//! and [`registry`] has every rule; `ssekit list` prints them.
//!
//! # How it works
//!
//! A *probe* makes one exchange and records a transcript; a *check* is a pure function from
//! transcripts to a verdict. [`check`] runs the probes that the selected checks need and judges;
//! [`judge`] judges a saved [`ssekit_record::Observation`] again, without a network.
//!
//! ```text
//! CheckOptions ─▶ plan ─▶ probes ─▶ Observation ─▶ checks ─▶ CheckRecord
//!                            └────── Progress ──▶ any sink
//! ```
//!
//! [`coverage`] says which clause of which standard each rule holds, and which are left out.

mod arrival;
mod bulk;
mod case;
mod chain;
mod check;
mod checker;
mod coding;
mod complaint;
mod coverage;
mod echo;
mod endpoint;
mod error;
mod follow_up;
mod guard;
mod judge;
mod judgement;
mod options;
mod parting;
mod plan;
mod probe;
mod product;
mod reading;
mod round;
mod rule;
mod runner;
mod scene;
mod selection;
mod session;
mod stopper;
mod stopping;
mod text;

pub use bulk::EchoBulk;
pub use case::Case;
pub use chain::Link;
pub use checker::Checker;
pub use coding::Offer;
pub use coverage::{Clause, Section, coverage};
pub use echo::{EchoCase, EchoTarget};
pub use error::ConformanceError;
pub use judge::judge;
pub use judgement::Judgement;
pub use options::CheckOptions;
pub use parting::{Moment, Parting};
pub use plan::{PlannedProbe, plan};
pub use probe::Probe;
pub use product::Product;
pub use reading::{CommentSeen, DiagnosticSeen, EventSeen, LineEnd, LineSeen, LineShape, Reading};
pub use rule::{Applies, Needs, Rule, registry, rule};
pub use runner::{Checked, Progress, check};
pub use scene::EchoScene;
pub use selection::Selection;
pub use ssekit_http::{HttpChoice, TlsTrust};
pub use ssekit_record::{CheckOutcome, CheckRecord, Finding, Level, Observation, Verdict};
pub use stopper::Stopper;
