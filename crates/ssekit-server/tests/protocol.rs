//! TLS, HTTP/2 and the end of the server.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod client;

use std::time::{Duration, Instant};

use client::{Wire, connect_tls, events_of, get, h2, h2_get, start, start_tls};
use ssekit_server::{Config, Server, ServerError};

#[tokio::test]
async fn tls_offers_both_protocols() {
    let server = start_tls(None).await;
    assert!(server.url("/events").starts_with("https://127.0.0.1:"));
    let socket = connect_tls(&server, &["h2", "http/1.1"]).await;
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let request = http::Request::get(server.url("/events?count=3"))
        .body(())
        .unwrap();
    let mut answer = h2(socket, request).await;
    let frames = answer.frames(usize::MAX).await.unwrap();
    assert_eq!(events_of(&frames.concat()).len(), 3);

    let mut socket = Wire {
        socket: connect_tls(&server, &["http/1.1"]).await,
        bytes: Vec::new(),
    };
    assert_eq!(
        socket.socket.get_ref().1.alpn_protocol(),
        Some(&b"http/1.1"[..])
    );
    let request = "GET /events?count=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    socket.send(request).await;
    let answer = socket.rest().await;
    assert!(answer.ended_cleanly());
    assert_eq!(answer.events().len(), 3);
}

#[tokio::test]
async fn h2_by_prior_knowledge_sends_a_frame_an_event() {
    let server = start().await;
    let mut answer = h2_get(&server, "/events?interval=20").await;
    assert_eq!(answer.head.status, 200);
    let fields = &answer.head.headers;
    assert_eq!(fields["content-type"], "text/event-stream");
    assert!(fields.contains_key("date"));
    for name in [
        "connection",
        "transfer-encoding",
        "content-length",
        "keep-alive",
    ] {
        assert!(!fields.contains_key(name), "{name}");
    }
    let frames = answer.frames(6).await.unwrap();
    assert!(frames[1..].iter().all(|frame| events_of(frame).len() == 1));
}

#[tokio::test]
async fn h2_answers_head_and_204_without_content() {
    let server = start().await;
    let connect = || tokio::net::TcpStream::connect(server.addr());
    let request = http::Request::head(server.url("/events")).body(()).unwrap();
    let mut head = h2(connect().await.unwrap(), request).await;
    assert_eq!(head.head.status, 200);
    assert!(!head.head.headers.contains_key("content-length"));
    assert!(head.frames(1).await.unwrap().is_empty());
    let request = http::Request::get(server.url("/events?count=2")).header("last-event-id", "2");
    let mut done = h2(connect().await.unwrap(), request.body(()).unwrap()).await;
    assert_eq!(done.head.status, 204);
    assert!(!done.head.headers.contains_key("content-length"));
    assert!(done.frames(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn shutdown_ends_streams_cleanly_and_soon() {
    let server = start().await;
    let mut ticking = get(&server, "/events?interval=10", "").await;
    let mut quiet = get(&server, "/events?silent", "").await;
    let script = r#"{"version":1,"steps":[{"do":"event","data":"a"},{"do":"wait","ms":90000}]}"#;
    let query: String = url::form_urlencoded::byte_serialize(script.as_bytes()).collect();
    let mut echo = get(&server, &format!("/echo?script={query}"), "").await;
    let mut h2 = h2_get(&server, "/events?interval=10").await;
    ticking.events(2).await;
    quiet.until(|answer| !answer.content.is_empty()).await;
    echo.events(1).await;
    let mut frames = h2.frames(2).await.unwrap();
    let idle = client::connect(&server).await;
    let began = Instant::now();
    server.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(4), "not by the timer");
    for wire in [&mut ticking, &mut quiet, &mut echo] {
        let answer = wire.rest().await;
        assert!(answer.ended_cleanly(), "{}", answer.text());
        assert!(answer.stream().ends_with(b"\n\n"));
    }
    frames.extend(h2.frames(usize::MAX).await.unwrap());
    assert!(frames.concat().ends_with(b"\n\n"));
    drop(idle);
}

#[tokio::test]
async fn dropping_the_server_stops_it() {
    let server = start().await;
    let addr = server.addr();
    let mut wire = get(&server, "/events", "").await;
    wire.events(1).await;
    drop(server);
    while wire.more().await {}
    let refused = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(client::PATIENCE, refused)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let server = start().await;
    let taken = Config {
        listen: server.addr(),
        ..Config::default()
    };
    let error = Server::start(taken).await.unwrap_err();
    assert!(matches!(error, ServerError::Listen { .. }), "{error}");
    let endless = Config {
        history: 0,
        ..Config::default()
    };
    let error = Server::start(endless).await.unwrap_err();
    assert!(matches!(error, ServerError::Config(_)), "{error}");
}
