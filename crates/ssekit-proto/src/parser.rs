//! The interpretation algorithm.
use crate::{LimitError, Limits, Sink};
use alloc::string::String;

/// How the stream ended for the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The last event ID string, committed.
    pub last_event_id: String,
    /// Whether an incomplete block was discarded.
    pub discarded: bool,
}

/// Incremental parser of an event stream.
#[derive(Debug)]
pub struct Parser {
    _p: (),
}

impl Parser {
    /// With default limits and an empty last event ID.
    pub fn new() -> Self {
        todo!()
    }
    /// With these limits.
    pub fn with_limits(limits: Limits) -> Self {
        let _ = limits;
        todo!()
    }
    /// For a resumed stream: the last event ID string starts as this.
    pub fn set_last_event_id(&mut self, id: &str) {
        let _ = id;
        todo!()
    }
    /// Reads the next bytes.
    /// # Errors
    /// When a limit is passed; everything before it has been delivered, and every later call fails alike.
    pub fn feed<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), LimitError> {
        let _ = (bytes, sink);
        todo!()
    }
    /// Tells that the stream ended; a pending block is discarded.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> End {
        let _ = sink;
        todo!()
    }
    /// The last event ID string, as committed by the last empty line.
    pub fn last_event_id(&self) -> &str {
        todo!()
    }
    /// The reconnection time last set by the stream, in milliseconds.
    pub fn retry_ms(&self) -> Option<u64> {
        todo!()
    }
    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        todo!()
    }
    /// Ready for the next connection: keeps the last event ID and reconnection time only.
    pub fn reset(&mut self) {
        todo!()
    }
}
impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}
