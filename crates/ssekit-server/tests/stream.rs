//! What a subscriber of `/events` gets.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod client;

use std::time::{Duration, Instant};

use client::{get, is_consecutive, start};
use ssekit_server::{Config, Server};

#[tokio::test]
async fn the_head_says_what_it_should_and_nothing_else() {
    let server = start().await;
    let answer = get(&server, "/events", "").await.head().await;
    assert_eq!(answer.status_line, "HTTP/1.1 200 OK");
    let expected = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("vary", "Accept"),
        ("x-content-type-options", "nosniff"),
        ("access-control-allow-origin", "*"),
        ("transfer-encoding", "chunked"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.all(name), [value], "{name}");
    }
    assert_eq!(answer.all("date").len(), 1);
    assert_eq!(
        answer.fields.len(),
        expected.len() + 1,
        "{:?}",
        answer.fields
    );
}

#[tokio::test]
async fn a_quiet_stream_begins_at_once() {
    let server = start().await;
    let mut wire = get(&server, "/events?interval=3600000", "").await;
    assert!(
        wire.until(|answer| answer.text().contains("retry: 3000\n\n"))
            .await
    );
    assert!(wire.answer().text().starts_with(": "));
    assert!(wire.answer().events().is_empty());
}

#[tokio::test]
async fn silence_is_broken_by_comments() {
    let server = start().await;
    let began = Instant::now();
    let mut wire = get(&server, "/events?silent&heartbeat=100", "").await;
    assert!(
        wire.until(|answer| answer.text().ends_with("\n\n:\n:\n:\n"))
            .await
    );
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(wire.answer().events().is_empty());
}

#[tokio::test]
async fn events_come_on_time_one_a_chunk() {
    let server = start().await;
    let began = Instant::now();
    let mut wire = get(&server, "/events?interval=40", "").await;
    let events = wire.events(5).await;
    assert!(began.elapsed() >= Duration::from_millis(160));
    let numbers: Vec<u64> = events.iter().map(client::Event::number).collect();
    assert!(is_consecutive(&numbers), "{numbers:?}");
    let chunks = wire.answer().content;
    let chunks = String::from_utf8(chunks).unwrap();
    assert!(chunks.matches("\r\nevent: tick\n").count() >= 5, "{chunks}");
}

#[tokio::test]
async fn subscribers_share_events_and_ids() {
    let server = start().await;
    let (mut one, mut two) = (
        get(&server, "/events?interval=20", "").await,
        get(&server, "/events?interval=20", "").await,
    );
    let (one, two) = (one.events(12).await, two.events(12).await);
    let shared = one.iter().filter(|event| two.contains(event)).count();
    assert!(shared > 0, "{one:?} {two:?}");
}

/// Whatever the id and whenever it comes back: no event is missing, none comes twice.
#[tokio::test]
async fn resuming_is_exact_while_events_go_on() {
    let server = start().await;
    let mut seen = Vec::new();
    let mut fields = String::new();
    for turn in 0..12 {
        let mut wire = get(&server, "/events?interval=2", &fields).await;
        let events = wire.events(1 + turn % 5).await;
        drop(wire);
        seen.extend(events);
        fields = format!("Last-Event-ID: {}\r\n", seen.last().unwrap().id);
        tokio::time::sleep(Duration::from_millis(turn as u64 * 3)).await;
    }
    let numbers: Vec<u64> = seen.iter().map(client::Event::number).collect();
    assert!(is_consecutive(&numbers), "{numbers:?}");
}

#[tokio::test]
async fn the_history_is_bounded() {
    let config = Config {
        history: 10,
        ..Config::default()
    };
    let server = Server::start(config).await.unwrap();
    let first = get(&server, "/events?interval=2", "").await.events(1).await[0].number();
    let field = |back: u64| format!("Last-Event-ID: {}\r\n", first - back);
    let mut old = get(&server, "/events?interval=2", &field(1000)).await;
    let events = old.events(1).await;
    assert!(
        events[0].number() > first,
        "an id out of the history starts anew"
    );
    assert!(old.answer().text().contains("not known"));
}

#[tokio::test]
async fn ids_never_issued_start_anew() {
    let server = start().await;
    let now = get(&server, "/events", "").await.events(1).await[0].number();
    let future = (now + 1000).to_string();
    for id in [
        "nonsense",
        &future,
        "-1",
        "1; drop",
        "\u{e9}\u{4e16}",
        "<b>",
    ] {
        let fields = format!("Last-Event-ID: {id}\r\n");
        let mut wire = get(&server, "/events", &fields).await;
        let events = wire.events(1).await;
        assert!(events[0].number() >= now, "{id}");
        let text = wire.answer().text();
        assert!(text.contains("not known") && !text.contains(id), "{text}");
    }
    let mut empty = get(&server, "/events", "Last-Event-ID:\r\n").await;
    empty.events(1).await;
    assert!(!empty.answer().text().contains("not known"));
}

#[tokio::test]
async fn a_finite_stream_ends_and_says_so_when_asked_again() {
    let server = start().await;
    let path = "/events?count=4&interval=5";
    let mut wire = get(&server, path, "Connection: close\r\n").await;
    let answer = wire.rest().await;
    assert!(answer.ended_cleanly() && answer.text().ends_with("\n\n"));
    let ids: Vec<_> = answer.events().into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);

    let mut wire = get(&server, path, "Last-Event-ID: 2\r\nConnection: close\r\n").await;
    let ids: Vec<_> = wire
        .rest()
        .await
        .events()
        .into_iter()
        .map(|e| e.id)
        .collect();
    assert_eq!(ids, ["3", "4"]);

    let mut wire = get(&server, path, "Last-Event-ID: 4\r\nConnection: close\r\n").await;
    let answer = wire.rest().await;
    assert_eq!((answer.status, answer.content.len()), (204, 0));
    assert_eq!(answer.field("content-length"), None);
    assert_eq!(answer.field("transfer-encoding"), None);
}

#[tokio::test]
async fn an_event_has_the_size_asked_for() {
    let server = start().await;
    let mut wire = get(&server, "/events?size=70000&interval=20", "").await;
    for event in wire.events(3).await {
        assert_eq!(event.data.len(), 70_000);
        assert_eq!(event.kind, "tick");
        assert!(serde_json::from_str::<serde_json::Value>(&event.data).is_ok());
    }
}

#[tokio::test]
async fn the_journal_notices_who_comes_and_goes() {
    let server = start().await;
    let mut wire = get(&server, "/events", "X-Mark: here\r\n").await;
    wire.events(1).await;
    let entry = server.journal().pop().unwrap();
    assert_eq!((entry.status, entry.closed), (Some(200), None));
    assert_eq!(entry.field("x-mark"), Some(&b"here"[..]));
    assert_eq!(server.active_streams(), 1);
    drop(wire);
    let gone = async {
        while server.active_streams() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(client::PATIENCE, gone).await.unwrap();
    assert!(server.journal().pop().unwrap().closed.is_some());
}

/// A client that stops reading is not given a backlog: its stream ends, with whole events.
#[tokio::test]
async fn a_stalled_subscriber_is_ended() {
    let server = start().await;
    let mut wire = get(
        &server,
        "/events?interval=1&size=65536",
        "Connection: close\r\n",
    )
    .await;
    wire.events(1).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let answer = wire.rest().await;
    assert!(answer.ended_cleanly());
    assert!(answer.stream().ends_with(b"\n\n"));
    assert!(answer.events().len() < 3000, "{}", answer.events().len());
}
