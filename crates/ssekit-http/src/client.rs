//! Makes one exchange and records it.

use ssekit_record::{EndKind, Head, Transcript};

use crate::connect::connect;
use crate::deadline::Deadlines;
use crate::http1;
use crate::recorder::Recorder;
use crate::redirect::Trail;
use crate::request::{Outgoing, validate, version_asked};
use crate::{Ask, HttpError, Options};

/// Whoever watches an exchange.
pub(crate) type Observer<'o> = dyn FnMut(Glimpse<'_>) -> Seen + Send + 'o;

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
///
/// Redirects are followed first; the transcript, its clock included, is that of the last exchange.
/// The observer sees only the head that is not followed any further.
///
/// # Errors
/// Only for faults of the caller or environment; anything the peer does is in the transcript.
pub async fn observe(
    ask: &Ask,
    options: &Options,
    observer: &mut (dyn FnMut(Glimpse<'_>) -> Seen + Send),
) -> Result<Transcript, HttpError> {
    validate(ask)?;
    let mut trail = Trail::new(ask, options.redirects);
    loop {
        let (transcript, next) = {
            let mut rec = begin(&trail, options, observer);
            exchange(trail.ask(), options, &mut rec).await;
            rec.finish()
        };
        match next {
            Some(url) => trail.follow(url, &transcript),
            None => return Ok(transcript),
        }
    }
}

fn begin<'o>(trail: &'o Trail, options: &Options, observer: &'o mut Observer<'_>) -> Recorder<'o> {
    let ask = trail.ask();
    let request = Outgoing::new(ask).record(version_asked(ask.http));
    Recorder::new(&ask.probe, request, options.limits, trail, observer)
}

async fn exchange(ask: &Ask, options: &Options, rec: &mut Recorder<'_>) {
    let mut deadlines = Deadlines::new(options);
    let connecting = connect(&ask.url, options.connect_timeout);
    let Some(connected) = deadlines.wait(connecting, rec).await else {
        return;
    };
    let (stream, peer) = match connected {
        Ok(connected) => connected,
        Err(detail) => return rec.end(EndKind::Unreachable, rec.now_us(), &detail),
    };
    rec.connection().peer = Some(peer.to_string());
    rec.connection().connected_us = Some(rec.now_us());
    let request = Outgoing::new(ask);
    let version = version_asked(ask.http);
    http1::exchange(stream, &request, version, &mut deadlines, rec).await;
}
