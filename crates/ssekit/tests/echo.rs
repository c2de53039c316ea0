//! `ssekit check --echo` from the command line: where the endpoint is looked for, and what is said
//! of one that is none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::Served;
use serde_json::Value;

fn check(arguments: &[&str]) -> (Value, i32) {
    let mut command = cargo_bin_cmd!("ssekit");
    command.env_remove("GITHUB_ACTIONS");
    let format = ["check", "--format", "json", "--observe", "1s"];
    let output = command.args(format).args(arguments).output().unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap();
    (record, output.status.code().unwrap())
}

fn verdict<'a>(record: &'a Value, id: &str) -> (&'a str, &'a str) {
    let checks = record["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id).unwrap();
    let text = |key: &str| check[key].as_str().unwrap();
    (text("verdict"), text("actual"))
}

#[test]
fn the_endpoint_is_found_beside_the_stream_and_as_the_target() {
    let served = Served::start(&[]);
    for target in ["events", "echo"] {
        let (record, code) = check(&[&served.at(target), "--echo"]);
        assert_eq!(code, 0, "{record:#}");
        assert_eq!(verdict(&record, "data.injection").0, "pass", "{target}");
        let (injected, how) = verdict(&record, "event.injection");
        assert_eq!(injected, "pass", "{target}");
        assert!(how.contains("refused"), "{target}: {how}");
        let checks = record["checks"].as_array().unwrap();
        let found = checks.iter().filter(|check| check["verdict"] == "warn");
        assert_eq!(found.count(), 0, "{target}: {record:#}");
    }
}

#[test]
fn a_broken_endpoint_fails_the_run() {
    let served = Served::start(&["--defect", "data.injection"]);
    let echo = format!("--echo={}", served.at("echo"));
    let only = ["--only", "data.injection,id.injection"];
    let (record, code) = check(&[&served.at("events"), &echo, only[0], only[1]]);
    assert_eq!(code, 1, "{record:#}");
    assert_eq!(verdict(&record, "data.injection").0, "fail");
    assert_eq!(verdict(&record, "id.injection").0, "pass");
}

#[test]
fn without_an_endpoint_nothing_is_laid_to_the_server() {
    let served = Served::start(&[]);
    let nowhere = format!("--echo={}", served.at("nothing"));
    let (record, code) = check(&[&served.at("events"), &nowhere]);
    assert_eq!(code, 0, "{record:#}");
    let (found, why) = verdict(&record, "data.injection");
    assert_eq!(found, "unverified");
    assert!(why.contains("no echo endpoint"), "{why}");
    let (record, _) = check(&[&served.at("events")]);
    let (found, why) = verdict(&record, "data.injection");
    assert_eq!(found, "unverified");
    assert!(why.contains("--echo"), "{why}");
}
