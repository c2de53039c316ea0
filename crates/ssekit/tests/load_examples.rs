//! The scenarios under `scenarios/load`: each of them is a plan, and those that are documented as examples keep what
//! they ask for, at a small size.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{HEAD, Served, raw, send, until_left};
use serde_json::Value;

/// A machine that is busy with other tests is no reason to doubt what is counted here.
const PATIENT: [&str; 2] = ["--set", "validity.on_breach=warn"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/load")
}

/// The record of a scenario that passes with these values.
fn passed(name: &str, values: &[&str]) -> Value {
    let sets = values.iter().flat_map(|value| ["--set", value]);
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", "-q", "--format", "json"])
        .arg(folder().join(name))
        .args(sets)
        .args(PATIENT)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let record: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let thresholds = &record["thresholds"];
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}\n{thresholds:#}\n{}",
        record["events"]
    );
    assert!(thresholds.as_array().is_some_and(|all| all.len() >= 2));
    record
}

#[test]
fn every_scenario_is_a_plan() {
    let mut seen = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let output = cargo_bin_cmd!("ssekit")
            .args(["load", "--plan"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {said}", path.display());
        let plan = String::from_utf8(output.stdout).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(plan.starts_with(name), "{}: {plan}", path.display());
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
}

#[test]
fn all_come_back_after_a_storm_and_nothing_is_lost() {
    let served = Served::start(&[]);
    let url = format!("target.url={}", served.at("events?interval=100"));
    let record = passed(
        "reconnect-storm.toml",
        &[
            &url,
            "phase.up.to=20",
            "phase.up.over=200ms",
            "phase.before.for=1s",
            // The server's reconnection time is 3 s.
            "phase.restart.settle=6s",
        ],
    );
    assert_eq!(record["streams"]["reconnects"], 20);
    assert_eq!(record["storms"][0]["recovered"], 20);
    assert_eq!(record["events"]["numbered"], record["events"]["received"]);
}

/// What is posted to `/pub/…` goes to whoever reads `/sub/…`.
fn hub() -> String {
    let readers: Mutex<Vec<TcpStream>> = Mutex::default();
    raw(move |head, peer, _| {
        if head.starts_with("GET") {
            send(peer, HEAD);
            readers.lock().unwrap().push(peer.try_clone().unwrap());
            return until_left(peer);
        }
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        });
        let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
        peer.read_exact(&mut body).unwrap();
        let event = format!("data: {}\n\n", String::from_utf8(body).unwrap());
        for reader in readers.lock().unwrap().iter_mut() {
            // Whoever has left gets nothing.
            let _ = reader.write_all(event.as_bytes());
        }
        send(
            peer,
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    })
}

#[test]
fn a_broadcast_reaches_everybody() {
    let hub = hub();
    let base = hub.strip_suffix("/events").unwrap();
    let record = passed(
        "broadcast.toml",
        &[
            &format!("target.url={base}/sub/prices"),
            &format!("population.publisher.url={base}/pub/prices"),
            "phase.up.to=40",
            "phase.up.over=200ms",
            "phase.steady.for=4s",
            "threshold.0.expr=p99 < 20s",
        ],
    );
    assert_eq!(
        record["counts"]["published"],
        record["counts"]["published_due"]
    );
    assert!(record["counts"]["fanout_due"].as_u64().unwrap() >= 1000);
    assert_eq!(
        record["counts"]["fanout_arrived"],
        record["counts"]["fanout_due"]
    );
    // 40 users, and 5 a second who take the place of others.
    assert_eq!(record["streams"]["planned"], 60);
    assert_eq!(record["streams"]["failed"], 0);
}

#[test]
fn answers_of_a_model_are_complete_and_counted() {
    let url = raw(|_, peer, _| {
        send(peer, HEAD);
        for token in 0..5 {
            let chunk = format!("{{\"choices\":[{{\"delta\":{{\"content\":\"{token}\"}}}}]}}");
            send(peer, &format!("data: {chunk}\n\n"));
            thread::sleep(Duration::from_millis(20));
        }
        send(
            peer,
            "data: {\"choices\":[],\"usage\":{\"completion_tokens\":10}}\n\ndata: [DONE]\n\n",
        );
    });
    let record = passed(
        "llm-stream.toml",
        &[
            &format!("target.url={url}"),
            "phase.users-come.to=4",
            "phase.users-come.over=200ms",
            "phase.users.for=1s",
            "phase.arrivals.over=2s",
            "threshold.0.expr=p95 < 20s",
            "threshold.1.expr=p95 < 20s",
        ],
    );
    let answers = record["streams"]["finished"].as_u64().unwrap();
    assert!(answers >= 8, "{answers}");
    assert_eq!(record["streams"]["failed"], 0);
    assert_eq!(record["metrics"]["stream_time"]["count"], answers);
    assert!(record["metrics"]["stream_time"]["min_us"].as_u64().unwrap() >= 99_000);
    assert_eq!(record["metrics"]["tokens"]["max"], 10);
}
