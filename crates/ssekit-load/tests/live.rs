//! What whoever watches a run sees, beside what the record says afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use origin::Origin;
use ssekit_load::{Exporter, run};
use ssekit_record::{LoadCounts, Scope};

fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn number(answer: &str, sample: &str) -> f64 {
    let mut lines = answer.lines();
    let value = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("no {sample} in {answer}"))
        .parse()
        .unwrap()
}

/// Two streams with an event every 20 ms; each third connection is refused by a 503.
fn origin() -> Origin {
    Origin::start(|visit| {
        if visit.number % 3 == 2 {
            visit.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        visit.open();
        let mut id = 0;
        while visit.event(id) {
            id += 1;
            thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn intervals_shown_add_up_to_the_record_and_to_what_prometheus_reads() {
    let origin = origin();
    let quick = origin.quick(3, Duration::from_millis(2_500)).with(
        "[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 60s\"\n\
         [[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1us\"\nwindow = \"1s\"\n\
         [[threshold]]\nmetric = \"delivery\"\nexpr = \"p99 < 1s\"",
    );
    let job = quick.job();
    let mut exporter = Exporter::start("127.0.0.1:0".parse().unwrap(), &job, false).unwrap();
    let before = ask(exporter.address(), "GET /metrics");
    assert_eq!(number(&before, "ssekit_load_events_total"), 0.0);
    assert_eq!(number(&before, "ssekit_load_streams_planned"), 3.0);
    let (mut sum, mut counts, mut shown) = (Scope::default(), LoadCounts::default(), String::new());
    let mut rows = 0;
    let stop = Arc::new(AtomicBool::new(false));
    let record = run(&job, &stop, &mut |mut progress| {
        rows += 1;
        counts.add(&progress.row.counts);
        sum.add(&Scope {
            counts: progress.row.counts,
            metrics: progress.row.metrics.clone(),
        });
        assert!(progress.rss_bytes > 0 && progress.elapsed <= progress.length);
        exporter.take(&mut progress);
        shown = ask(exporter.address(), "GET /metrics");
    })
    .unwrap();
    assert!(rows >= 3, "{rows}");
    assert_eq!(counts, record.counts);
    assert_eq!(
        record.series.len(),
        rows,
        "judging early must not lose the series"
    );
    let total = |name: &str| number(&shown, &format!("ssekit_load_{name}"));
    assert!(record.events.received > 0);
    assert_eq!(total("events_total"), record.events.received as f64);
    let status = record.errors["status_503"] as f64;
    assert_eq!(total("errors_total{cause=\"status_503\"}"), status);
    assert_eq!(total("streams_opened_total"), record.streams.opened as f64);
    let gaps = sum.metrics["gap"].samples().unwrap();
    assert_eq!(total("gap_seconds_count"), gaps.count() as f64);
    assert_eq!(
        total("gap_seconds_bucket{le=\"0.01\"}"),
        (gaps.count() - gaps.count_above(10_000)) as f64
    );
    assert_eq!(
        record.metrics["gap"].samples().map(|all| all.count()),
        Some(gaps.count())
    );
    for (number, state) in [(0, "pass"), (1, "fail"), (2, "no_data")] {
        let words = record.thresholds[number].threshold.to_string();
        let labels = format!("threshold=\"{words}\",number=\"{number}\",state=\"{state}\"");
        assert_eq!(total(&format!("threshold_state{{{labels}}}")), 1.0);
    }
}

#[test]
fn the_endpoint_answers_in_the_text_format_and_only_what_it_is_asked() {
    let origin = origin();
    let job = origin.quick(1, Duration::from_secs(1)).job();
    let exporter = Exporter::start("127.0.0.1:0".parse().unwrap(), &job, false).unwrap();
    let address = exporter.address();
    let answer = ask(address, "GET /metrics?x=1").to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok\r\n"));
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    let head = ask(address, "HEAD /metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
    assert!(ask(address, "GET /").starts_with("HTTP/1.1 404 "));
    let refused = ask(address, "POST /metrics").to_ascii_lowercase();
    assert!(refused.starts_with("http/1.1 405 ") && refused.contains("allow: get, head\r\n"));
    // Taken is taken, and said so.
    let error = Exporter::start(address, &job, false)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {address} for Prometheus")),
        "{error}"
    );
    drop(exporter);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn native_histograms_go_to_those_who_ask_for_protobuf() {
    let origin = origin();
    let job = origin.quick(1, Duration::from_secs(1)).job();
    let media_type = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let accepts = |address, accept: &str| {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(
            socket,
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).to_ascii_lowercase()
    };
    for (is_native, accept, expected) in [
        (
            true,
            media_type,
            "application/vnd.google.protobuf; proto=io.prometheus.client.metricfamily; encoding=delimited",
        ),
        (
            true,
            "text/plain",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (
            false,
            media_type,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
    ] {
        let listen = "127.0.0.1:0".parse().unwrap();
        let exporter = Exporter::start(listen, &job, is_native).unwrap();
        let answer = accepts(exporter.address(), accept);
        let line = format!("content-type: {expected}\r\n");
        assert!(answer.contains(&line), "{is_native} {accept}: {answer}");
        assert_eq!(answer.contains("vary: accept\r\n"), is_native);
        assert!(answer.contains("ssekit_load_gap_seconds"));
    }
}
