//! Sockets, TLS, HTTP/1.1 and HTTP/2 with a tap below hyper.
mod body_reader;
mod chunk;
mod client;
mod connect;
mod content;
mod deadline;
mod error;
mod field_line;
mod frame;
mod head_reader;
mod http1;
mod http2;
mod options;
mod recorder;
mod redirect;
mod request;
mod stream_reader;
mod tap;
mod tls;

pub use chunk::{ChunkDecoder, ChunkPart, MAX_SIZE_LINE, MAX_TRAILER};
pub use client::{Glimpse, Seen, observe};
pub use error::HttpError;
pub use field_line::FieldLine;
pub use options::{Ask, HttpChoice, Limits, Options, TlsTrust};
