//! What does an intermediary do to an event stream?
//!
//! ssekit is the origin and the client, the hop lies between. A [`Stand`] listens for the hop; its
//! [`check`](Stand::check) makes the probes and judges what both ends saw, on one clock.
//!
//! ```text
//!            plan ─┬─▶ origin (acts) ─▶ hop ─▶ client ─┐
//! ProxyOptions ─▶──┘       │ journal                   │ transcript
//!                          └────────▶ case ◀───────────┘
//!                                      │ checks
//!                                      └─▶ ProxyRecord
//! ```

mod act;
mod case;
mod check;
mod client;
mod clock;
mod comparison;
mod delivery;
mod error;
mod journal;
mod judge;
mod judgement;
mod options;
mod origin;
mod plan;
mod product;
mod reach;
mod remedy;
mod rule;
mod runner;
mod shape;
mod steadiness;

pub use comparison::compare;
pub use error::ProxyError;
pub use options::ProxyOptions;
pub use product::Family;
pub use rule::{Rule, registry, rule};
pub use runner::{Progress, Stand};
