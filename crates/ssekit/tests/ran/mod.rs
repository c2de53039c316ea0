//! The binary, and what a run of it gave.
#![allow(clippy::unwrap_used)]
use std::process::Output;

use serde_json::Value;

pub const BINARY: &str = env!("CARGO_BIN_EXE_ssekit");

/// The record it printed.
pub fn record(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

/// What it said beside it.
pub fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
