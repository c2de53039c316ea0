//! Makes one exchange and records it.

use std::sync::Arc;

use rustls::ClientConfig;
use ssekit_record::{EndKind, Head, HttpVersion, Transcript};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::connect::connect;
use crate::deadline::{Deadlines, in_seconds};
use crate::recorder::Recorder;
use crate::redirect::Trail;
use crate::request::{Outgoing, validate, version_asked};
use crate::{Ask, HttpChoice, HttpError, Options, http1, http2, tls};

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
    let mut trail = Arc::new(Trail::new(ask, options.redirects));
    loop {
        let tls = match trail.ask().url.scheme() {
            "https" => Some(tls::config(&options.trust, ask.http)?),
            _ => None,
        };
        let (transcript, next) = {
            let mut rec = begin(&trail, options, observer);
            exchange(trail.ask(), options, tls, &mut rec).await;
            rec.finish()
        };
        match next {
            Some(url) => Arc::make_mut(&mut trail).follow(url, &transcript),
            None => return Ok(transcript),
        }
    }
}

fn begin<'o>(
    trail: &Arc<Trail>,
    options: &Options,
    observer: &'o mut Observer<'_>,
) -> Recorder<'o> {
    let ask = trail.ask();
    let request = Outgoing::new(ask).record(version_asked(ask.http));
    Recorder::new(&ask.probe, request, options.limits, trail, Some(observer))
}

async fn exchange(
    ask: &Ask,
    options: &Options,
    tls: Option<Arc<ClientConfig>>,
    rec: &mut Recorder<'_>,
) {
    let mut deadlines = Deadlines::new(options);
    let connecting = connect(&ask.url, options.connect_timeout, options.receive_buffer);
    let (stream, peer) = match deadlines.wait(connecting, rec).await {
        Some(Ok(connected)) => connected,
        Some(Err(detail)) => return rec.end(EndKind::Unreachable, rec.now_us(), &detail),
        None => return,
    };
    if options.reset {
        // Best effort: a socket that cannot be told so closes as others do.
        let _ = stream.set_zero_linger();
    }
    rec.connection().peer = Some(peer.to_string());
    rec.connection().connected_us = Some(rec.now_us());
    let Some(config) = tls else {
        let http2 = ask.http == HttpChoice::Http2;
        return speak(stream, ask, http2, &mut deadlines, rec).await;
    };
    let limit = options.connect_timeout;
    let handshake = timeout(limit, tls::handshake(stream, &ask.url, config));
    let (stream, session) = match deadlines.wait(handshake, rec).await {
        Some(Ok(Ok(done))) => done,
        Some(Ok(Err(detail))) => return rec.end(EndKind::Unreachable, rec.now_us(), &detail),
        Some(Err(_)) => {
            let detail = format!("no TLS handshake within {}", in_seconds(limit));
            return rec.end(EndKind::Unreachable, rec.now_us(), &detail);
        }
        None => return,
    };
    let http2 = session.alpn.as_deref() == Some("h2");
    rec.connection().tls_us = Some(rec.now_us());
    rec.connection().tls = Some(session);
    if ask.http == HttpChoice::Http2 && !http2 {
        let detail = "the server did not agree to HTTP/2 by ALPN";
        return rec.end(EndKind::Unreachable, rec.now_us(), detail);
    }
    speak(stream, ask, http2, &mut deadlines, rec).await;
}

async fn speak<S>(io: S, ask: &Ask, http2: bool, deadlines: &mut Deadlines, rec: &mut Recorder<'_>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = Outgoing::new(ask);
    if http2 {
        *rec.request() = request.for_http2().record(HttpVersion::Http2);
        http2::exchange(io, &request, deadlines, rec).await;
    } else {
        http1::exchange(io, &request, version_asked(ask.http), deadlines, rec).await;
    }
}
