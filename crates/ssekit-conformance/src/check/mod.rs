//! The checks, by the groups of the catalogue.

mod answer;
mod block;
mod burst;
mod cache;
mod chained;
mod chunking;
mod compression;
mod cors;
mod data;
#[cfg(test)]
mod data_tests;
mod echoed;
mod emission;
mod encoding;
mod ending;
mod event;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod fault_tests;
mod fidelity;
mod finish;
mod flush;
mod framing;
mod heartbeat;
mod hold;
mod http2;
mod id;
mod ill_formed;
mod json;
mod lag;
mod large;
mod lifecycle;
mod line;
mod media_type;
mod negotiation;
mod parted;
mod pending;
mod pulse;
mod reflection;
mod replay;
mod response;
mod resume;
mod retry;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod sample;
mod sighting;
mod source;
mod staged;
mod stamp;
mod status;
mod stop;
mod stray;

use crate::Rule;

/// Every group, in the order of the catalogue.
pub(crate) const GROUPS: [&[Rule]; 40] = [
    status::RULES,
    media_type::RULES,
    negotiation::RULES,
    response::RULES,
    staged::RULES,
    framing::RULES,
    flush::RULES,
    block::RULES,
    emission::RULES,
    chunking::RULES,
    encoding::RULES,
    line::RULES,
    data::RULES,
    event::RULES,
    id::RULES,
    retry::RULES,
    heartbeat::RULES,
    fidelity::data::RULES,
    fidelity::event_type::RULES,
    fidelity::id::RULES,
    fidelity::retry::RULES,
    fidelity::comment::RULES,
    large::RULES,
    resume::RULES,
    chained::RULES,
    cors::RULES,
    cache::RULES,
    compression::RULES,
    http2::offer::RULES,
    http2::field::RULES,
    http2::frame::RULES,
    http2::flow::RULES,
    http2::cancel::RULES,
    http2::capacity::RULES,
    http2::ping::RULES,
    http2::goaway::RULES,
    http2::parity::RULES,
    lifecycle::RULES,
    parted::RULES,
    stop::RULES,
];
