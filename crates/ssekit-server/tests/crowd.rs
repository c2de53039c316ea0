//! Many subscribers of one stream, and delivery at fault.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod client;

use std::time::{Duration, Instant};

use client::{PATIENCE, Wire, get, is_consecutive, start};
use ssekit_server::{Config, Fault, Server};
use tokio::time::timeout;

async fn with_faults(faults: &[&str]) -> Server {
    let faults = faults.iter().map(|text| text.parse::<Fault>().unwrap());
    let config = Config {
        faults: faults.collect(),
        ..Config::default()
    };
    Server::start(config).await.unwrap()
}

/// Numbers of the events seen once there are so many.
async fn numbers(server: &Server, query: &str, count: usize) -> Vec<u64> {
    let mut wire = get(server, &format!("/events?{query}"), "").await;
    assert!(wire.until(|answer| answer.events().len() >= count).await);
    numbers_of(&wire)
}

fn numbers_of(wire: &Wire) -> Vec<u64> {
    let ids = wire.answer().events().into_iter().map(|event| event.id);
    ids.map(|id| id.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_gets_every_event_from_where_it_joined() {
    let server = start().await;
    let mut wires = Vec::new();
    for _ in 0..40 {
        wires.push(get(&server, "/events?interval=20", "").await);
    }
    for wire in &mut wires {
        assert!(wire.until(|answer| answer.events().len() >= 10).await);
        assert!(is_consecutive(&numbers_of(wire)), "{:?}", numbers_of(wire));
    }
    assert_eq!(server.active_streams(), 40);
    wires.truncate(3);
    while server.active_streams() != 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.shutdown().await;
    for wire in &mut wires {
        while wire.more().await {}
        assert!(wire.bytes.ends_with(b"\n\n\r\n0\r\n\r\n"));
        assert!(is_consecutive(&numbers_of(wire)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_late_misses_nothing_of_the_history() {
    let server = start().await;
    // A large event fills the buffers of the socket long before the history is over.
    let mut wire = get(&server, "/events?interval=20&size=1000000", "").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    while wire.bytes.len() < 30_000_000 {
        assert!(wire.more().await);
    }
    assert!(numbers_of(&wire).len() >= 29);
    assert!(is_consecutive(&numbers_of(&wire)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_for_long_is_given_no_backlog() {
    let server = start().await;
    let mut wire = get(&server, "/events?interval=20&size=1000000", "").await;
    tokio::time::sleep(Duration::from_millis(7_000)).await;
    let ended = timeout(PATIENCE, async { while wire.more().await {} }).await;
    ended.expect("the stream ends");
    assert!(wire.bytes.ends_with(b"\n\n\r\n0\r\n\r\n"));
    // 350 events were due.
    assert!(numbers_of(&wire).len() < 100, "{}", numbers_of(&wire).len());
}

#[tokio::test]
async fn events_are_dropped_repeated_and_swapped() {
    let seen = numbers(&with_faults(&["drop:3"]).await, "count=7&interval=5", 5).await;
    assert_eq!(seen, [1, 2, 4, 5, 7]);
    let seen = numbers(
        &with_faults(&["duplicate:3"]).await,
        "count=4&interval=5",
        5,
    )
    .await;
    assert_eq!(seen, [1, 2, 3, 3, 4]);
    let seen = numbers(&with_faults(&["reorder:3"]).await, "count=5&interval=5", 5).await;
    assert_eq!(seen, [1, 2, 4, 3, 5]);
}

#[tokio::test]
async fn a_stalled_stream_catches_up_at_once() {
    let server = with_faults(&["stall:200ms:600ms"]).await;
    let began = Instant::now();
    let mut wire = get(&server, "/events?interval=20", "").await;
    assert!(wire.until(|answer| answer.events().len() >= 3).await);
    assert!(wire.until(|answer| answer.events().len() >= 20).await);
    assert!(began.elapsed() >= Duration::from_millis(790));
    assert!(is_consecutive(&numbers_of(&wire)));
}

#[tokio::test]
async fn a_burst_is_one_chunk() {
    let server = with_faults(&["burst:4"]).await;
    let mut wire = get(&server, "/events?interval=10", "").await;
    assert!(wire.until(|answer| answer.events().len() >= 8).await);
    let text = String::from_utf8_lossy(&wire.bytes).into_owned();
    let body = text.split_once("\r\n\r\n").unwrap().1;
    let events: Vec<usize> = body
        .split("\r\n")
        .map(|part| part.matches("event: tick").count())
        .filter(|count| *count > 0)
        .collect();
    assert_eq!(events[..2], [4, 4]);
}

#[tokio::test]
async fn a_reset_ends_the_stream_without_an_end() {
    let server = with_faults(&["reset:3"]).await;
    let mut wire = get(&server, "/events?interval=10", "").await;
    let ended = timeout(PATIENCE, async { while wire.more().await {} }).await;
    ended.expect("the connection ends");
    assert_eq!(numbers_of(&wire).len(), 3);
    assert!(!wire.bytes.ends_with(b"0\r\n\r\n"));
}
