//! Defects, each seen on the wire; and nothing else broken beside them.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod client;

use std::time::{Duration, Instant};

use client::{Answer, ask, connect_tls, get, h2, h2_get, is_consecutive, start_tls, start_with};
use ssekit_server::Defect;

/// The first part of a stream with this defect.
async fn part(defect: &str, path: &str, enough: impl Fn(&Answer) -> bool) -> Answer {
    let server = start_with(defect).await;
    let mut wire = get(&server, path, "").await;
    wire.until(enough).await;
    wire.answer()
}

async fn finite(defect: &str) -> Answer {
    let server = start_with(defect).await;
    let mut wire = get(
        &server,
        "/events?count=9&interval=5",
        "Connection: close\r\n",
    )
    .await;
    wire.rest().await
}

/// Whatever the defect, something is answered, over both protocols, at the path it names.
#[tokio::test]
async fn every_defect_answers_at_its_path() {
    for entry in Defect::all() {
        let server = start_with(entry.id).await;
        let fields = "Authorization: Bearer a\r\nAccept: text/event-stream\r\n";
        let answer = get(&server, entry.path, fields).await.head().await;
        let refuses = ["response.accept-exact", "response.redirect-307-301"].contains(&entry.check);
        assert_eq!(answer.status / 100 == 2, !refuses, "{}", entry.id);
        // A strict client refuses the head that such a defect breaks.
        if !refuses && !entry.needs_h2 {
            let request = http::Request::get(server.url(entry.path)).header("authorization", "a");
            let socket = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
            let answer = h2(socket, request.body(()).unwrap()).await;
            assert!(answer.head.status.is_success() || entry.check == "response.accept-absent");
        }
    }
}

#[tokio::test]
async fn chunk_faults_come_after_good_chunks() {
    for (variant, fault) in [
        ("framing.well-formed", "\r\nxyz\r\n"),
        ("framing.well-formed/size-lf", "\nevent: tick\n"),
        ("framing.well-formed/data-end", "}\n\n"),
    ] {
        let server = start_with(variant).await;
        let mut wire = get(
            &server,
            "/events?count=9&interval=5",
            "Connection: close\r\n",
        )
        .await;
        let content = wire.rest().await;
        assert!(content.decoded().is_err(), "{variant}");
        let text = String::from_utf8(content.content).unwrap();
        assert!(text.matches("\r\nevent: tick\n").count() >= 5 && text.contains(fault));
    }
}

#[tokio::test]
async fn raw_connections_serve_what_hyper_serves() {
    let reference = client::start().await;
    let raw = start_with("framing.http10").await;
    let path = "/events?count=9&interval=5";
    for request in [
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nLast-Event-ID: 9\r\nConnection: close\r\n\r\n"),
        "HEAD /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "PUT /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "OPTIONS /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "HEAD /echo/capabilities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
    ] {
        let one = ask(&reference, &request).await.rest().await;
        let two = ask(&raw, &request).await.rest().await;
        assert_eq!(one.status, two.status, "{request}");
        assert_eq!(one.decoded(), two.decoded(), "{request}");
        let sorted = |answer: &Answer| {
            let mut fields = answer.fields.clone();
            fields.retain(|(name, _)| name != "date");
            fields.sort();
            fields
        };
        assert_eq!(sorted(&one), sorted(&two), "{request}");
    }
    let answer = ask(&raw, &format!("GET {path} HTTP/1.0\r\n\r\n"))
        .await
        .rest()
        .await;
    assert!(answer.is_chunked() && answer.ended_cleanly());
}

#[tokio::test]
async fn raw_connections_go_on_and_notice_who_leaves() {
    let server = start_with("framing.well-formed").await;
    let request = "GET /echo/capabilities HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut wire = ask(&server, &format!("{request}{request}")).await;
    while wire.text().matches("\"echo\":1").count() < 2 {
        assert!(wire.more().await);
    }
    wire.send("GET /events?silent HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    while server.active_streams() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(wire);
    while server.active_streams() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut wire = get(&server, "/events?silent", "").await;
    wire.until(|answer| !answer.content.is_empty()).await;
    server.shutdown().await;
    assert!(wire.rest().await.ended_cleanly());
}

#[tokio::test]
async fn lengths_beside_codings_and_without() {
    let both = part("framing.no-cl-and-te", "/events", |answer| {
        answer.events().len() > 1
    })
    .await;
    assert!(both.is_chunked() && both.field("content-length").is_some());
    let path = "/events";
    let long = part("framing.no-content-length", path, |a| a.events().len() > 1).await;
    assert_eq!(long.field("content-length"), Some("1000000000"));
    assert!(!long.is_chunked());
    let server = start_with("framing.no-content-length").await;
    let mut answer = h2_get(&server, "/events").await;
    assert_eq!(answer.head.headers["content-length"], "1000000000");
    assert_eq!(answer.frames(3).await.unwrap().len(), 3);
}

#[tokio::test]
async fn breaking_off_loses_the_end_and_no_event() {
    let server = start_with("framing.clean-end").await;
    let answer = get(&server, "/events?count=5&interval=5", "")
        .await
        .rest()
        .await;
    assert_eq!(answer.events().len(), 5);
    assert!(!answer.ended_cleanly());
    let mut answer = h2_get(&server, "/events?count=5&interval=5").await;
    assert_eq!(answer.frames(6).await.unwrap().len(), 6);
    assert!(answer.frames(1).await.is_err());
}

#[tokio::test]
async fn trailers_come_over_both_protocols() {
    let server = start_with("framing.trailers").await;
    let mut wire = get(
        &server,
        "/events?count=2&interval=5",
        "Connection: close\r\n",
    )
    .await;
    let answer = wire.rest().await;
    assert!(
        answer
            .content
            .ends_with(b"0\r\nx-stream-end: complete\r\n\r\n")
    );
    assert_eq!(answer.field("trailer"), Some("x-stream-end"));
    let mut answer = h2_get(&server, "/events?count=2&interval=5").await;
    answer.frames(usize::MAX).await.unwrap();
    let server = start_tls(Some("framing.trailers")).await;
    let socket = connect_tls(&server, &["h2"]).await;
    let request = http::Request::get(server.url("/events?count=2"))
        .body(())
        .unwrap();
    assert_eq!(h2(socket, request).await.frames(9).await.unwrap().len(), 3);
    let mut wire = client::Wire {
        socket: connect_tls(&server, &["http/1.1"]).await,
        bytes: Vec::new(),
    };
    wire.send("GET /events?count=2 HTTP/1.1\r\nConnection: close\r\n\r\n")
        .await;
    assert!(wire.rest().await.content.ends_with(b"complete\r\n\r\n"));
}

#[tokio::test]
async fn head_is_answered_late_or_with_content() {
    let head = "HEAD /events?count=3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let server = start_with("response.head/content").await;
    assert_eq!(ask(&server, head).await.rest().await.events().len(), 3);
    let server = start_with("response.head").await;
    let mut wire = ask(&server, head).await;
    let silent = tokio::time::timeout(Duration::from_millis(300), wire.more());
    assert!(silent.await.is_err());
}

#[tokio::test]
async fn heads_and_first_bytes_come_late() {
    let server = start_with("response.headers-prompt").await;
    let began = Instant::now();
    get(&server, "/events", "").await.head().await;
    assert!(began.elapsed() > Duration::from_secs(1));
    let server = start_with("response.ttfb").await;
    let mut wire = get(&server, "/events", "").await;
    wire.head().await;
    let began = Instant::now();
    wire.until(|answer| !answer.content.is_empty()).await;
    assert!(began.elapsed() > Duration::from_secs(1));
}

#[tokio::test]
async fn held_events_leave_with_the_next() {
    let server = start_with("framing.event-per-flush").await;
    let mut wire = get(&server, "/events?interval=300", "").await;
    let first = wire.events(1).await.remove(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let data: serde_json::Value = serde_json::from_str(&first.data).unwrap();
    let due = Duration::from_millis(data["time"].as_u64().unwrap());
    assert!(now.unwrap() - due > Duration::from_millis(280));
    let tail = "framing.event-per-flush/tail";
    let answer = part(tail, "/events?interval=20", |a| {
        a.text().contains("tick\":")
    })
    .await;
    assert!(answer.events().is_empty() && answer.text().ends_with("}\n"));
    let dense = Defect::find("framing.no-fixed-block").unwrap().entry();
    let answer = part(dense.id, dense.path, |a| a.stream().len() >= 8192).await;
    assert!(answer.content.starts_with(b"1000\r\n") && answer.stream().len() % 4096 == 0);
    let torn = part("framing.tiny-storm", "/events", |a| !a.events().is_empty()).await;
    assert!(torn.content.starts_with(b"1\r\n:\r\n1\r\n"));
}

#[tokio::test]
async fn resuming_goes_wrong_in_each_way() {
    for (defect, expected) in [
        ("resume.replay/repeat", [6_i64, 7, 8, 9]),
        ("resume.replay/order", [8, 7, 9, 10]),
        ("resume.replay/skip", [8, 9, 10, 11]),
    ] {
        let server = start_with(defect).await;
        let path = "/events?interval=20";
        let events = get(&server, path, "").await.events(10).await;
        let base = i64::try_from(events[0].number()).unwrap() - 1;
        let fields = format!("Last-Event-ID: {}\r\n", base + 6);
        let resumed = get(&server, path, &fields).await.events(4).await;
        let ids = resumed
            .iter()
            .map(|e| i64::try_from(e.number()).unwrap() - base);
        assert_eq!(ids.take(4).collect::<Vec<_>>(), expected, "{defect}");
    }
    for (defect, ahead) in [("resume.replay", true), ("resume.replay/full", false)] {
        let server = start_with(defect).await;
        let events = get(&server, "/events?interval=20", "")
            .await
            .events(6)
            .await;
        let fields = format!("Last-Event-ID: {}\r\n", events[0].id);
        let resumed = get(&server, "/events?interval=20", &fields)
            .await
            .events(2)
            .await;
        assert_eq!(resumed[0].number() > events[5].number(), ahead, "{defect}");
        assert_eq!(resumed[0].number() < events[0].number(), !ahead, "{defect}");
    }
}

#[tokio::test]
async fn ids_are_refused_or_copied() {
    let known = |id: &str| format!("Last-Event-ID: {id}\r\n");
    for (defect, id, status) in [
        ("resume.unknown", "nonsense", 500),
        ("resume.unknown", "\u{e9}", 200),
        ("resume.unknown", "", 200),
        ("resume.empty-absent", "", 400),
        ("resume.empty-absent", "nonsense", 200),
        ("resume.non-ascii", "\u{e9}", 400),
        ("resume.non-ascii", "nonsense", 200),
        ("resume.accepted", "2", 409),
        ("resume.accepted", "nonsense", 200),
        ("resume.204-stops", "5", 200),
    ] {
        let server = start_with(defect).await;
        let answer = get(&server, "/events?count=5", &known(id))
            .await
            .head()
            .await;
        assert_eq!(answer.status, status, "{defect} {id}");
    }
    let server = start_with("resume.no-reflection").await;
    let mut wire = get(&server, "/events", &known("nonsense")).await;
    wire.events(1).await;
    assert!(wire.answer().text().contains("nonsense"));
    let server = start_with("resume.no-reflection/decoded").await;
    let forged = get(&server, "/events", &known("a%0Adata:forged%0A%0A"))
        .await
        .events(1)
        .await;
    assert_eq!(forged[0].data, "forged");
}

/// Ids that are broken in themselves are known again when they come back.
#[tokio::test]
async fn odd_ids_resume() {
    for defect in [
        "id.ascii",
        "id.length",
        "id.no-nul",
        "id.unique",
        "id.coverage",
    ] {
        let server = start_with(defect).await;
        let path = "/events?interval=20";
        let seen = get(&server, path, "").await.events(9).await;
        let fields = format!("Last-Event-ID: {}\r\n", seen[2].id);
        let resumed = get(&server, path, &fields).await.events(3).await;
        let after = seen
            .iter()
            .rposition(|event| event.id == seen[2].id)
            .unwrap()
            + 1;
        assert_eq!(resumed[..2], seen[after..after + 2], "{defect}");
    }
}

#[tokio::test]
async fn text_defects_leave_the_numbers_alone() {
    let skip = [
        "data.final-terminated",
        "data.json-valid",
        "id.header-safe/control",
        "id.ascii",
    ];
    for entry in Defect::all() {
        let text = ["encoding", "line", "data", "event", "id", "retry"];
        let group = entry.id.split('.').next().unwrap();
        if !text.contains(&group) || skip.contains(&entry.id) || entry.id == "id.length" {
            continue;
        }
        let answer = finite(entry.id).await;
        assert!(answer.ended_cleanly(), "{}", entry.id);
        let mut ids: Vec<u64> = answer
            .events()
            .iter()
            .map(|e| e.id.trim().parse().unwrap())
            .collect();
        ids.dedup();
        assert!(
            is_consecutive(&ids) && ids.len() == 9,
            "{}: {ids:?}",
            entry.id
        );
    }
    let lost = finite("data.final-terminated").await;
    assert_eq!(lost.events().len(), 8);
    assert!(lost.text().ends_with("9}\n"), "{}", lost.text());
}

#[tokio::test]
async fn streams_wait_or_end_when_they_should_not() {
    let server = start_with("lifecycle.parallel").await;
    let mut first = get(&server, "/events", "").await;
    first.events(1).await;
    let mut second = get(&server, "/events", "").await;
    let silent = tokio::time::timeout(Duration::from_millis(400), second.more());
    assert!(silent.await.is_err());
    drop(first);
    second.events(1).await;
    let server = start_with("lifecycle.min-duration").await;
    let began = Instant::now();
    let answer = get(&server, "/events?cut=1", "Connection: close\r\n")
        .await
        .rest()
        .await;
    assert!(answer.ended_cleanly() && began.elapsed() >= Duration::from_secs(1));
    let answer = finite("resume.close-without-event").await;
    assert!(answer.ended_cleanly() && answer.stream().is_empty());
}

#[tokio::test]
async fn redirects_go_wrong() {
    let server = start_tls(Some("response.redirect-307-301")).await;
    let socket = connect_tls(&server, &["h2"]).await;
    let request = http::Request::get(server.url("/redirect"))
        .body(())
        .unwrap();
    let answer = h2(socket, request).await;
    let location = answer.head.headers["location"].to_str().unwrap();
    let plain = location
        .strip_prefix("http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let socket = tokio::net::TcpStream::connect(plain).await.unwrap();
    let request = http::Request::get(location).body(()).unwrap();
    assert_eq!(h2(socket, request).await.head.status, 200);
}
