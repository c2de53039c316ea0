//! Answers: heads and content, the same for every connection kind.
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};

use crate::{flaw::HeadFlaw, piece::Write};

/// The content of an answer.
pub(crate) type Content = UnsyncBoxBody<Bytes, Broken>;

/// The end of content that is broken off, by a defect or because a script asks for it.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream breaks off")
    }
}

impl std::error::Error for Broken {}

/// No content, of which no length is told: for HEAD and 204.
struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Content that is not there.
pub(crate) fn nothing() -> Content {
    Nothing.boxed_unsync()
}

/// What hands out writes until the clean end.
pub(crate) trait Source: Send + 'static {
    /// The next write; `None` at the clean end.
    fn next(&mut self) -> impl Future<Output = Option<Write>> + Send;
}

/// Content that a source hands out, one frame a write.
pub(crate) fn streamed(source: impl Source) -> Content {
    let frames = stream::unfold(source, |mut source| async move {
        let frame = loop {
            match source.next().await? {
                Write::Bytes(bytes) => break Ok(Frame::data(bytes)),
                Write::Trailers => break Ok(Frame::trailers(trailers())),
                Write::Break => break Err(Broken),
                Write::Pause(time) => tokio::time::sleep(time).await,
            }
        };
        Some((frame, source))
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-stream-end", HeaderValue::from_static("complete"));
    trailers
}

/// A text for people, or for programs of a type given.
pub(crate) fn text(
    status: StatusCode,
    media_type: &'static str,
    text: String,
) -> Response<Content> {
    let content = Full::from(text.into_bytes()).map_err(|never| match never {});
    let mut answer = Response::new(content.boxed_unsync());
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    put(fields, "content-type", media_type);
    put(fields, "cache-control", "no-store");
    common(fields);
    answer
}

/// A refusal, explained in a line.
pub(crate) fn refusal(status: StatusCode, reason: &str) -> Response<Content> {
    text(status, "text/plain; charset=utf-8", format!("{reason}\n"))
}

/// The head of an event stream.
///
/// `no-store` and `no-transform` keep caches and compressors away (RFC 9111 5.2.2.5, 5.2.2.6),
/// `X-Accel-Buffering` keeps nginx from gathering it.
pub(crate) fn event_stream(content: Content, flaw: Option<HeadFlaw>) -> Response<Content> {
    let mut answer = Response::new(content);
    let fields = answer.headers_mut();
    put(fields, "content-type", "text/event-stream");
    put(fields, "cache-control", "no-store, no-transform");
    put(fields, "x-accel-buffering", "no");
    put(fields, "vary", "Accept");
    common(fields);
    match flaw {
        Some(HeadFlaw::Status(code)) => {
            *answer.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
        }
        Some(HeadFlaw::Field(name, value)) => put(fields, name, value),
        Some(HeadFlaw::Again(name, value)) => {
            fields.append(name, HeaderValue::from_static(value));
        }
        Some(HeadFlaw::Without(name)) => {
            fields.remove(name);
        }
        Some(HeadFlaw::NoDate) | None => {}
    }
    answer
}

/// 204: no content, and no field that says how long it is (RFC 9110 15.3.5, 8.6).
pub(crate) fn no_content() -> Response<Content> {
    let mut answer = Response::new(nothing());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let fields = answer.headers_mut();
    put(fields, "cache-control", "no-store");
    common(fields);
    answer
}

/// A redirect.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response<Content> {
    let mut answer = refusal(status, location);
    if let Ok(value) = HeaderValue::from_str(location) {
        answer.headers_mut().insert(header::LOCATION, value);
    }
    answer
}

/// Sets a field whose value is known beforehand.
pub(crate) fn put(fields: &mut HeaderMap, name: &'static str, value: &'static str) {
    fields.insert(name, HeaderValue::from_static(value));
}

/// Every answer may be read from every origin (Fetch, CORS protocol): nothing here depends on who
/// the user's browser is logged in as, so no credentials are allowed and no origin is reflected.
fn common(fields: &mut HeaderMap) {
    put(fields, "x-content-type-options", "nosniff");
    put(fields, "access-control-allow-origin", "*");
}
