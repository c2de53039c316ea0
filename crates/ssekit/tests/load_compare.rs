//! `ssekit report compare` and `merge`: what each pair of records comes to, as an exit code and in words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::Served;
use serde_json::{Value, json};

/// What a command that reads these two says, and its exit code.
fn both(command: &str, folder: &Path, one: &Value, two: &Value) -> (String, i32) {
    let files = ["one.json", "two.json"].map(|name| folder.join(name));
    for (file, record) in files.iter().zip([one, two]) {
        fs::write(file, record.to_string()).unwrap();
    }
    let output = cargo_bin_cmd!("ssekit")
        .args(["report", command])
        .args(&files)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    (said, output.status.code().unwrap())
}

/// The record with what is at some places replaced.
fn with(record: &Value, changes: &[(&str, Value)]) -> Value {
    let mut record = record.clone();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).expect(pointer);
        parent[name] = value.clone();
    }
    record
}

#[test]
fn a_pair_of_records_is_judged_by_what_became_of_it() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let output = cargo_bin_cmd!("ssekit")
        .args([
            "load", "-q", "--format", "json", "-c", "30", "-d", "1s", "--seq", "id",
        ])
        .args(["--set", "validity.on_breach=warn", &url])
        .output()
        .unwrap();
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let compared = |one: &Value, two: &Value| both("compare", folder.path(), one, two);

    let (said, code) = compared(&record, &record);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("No figure became worse by more than 10 %, and of times by 1 ms."),
        "{said}"
    );
    // Three lost where none was, and the other way.
    let lossy = with(&record, &[("/counts/skipped", json!(3))]);
    let (said, code) = compared(&record, &lossy);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("| `lost` | 0 (0.0000 %) | 3 ("), "{said}");
    assert!(
        said.contains("1 figure became worse by more than"),
        "{said}"
    );
    let (said, code) = compared(&lossy, &record);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("| better |"), "{said}");
    // What is not measured any more is no pass.
    let mut silent = record.clone();
    silent["metrics"]
        .as_object_mut()
        .unwrap()
        .remove("first_event");
    let (said, code) = compared(&record, &silent);
    assert_eq!(code, 4, "{said}");
    assert!(
        said.contains("1 figure was not measured any more."),
        "{said}"
    );
    let (said, code) = compared(&silent, &record);
    assert_eq!(code, 0, "{said}");
    // An invalid run says nothing, better or worse; an interrupted one is noted.
    let invalid = with(&record, &[("/outcome", json!("invalid"))]);
    for (one, two) in [(&record, &invalid), (&invalid, &lossy)] {
        let (said, code) = compared(one, two);
        assert_eq!(code, 6, "{said}");
        assert!(said.contains("run is invalid"), "{said}");
    }
    let other = [
        ("/outcome", json!("interrupted")),
        ("/scenario/digest", json!("0000")),
    ];
    let (said, code) = compared(&record, &with(&record, &other));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Note: the scenarios differ."), "{said}");
    assert!(
        said.contains("Note: the second run was interrupted."),
        "{said}"
    );
    // Another kind of record.
    let (said, code) = compared(&record, &with(&record, &[("/kind", json!("check"))]));
    assert_eq!((code, said.lines().count()), (2, 1), "{said}");
}

#[test]
fn more_processes_than_streams_are_no_run_without_data() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let output = cargo_bin_cmd!("ssekit")
        .args([
            "load", "-q", "--format", "json", "-c", "2", "-d", "1s", "--ramp", "0s",
        ])
        .args(["--processes", "3", "--set", "validity.on_breach=warn", &url])
        .output()
        .unwrap();
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", record["findings"]);
    assert_eq!(record["streams"]["opened"], 2);
    let findings = record["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .all(|found| !found["id"].as_str().unwrap().ends_with("no-data")),
        "{findings:?}"
    );
}
