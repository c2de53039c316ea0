//! The checks of what a hop does, by what they look at. The texts of all of them are in [`text`].

pub(crate) mod abort;
mod cache;
mod coding;
mod content;
mod delivery;
pub(crate) mod head;
mod http2;
mod request;
mod text;
pub(crate) mod time;

pub(crate) use text::RULES;
