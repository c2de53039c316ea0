//! The library way: an application is checked in one test, and a failed one says what to change.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::convert::Infallible;
use std::time::Duration;

use axum::http::header;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::{Router, routing::get};
use futures_util::stream::{self, Stream};
use ssekit_conformance::{
    CheckOutcome, CheckRecord, Checker, ConformanceError, HttpChoice, Level, Verdict,
};
use ssekit_server::{Config, Server};
use tokio::net::TcpListener;

async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let clock = tokio::time::interval(Duration::from_millis(40));
    Sse::new(stream::unfold(clock, |mut clock| async move {
        clock.tick().await;
        Some((Ok(Event::default().data("tick")), clock))
    }))
}

/// Ends without the empty line that its last event needs.
async fn cut() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/event-stream")], "data: bye")
}

fn app() -> Router {
    Router::new()
        .route("/events", get(ticks))
        .route("/cut", get(cut))
}

fn serving(path: &str) -> Checker {
    Checker::serving(path, |listener| axum::serve(listener, app()))
        .observe(Duration::from_millis(500))
}

/// What the assertion says of a stream.
async fn complaint(checker: Checker) -> String {
    let asserted = tokio::spawn(checker.assert()).await;
    let panic = asserted.expect_err("the assertion holds").into_panic();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn a_router_is_checked_without_a_port_or_a_binary() {
    let record = serving("/events").assert().await;
    assert_eq!(record.outcome, CheckOutcome::Conformant);
    assert!(record.counts.pass > 20, "{:?}", record.counts);
}

#[tokio::test]
async fn only_what_is_chosen_is_judged() {
    let checker = serving("events")
        .only("framing.*")
        .only("line")
        .skip("line.kind");
    let record = checker.assert().await;
    let ids: Vec<&str> = record.checks.iter().map(|f| f.id.as_str()).collect();
    assert!(ids.contains(&"framing.well-formed") && ids.contains(&"line.consistent"));
    assert!(!ids.contains(&"line.kind") && !ids.iter().any(|id| id.starts_with("data.")));
}

#[tokio::test]
async fn a_failure_says_what_where_why_and_what_to_change() {
    let text = complaint(serving("/cut").only("data").passive()).await;
    for part in [
        "tests/checker.rs:",
        "/cut does not conform: 1 of",
        "FAIL data.final-terminated [must]",
        "\n  expected  ",
        "\n  actual    ",
        "\n  where     probe main, byte ",
        "data: bye",
        "https://html.spec.whatwg.org/",
        "\n  remedy    ",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let caret = text
        .lines()
        .find(|l| l.trim_start().starts_with('^'))
        .unwrap();
    let place = text
        .lines()
        .find(|l| l.trim_start().starts_with("data: bye"))
        .unwrap();
    assert!(caret.find('^') <= Some(place.len()), "{text}");
}

#[tokio::test]
async fn the_gate_decides_what_a_warning_is() {
    let chosen = || serving("/events").only("response.nosniff").passive();
    let record = chosen().assert().await;
    assert_eq!(record.checks[0].verdict, Verdict::Warn);
    let text = complaint(chosen().gate(Level::Practice)).await;
    assert!(text.contains("WARN response.nosniff [practice]"), "{text}");
}

#[tokio::test]
async fn a_test_that_saw_nothing_has_shown_nothing() {
    let text = complaint(serving("/events").only("data.injection").passive()).await;
    assert!(
        text.contains("none of the checks could be judged"),
        "{text}"
    );
    assert!(text.contains("data.injection is unverified: "), "{text}");

    let ends = Checker::serving(
        "/events",
        |listener: TcpListener| async move { drop(listener) },
    );
    let text = complaint(ends).await;
    assert!(
        text.contains("the server ended before it answered"),
        "{text}"
    );
}

#[tokio::test]
async fn mistakes_of_the_caller_are_said() {
    let error = Checker::new("127.0.0.1:1/events").run().await.unwrap_err();
    assert!(
        matches!(
            error,
            ConformanceError::Http(_) | ConformanceError::Target { .. }
        ),
        "{error}"
    );
    let text = complaint(serving("/events").only("framng.well-formed")).await;
    assert!(
        text.contains("no check matches \"framng.well-formed\"; did you mean"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_sent_through_an_echo_endpoint() {
    let judged = |record: &CheckRecord| record.checks.iter().all(|f| f.verdict == Verdict::Pass);
    let server = Server::start(Config::default()).await.unwrap();
    let events = server.url("/events");
    let chosen = || {
        Checker::new(&events)
            .only("id.injection")
            .observe(Duration::from_millis(300))
    };
    assert!(judged(&chosen().echo().assert().await));
    assert!(judged(&chosen().echo_at("/echo").assert().await));
    assert!(judged(
        &chosen().echo_at(&server.url("/echo")).assert().await
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_the_test_is_trusted_and_http2_spoken() {
    let config = Config {
        tls: true,
        ..Config::default()
    };
    let server = Server::start(config).await.unwrap();
    let chosen = || {
        Checker::new(server.url("/events"))
            .only("http2.lowercase")
            .http(HttpChoice::Http2)
            .passive()
            .observe(Duration::from_millis(300))
    };
    let record = chosen()
        .trust(server.certificate_pem().unwrap())
        .assert()
        .await;
    assert_eq!(record.checks[0].verdict, Verdict::Pass);
    let text = complaint(chosen()).await;
    assert!(text.contains("was not judged: No answer: "), "{text}");
}

/// A check nobody waits for leaves the server.
#[tokio::test]
async fn dropping_the_check_ends_it() {
    let run = serving("/events").observe(Duration::from_secs(3600)).run();
    let ended = tokio::time::timeout(Duration::from_millis(300), run).await;
    assert!(ended.is_err());
    // The runtime of this test waits for the thread of the check, so coming to an end proves it.
}
