//! A threshold with `abort` in a run of several parts: what all of them count together decides.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::io::Write as _;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{HEAD, raw};
use serde_json::Value;

/// These tests are about the target; a machine that is busy with other tests is not.
const PATIENT: &str = "[validity]\nmax_loop_lag_p999 = \"60s\"\nmax_schedule_lag_p99 = \"60s\"\n";

/// A server of streams with 50 events a second; what comes late is made up for.
fn server() -> String {
    raw(|_, peer, _| {
        let begun = Instant::now();
        let mut sent = peer.write_all(HEAD.as_bytes());
        for id in 1_u32.. {
            if sent.is_err() {
                return;
            }
            sent = peer.write_all(format!("id: {id}\ndata: {id}\n\n").as_bytes());
            let due = begun + Duration::from_millis(20) * id;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    })
}

/// Four streams for so long; the record, what was said, and the exit code.
fn run(hold: &str, threshold: &str, arguments: &[&str]) -> (Value, String, i32) {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let url = server();
    write!(
        file,
        "[target]\nurl = \"{url}\"\n[[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n\
         [[phase]]\nkind = \"hold\"\nfor = \"{hold}\"\n\
         [[threshold]]\nmetric = \"received\"\n{threshold}\nabort = true\n{PATIENT}"
    )
    .unwrap();
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", "-q", "--format", "json"])
        .args(arguments)
        .arg(file.path())
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8(output.stderr).unwrap();
    (record, said, output.status.code().unwrap())
}

/// Each of four processes has 50 events a second, all have 200.
const FOUR: [&str; 2] = ["--processes", "4"];

#[test]
fn a_rate_that_only_the_whole_has_does_not_end_it() {
    let threshold = "expr = \"rate > 80\"\nabort_after = \"1s\"";
    let (record, said, left) = run("3s", threshold, &FOUR);
    assert_eq!((left, said.as_str()), (0, ""), "{record:#}");
    assert_eq!(record["aborted"], Value::Null);
    assert_eq!(record["elapsed_us"], 3_100_000);
}

#[test]
fn what_only_the_whole_breaks_ends_it() {
    let threshold = "expr = \"rate < 80\"\nabort_after = \"1s\"";
    let (record, said, left) = run("300s", threshold, &FOUR);
    assert_eq!((left, said.as_str()), (1, ""), "{record:#}");
    let aborted = &record["aborted"];
    assert_eq!(aborted["threshold"], "received rate < 80");
    let at = aborted["at_us"].as_u64().unwrap();
    assert!((1_000_000..200_000_000).contains(&at), "{aborted}");
    assert!(record["elapsed_us"].as_u64().unwrap() < 250_000_000);
    let findings = record["findings"].as_array().unwrap();
    let named = findings.iter().filter(|one| one["id"] == "run.aborted");
    assert_eq!(named.count(), 1, "it says so once");
    assert_eq!(record["generator"]["processes"], 4);
}

#[test]
fn a_shard_is_refused_what_it_cannot_judge_alone() {
    for arguments in [
        ["--shard", "0/2", "--processes", "1"],
        ["--shard", "0/2", "--processes", "2"],
    ] {
        let (_, said, left) = run("1s", "expr = \"rate > 1\"", &arguments);
        assert_eq!((left, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains("threshold[0] (received rate > 1)"), "{said}");
    }
    let (record, said, left) = run("300s", "expr = \"count < 10\"", &["--shard", "0/2"]);
    assert_eq!(left, 1, "{said}");
    assert_eq!(record["aborted"]["threshold"], "received count < 10");
}
