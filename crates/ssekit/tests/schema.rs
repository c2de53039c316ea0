//! The JSON Schemas: those committed are those the types make, and records keep them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::cargo::cargo_bin_cmd;
use jsonschema::Validator;
use peer::Served;
use serde_json::Value;
use ssekit_record::record_kinds;

fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports")
}

fn printed(kind: &str) -> String {
    let output = cargo_bin_cmd!("ssekit")
        .args(["report", "schema", kind])
        .output()
        .unwrap();
    assert!(output.status.success(), "{kind}");
    String::from_utf8(output.stdout).unwrap()
}

fn validator(kind: &str) -> Validator {
    let schema: Value = serde_json::from_str(&printed(kind)).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// Everything the validator has against a record.
fn faults(validator: &Validator, record: &Value) -> Vec<String> {
    let errors = validator.iter_errors(record);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn committed_schemas_are_those_of_the_types() {
    for kind in record_kinds() {
        let path = reports().join(format!("schema/{}.json", kind.name));
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == printed(kind.name),
            "reports/schema/{name}.json is stale: ssekit report schema {name} > reports/schema/{name}.json",
            name = kind.name
        );
    }
    let files = fs::read_dir(reports().join("schema")).unwrap();
    assert_eq!(files.count(), record_kinds().len());
}

#[test]
fn a_fresh_run_keeps_its_schemas() {
    let server = Served::start(&["--defect", "encoding.valid-utf8/latin1"]);
    let folder = tempfile::tempdir().unwrap();
    let (record, seen) = (
        folder.path().join("r.json"),
        folder.path().join("seen.json"),
    );
    let output = cargo_bin_cmd!("ssekit")
        .args([
            "check",
            &server.at("/events"),
            "--observe",
            "500ms",
            "--quiet",
            "--echo",
        ])
        .args(["--report", &format!("json={}", record.display())])
        .args(["--save", &seen.display().to_string()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(faults(&validator("check"), &read(&record)), [""; 0]);
    assert_eq!(faults(&validator("observation"), &read(&seen)), [""; 0]);
}

#[test]
fn a_fresh_load_run_keeps_its_schema() {
    let server = Served::start(&[]);
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", &server.at("events?interval=20"), "-c", "5"])
        .args(["-d", "1s", "--ramp", "100ms", "--interval", "20ms"])
        .args(["--seq", "id", "--threshold", "gap p50 < 1ns", "-q"])
        .args(["--format", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = validator("load");
    assert_eq!(faults(&validator, &record), [""; 0]);
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut record = record.clone();
        change(&mut record);
        faults(&validator, &record)
    };
    assert!(!broken(&|record| record["kind"] = "check".into()).is_empty());
    assert!(!broken(&|record| record["outcome"] = "fine".into()).is_empty());
    assert!(!broken(&|record| record["streams"]["opened"] = (-1).into()).is_empty());
    assert!(!broken(&|record| record["metrics"]["gap"] = 5.into()).is_empty());
}

#[test]
fn committed_reports_keep_the_schema() {
    keep("check", "servers");
    keep("proxy", "proxies");
    keep("load", "load");
}

fn keep(kind: &str, folder: &str) {
    let validator = validator(kind);
    let mut seen = 0;
    for entry in fs::read_dir(reports().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let record = path
            .extension()
            .is_some_and(|e| e == "json")
            .then(|| read(&path));
        let Some(record) = record.filter(|record| record["kind"] == kind) else {
            continue;
        };
        assert_eq!(faults(&validator, &record), [""; 0], "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn what_is_no_record_breaks_the_schema() {
    let validator = validator("check");
    let path = reports().join("servers/axum.json");
    let broken = |key: &str, value: Value| {
        let mut record = read(&path);
        record[key] = value;
        faults(&validator, &record)
    };
    assert!(broken("more", "fields may be added".into()).is_empty());
    for (key, value) in [
        ("schema", "ssekit/2".into()),
        ("kind", "load".into()),
        ("outcome", "fine".into()),
        ("checks", Value::Null),
        ("elapsed_ms", (-1).into()),
    ] {
        assert!(!broken(key, value).is_empty(), "{key}");
    }
}
