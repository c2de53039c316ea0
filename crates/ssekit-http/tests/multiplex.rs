//! Several streams on one HTTP/2 connection: with a hyper server, and with raw peers that flood,
//! break the protocol or do nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod frames;
mod peer;

use std::convert::Infallible;
use std::time::Duration;

use frames::{ask2, frame};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peer::*;
use ssekit_http::{Multiplex, Window};
use ssekit_record::{EndKind, FrameKind, FrameSeen, Session};
use tokio::net::TcpListener;
use url::Url;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// SETTINGS, and the answer to those of the client.
fn hello() -> Vec<u8> {
    [frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat()
}

/// `:status: 200` and the media type, on a stream.
fn head(stream: u8) -> Vec<u8> {
    let mut block = vec![0x88, 0, 12];
    block.extend(b"content-type");
    block.push(17);
    block.extend(b"text/event-stream");
    frame(1, 4, stream, &block)
}

/// A connection to a peer that plays this script.
async fn connected(steps: Vec<Step>) -> Multiplex {
    let (url, _served) = serve(vec![steps]).await;
    Multiplex::connect(&ask2(&url), &options()).await.unwrap()
}

/// One request to such a peer, until the connection is over.
async fn ended(steps: Vec<Step>) -> Session {
    let mut line = connected(steps).await;
    line.open(Window::Open);
    line.wait(PATIENCE, &mut |_| false).await;
    line.close().await
}

fn count(session: &Session, what: impl Fn(&FrameSeen) -> bool) -> usize {
    session.frames.iter().filter(|frame| what(frame)).count()
}

#[tokio::test]
async fn windows_pings_and_cancels_with_a_hyper_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/e?q=1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let echo = service_fn(|request: Request<Incoming>| async move {
            let told = format!("{} {}", request.uri(), request.headers().len());
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(told))))
        });
        let io = TokioIo::new(stream);
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, echo)
            .await
    });
    let url = Url::parse(&url).unwrap();
    let mut line = Multiplex::connect(&ask2(&url), &options()).await.unwrap();
    assert!(line.wait(PATIENCE, &mut |line| line.has_settled()).await);
    let (open, closed, cancelled) = (
        line.open(Window::Open),
        line.open(Window::Closed),
        line.open(Window::Closed),
    );
    line.ping(7);
    let pong = |line: &Multiplex| {
        let mut frames = line.frames().iter();
        frames.any(|f| f.came(FrameKind::Ping, 0) && f.is_ack() && f.value == Some(7))
    };
    let ready = &mut |line: &Multiplex| {
        line.has_ended(open) && line.has_head(closed) && line.has_head(cancelled) && pong(line)
    };
    assert!(line.wait(PATIENCE, ready).await);
    assert!(!line.has_ended(closed));
    line.cancel(cancelled);
    line.widen(closed);
    assert!(
        line.wait(PATIENCE, &mut |line| line.has_ended(closed))
            .await
    );
    let session = line.close().await;
    assert_eq!(session.end.kind, EndKind::Left);
    for stream in [open, closed] {
        let seen = session.stream(stream).unwrap();
        let told = String::from_utf8_lossy(&seen.body.bytes);
        assert_eq!(told, format!("{url} 1"));
        assert_eq!(seen.end.kind, EndKind::Clean);
        assert_eq!(seen.probe, format!("test-{stream}"));
    }
    assert!(session.stream(cancelled).unwrap().body.is_empty());
    assert_eq!(
        count(&session, |f| f.sent && f.kind == FrameKind::RstStream),
        1
    );
    assert_eq!(session.frames.last().unwrap().kind, FrameKind::Goaway);
}

#[tokio::test]
async fn floods_end_at_a_limit() {
    let settings = frame(4, 0, 0, &[0, 3, 0, 0, 0, 9].repeat(100));
    let fragment = frame(9, 0, 1, &[0; 16_384]);
    let opening = frame(1, 0, 1, &[]);
    for (name, flood) in [
        ("settings", settings.repeat(30_000)),
        ("ping", frame(6, 0, 0, &[1; 8]).repeat(60_000)),
        (
            "empty continuations",
            [opening.clone(), frame(9, 0, 1, &[]).repeat(60_000)].concat(),
        ),
        ("continuations", [opening, fragment.repeat(100)].concat()),
        ("unknown frames", frame(99, 0, 0, &[]).repeat(60_000)),
        (
            "empty data",
            [head(1), frame(0, 0, 1, &[]).repeat(60_000)].concat(),
        ),
    ] {
        let session = ended(vec![send(hello()), send(flood), Step::Hold]).await;
        assert_eq!(
            session.end.kind,
            EndKind::Limit,
            "{name}: {:?}",
            session.end
        );
        assert!(session.frames.len() <= 20_010, "{name}");
        let settings = session.frames.iter().map(|frame| frame.settings.len());
        assert!(settings.max().unwrap() <= 32, "{name}");
    }
}

#[tokio::test]
async fn what_breaks_the_connection_is_told() {
    for (answer, words) in [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "does not speak HTTP/2",
        ),
        (frame(6, 0, 0, &[0; 8]), "first frame"),
        (
            [hello(), frame(6, 0, 0, &[0; 7])].concat(),
            "Ping with 7 bytes",
        ),
        (
            [hello(), frame(3, 0, 0, &[0; 4])].concat(),
            "RstStream on stream 0",
        ),
        ([hello(), frame(0, 0, 9, b"x")].concat(), "never opened"),
        (
            [hello(), frame(5, 4, 1, &[0, 0, 0, 2])].concat(),
            "PUSH_PROMISE",
        ),
        (
            [hello(), frame(0, 0, 1, &vec![0; 16_385])].concat(),
            "16385 bytes",
        ),
        ([hello(), frame(1, 4, 1, &[0xff; 9])].concat(), "HPACK"),
    ] {
        let session = ended(vec![send(answer), Step::Hold]).await;
        assert_eq!(session.end.kind, EndKind::Malformed, "{words}");
        assert!(session.end.detail.contains(words), "{}", session.end.detail);
    }
}

#[tokio::test]
async fn a_stream_broken_alone_leaves_the_others() {
    let broken = frame(0, 8, 1, &[9, b'x']);
    let fine = [head(3), frame(0, 1, 3, b"data: x\n\n")].concat();
    let begin = [hello(), head(1), broken].concat();
    let mut line = connected(vec![send(begin), Step::Wait(200), send(fine), Step::Hold]).await;
    let (first, second) = (line.open(Window::Open), line.open(Window::Open));
    assert!(
        line.wait(PATIENCE, &mut |line| line.has_ended(second))
            .await
    );
    let session = line.close().await;
    assert_eq!(session.stream(first).unwrap().end.kind, EndKind::Malformed);
    assert_eq!(session.stream(second).unwrap().end.kind, EndKind::Clean);
    assert_eq!(session.stream(second).unwrap().body.bytes, b"data: x\n\n");
}

#[tokio::test]
async fn goaway_ends_the_streams_it_leaves_out() {
    let goaway = frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let mut line = connected(vec![send([hello(), goaway].concat()), Step::Hold]).await;
    let (first, second) = (line.open(Window::Open), line.open(Window::Open));
    assert!(line.wait(PATIENCE, &mut |line| line.leaves()).await);
    assert!(line.has_ended(second) && !line.has_ended(first));
    let session = line.close().await;
    let seen = session.stream(first).unwrap();
    assert_eq!((seen.end.kind, seen.goaways.len()), (EndKind::Left, 1));
}

#[tokio::test]
async fn waiting_ends_in_time_and_unreachable_is_told() {
    let mut line = connected(vec![Step::Hold]).await;
    let short = Duration::from_millis(50);
    assert!(!line.wait(short, &mut |line| line.has_settled()).await);
    assert_eq!(line.close().await.end.kind, EndKind::Left);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", gone.local_addr().unwrap());
    drop(gone);
    let line = Multiplex::connect(&ask2(&Url::parse(&url).unwrap()), &options()).await;
    let session = line.unwrap().close().await;
    assert_eq!(session.end.kind, EndKind::Unreachable);
    assert!(session.streams.is_empty());
}
