//! Where a parser puts what it finds.
use crate::{Diagnostic, EventRef, Line};

/// Receives what the parser finds, in stream order. Nothing is allocated for it.
pub trait Sink {
    /// Whether [`Sink::line`], [`Sink::crlf`] and [`Sink::diagnostic`] are wanted. Where they are
    /// not, the code for them is not even compiled in.
    const OBSERVE: bool = false;

    /// An event was dispatched.
    fn event(&mut self, event: EventRef<'_>);

    /// A comment line; `text` is what follows the colon, a leading space included. `offset` is
    /// that of the colon.
    fn comment(&mut self, text: &str, offset: u64) {
        let _ = (text, offset);
    }

    /// The reconnection time was set, in milliseconds; saturates at `u64::MAX`. It takes effect
    /// at its line, not with the next event.
    fn retry(&mut self, ms: u64) {
        let _ = ms;
    }

    /// A line ended (only with [`Sink::OBSERVE`]). Called before what the line causes.
    fn line(&mut self, line: Line<'_>) {
        let _ = line;
    }

    /// An LF at `offset` follows the CR that ended the last line and belongs to that line ending
    /// (only with [`Sink::OBSERVE`]). Called after what the line caused, because a CR takes effect
    /// before the next byte is known.
    fn crlf(&mut self, offset: u64) {
        let _ = offset;
    }

    /// Something a checker wants to know, legal or not (only with [`Sink::OBSERVE`]).
    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        let _ = diagnostic;
    }
}
