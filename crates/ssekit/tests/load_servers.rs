//! Load scenarios of real servers with publishers: each server is started, loaded and stopped by the
//! binary, at a small size, and keeps what its scenario asks for. One that is not installed shows as
//! ignored, with what is missing; with `SSEKIT_REQUIRE_PEERS=1` it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod needs;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use ssekit_scenario::Subject;

/// Servers, and whether they replay what was sent while a subscriber was away.
const SERVERS: [(&str, bool); 3] = [("nchan", true), ("pushpin", false), ("better-sse", false)];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One at a time: what is measured is when things arrive.
    arguments.test_threads = Some(1);
    let trials = SERVERS.map(|(name, replays)| trial(name, replays));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn trial(name: &'static str, replays: bool) -> Trial {
    let folder = scenarios().join("servers").join(name);
    let absence = Subject::load(&folder).map_or_else(
        |error| Some(error.to_string()),
        |subject| {
            let missing = subject.missing().join(", ");
            (!missing.is_empty()).then(|| format!("needs {missing}; install: .ci/subjects {name}"))
        },
    );
    needs::trial(name, absence, move || load(name, &folder, replays))
}

fn load(name: &str, folder: &Path, replays: bool) -> Result<(), Failed> {
    let file = scenarios().join("load").join(format!("{name}.toml"));
    let output = Command::new(env!("CARGO_BIN_EXE_ssekit"))
        .args(["load", "-q", "--format", "json"])
        .arg(file)
        .arg("--subject")
        .arg(folder)
        // A machine that is busy with other tests is no reason to doubt what is counted here.
        .args(["--set", "validity.on_breach=warn"])
        .args(["--set", "threshold.0.expr=p99 < 20s"])
        .args(["--set", "phase.up.to=60", "--set", "phase.steady.for=3s"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let record: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {said}"))?;
    let told = || format!("{said}{}", brief(&record));
    ensure(output.status.code() == Some(0), &told)?;
    ensure(record["subject"].as_str().unwrap().starts_with(name), &told)?;
    ensure(record["launched"].is_object(), &told)?;
    let count = |pointer: &str| record.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    ensure(
        count("/streams/planned") == 60 && count("/streams/opened") == 60,
        &told,
    )?;
    // Every stream was broken off once and came back.
    ensure(count("/streams/reconnects") >= 60, &told)?;
    ensure(count("/metrics/storm_recovery/count") == 60, &told)?;
    ensure(
        count("/counts/published") == count("/counts/published_due"),
        &told,
    )?;
    // 30 events for each stream in the steady phase alone.
    ensure(count("/events/received") >= 60 * 30, &told)?;
    ensure(count("/metrics/fanout_last/count") > 0, &told)?;
    ensure(replays == (count("/events/lost") == 0), &told)?;
    ensure(count("/events/lost") == count("/events/resume_loss"), &told)
}

fn brief(record: &Value) -> String {
    let parts = [
        "summary",
        "streams",
        "events",
        "errors",
        "disconnects",
        "thresholds",
        "findings",
    ];
    let parts = parts.map(|part| format!("{part}: {}\n", record[part]));
    parts.concat()
}

fn ensure(holds: bool, told: &dyn Fn() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(told().into()) }
}
