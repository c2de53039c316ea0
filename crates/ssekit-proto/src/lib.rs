//! Server-Sent Events without IO: a parser, an encoder and the EventSource state machine.
//!
//! `no_std` with `alloc`. Nothing here knows a socket, a clock or a runtime, so it serves clients,
//! servers, proxies and checkers alike.
//!
//! - [`Parser`] performs [Interpreting an event stream] of the HTML standard, step by step: bytes
//!   in, cut anywhere; events, comments and reconnection times out, into a [`Sink`]. Invalid UTF-8
//!   is replaced, a CR ends its line at once, an incomplete block at the end is discarded. An event
//!   that lies in one slice is handed out from there without a copy, and no event costs an
//!   allocation. [`Limits`] bound what a stream can make the parser hold.
//! - A sink that sets [`Sink::OBSERVE`] also sees each raw [`Line`] and each [`Diagnostic`]: what
//!   was ignored and why, with its byte offset. Other sinks do not pay for it.
//! - [`encode_event`], [`encode_comment`] and [`encode_retry`] write a stream. An [`EventId`] or
//!   [`EventType`] that no stream can carry cannot be built.
//! - [`EventSource`] says when to connect, with which `Last-Event-ID`, when to wait and how long,
//!   and when to stop.
//!
//! ```
//! use ssekit_proto::{Event, EventId, EventRef, LimitError, Parser, Sink, encode_event};
//!
//! #[derive(Default)]
//! struct Inbox(Vec<Event>);
//!
//! impl Sink for Inbox {
//!     fn event(&mut self, event: EventRef<'_>) {
//!         self.0.push(event.into());
//!     }
//! }
//!
//! let mut stream = b": hello\r\nretry: 500\r\n\r\n".to_vec();
//! encode_event(None, EventId::new("7").ok(), "two\nlines", &mut stream);
//!
//! let mut inbox = Inbox::default();
//! let mut parser = Parser::new();
//! for slice in stream.chunks(5) {
//!     parser.feed(slice, &mut inbox)?;
//! }
//!
//! assert_eq!(inbox.0[0].event, "message");
//! assert_eq!(inbox.0[0].data, "two\nlines");
//! assert_eq!(inbox.0[0].last_event_id, "7");
//! assert_eq!(parser.retry_ms(), Some(500));
//! assert!(!parser.finish(&mut inbox).discarded);
//! # Ok::<(), LimitError>(())
//! ```
//!
//! [Interpreting an event stream]:
//!     https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
#![no_std]
extern crate alloc;

mod backoff;
mod block;
mod diagnostic;
mod encoder;
mod event;
mod limits;
mod line;
mod line_end;
mod observer;
mod parser;
mod sink;
mod source;
mod text;
mod whole_block;

pub use backoff::Backoff;
pub use diagnostic::{Diagnostic, DiagnosticKind};
pub use encoder::{EncodeError, EventId, EventType, encode_comment, encode_event, encode_retry};
pub use event::{Event, EventRef};
pub use limits::{LimitError, LimitKind, Limits};
pub use line::{Line, LineEnding, LineKind};
pub use parser::{End, Parser};
pub use sink::Sink;
pub use source::{Action, Closed, DEFAULT_RECONNECTION_MS, EventSource, State};
