//! Each parser behind one signature: slices in, number of events and bytes of data out.
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;

use bytes::Bytes;
use eventsource_client::{Client as _, ClientBuilder, SSE};
use eventsource_stream::Eventsource as _;
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use http::{Request, Response};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture};
use ssekit_proto::{Event, EventRef, Parser, Sink};

/// What a parser found: it must be the same for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    pub events: usize,
    pub data_bytes: usize,
}

impl Found {
    fn add(&mut self, data: &str) {
        self.events += 1;
        self.data_bytes += data.len();
    }
}

/// A parser and how to run it over slices that hold so many events.
pub struct Candidate {
    pub name: &'static str,
    pub run: fn(&[Bytes], usize) -> Found,
}

pub const CANDIDATES: &[Candidate] = &[
    Candidate {
        name: "ssekit-proto, borrowed",
        run: ssekit_borrowed,
    },
    Candidate {
        name: "ssekit-proto, owned",
        run: ssekit_owned,
    },
    Candidate {
        name: "sse-core",
        run: sse_core,
    },
    Candidate {
        name: "sse-parse",
        run: sse_parse,
    },
    Candidate {
        name: "sse-stream",
        run: sse_stream,
    },
    Candidate {
        name: "sseer",
        run: sseer,
    },
    Candidate {
        name: "eventsource-stream",
        run: eventsource_stream,
    },
    Candidate {
        name: "eventsource-client",
        run: eventsource_client,
    },
];

/// How many of [`CANDIDATES`] are ours.
pub const OURS: usize = 2;

fn ssekit_borrowed(slices: &[Bytes], _: usize) -> Found {
    struct Count(Found);
    impl Sink for Count {
        fn event(&mut self, event: EventRef<'_>) {
            self.0.add(black_box(&event).data);
        }
    }
    let mut count = Count(Found::default());
    let mut parser = Parser::new();
    for slice in slices {
        parser.feed(slice, &mut count).expect("within limits");
    }
    count.0
}

fn ssekit_owned(slices: &[Bytes], _: usize) -> Found {
    struct Own(Found);
    impl Sink for Own {
        fn event(&mut self, event: EventRef<'_>) {
            self.0.add(&black_box(&Event::from(event)).data);
        }
    }
    let mut own = Own(Found::default());
    let mut parser = Parser::new();
    for slice in slices {
        parser.feed(slice, &mut own).expect("within limits");
    }
    own.0
}

fn sse_core(slices: &[Bytes], _: usize) -> Found {
    let limit = std::num::NonZeroUsize::new(16 << 20).expect("not zero");
    let mut decoder = sse_core::SseDecoder::with_limit(limit);
    let mut found = Found::default();
    for slice in slices {
        let mut slice: &[u8] = slice;
        while let Some(event) = decoder.next(&mut slice) {
            if let sse_core::SseEvent::Message(event) = event.expect("within limits") {
                found.add(&black_box(&event).data);
            }
        }
    }
    found
}

fn sse_parse(slices: &[Bytes], _: usize) -> Found {
    let mut parser = sse_parse::SseParser::new();
    let mut found = Found::default();
    for slice in slices {
        parser.feed(slice);
        while let Some(event) = parser.next_event() {
            found.add(&black_box(&event).data);
        }
    }
    found
}

/// The slices as the stream that the asynchronous parsers want; it is always ready.
fn ready(slices: &[Bytes]) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    stream::iter(slices.to_vec()).map(Ok)
}

/// The next item of a stream that is always ready.
fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    stream.next().now_or_never().expect("always ready")
}

fn sse_stream(slices: &[Bytes], _: usize) -> Found {
    let mut stream = pin!(sse_stream::SseByteStream::new(ready(slices)));
    let mut found = Found::default();
    while let Some(event) = next(&mut stream) {
        let event = event.expect("valid");
        found.add(black_box(&event).data.as_deref().unwrap_or_default());
    }
    found
}

fn sseer(slices: &[Bytes], _: usize) -> Found {
    let mut stream = pin!(sseer::event_stream::EventStream::new(ready(slices)));
    let mut found = Found::default();
    while let Some(event) = next(&mut stream) {
        found.add(&black_box(&event.expect("valid")).data);
    }
    found
}

fn eventsource_stream(slices: &[Bytes], _: usize) -> Found {
    let mut stream = pin!(ready(slices).eventsource());
    let mut found = Found::default();
    while let Some(event) = next(&mut stream) {
        found.add(&black_box(&event.expect("valid")).data);
    }
    found
}

/// Answers every request with these slices.
#[derive(Clone)]
struct Canned(Vec<Bytes>);

impl HttpTransport for Canned {
    fn request(&self, _: Request<Option<Bytes>>) -> ResponseFuture {
        let body: ByteStream = Box::pin(stream::iter(self.0.clone()).map(Ok));
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .body(body)
            .expect("valid response");
        Box::pin(async { Ok(response) })
    }
}

/// Its parser is private, so the whole client runs, on a transport without IO.
fn eventsource_client(slices: &[Bytes], events: usize) -> Found {
    let client = ClientBuilder::for_url("http://localhost/")
        .expect("valid URL")
        .build_with_transport(Canned(slices.to_vec()));
    let mut stream = client.stream();
    let mut found = Found::default();
    while found.events < events {
        if let SSE::Event(event) = next(&mut stream).expect("goes on").expect("valid") {
            found.add(&black_box(&event).data);
        }
    }
    found
}
