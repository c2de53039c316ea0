//! Makes one HTTP exchange and records what came, when, and what was wrong with it.
//!
//! ```text
//!            Ask, Options                                    Transcript
//!                 │                                              ▲
//!  redirect ── observe ── connect ── tls ──┬── http1 ────────────┤
//!  (again with the next URL)               │    request bytes, slices with their times
//!                                          │    head_reader ► body_reader ► chunk
//!                                          │                     │
//!                                          │                  recorder ► content ► observer
//!                                          │                     │
//!                                          └── http2 (hyper) ────┤
//!                                               tap ► stream_reader
//!
//!  Multiplex ── connect ── tls ── outbox ► connection_reader ► message_reader ► recorder
//! ```
//!
//! [`observe`] never fails for what a peer does: an unreachable host, broken framing, a reset or
//! hostile bytes are a [`Transcript`](ssekit_record::Transcript) with faults and an end that say so.
//!
//! What the transcript says is read by the readers of this crate, each without IO, out of slices
//! stamped right after the read that gave them. On HTTP/2, hyper sends the request and keeps the
//! connection going, and the readers see what it reads through a tap. On HTTP/1 the request is
//! written here too: a checker needs to choose every byte of it (field order and case, HTTP/1.0)
//! and to go on where a strict client library stops. [`ChunkDecoder`] is public for other clients.
//!
//! Everything kept is bounded by [`Limits`], every wait by [`Options`] or the observer, who is
//! asked at least every 10 ms.
mod body_reader;
mod chunk;
mod chunk_cursor;
mod client;
mod client_session;
mod connect;
mod connection_reader;
mod content;
mod deadline;
mod error;
mod field_line;
mod frame;
mod head_reader;
mod http1;
mod http2;
mod message_reader;
mod multiplex;
mod options;
mod outbox;
mod recorder;
mod redirect;
#[cfg(any(test, fuzzing))]
pub mod replay;
mod request;
mod response_cursor;
mod stream_reader;
mod tap;
mod tls;
mod upload;

pub use chunk::{ChunkDecoder, ChunkPart, MAX_SIZE_LINE, MAX_TRAILER};
pub use client::{Glimpse, Seen, observe};
pub use client_session::{ClientSession, SessionPart, SessionRequest};
pub use content::ContentDecoder;
pub use error::HttpError;
pub use field_line::FieldLine;
pub use multiplex::{Multiplex, Window};
pub use options::{Ask, HttpChoice, Limits, Options, TlsIdentity, TlsTrust};
pub use request::request_bytes;
pub use response_cursor::{Cutoff, ResponseCursor, ResponseHead, ResponsePart};
pub use tls::{config as tls_config, config_as as tls_config_as, handshake as tls_handshake};
pub use upload::Upload;
