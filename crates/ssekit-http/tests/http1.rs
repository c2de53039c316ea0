//! What a transcript says of a well-behaved HTTP/1 server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::time::Duration;

use peer::*;
use ssekit_http::{Glimpse, HttpChoice, Options, Seen, observe};
use ssekit_record::{EndKind, FaultKind, HttpVersion};

#[tokio::test]
async fn head_keeps_order_case_duplicates_and_interim() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 Fine\r\n\
                  cOnTent-type:text/event-stream  \r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: s=1\r\n\
                  Transfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n:\n\n\r\n0\r\nX-T: v\r\n\r\n";
    let seen = get(vec![send(answer)]).await;
    assert_seen(&seen, EndKind::Clean, &[], ":\n\n");
    let head = seen.head.unwrap();
    let fields: Vec<_> = head
        .fields
        .iter()
        .map(|f| format!("{}={}", f.name, f.value))
        .collect();
    assert_eq!(
        fields,
        [
            "cOnTent-type=text/event-stream",
            "X-A=1",
            "x-a=2",
            "Set-Cookie=[redacted]",
            "Transfer-Encoding=chunked"
        ]
    );
    assert_eq!((head.status, head.reason.as_str()), (200, "Fine"));
    assert_eq!(head.interim, [103]);
    assert_eq!(seen.chunks.len(), 2);
    assert_eq!(seen.chunks[0].extension, "x=\"y\"");
    assert_eq!(seen.chunks[1].wire_offset, 14);
    assert_eq!(seen.trailers[0].value, "v");
}

#[tokio::test]
async fn every_slice_has_its_own_time_and_the_observer_sees_it() {
    let steps = vec![
        send(head("")),
        Step::Wait(60),
        send("data: a\n\n"),
        Step::Wait(60),
        send("data: b\n\n"),
    ];
    let (url, _served) = serve(vec![steps]).await;
    let mut told = Vec::new();
    let mut idle = 0;
    let mut observer = |glimpse: Glimpse<'_>| {
        match glimpse {
            Glimpse::Head(head) => told.push((head.at_us, "head".to_owned())),
            Glimpse::Content { bytes, at_us } => {
                told.push((at_us, String::from_utf8_lossy(bytes).into_owned()));
            }
            Glimpse::Idle { .. } => idle += 1,
            _ => {}
        }
        Seen::More
    };
    let seen = observe(&ask(&url), &options(), &mut observer)
        .await
        .unwrap();
    let words: Vec<_> = told.iter().map(|t| t.1.as_str()).collect();
    assert_eq!(words, ["head", "data: a\n\n", "data: b\n\n"]);
    assert!(told[1].0 - told[0].0 >= 55_000, "{told:?}");
    assert!(told[2].0 - told[1].0 >= 55_000, "{told:?}");
    assert_eq!(seen.body.slices[1].at_us, told[2].0);
    assert!(idle >= 3, "{idle}");
    assert_seen(&seen, EndKind::Clean, &[], "data: a\n\ndata: b\n\n");
    let connection = seen.connection;
    assert!(connection.connected_us <= connection.request_us);
    assert!(connection.request_us.unwrap() <= told[0].0);
    assert!(seen.end.at_us >= told[2].0);
}

#[tokio::test]
async fn leaving_closes_the_connection() {
    let steps = vec![send(head("")), send("data: a\n\n"), Step::Hold];
    let (url, served) = serve(vec![steps]).await;
    let seen = watch_until(&ask(&url), &options(), 9).await;
    assert_seen(&seen, EndKind::Left, &[], "data: a\n\n");
    // Hold ends only when the client is gone.
    assert_eq!(served.await.unwrap().len(), 1);
}

#[tokio::test]
async fn request_is_sent_as_given_and_secrets_are_not_kept() {
    let (url, served) = serve(vec![vec![send(head("Content-Length: 0\r\n"))]]).await;
    let mut ask = ask(&url.join("/e?a=1&token=t0p").unwrap());
    ask.method = "POST".into();
    ask.fields.push(("X-Odd".into(), b"\xff".to_vec()));
    ask.fields.push(("Last-Event-ID".into(), b"7".to_vec()));
    ask.fields.push(("AUTHORIZATION".into(), b"t0p".to_vec()));
    ask.fields.push(("X-Mine".into(), b"t0p".to_vec()));
    ask.secret_fields = vec!["x-mine".into()];
    ask.fields.remove(1);
    ask.body = Some(b"{}".to_vec().into());
    ask.http = HttpChoice::Http10;
    let seen = watch(&ask, &options()).await;
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    assert_eq!(
        served.await.unwrap(),
        [format!(
            "POST /e?a=1&token=t0p HTTP/1.0\r\nHost: {host}\r\nAccept: text/event-stream\r\n\
             Last-Event-ID: 7\r\nAUTHORIZATION: t0p\r\nX-Mine: t0p\r\nContent-Length: 2\r\n\r\n{{}}"
        )]
    );
    assert_eq!(seen.request.version, HttpVersion::Http10);
    assert_eq!(seen.request.body_len, 2);
    let kept = format!("{seen:?}");
    assert!(!kept.contains("t0p"), "{kept}");
}

#[tokio::test]
async fn credentials_of_the_url_are_sent_and_not_kept() {
    let answer = || vec![send(head("Content-Length: 0\r\n"))];
    let (url, served) = serve(vec![answer(), answer()]).await;
    let mut secret = url.clone();
    secret.set_username("ann").unwrap();
    secret.set_password(Some("p w")).unwrap();
    let mut ask = ask(&secret);
    let seen = watch(&ask, &options()).await;
    ask.fields
        .push(("authorization".into(), b"Bearer x".to_vec()));
    watch(&ask, &options()).await;
    let requests = served.await.unwrap();
    assert!(requests[0].contains("\r\nAuthorization: Basic YW5uOnAgdw==\r\n"));
    assert!(!requests[1].contains("Basic"));
    assert_eq!(seen.request.url, url.as_str());
    assert!(!format!("{seen:?}").contains("YW5u"));
}

#[tokio::test]
async fn head_and_no_content_end_with_the_head() {
    for (status, method) in [(200, "HEAD"), (204, "GET"), (304, "GET")] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n");
        let (url, _served) = serve(vec![vec![send(&answer), Step::Hold]]).await;
        let mut ask = ask(&url);
        ask.method = method.into();
        let seen = watch(&ask, &options()).await;
        assert_seen(&seen, EndKind::Clean, &[], "");
        assert_eq!(seen.end.at_us, seen.head.unwrap().at_us);

        let steps = vec![
            send(&answer),
            Step::Wait(30),
            send("data: x\n\n"),
            Step::Hold,
        ];
        let (url, _served) = serve(vec![steps]).await;
        ask.url = url;
        let seen = watch(&ask, &options()).await;
        assert_seen(&seen, EndKind::Clean, &[FaultKind::ContentForbidden], "");
        assert_eq!(seen.wire.bytes, b"data: x\n\n");
    }
}

#[tokio::test]
async fn what_every_client_accepts_is_no_fault() {
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}Content-Length: 3\r\n\r\n",
        "X-Many: 1\r\n".repeat(500)
    );
    let heads: [&[u8]; 5] = [
        b"HTTP/1.1 200 OK\nContent-Type: text/event-stream\nContent-Length: 3\n\n",
        b"HTTP/1.1 200\r\ncontent-length:3\r\n\r\n",
        b"HTTP/1.1 200 \r\nX-Folded: a\r\n b\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.0 200 \xe9\r\nX!#$%: \xe9\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        many.as_bytes(),
    ];
    for head in heads {
        let seen = get(vec![send(head), send(":\n\n")]).await;
        assert_seen(&seen, EndKind::Clean, &[], ":\n\n");
    }
}

#[tokio::test]
async fn absurd_limits_and_another_task() {
    let (url, _served) = serve(vec![vec![send(head("Content-Length: 3\r\n") + ":\n\n")]]).await;
    let options = Options {
        connect_timeout: Duration::MAX,
        head_timeout: Duration::MAX,
        body_timeout: Some(Duration::MAX),
        ..Options::default()
    };
    let seen = tokio::spawn(async move { watch(&ask(&url), &options).await });
    assert_seen(&seen.await.unwrap(), EndKind::Clean, &[], ":\n\n");
}
