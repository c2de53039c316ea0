//! Load on shared HTTP/2 connections: what is counted over HTTP/1.1 is counted here too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use ssekit_load::{Order, run};
use ssekit_record::{LoadOutcome, LoadRecord, MetricValue, Shard, Statistics};
use ssekit_scenario::load::LoadScenario;
use ssekit_server::{Config, Server};

const MS: Duration = Duration::from_millis(1);

/// The scenario of so many streams over HTTP/2 that are opened at once and held.
fn quick(url: &str, (streams, per_connection): (u64, u64), hold: Duration, rest: &str) -> Order {
    let text = format!(
        "{rest}\n[target]\nurl = \"{url}\"\nhttp = \"2\"\nstreams_per_connection = {per_connection}\n\
         timeout = \"20s\"\n[[phase]]\nkind = \"ramp\"\nfrom = {streams}\nto = {streams}\nover = \"{}us\"\n",
        hold.as_micros()
    );
    order(&text)
}

fn order(text: &str) -> Order {
    let loaded = LoadScenario::parse(text, Path::new("s.toml"), &[], |_| None);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{text}"));
    Order {
        scenario: loaded.scenario,
        toml: loaded.toml,
        folder: PathBuf::new(),
        shard: Shard::default(),
        workers: Some(1),
        processes: 1,
        ruling: None,
    }
}

const BY_ID: &str = "[expect]\nseq = { from = \"id\" }\n";
const ONCE: &str = "[reconnect]\npolicy = \"none\"\n";
const SOON: &str = "[reconnect]\nbase = \"50ms\"\n";

fn measured(order: &Order) -> LoadRecord {
    let job = order.job().unwrap();
    run(&job, &Arc::new(AtomicBool::new(false)), &mut |_| {}).unwrap()
}

fn stats(record: &LoadRecord, name: &str) -> Statistics {
    let value = record.metrics.get(name).unwrap_or_else(|| panic!("{name}"));
    Statistics::from(MetricValue::samples(value).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_counted_in_the_clear_and_over_tls() {
    for tls in [false, true] {
        let config = Config {
            tls,
            ..Config::default()
        };
        let server = Server::start(config).await.unwrap();
        let url = server.url("/events?interval=20&count=30");
        let mut trust = String::new();
        let folder = tempfile::tempdir().unwrap();
        if let Some(pem) = server.certificate_pem() {
            let ca = folder.path().join("ca.pem");
            std::fs::write(&ca, pem).unwrap();
            trust = format!("[target.tls]\nca = {:?}\n", ca.display().to_string());
        }
        // Those who are done are followed by nobody.
        let run = order(&format!(
            "{BY_ID}[reconnect]\npolicy = \"none\"\non_eof = \"finish\"\n{trust}\
             [target]\nurl = \"{url}\"\nhttp = \"2\"\nstreams_per_connection = 10\n\
             [[phase]]\nkind = \"arrive\"\nrate = \"2500/s\"\nover = \"10ms\"\n\
             [[phase]]\nkind = \"hold\"\nfor = \"6s\""
        ));
        let record = tokio::task::spawn_blocking(move || measured(&run))
            .await
            .unwrap();
        assert_eq!(record.events.received, 25 * 30, "{:?}", record.findings);
        assert_eq!((record.events.lost, record.events.duplicated), (0, 0));
        assert_eq!((record.streams.opened, record.streams.failed), (25, 0));
        assert_eq!(record.disconnects.get("eof"), Some(&25));
        assert_eq!(stats(&record, "gap").count, 25 * 29);
        assert_eq!(
            stats(&record, "tcp_connect").count,
            3,
            "ten on a connection"
        );
        assert_eq!(record.metrics.contains_key("tls_handshake"), tls);
    }
}

const HEAD: &[u8] = b"\x88\x00\x0ccontent-type\x11text/event-stream";

/// A peer that does exactly what a test tells it, a thread for each connection.
fn peer(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = script.clone();
            thread::spawn(move || {
                let mut peer = Peer { stream };
                let mut preface = [0; 24];
                if peer.stream.read_exact(&mut preface).is_ok() {
                    script(&mut peer);
                }
            });
        }
    });
    address
}

struct Peer {
    stream: TcpStream,
}

impl Peer {
    fn send(&mut self, frames: &[(u8, u8, u32, &[u8])]) {
        let mut bytes = Vec::new();
        for (kind, flags, stream, payload) in frames {
            bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
            bytes.extend_from_slice(&[*kind, *flags]);
            bytes.extend_from_slice(&stream.to_be_bytes());
            bytes.extend_from_slice(payload);
        }
        let _ = self.stream.write_all(&bytes);
    }

    /// Waits for a frame of this type on this stream; whether it came.
    fn await_frame(&mut self, kind: u8, stream: u32) -> bool {
        loop {
            let mut head = [0; 9];
            if self.stream.read_exact(&mut head).is_err() {
                return false;
            }
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; len];
            if self.stream.read_exact(&mut payload).is_err() {
                return false;
            }
            let on = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            if (head[3], on) == (kind, stream) {
                return true;
            }
        }
    }

    fn linger(&mut self) {
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest).is_ok_and(|read| read > 0) {}
    }
}

#[test]
fn the_limit_of_the_server_is_kept_and_each_end_has_its_cause() {
    // Two streams a connection: the first one gets an event and is covered by GOAWAY, which the end
    // of the connection makes good; the second is reset.
    let address = peer(|peer| {
        peer.send(&[(4, 0, 0, &[0, 3, 0, 0, 0, 2])]);
        if peer.await_frame(1, 3) {
            peer.send(&[
                (1, 4, 1, HEAD),
                (1, 4, 3, HEAD),
                (0, 0, 1, b"id: 1\ndata: x\n\n"),
                (3, 0, 3, &[0, 0, 0, 2]),
                (7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
            ]);
        }
    });
    let record = measured(&quick(
        &format!("http://{address}/"),
        (6, 100),
        1500 * MS,
        &format!("{BY_ID}{ONCE}"),
    ));
    assert_eq!(record.streams.opened, 6, "{:?}", record.disconnects);
    assert_eq!(record.events.received, 3);
    assert_eq!(record.disconnects.get("rst_stream"), Some(&3));
    assert_eq!(record.disconnects.get("goaway"), Some(&3));
    assert_eq!(
        stats(&record, "tcp_connect").count,
        3,
        "two on a connection"
    );
    let mut findings = record.findings.iter();
    let told = findings.find(|finding| finding.id == "connection.streams");
    let told = &told.unwrap().detail;
    assert!(
        told.contains("allows 2 streams") && told.contains("100 were asked for"),
        "{told}"
    );
}

#[test]
fn a_stream_that_the_server_did_not_begin_is_asked_for_again() {
    // REFUSED_STREAM for the second of two, without GOAWAY.
    let address = peer(|peer| {
        peer.send(&[(4, 0, 0, &[])]);
        if !peer.await_frame(1, 3) {
            return;
        }
        peer.send(&[
            (1, 4, 1, HEAD),
            (0, 0, 1, b"id: 1\ndata: x\n\n"),
            (3, 0, 3, &[0, 0, 0, 7]),
        ]);
        if peer.await_frame(1, 5) {
            peer.send(&[(1, 4, 5, HEAD), (0, 0, 5, b"id: 1\ndata: x\n\n")]);
        }
        peer.linger();
    });
    let rest = format!("{BY_ID}{SOON}");
    let url = format!("http://{address}/");
    let record = measured(&quick(&url, (2, 2), 3000 * MS, &rest));
    assert_eq!(record.errors.get("refused_stream"), Some(&1));
    assert_eq!((record.streams.opened, record.streams.failed), (2, 0));
    assert_eq!(record.events.received, 2, "{:?}", record.errors);
}

#[test]
fn streams_that_never_end_a_line_share_what_may_be_held() {
    const STREAMS: u32 = 8;
    let address = peer(|peer| {
        peer.send(&[(4, 0, 0, &[])]);
        let mut reading = peer.stream.try_clone().unwrap();
        if !peer.await_frame(1, 2 * STREAMS - 1) {
            return;
        }
        let reading = thread::spawn(move || std::io::copy(&mut reading, &mut std::io::sink()));
        let streams = (0..STREAMS).map(|n| 2 * n + 1);
        for stream in streams.clone() {
            peer.send(&[(1, 4, stream, HEAD)]);
        }
        // 10 MiB each, as lines that have not ended: less than a stream may hold alone.
        for _ in 0..640 {
            for stream in streams.clone() {
                peer.send(&[(0, 0, stream, &[b'a'; 16_384])]);
            }
        }
        peer.send(&[(0, 0, 1, b"\n\n")]);
        let _ = reading.join();
    });
    let url = format!("http://{address}/");
    let record = measured(&quick(&url, (8, 100), 5000 * MS, ONCE));
    assert_eq!(record.streams.opened, 8, "{:?}", record.errors);
    let ended = record.disconnects.get("limit").copied().unwrap_or(0);
    // Six of them fit, beside what is not counted of each.
    assert!((2..8).contains(&ended), "{:?}", record.disconnects);
    assert_eq!(record.disconnects.len(), 1);
    let mut findings = record.findings.iter();
    let told = findings.find(|finding| finding.id == "generator.memory");
    let told = &told
        .unwrap_or_else(|| panic!("{:?}", record.findings))
        .detail;
    assert!(told.starts_with(&format!("{ended} streams")), "{told}");
}

/// A run in which the server chooses the version.
fn as_agreed(url: &str) -> LoadRecord {
    let tls = if url.starts_with("https:") {
        "[target.tls]\ninsecure = true"
    } else {
        ""
    };
    let text = format!(
        "[target]\nurl = \"{url}\"\nhttp = \"auto\"\n{tls}\n[expect]\nseq = {{ from = \"id\" }}\n\
         [reconnect]\npolicy = \"none\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 130\nover = \"1s\"\n[[phase]]\nkind = \"hold\"\nfor = \"4s\""
    );
    measured(&order(&text))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_what_the_server_chooses() {
    for (tls, defect, version, connections) in [
        (true, None, "2", 2),
        (true, Some("http2.available"), "1.1", 130),
        (false, None, "1.1", 130),
    ] {
        let config = Config {
            tls,
            defect: defect.and_then(ssekit_server::Defect::find),
            ..Config::default()
        };
        assert_eq!(config.defect.is_some(), defect.is_some());
        let server = Server::start(config).await.unwrap();
        let url = server.url("/events?interval=50");
        let record = tokio::task::spawn_blocking(move || as_agreed(&url))
            .await
            .unwrap();
        assert_eq!(record.http.as_deref(), Some(version), "{:?}", record.errors);
        assert!(record.events.received >= 130 * 10, "{:?}", record.events);
        assert_eq!((record.streams.opened, record.streams.failed), (130, 0));
        assert_eq!(record.events.lost, 0);
        assert_eq!(record.counts.attempts, 130);
        assert_eq!(stats(&record, "tcp_connect").count, connections);
    }
}

#[test]
fn a_stream_that_goaway_does_not_cover_comes_back_on_another_connection() {
    let visits = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let address = peer(move |peer| {
        let visit = visits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        peer.send(&[(4, 0, 0, &[])]);
        if visit == 0 && peer.await_frame(1, 3) {
            peer.send(&[
                (1, 4, 1, HEAD),
                (7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
                (0, 0, 1, b"id: 1\ndata: x\n\n"),
            ]);
        } else if visit == 1 && peer.await_frame(1, 1) {
            peer.send(&[(1, 4, 1, HEAD), (0, 0, 1, b"id: 1\ndata: x\n\n")]);
        }
        peer.linger();
    });
    let rest = format!("{BY_ID}{SOON}");
    let url = format!("http://{address}/");
    let record = measured(&quick(&url, (2, 2), 3000 * MS, &rest));
    assert_eq!(record.events.received, 2, "{:?}", record.errors);
    assert_eq!((record.streams.opened, record.streams.failed), (2, 0));
    assert_eq!(record.errors.get("goaway"), Some(&1));
}

#[test]
fn a_stream_that_ends_comes_back_on_the_connection_there_is() {
    let address = peer(|peer| {
        peer.send(&[(4, 0, 0, &[])]);
        for (stream, event) in [(1, "id: 1\ndata: x\n\n"), (3, "id: 2\ndata: x\n\n")] {
            if !peer.await_frame(1, stream) {
                return;
            }
            let ends = u8::from(stream == 1);
            peer.send(&[(1, 4, stream, HEAD), (0, ends, stream, event.as_bytes())]);
        }
        peer.linger();
    });
    let rest = format!("{BY_ID}{SOON}");
    let url = format!("http://{address}/");
    let record = measured(&quick(&url, (1, 9), 3000 * MS, &rest));
    assert_eq!(record.events.received, 2, "{:?}", record.errors);
    assert_eq!((record.streams.reconnects, record.events.lost), (1, 0));
    assert_eq!(stats(&record, "tcp_connect").count, 1);
}

#[test]
fn a_stall_is_lateness_and_frames_of_one_read_are_coalesced() {
    // A tick each 20 ms on one stream; from 400 ms on a stall of 700 ms, then all that was due at
    // once, a frame each.
    let address = peer(|peer| {
        peer.send(&[(4, 0, 0, &[])]);
        if !peer.await_frame(1, 1) {
            return;
        }
        peer.send(&[(1, 4, 1, HEAD)]);
        let begin = Instant::now();
        let mut held: Vec<String> = Vec::new();
        for tick in 0..80_u32 {
            let due = 20 * MS * tick;
            held.push(format!("id: {}\ndata: x\n\n", tick + 1));
            if due >= 400 * MS && due < 1100 * MS {
                continue;
            }
            thread::sleep(due.saturating_sub(begin.elapsed()));
            let all = std::mem::take(&mut held);
            let frames: Vec<_> = all.iter().map(|text| (0, 0, 1, text.as_bytes())).collect();
            peer.send(&frames);
        }
        peer.linger();
    });
    let rest = format!("{BY_ID}interval = \"20ms\"\n{ONCE}");
    let url = format!("http://{address}/");
    let record = measured(&quick(&url, (1, 9), 2500 * MS, &rest));
    assert_eq!(record.events.received, 80);
    assert_eq!(record.events.lost, 0);
    let late = stats(&record, "tick_lateness");
    assert!(late.max >= 680_000, "{late:?}");
    assert!(stats(&record, "gap").max >= 680_000);
    assert!(
        stats(&record, "events_per_read").max >= 36,
        "35 held, and one"
    );
    assert_ne!(record.outcome, LoadOutcome::Fail);
}
