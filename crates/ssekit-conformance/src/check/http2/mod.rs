//! Rules of the group `http2`.

pub(super) mod cancel;
pub(super) mod capacity;
pub(super) mod field;
pub(super) mod flow;
pub(super) mod frame;
pub(super) mod goaway;
pub(super) mod offer;
pub(super) mod parity;
pub(super) mod ping;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod script;
mod stage;
