//! Server-Sent Events without IO.
#![no_std]
extern crate alloc;

mod block;
mod diagnostic;
mod encoder;
mod event;
mod limits;
mod line;
mod observer;
mod parser;
mod sink;
mod source;
mod text;
mod whole_block;

pub use diagnostic::{Diagnostic, DiagnosticKind};
pub use encoder::{EncodeError, EventId, EventType, encode_comment, encode_event, encode_retry};
pub use event::{Event, EventRef};
pub use limits::{LimitError, LimitKind, Limits};
pub use line::{Line, LineEnding, LineKind};
pub use parser::{End, Parser};
pub use sink::Sink;
