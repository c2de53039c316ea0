//! The reference server: a conforming source of event streams, with one switch per defect.
//!
//! `/events` ticks, `/echo` performs scripts, `/` says what there is. A [`Server`] runs in the
//! current tokio runtime and listens on loopback unless told otherwise.

mod answer;
mod certificate;
mod clock;
mod coding;
mod config;
mod connection;
mod crowd;
mod defect;
mod defect_table;
mod echo;
mod echo_flaw;
mod error;
mod events;
mod farewell;
mod fault;
mod flaw;
mod garble;
mod graft;
mod hop;
mod journal;
mod lean;
mod negotiation;
mod outlet;
mod page;
mod patience;
mod piece;
mod plan;
mod position;
mod raw;
mod raw_request;
mod rewritten;
mod server;
mod service;
mod subscription;
mod tamper;
mod tick;

pub use config::Config;
pub use defect::{Defect, DefectEntry};
pub use error::ServerError;
pub use fault::Fault;
pub use hop::{Hop, HopConfig, HopEntry, HopMode};
pub use journal::JournalEntry;
pub use server::Server;
