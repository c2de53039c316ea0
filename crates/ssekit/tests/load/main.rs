//! `ssekit load`: the record, the exit codes, and bad input.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../peer/mod.rs"]
mod peer;
mod plan;
#[cfg(unix)]
mod processes;
mod told;

use std::process::Stdio;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{Served, code, signal};
use serde_json::Value;

fn load(arguments: &[&str]) -> (Value, String, i32) {
    let mut command = cargo_bin_cmd!("ssekit");
    let output = command
        .arg("load")
        .args(arguments)
        .args(["-q", "--format", "json"])
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8(output.stderr).unwrap();
    (record, said, output.status.code().unwrap())
}

const SHORT: [&str; 6] = ["-c", "20", "-d", "1s", "--ramp", "200ms"];

#[test]
fn a_clean_run_passes_and_its_record_says_what_was_counted() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let more = [
        "--seq",
        "id",
        "--threshold",
        "lost count == 0",
        "--threshold",
        "first_event p50 < 30s",
    ];
    let (record, said, left) = load(&[[url.as_str()].as_slice(), &SHORT, &more].concat());
    assert_eq!(left, 0, "{said} {record:#}");
    assert_eq!(
        (&record["schema"], &record["kind"]),
        (&"ssekit/1".into(), &"load".into())
    );
    assert_eq!(record["outcome"], "pass");
    assert_eq!(
        (&record["streams"]["planned"], &record["streams"]["opened"]),
        (&20.into(), &20.into())
    );
    let received = record["events"]["received"].as_u64().unwrap();
    assert!(received >= 20, "{received}");
    assert_eq!(record["events"]["numbered"], received);
    assert_eq!(record["metrics"]["gap"]["count"], received - 20);
    assert_eq!(record["thresholds"].as_array().unwrap().len(), 2);
    assert!(record["series"].as_array().unwrap().len() >= 2);
}

#[test]
fn a_threshold_that_does_not_hold_fails_and_one_without_data_does_not_pass() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let (record, _, left) = load(
        &[
            [url.as_str()].as_slice(),
            &SHORT,
            &["--threshold", "gap p50 > 10s"],
        ]
        .concat(),
    );
    assert_eq!((left, &record["outcome"]), (1, &"fail".into()));
    let (record, _, left) = load(
        &[
            [url.as_str()].as_slice(),
            &SHORT,
            &["--threshold", "delivery p99 < 1h"],
        ]
        .concat(),
    );
    assert_eq!(
        (left, &record["outcome"]),
        (4, &"fail".into()),
        "{record:#}"
    );
    // Why, and what would help.
    let detail = record["thresholds"][0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("no data (") && detail.contains("declare it in expect.published_at"),
        "{detail}"
    );
    // The reference server stamps its events with milliseconds.
    let declared = [
        "--published-at",
        "/time:ms",
        "--threshold",
        "delivery p99 < 1h",
    ];
    let (record, said, left) = load(&[[url.as_str()].as_slice(), &SHORT, &declared].concat());
    assert_eq!(left, 0, "{said}");
    let delivery = &record["metrics"]["delivery"];
    assert_eq!(delivery["count"], record["events"]["received"]);
    // Stamps in another unit would be decades away.
    assert!(
        delivery["p50_us"].as_u64().unwrap() < 10_000_000,
        "{delivery}"
    );
}

#[test]
fn shards_of_a_plan_are_its_parts() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    for (shard, planned) in [("0/3", 7), ("2/3", 6)] {
        let (record, said, left) =
            load(&[[url.as_str()].as_slice(), &SHORT, &["--shard", shard]].concat());
        assert_eq!(
            (left, &record["streams"]["opened"]),
            (0, &planned.into()),
            "{said}"
        );
        assert_eq!(record["shard"]["count"], 3);
    }
}

#[test]
fn tls_is_spoken_and_an_unknown_certificate_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("cert.pem")
        .to_string_lossy()
        .into_owned();
    let served = Served::start(&["--tls", "--cert-out", &path]);
    let url = served.at("events?interval=20");
    let (record, said, left) =
        load(&[[url.as_str()].as_slice(), &SHORT, &["--cacert", &path]].concat());
    assert_eq!(
        (left, &record["streams"]["opened"]),
        (0, &20.into()),
        "{said}"
    );
    // The server chooses HTTP/2, and a connection carries them all.
    assert_eq!(record["http"], "2");
    assert_eq!(record["metrics"]["tls_handshake"]["count"], 1);
    let alone = ["--cacert", &path, "--http", "1.1"];
    let (record, said, left) = load(&[[url.as_str()].as_slice(), &SHORT, &alone].concat());
    assert_eq!((left, &record["http"]), (0, &"1.1".into()), "{said}");
    assert_eq!(record["metrics"]["tls_handshake"]["count"], 20);
    let (record, _, left) = load(&[[url.as_str()].as_slice(), &SHORT].concat());
    assert_eq!((left, record["streams"]["opened"].as_u64()), (3, Some(0)));
    assert!(record["errors"]["tls"].as_u64().unwrap() >= 20);
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let served = Served::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let report = format!("json={}", path.display());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("ssekit"))
        .args([
            "load",
            &served.at("events?interval=20"),
            "-c",
            "5",
            "-d",
            "600s",
            "--ramp",
            "0s",
        ])
        .args(["--report", &report])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line on standard error comes after five seconds.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.next().unwrap().unwrap().contains("  5 live  "));
    signal(&child, "INT");
    assert_eq!(code(&mut child), 130);
    let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(record["outcome"], "interrupted");
    assert!(record["events"]["received"].as_u64().unwrap() > 0);
}

#[test]
fn bad_input_is_one_line_and_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "[target]\nurl = \"http://127.0.0.1:1/\"\nurll = 1\n").unwrap();
    let path = path.to_str().unwrap();
    for (arguments, wanted, part) in [
        (["http://127.0.0.1:1/", "-d", "100ms"], 3, ""),
        ([path, "-d", "1s"], 2, "s.toml:3:1"),
        (
            ["http://127.0.0.1:1/", "--threshold", "gapp p99 < 1s"],
            2,
            "did you mean `gap`",
        ),
        (
            ["http://127.0.0.1:1/", "--streams-per-connection", "9"],
            2,
            "add --http 2",
        ),
        ([path, "--interval", "1s"], 2, "--set KEY=VALUE"),
        (
            ["http://127.0.0.1:1/", "--set", "target.htpt=2"],
            2,
            "did you mean `http`",
        ),
        (
            ["http://127.0.0.1:1/", "--set", "baseline.file=x.json"],
            2,
            "cannot read x.json",
        ),
        (["ftp://127.0.0.1/", "-d", "1s"], 2, "http"),
    ] {
        let (_, said, left) = load(&arguments);
        assert_eq!(left, wanted, "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(said.lines().count() <= 1, "{said}");
    }
}
