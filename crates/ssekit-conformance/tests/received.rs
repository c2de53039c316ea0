//! What ssekit makes of streams, beside what others make of the same bytes: eventsource-stream
//! reads the events, httparse the chunk sizes. The streams are those of the reference server.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::convert::Infallible;
use std::time::Duration;

use eventsource_stream::Eventsource as _;
use futures_util::{StreamExt as _, stream};
use ssekit_conformance::{CheckOptions, EchoTarget, Reading, check};
use ssekit_http::HttpChoice;
use ssekit_record::{EndKind, Observation, Transcript};
use ssekit_server::{Config, Server};

/// Values longer than this are cut in a reading.
const CUT: usize = 1024;

async fn observed(http: HttpChoice) -> Observation {
    let server = Server::start(Config::default()).await.unwrap();
    let mut options = CheckOptions::new(server.url("/events").parse().unwrap());
    options.http = http;
    options.observe = Some(Duration::from_millis(800));
    options.echo = Some(EchoTarget::Beside);
    check(&options, &mut |_| {}).await.unwrap().observation
}

/// The slices of the stream; a large one whole, since the other reader begins each again.
fn slices(transcript: &Transcript) -> Vec<Vec<u8>> {
    let stream = transcript.stream();
    if stream.len() > 64 * 1024 {
        return vec![stream.bytes.clone()];
    }
    let place = |n: u64| usize::try_from(n).unwrap();
    let slices = stream.slices.iter();
    slices
        .map(|s| stream.bytes[place(s.offset)..place(s.offset + s.len)].to_vec())
        .collect()
}

/// Type, data and id of each event, by the other reader.
async fn events(transcript: &Transcript) -> Vec<(String, String, String)> {
    let bytes = slices(transcript).into_iter().map(Ok::<_, Infallible>);
    let read = stream::iter(bytes).eventsource();
    let read = read.map(|event| {
        let event = event.expect("the reference server sends UTF-8");
        (event.event, event.data, event.id)
    });
    read.collect().await
}

async fn assert_same_events(transcript: &Transcript) -> usize {
    let ours = Reading::of(transcript).events;
    let theirs = events(transcript).await;
    let probe = &transcript.probe;
    assert_eq!(ours.len(), theirs.len(), "{probe}");
    for (ours, (event, data, id)) in ours.iter().zip(&theirs) {
        assert_eq!(&ours.event, event, "{probe}");
        assert_eq!(*ours.last_event_id, **id, "{probe}");
        let is_same = match data.len() > CUT {
            true => data.starts_with(&ours.data),
            false => *data == ours.data,
        };
        assert!(is_same, "{probe}: {data:?}");
    }
    ours.len()
}

/// The content of a chunked message, by httparse.
fn dechunked(mut wire: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(wire) {
        let size = usize::try_from(size).unwrap();
        let data = &wire[line..];
        content.extend_from_slice(&data[..size.min(data.len())]);
        if size == 0 || data.len() < size + 2 {
            break;
        }
        assert_eq!(&data[size..size + 2], b"\r\n");
        wire = &data[size + 2..];
    }
    content
}

async fn assert_read_alike(http: HttpChoice) {
    let observation = observed(http).await;
    let (mut streams, mut read, mut chunked) = (0, 0, 0);
    for transcript in &observation.transcripts {
        assert_eq!(transcript.contradiction(), None, "{}", transcript.probe);
        let ends = [EndKind::Clean, EndKind::Left];
        assert!(
            ends.contains(&transcript.end.kind),
            "{}: {:?}",
            transcript.probe,
            transcript.end
        );
        if !transcript.chunks.is_empty() {
            assert!(
                dechunked(&transcript.wire.bytes) == transcript.body.bytes,
                "{}",
                transcript.probe
            );
            chunked += 1;
        }
        if transcript.is_event_stream() {
            read += assert_same_events(transcript).await;
            streams += 1;
        }
    }
    assert!(
        streams > 40 && read > 80,
        "{streams} streams, {read} events"
    );
    assert_eq!(chunked > 40, http == HttpChoice::Http11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1() {
    assert_read_alike(HttpChoice::Http11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2() {
    assert_read_alike(HttpChoice::Http2).await;
}
