//! Every kind of HTTP/1 fault, and every kind of end, by a server that does just that.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::time::{Duration, Instant};

use peer::*;
use ssekit_http::{HttpChoice, Limits, Options};
use ssekit_record::{EndKind, FaultKind, Transcript};

const EVENT: &str = "9\r\ndata: x\n\n\r\n";

/// A chunked answer with this body.
async fn chunked(body: &str) -> Transcript {
    get(vec![send(head(CHUNKED) + body)]).await
}

#[tokio::test]
async fn chunk_faults() {
    use FaultKind::*;
    let cases: [(&str, EndKind, &[FaultKind], &str); 13] = [
        ("zz\r\n", EndKind::Malformed, &[ChunkSizeInvalid], ""),
        ("data: x\n\n", EndKind::Malformed, &[ChunkSizeInvalid], ""),
        ("-1\r\n", EndKind::Malformed, &[ChunkSizeInvalid], ""),
        (
            "11111111111111111\r\n",
            EndKind::Malformed,
            &[ChunkSizeInvalid],
            "",
        ),
        (
            "2\n:\n\r\n0\r\n\r\n",
            EndKind::Clean,
            &[ChunkSizeUnterminated],
            ":\n",
        ),
        (
            "2\r:\n\r\n",
            EndKind::Malformed,
            &[ChunkSizeUnterminated],
            "",
        ),
        (
            "2\r\n:\n\n0\r\n\r\n",
            EndKind::Clean,
            &[ChunkDataUnterminated],
            ":\n",
        ),
        (
            "2\r\n:\n0\r\n\r\n",
            EndKind::Malformed,
            &[ChunkDataUnterminated],
            ":\n",
        ),
        ("0\r\nbad\r\n\r\n", EndKind::Clean, &[TrailerInvalid], ""),
        ("0\r\n", EndKind::Truncated, &[TrailerInvalid], ""),
        ("", EndKind::Truncated, &[LastChunkMissing], ""),
        ("5\r\nab", EndKind::Truncated, &[LastChunkMissing], "ab"),
        ("0\r\n\r\nmore", EndKind::Clean, &[BytesAfterEnd], ""),
    ];
    for (body, end, faults, content) in cases {
        let seen = chunked(body).await;
        assert_seen(&seen, end, faults, content);
        assert_eq!(seen.wire.bytes, body.as_bytes());
    }
}

#[tokio::test]
async fn fault_offsets_point_into_the_wire() {
    let seen = chunked(&format!("{EVENT}xyz\r\n")).await;
    let fault = seen.fault(FaultKind::ChunkSizeInvalid).unwrap();
    assert_eq!(fault.offset, EVENT.len() as u64);
    assert!(fault.detail.contains("\"x\""), "{}", fault.detail);
    assert_eq!(seen.body.bytes, b"data: x\n\n");
}

#[tokio::test]
async fn a_source_that_failed_is_a_truncation() {
    // What h2o writes when its origin is gone.
    let seen = chunked(&format!("{EVENT}\r\n1\r\n")).await;
    assert_seen(
        &seen,
        EndKind::Truncated,
        &[FaultKind::ChunkSizeInvalid],
        "data: x\n\n",
    );
}

#[tokio::test]
async fn unusual_chunks_are_no_fault() {
    let body = "0009;a=b;c=\"d;e\"\r\ndata: x\n\n\r\n9 ; x\r\ndata: y\n\n\r\n000\r\nT: v\r\n\r\n";
    let seen = chunked(body).await;
    assert_seen(&seen, EndKind::Clean, &[], "data: x\n\ndata: y\n\n");
    assert_eq!(seen.chunks[0].extension, "a=b;c=\"d;e\"");
    let upper = get(vec![send(
        head("transfer-ENCODING: Chunked\r\n") + "A\r\n:890123\n\n\n\r\n0\r\n\r\n",
    )]);
    assert_seen(&upper.await, EndKind::Clean, &[], ":890123\n\n\n");
}

#[tokio::test]
async fn framing_faults_of_the_head() {
    use FaultKind::*;
    let event = EVENT.to_owned() + "0\r\n\r\n";
    let cases: [(&str, &str, EndKind, &[FaultKind]); 7] = [
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            &event,
            EndKind::Clean,
            &[LengthWithTransferEncoding],
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            &event,
            EndKind::Clean,
            &[TransferCodingUnknown],
        ),
        (
            "Transfer-Encoding: identity\r\n",
            "data: x\n\n",
            EndKind::Clean,
            &[TransferCodingUnknown],
        ),
        (
            "Content-Length: 1, 2\r\n",
            "data: x\n\n",
            EndKind::Malformed,
            &[LengthInvalid],
        ),
        (
            "Content-Length: nine\r\n",
            "data: x\n\n",
            EndKind::Malformed,
            &[LengthInvalid],
        ),
        (
            "Content-Length: 12\r\n",
            "data: x\n\n",
            EndKind::Truncated,
            &[LengthShort],
        ),
        (
            "Content-Length: 9\r\n",
            "data: x\n\ndata: y\n\n",
            EndKind::Clean,
            &[BytesAfterEnd],
        ),
    ];
    for (field, body, end, faults) in cases {
        let seen = get(vec![send(head(field) + body)]).await;
        assert_seen(&seen, end, faults, "data: x\n\n");
    }
}

#[tokio::test]
async fn transfer_encoding_to_an_http10_request() {
    let (url, _served) = serve(vec![vec![send(head(CHUNKED) + EVENT + "0\r\n\r\n")]]).await;
    let mut ask = ask(&url);
    ask.http = HttpChoice::Http10;
    let seen = watch(&ask, &options()).await;
    let faults = [FaultKind::TransferEncodingToHttp10];
    assert_seen(&seen, EndKind::Clean, &faults, "data: x\n\n");
}

#[tokio::test]
async fn heads_that_no_grammar_allows() {
    for (answer, faults) in [
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 1),
        ("HTTP/1.1 200 OK\r\nName : v\r\n\r\n", 1),
        ("HTTP/1.1 200 OK\r\na b: v\r\n: v\r\n\r\n", 2),
        ("HTTP/1.1 200 OK\r\na: v\0\r\n\r\n", 1),
        ("HTTP/2 200 OK\r\na: v\r\n\r\n", 1),
        ("HTTP/1.1 700 OK\r\na: v\r\n\r\n", 1),
        ("\r\nHTTP/1.1 200 OK\r\na: v\r\n\r\n", 1),
    ] {
        let seen = get(vec![send(answer)]).await;
        let faults = vec![FaultKind::HeadInvalid; faults];
        assert_seen(&seen, EndKind::Clean, &faults, "");
        assert!(seen.head.is_some());
    }
}

#[tokio::test]
async fn what_is_no_http() {
    for (answer, hint) in [
        ("data: x\n\n", "not HTTP"),
        ("\u{15}\u{3}\u{3}\0\u{2}\u{2}\n", "https://"),
        ("\0\0\u{6}\u{4}\0\0\0\0\0\0\u{3}\0\0\0\u{64}", "HTTP/2"),
        ("<html>", "not HTTP"),
    ] {
        let seen = get(vec![send(answer), Step::Hold]).await;
        assert_seen(&seen, EndKind::Malformed, &[FaultKind::NotHttp], "");
        assert!(seen.end.detail.contains(hint), "{}", seen.end.detail);
        assert_eq!(seen.wire.bytes, answer.as_bytes());
        assert!(seen.head.is_none());
    }
    let seen = get(vec![send("HTTP/1.1 OK\r\n\r\n")]).await;
    assert_seen(&seen, EndKind::Malformed, &[FaultKind::HeadInvalid], "");
}

#[tokio::test]
async fn ends_before_the_head() {
    let seen = get(vec![]).await;
    assert_seen(&seen, EndKind::Truncated, &[], "");
    assert!(seen.end.detail.contains("without an answer"));
    let seen = get(vec![send("HTTP/1.1 200 OK\r\nA: ")]).await;
    assert_seen(&seen, EndKind::Truncated, &[], "");
    assert!(seen.end.detail.contains("inside the head"));
    let seen = get(vec![Step::Reset]).await;
    assert_seen(&seen, EndKind::Reset, &[], "");
}

#[tokio::test]
async fn resets_in_the_body() {
    let cases = [
        (CHUNKED, EVENT, vec![FaultKind::LastChunkMissing]),
        ("", "data: x\n\n", vec![]),
        (
            "Content-Length: 99\r\n",
            "data: x\n\n",
            vec![FaultKind::LengthShort],
        ),
    ];
    for (field, body, faults) in cases {
        let steps = vec![send(head(field) + body), Step::Wait(50), Step::Reset];
        let seen = get(steps).await;
        assert_seen(&seen, EndKind::Reset, &faults, "data: x\n\n");
    }
}

#[tokio::test]
async fn time_limits() {
    let mut options = options();
    options.head_timeout = Duration::from_millis(120);
    for method in ["GET", "HEAD"] {
        let (url, _served) = serve(vec![vec![send("HTTP/1.1 200 OK\r\n"), Step::Hold]]).await;
        let mut ask = ask(&url);
        ask.method = method.into();
        let seen = watch(&ask, &options).await;
        assert_seen(&seen, EndKind::TimedOut, &[], "");
        assert!(seen.head.is_none());
        assert!(seen.end.at_us >= 120_000);
        assert!(seen.end.detail.contains("0.12 s"), "{}", seen.end.detail);
    }
    options.body_timeout = Some(Duration::from_millis(120));
    let (url, _served) = serve(vec![vec![send(head("")), Step::Hold]]).await;
    let seen = watch(&ask(&url), &options).await;
    assert_seen(&seen, EndKind::TimedOut, &[], "");
    assert!(seen.end.at_us - seen.head.unwrap().at_us >= 110_000);
}

#[tokio::test]
async fn limits_on_what_is_kept() {
    let limits = Limits {
        head: 1000,
        body: 2048,
        slices: 5,
        forgotten: 0,
    };
    let options = Options {
        limits,
        ..options()
    };
    let watch_with = async |steps: Vec<Step>| {
        let (url, _served) = serve(vec![steps]).await;
        watch(&ask(&url), &options).await
    };
    let seen = watch_with(vec![send("HTTP/1.1 200 OK\r\nA: "), send(vec![b'x'; 5000])]).await;
    assert_seen(&seen, EndKind::Limit, &[FaultKind::HeadTooLarge], "");
    let seen = watch_with(vec![send(head("")), send(vec![b'x'; 5000])]).await;
    assert_seen(&seen, EndKind::Limit, &[], &"x".repeat(2048));
    assert_eq!(seen.end.detail, "stopped after 2 KiB");
    let seen = watch_with(vec![send(head(CHUNKED) + &"1\r\nx\r\n".repeat(9))]).await;
    assert_eq!(seen.end.kind, EndKind::Limit);
    assert_eq!(seen.chunks.len(), 5);
    let drip = (0..9).flat_map(|_| [Step::Wait(15), send("x")]);
    let seen = watch_with([send(head(""))].into_iter().chain(drip).collect()).await;
    assert_seen(&seen, EndKind::Limit, &[], "xxxxx");
}

#[tokio::test]
async fn endless_lines_are_bounded() {
    let long = "x".repeat(100_000);
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000);
    for (answer, kind) in [
        (
            head(CHUNKED) + "5;" + &long,
            FaultKind::ChunkSizeUnterminated,
        ),
        (
            head(CHUNKED) + "0\r\nA: " + &long,
            FaultKind::TrailerInvalid,
        ),
        (interim, FaultKind::HeadTooLarge),
    ] {
        let seen = get(vec![send(answer), Step::Hold]).await;
        let end = if kind == FaultKind::HeadTooLarge {
            EndKind::Limit
        } else {
            EndKind::Malformed
        };
        assert_seen(&seen, end, &[kind], "");
    }
}

#[tokio::test]
async fn unreachable_in_words() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = format!("connection refused by 127.0.0.1:{port}");
    for (url, words) in [
        (format!("http://127.0.0.1:{port}/"), refused.as_str()),
        (format!("http://localhost:{port}/"), refused.as_str()),
        (
            "http://nowhere.invalid/".into(),
            "cannot resolve nowhere.invalid: ",
        ),
    ] {
        let seen = watch(&ask(&url.parse().unwrap()), &options()).await;
        assert_eq!(seen.end.kind, EndKind::Unreachable);
        let port_words = words.replace("connection refused by ", "");
        assert!(seen.end.detail.contains(&port_words), "{}", seen.end.detail);
        assert!(!seen.end.detail.contains('\n'));
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_nor_writes_is_left() {
    let (url, _served) = serve(vec![vec![Step::Hold]]).await;
    let began = Instant::now();
    let mut calls = 0;
    let mut observer = |_: ssekit_http::Glimpse<'_>| {
        calls += 1;
        if calls > 3 {
            ssekit_http::Seen::Enough
        } else {
            ssekit_http::Seen::More
        }
    };
    let seen = ssekit_http::observe(&ask(&url), &options(), &mut observer)
        .await
        .unwrap();
    assert_seen(&seen, EndKind::Left, &[], "");
    assert!(began.elapsed() < Duration::from_secs(4));
}
