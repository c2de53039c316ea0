//! The checks, one module per group of the catalogue.

mod cache;
mod data;
mod encoding;
mod event;
mod framing;
mod heartbeat;
mod id;
mod lifecycle;
mod line;
mod response;
mod resume;
mod retry;
#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code)]
mod sample;
mod source;

use crate::Rule;

/// Every group, in the order of the catalogue.
pub(crate) const GROUPS: [&[Rule]; 12] = [
    response::RULES,
    framing::RULES,
    encoding::RULES,
    line::RULES,
    data::RULES,
    event::RULES,
    id::RULES,
    retry::RULES,
    heartbeat::RULES,
    resume::RULES,
    cache::RULES,
    lifecycle::RULES,
];
