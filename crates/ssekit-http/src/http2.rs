//! One exchange over HTTP/2: hyper speaks the protocol, the tap below it tells what came.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ssekit_record::{EndKind, FaultKind};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Upload;
use crate::deadline::Deadlines;
use crate::recorder::Recorder;
use crate::request::{Outgoing, authority, target};
use crate::stream_reader::StreamReader;
use crate::tap::{Read, Tap};

/// Flow control windows, so that no event waits for one.
const WINDOW: u32 = 4 << 20;
/// How long END_STREAM is waited for after a head that allows no content.
const NO_CONTENT_GRACE: Duration = Duration::from_millis(200);

/// Makes the exchange on an established connection.
pub(crate) async fn exchange<S>(
    io: S,
    request: &Outgoing,
    deadlines: &mut Deadlines,
    rec: &mut Recorder<'_>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = request.for_http2();
    let message = match message(&request) {
        Ok(message) => message,
        Err(error) => {
            let detail = format!("this cannot be asked over HTTP/2: {error}");
            return rec.end(EndKind::Unreachable, rec.now_us(), &detail);
        }
    };
    let (tap, log) = Tap::new(io);
    let head_limit = u32::try_from(rec.limits().head).unwrap_or(u32::MAX);
    rec.connection().request_us = Some(rec.now_us());
    deadlines.begin_head(Instant::now());
    let driving = drive(tap, message, head_limit);
    tokio::pin!(driving);
    let mut driven = None;
    let mut reader = StreamReader::new(&request.method, rec.limits().head);
    while !rec.is_over() {
        tokio::select! {
            biased;
            () = deadlines.tick() => deadlines.check(rec),
            done = &mut driving, if driven.is_none() => driven = Some(done),
            () = log.news() => {}
        }
        while let Some((read, at)) = log.take() {
            let at_us = rec.us(at);
            match read {
                _ if rec.is_over() => {}
                Read::Slice(slice) => reader.read(&slice, at_us, rec),
                Read::End => {
                    let detail = "the connection ended before the stream did";
                    rec.end(EndKind::Truncated, at_us, detail);
                }
                Read::Failed(kind, words) => failed(kind, &words, at_us, rec),
            }
        }
        if rec.has_head() {
            deadlines.begin_body(Instant::now());
            end_without_content(&reader, rec);
        }
        // What the server sent says more than what hyper made of it, so that comes last.
        if let Some(Err(error)) = &driven
            && !rec.is_over()
        {
            broken(error, rec);
        }
        if matches!(driven, Some(Ok(()))) {
            // All of it was read through the tap; a stream without its end cannot end well.
            rec.end(EndKind::Truncated, rec.now_us(), "the stream has no end");
        }
    }
}

fn message(request: &Outgoing) -> Result<http::Request<Content>, http::Error> {
    let url = &request.url;
    let uri = format!("{}://{}{}", url.scheme(), authority(url), target(url));
    let mut message = http::Request::builder()
        .method(request.method.as_str())
        .uri(uri)
        .version(http::Version::HTTP_2);
    for (name, value) in &request.fields {
        message = message.header(name.as_str(), value.trim_ascii());
    }
    message.body(Content {
        upload: request.body.clone(),
        sent: 0,
    })
}

/// The content of a request. Where there is none it has no length either: hyper would add
/// `content-length: 0` to some methods, and what is sent is what the request says and no more.
struct Content {
    upload: Upload,
    sent: u64,
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.upload.piece(self.sent);
        self.sent += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent >= self.upload.len()
    }

    fn size_hint(&self) -> SizeHint {
        if self.upload.is_empty() {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.upload.len().saturating_sub(self.sent))
    }
}

/// Sends the request and takes in the response, so that windows stay open; its bytes are read off
/// the tap.
async fn drive<S>(
    tap: Tap<S>,
    message: http::Request<Content>,
    head_limit: u32,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(head_limit)
        .handshake(TokioIo::new(tap))
        .await?;
    let exchange = async {
        let mut body = sender.send_request(message).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(())
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    tokio::select! {
        done = &mut exchange => done,
        done = &mut connection => match done {
            Ok(()) => exchange.await,
            failed => failed,
        },
    }
}

/// The HTTP/2 library gave up. Where it did so only because it takes no more of something that is
/// allowed, that is a limit of ours.
fn broken(error: &hyper::Error, rec: &mut Recorder<'_>) {
    // The innermost cause says most.
    let mut cause: &dyn Error = error;
    let mut is_limit = false;
    loop {
        let own = cause.downcast_ref::<h2::Error>().filter(|e| e.is_library());
        is_limit |= own.and_then(h2::Error::reason) == Some(h2::Reason::ENHANCE_YOUR_CALM);
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    let (words, at_us) = (cause.to_string(), rec.now_us());
    if is_limit {
        let detail = format!("more than the HTTP/2 library takes: {words}");
        return rec.end(EndKind::Limit, at_us, &detail);
    }
    rec.fault(FaultKind::Http2, rec.body_len(), at_us, words.as_str());
    rec.end(EndKind::Malformed, at_us, &format!("HTTP/2: {words}"));
}

fn failed(kind: io::ErrorKind, words: &str, at_us: u64, rec: &mut Recorder<'_>) {
    match kind {
        io::ErrorKind::UnexpectedEof => {
            let detail = "the connection ended without close_notify";
            rec.fault(FaultKind::TlsUnclean, rec.body_len(), at_us, detail);
            let detail = "the connection ended before the stream did";
            rec.end(EndKind::Truncated, at_us, detail);
        }
        io::ErrorKind::InvalidData => rec.end(EndKind::Malformed, at_us, &format!("TLS: {words}")),
        _ => rec.end(EndKind::Reset, at_us, "the connection was reset"),
    }
}

/// A head that allows no content is the whole message, also where the server leaves the stream open.
fn end_without_content(reader: &StreamReader, rec: &mut Recorder<'_>) {
    let waited = rec.now_us().saturating_sub(rec.head_at_us());
    if reader.awaits_no_content() && u128::from(waited) >= NO_CONTENT_GRACE.as_micros() {
        let detail = "the head allows no content, but the server left the stream open";
        rec.end(EndKind::Left, rec.now_us(), detail);
    }
}
