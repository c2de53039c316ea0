//! Server-Sent Events without IO.
#![no_std]
extern crate alloc;

mod encoder;
mod event;
mod limits;
mod parser;
mod sink;
mod source;

pub use encoder::{EncodeError, EventId, EventType, encode_comment, encode_event, encode_retry};
pub use event::{Event, EventRef};
pub use limits::{LimitError, LimitKind, Limits};
pub use parser::{End, Parser};
pub use sink::{Diagnostic, DiagnosticKind, Line, LineEnding, LineKind, Sink};
