//! Load scenarios of a test.
#![allow(clippy::unwrap_used)]
use std::fs;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

/// The record of a run of this scenario, and its exit code.
pub fn run(text: &str) -> (Value, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    fs::write(&file, text).unwrap();
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", "-q", "--format", "json"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let record = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (record, output.status.code().unwrap())
}
