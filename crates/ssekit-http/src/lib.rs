//! Sockets, TLS, HTTP/1.1 and HTTP/2 with a tap below hyper.
mod client;
mod error;
mod options;
pub use client::{Glimpse, Seen, observe};
pub use error::HttpError;
pub use options::{Ask, HttpChoice, Limits, Options, TlsTrust};
