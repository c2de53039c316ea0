//! Makes one exchange and records it.
use crate::{Ask, HttpError, Options};
use ssekit_record::{Head, Transcript};

/// What an observer wants after a glimpse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Go on.
    More,
    /// Close the connection: seen enough.
    Enough,
}

/// What an observer is shown while the exchange runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Glimpse<'a> {
    /// The final head has arrived.
    Head(&'a Head),
    /// Decoded content (all codings undone) of one slice, with its arrival in microseconds.
    Content {
        /// Bytes.
        bytes: &'a [u8],
        /// Arrival.
        at_us: u64,
    },
    /// Nothing arrived for a while (called about every 10 ms); elapsed microseconds since the
    /// exchange began.
    Idle {
        /// Elapsed.
        at_us: u64,
    },
}

/// Makes the exchange and shows each step to `observer`, which decides when to leave.
/// # Errors
/// Only for faults of the caller or environment; anything the peer does is in the transcript.
pub async fn observe(
    ask: &Ask,
    options: &Options,
    observer: &mut (dyn FnMut(Glimpse<'_>) -> Seen + Send),
) -> Result<Transcript, HttpError> {
    let _ = (ask, options, observer);
    todo!()
}
