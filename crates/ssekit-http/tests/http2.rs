//! HTTP/2 by prior knowledge: a hyper server, and raw servers that break one rule each.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod frames;
mod peer;

use std::convert::Infallible;

use frames::{ask2, frame};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peer::*;
use ssekit_record::{EndKind, FaultKind, HttpVersion, Transcript};
use tokio::net::TcpListener;
use url::Url;

fn literal(name: &str, value: &str) -> Vec<u8> {
    let len = |text: &str| u8::try_from(text.len()).unwrap();
    let mut out = vec![0, len(name)];
    out.extend_from_slice(name.as_bytes());
    out.push(len(value));
    out.extend_from_slice(value.as_bytes());
    out
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// SETTINGS, and a head with these fields after `:status: 200`.
fn head2(fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    let mut block = vec![0x88];
    for (name, value) in fields {
        block.extend(literal(name, value));
    }
    let mut out = frame(4, 0, 0, &[]);
    out.extend(frame(1, END_HEADERS | flags, 1, &block));
    out
}

async fn get2(steps: Vec<Step>) -> Transcript {
    let (url, _served) = serve(vec![steps]).await;
    watch(&ask2(&url), &options()).await
}

fn data(flags: u8, bytes: &[u8]) -> Step {
    send(frame(0, flags, 1, bytes))
}

const TYPE: (&str, &str) = ("content-type", "text/event-stream");

#[tokio::test]
async fn request_and_response_of_a_hyper_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/e?q=1", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let echo = service_fn(|request: Request<Incoming>| async move {
            let told = format!(
                "{} {} {:?}",
                request.method(),
                request.uri(),
                request.headers()
            );
            let content = request.into_body().collect().await.unwrap().to_bytes();
            let told = format!("{told} {content:?}");
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(told))))
        });
        let io = TokioIo::new(stream);
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, echo)
            .await
    });
    let url = Url::parse(&url).unwrap();
    let mut ask = ask2(&url);
    ask.method = "POST".into();
    ask.body = Some(b"hi".to_vec().into());
    for name in ["Connection", "Keep-Alive", "Transfer-Encodings", "Host"] {
        ask.fields.push((name.into(), b"x".to_vec()));
    }
    let seen = watch(&ask, &options()).await;
    assert_eq!((seen.end.kind, kinds(&seen)), (EndKind::Clean, vec![]));
    let head = seen.head.unwrap();
    assert_eq!((head.version, head.status), (HttpVersion::Http2, 200));
    assert_eq!(seen.request.version, HttpVersion::Http2);
    let told = String::from_utf8(seen.body.bytes).unwrap();
    let expected = format!(
        "POST {url} {{\"accept\": \"text/event-stream\", \"transfer-encodings\": \"x\", \
         \"content-length\": \"2\"}} b\"hi\""
    );
    assert_eq!(told, expected);
    assert!(seen.wire.is_empty());
    drop(served);
}

#[tokio::test]
async fn fields_frames_and_trailers_as_they_came() {
    let interim = [
        frame(4, 0, 0, &[]),
        frame(1, END_HEADERS, 1, &literal(":status", "103")),
    ];
    let mut block = vec![0x88];
    for (name, value) in [
        TYPE,
        ("x-a", "1"),
        ("x-b", "2"),
        ("x-a", "3"),
        ("set-cookie", "s"),
    ] {
        block.extend(literal(name, value));
    }
    let (first, second) = block.split_at(10);
    let seen = get2(vec![
        send(interim.concat()),
        send(frame(1, 0, 1, first)),
        send(frame(9, END_HEADERS, 1, second)),
        Step::Wait(40),
        send(frame(0, 8, 1, b"\x02:\n\n\0\0")),
        Step::Wait(40),
        data(0, b"data: x\n\n"),
        send(frame(1, END_HEADERS | END_STREAM, 1, &literal("x-t", "v"))),
        Step::Hold,
    ])
    .await;
    assert_seen(&seen, EndKind::Clean, &[], ":\n\ndata: x\n\n");
    let head = seen.head.unwrap();
    let fields: Vec<_> = head.fields.iter().map(|f| (&*f.name, &*f.value)).collect();
    let secret = ("set-cookie", "[redacted]");
    assert_eq!(
        fields,
        [TYPE, ("x-a", "1"), ("x-b", "2"), ("x-a", "3"), secret]
    );
    assert_eq!(head.interim, [103]);
    assert_eq!(seen.trailers[0].value, "v");
    let slices = seen.body.slices;
    assert_eq!(slices.len(), 2);
    assert!(slices[0].at_us - head.at_us >= 35_000);
    assert!(slices[1].at_us - slices[0].at_us >= 35_000);
}

#[tokio::test]
async fn leaving_a_stream() {
    let steps = vec![send(head2(&[TYPE], 0)), data(0, b"data: x\n\n"), Step::Hold];
    let (url, served) = serve(vec![steps]).await;
    let seen = watch_until(&ask2(&url), &options(), 9).await;
    assert_seen(&seen, EndKind::Left, &[], "data: x\n\n");
    served.await.unwrap();
}

#[tokio::test]
async fn malformed_fields_are_told_and_kept() {
    for (field, words) in [
        (
            ("Content-Type", "a/b"),
            "upper case in field name Content-Type",
        ),
        (
            ("connection", "keep-alive"),
            "connection-specific field connection: keep-alive",
        ),
        (
            ("transfer-encoding", "chunked"),
            "connection-specific field transfer-encoding",
        ),
        (
            (":path", "/"),
            "pseudo-header field :path after other fields",
        ),
    ] {
        let seen = get2(vec![send(head2(&[TYPE, field], 0)), Step::Hold]).await;
        assert_eq!(seen.end.kind, EndKind::Malformed, "{seen:#?}");
        let fault = seen.fault(FaultKind::Http2).unwrap();
        assert!(fault.detail.contains(words), "{}", fault.detail);
        let head = seen.head.unwrap();
        assert_eq!(head.status, 200);
        let kept = head.all(field.0).any(|v| v == field.1) || field.0 == ":path";
        assert!(kept, "{head:?}");
    }
}

#[tokio::test]
async fn how_streams_end() {
    use FaultKind::*;
    let begin = || send(head2(&[TYPE], 0));
    let event = || data(0, b"data: x\n\n");
    let rst = send(frame(3, 0, 1, &[0, 0, 0, 2]));
    let goaway = send(frame(7, 0, 0, b"\0\0\0\x01\0\0\0\x0bcalm down"));
    let graceful = send(frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    let cases = [
        (
            vec![rst],
            EndKind::Reset,
            vec![Http2],
            "RST_STREAM INTERNAL_ERROR",
        ),
        (
            vec![goaway],
            EndKind::Reset,
            vec![Http2],
            "ENHANCE_YOUR_CALM \"calm down\"",
        ),
        (
            vec![graceful, data(END_STREAM, b"")],
            EndKind::Clean,
            vec![],
            "",
        ),
        (
            vec![Step::Wait(30)],
            EndKind::Truncated,
            vec![],
            "before the stream did",
        ),
        (
            vec![Step::Wait(30), Step::Reset],
            EndKind::Reset,
            vec![],
            "reset",
        ),
    ];
    for (mut rest, end, faults, words) in cases {
        let mut steps = vec![begin(), event()];
        steps.append(&mut rest);
        if !matches!(end, EndKind::Truncated) && !steps.iter().any(|s| matches!(s, Step::Reset)) {
            steps.push(Step::Hold);
        }
        let goes_away = steps
            .iter()
            .any(|s| matches!(s, Step::Send(bytes) if bytes.get(3) == Some(&7)));
        let seen = get2(steps).await;
        assert_seen(&seen, end, &faults, "data: x\n\n");
        assert_eq!(seen.goaways.len(), usize::from(goes_away), "{seen:#?}");
        let told = format!("{} {:?}", seen.end.detail, seen.faults);
        assert!(told.replace('\\', "").contains(words), "{told}");
    }
}

#[tokio::test]
async fn lengths_and_forbidden_content() {
    let long = vec![
        send(head2(&[("content-length", "20")], 0)),
        data(END_STREAM, b":\n\n"),
    ];
    let seen = get2(long).await;
    assert_seen(
        &seen,
        EndKind::Malformed,
        &[FaultKind::LengthShort],
        ":\n\n",
    );
    let short = vec![
        send(head2(&[("content-length", "1")], 0)),
        data(END_STREAM, b":\n\n"),
    ];
    let seen = get2(short).await;
    assert_seen(&seen, EndKind::Malformed, &[FaultKind::Http2], ":\n\n");

    let steps = vec![send(head2(&[TYPE], 0)), data(END_STREAM, b":\n\n")];
    let (url, _served) = serve(vec![steps]).await;
    let mut head_ask = ask2(&url);
    head_ask.method = "HEAD".into();
    let seen = watch(&head_ask, &options()).await;
    assert_seen(&seen, EndKind::Clean, &[FaultKind::ContentForbidden], "");
    let (url, _served) = serve(vec![vec![send(head2(&[TYPE], END_STREAM)), Step::Hold]]).await;
    head_ask.url = url;
    let seen = watch(&head_ask, &options()).await;
    assert_seen(&seen, EndKind::Clean, &[], "");
}

#[tokio::test]
async fn what_is_no_http2() {
    let answers = [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "does not speak HTTP/2",
        ),
        (frame(0, 0, 1, b"x"), "first frame"),
        ([0xff; 20].to_vec(), "not HTTP/2"),
        (
            [frame(4, 0, 0, &[]), frame(1, 4, 1, &[0xff; 9])].concat(),
            "HPACK",
        ),
        (
            [frame(4, 0, 0, &[]), frame(0, 0, 1, b"x")].concat(),
            "before the head",
        ),
        (
            [frame(4, 0, 0, &[]), frame(9, 4, 1, b"x")].concat(),
            "interrupted",
        ),
    ];
    for (answer, words) in answers {
        let seen = get2(vec![send(answer), Step::Hold]).await;
        let fault = if words.contains("HTTP/2") {
            FaultKind::NotHttp2
        } else {
            FaultKind::Http2
        };
        assert_seen(&seen, EndKind::Malformed, &[fault], "");
        assert!(seen.end.detail.contains(words), "{}", seen.end.detail);
    }
    let seen = get2(vec![Step::Reset]).await;
    assert_eq!(seen.end.kind, EndKind::Reset);
    let seen = get2(vec![]).await;
    assert_eq!(seen.end.kind, EndKind::Truncated);
}

/// Whatever floods before the head, the exchange ends by a limit, an error or the clock.
#[tokio::test]
async fn floods_before_the_head_end() {
    let opening = frame(1, 0, 1, &[]);
    let interim = frame(1, END_HEADERS, 1, &literal(":status", "103"));
    for (name, flood) in [
        (
            "settings",
            frame(4, 0, 0, &[0, 99, 0, 0, 0, 9]).repeat(200_000),
        ),
        ("ping", frame(6, 0, 0, &[1; 8]).repeat(200_000)),
        (
            "window updates",
            frame(8, 0, 0, &[0, 0, 0, 1]).repeat(200_000),
        ),
        (
            "goaways",
            frame(7, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]).repeat(100_000),
        ),
        ("interim heads", interim.repeat(100_000)),
        (
            "empty continuations",
            [opening.clone(), frame(9, 0, 1, &[]).repeat(200_000)].concat(),
        ),
        (
            "continuations",
            [opening, frame(9, 0, 1, &[0; 16_384]).repeat(200)].concat(),
        ),
    ] {
        let steps = vec![send(frame(4, 0, 0, &[])), send(flood), Step::Hold];
        let (url, _served) = serve(vec![steps]).await;
        let mut options = options();
        options.head_timeout = std::time::Duration::from_secs(1);
        let seen = watch(&ask2(&url), &options).await;
        let ends = [
            EndKind::TimedOut,
            EndKind::Limit,
            EndKind::Malformed,
            EndKind::Reset,
        ];
        assert!(ends.contains(&seen.end.kind), "{name}: {:?}", seen.end);
        assert!(seen.head.is_none() && seen.body.is_empty(), "{name}");
        assert!(seen.faults.len() + seen.goaways.len() <= 32, "{name}");
        // Taking more of what is allowed than ssekit does is nobody's fault.
        let is_fault = seen
            .faults
            .iter()
            .any(|fault| fault.kind == FaultKind::Http2);
        assert!(
            !is_fault || name == "interim heads",
            "{name}: {:?}",
            seen.faults
        );
    }
}
