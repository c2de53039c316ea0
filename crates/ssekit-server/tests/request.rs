//! How requests other than a plain GET are answered.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod client;

use client::{ask, get, start};

#[tokio::test]
async fn head_is_get_without_content() {
    let server = start().await;
    let head = "HEAD /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let head = ask(&server, head).await.rest().await;
    assert_eq!((head.status, head.content.len()), (200, 0));
    let get = get(&server, "/events", "").await.head().await;
    for (name, value) in &get.fields {
        // RFC 9110 9.3.2 lets fields that only come with content be left out.
        if !["date", "transfer-encoding"].contains(&name.as_str()) {
            assert_eq!(head.field(name), Some(value.as_str()));
        }
    }
    assert_eq!(head.field("content-length"), None);
    for path in ["/", "/echo", "/echo/capabilities"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = ask(&server, &request).await.rest().await;
        assert_eq!((answer.status, answer.content.len()), (200, 0), "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let server = start().await;
    for method in ["PROPFIND", "DELETE", "PUT", "POST", "TRACE", "BREW"] {
        let request = format!("{method} /events HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        let answer = ask(&server, &request).await.head().await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.field("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let request = "OPTIONS /events HTTP/1.1\r\nHost: x\r\nOrigin: http://a.example\r\n\
                   Access-Control-Request-Method: GET\r\n\
                   Access-Control-Request-Headers: last-event-id\r\nConnection: close\r\n\r\n";
    let answer = ask(&server, request).await.rest().await;
    assert_eq!((answer.status, answer.content.len()), (204, 0));
    assert_eq!(answer.field("content-length"), None);
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    let allowed = answer.field("access-control-allow-headers").unwrap();
    assert!(allowed.to_ascii_lowercase().contains("last-event-id"));
}

#[tokio::test]
async fn only_who_accepts_event_streams_gets_one() {
    let server = start().await;
    for (accept, status) in [
        ("text/event-stream", 200),
        ("*/*", 200),
        ("text/*;q=0.3", 200),
        ("application/json", 406),
        ("text/event-stream;q=0", 406),
    ] {
        let fields = format!("Accept: {accept}\r\n");
        let answer = get(&server, "/events", &fields).await.head().await;
        assert_eq!(answer.status, status, "{accept}");
        assert_eq!(answer.field("vary"), Some("Accept"));
        let stream = answer.field("content-type") == Some("text/event-stream");
        assert_eq!(stream, status == 200);
    }
}

#[tokio::test]
async fn http10_gets_no_transfer_coding() {
    let server = start().await;
    let request = "GET /events?count=3&interval=5 HTTP/1.0\r\n\r\n";
    let answer = ask(&server, request).await.rest().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("transfer-encoding"), None);
    assert_eq!(answer.field("content-length"), None);
    assert!(answer.text().ends_with("\n\n"));
    assert_eq!(answer.events().len(), 3);
}

#[tokio::test]
async fn what_is_not_there_is_a_plain_404() {
    let server = start().await;
    for path in ["/nothing", "/events/", "/private/nothing", "/echo/x"] {
        let answer = get(&server, path, "").await.head().await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    }
    let answer = get(&server, "/events?interval=0", "").await.head().await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn redirects_lead_to_the_stream() {
    let server = start().await;
    for (path, status, location) in [
        ("/redirect", 307, "/events"),
        ("/redirect/permanent?count=3", 301, "/events?count=3"),
    ] {
        let answer = get(&server, path, "").await.head().await;
        assert_eq!(
            (answer.status, answer.field("location")),
            (status, Some(location))
        );
    }
}

#[tokio::test]
async fn the_private_stream_needs_credentials_every_time() {
    let server = start().await;
    let refused = get(&server, "/private/events", "").await.head().await;
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .field("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    let mut wire = get(&server, "/private/events", "Authorization: Bearer a\r\n").await;
    let id = wire.events(1).await.remove(0).id;
    let resumed = format!("Last-Event-ID: {id}\r\n");
    let refused = get(&server, "/private/events", &resumed).await.head().await;
    assert_eq!(refused.status, 401);
    let broken = client::start_with("resume.auth").await;
    let leaked = get(&broken, "/private/events", &resumed).await.head().await;
    assert_eq!(leaked.status, 200);
}

#[tokio::test]
async fn conditions_are_not_met_with_304() {
    let server = start().await;
    let fields = "If-None-Match: *\r\nIf-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
    let answer = get(&server, "/events", fields).await.head().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("etag"), None);
}

#[tokio::test]
async fn a_script_is_taken_by_post_and_get() {
    let server = start().await;
    let script =
        r#"{"version":1,"steps":[{"do":"event","data":"a\nb","id":"7"},{"do":"wait","ms":20}]}"#;
    let post = format!(
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{script}",
        script.len()
    );
    let posted = ask(&server, &post).await.rest().await;
    let query: String = url::form_urlencoded::byte_serialize(script.as_bytes()).collect();
    let path = format!("/echo?script={query}");
    let got = get(&server, &path, "Connection: close\r\n")
        .await
        .rest()
        .await;
    for answer in [posted, got] {
        assert!(answer.ended_cleanly());
        assert_eq!(answer.text(), "id: 7\ndata: a\ndata: b\n\n");
    }
    let document = get(&server, "/echo", "Connection: close\r\n")
        .await
        .rest()
        .await;
    let document: serde_json::Value = serde_json::from_slice(&document.content).unwrap();
    assert_eq!(
        (
            document["echo"].as_u64(),
            document["active_streams"].as_u64()
        ),
        (Some(1), Some(0))
    );
}

#[tokio::test]
async fn a_script_can_break_off() {
    let server = start().await;
    let script = r#"{"version":1,"steps":[{"do":"event","data":"a"},{"do":"abort"}]}"#;
    let query: String = url::form_urlencoded::byte_serialize(script.as_bytes()).collect();
    let answer = get(&server, &format!("/echo?script={query}"), "")
        .await
        .rest()
        .await;
    assert_eq!(answer.events().len(), 1);
    assert!(!answer.ended_cleanly());
}

#[tokio::test]
async fn a_script_too_long_is_refused_before_it_is_read() {
    let server = start().await;
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    assert_eq!(ask(&server, request).await.head().await.status, 413);
}

#[tokio::test]
async fn there_is_a_page_for_people() {
    let server = start().await;
    let page = get(&server, "/", "Connection: close\r\n")
        .await
        .rest()
        .await;
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    let text = String::from_utf8(page.content).unwrap();
    for path in ["/events", "/echo", "/private/events", "/redirect"] {
        assert!(text.contains(path));
    }
    assert!(!text.contains("{version}"));
}
