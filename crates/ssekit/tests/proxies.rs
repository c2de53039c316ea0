//! Every hop under `scenarios/proxies` is started, looked at by the binary, and found to do what its
//! scenario says. One that is not installed shows as ignored, with what is missing; with
//! `SSEKIT_REQUIRE_PEERS=1` it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod hop;
mod needs;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use ssekit_scenario::HopScenario;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A few at a time: a run mostly waits, but what is judged is when things arrive.
    arguments.test_threads = Some(4);
    let trials = folders().into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(hop::proxies()).expect("the repository has scenarios/proxies");
    let folders = entries.map(|entry| entry.expect("it can be listed").path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 20, "hops are gone: {folders:?}");
    folders
}

fn trial(folder: PathBuf) -> Trial {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let name = name.into_owned();
    let absence = hop::absence(&folder);
    needs::trial(name, absence, move || twice(&folder))
}

/// What is wrong twice in a row is wrong: times on a busy machine.
fn twice(folder: &Path) -> Result<(), Failed> {
    judge(folder).or_else(|_| judge(folder))
}

fn judge(folder: &Path) -> Result<(), Failed> {
    let hop = HopScenario::load(folder).map_err(|error| error.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssekit"));
    command.args(["proxy", "--format", "json"]).arg(folder);
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let record: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: no record; {errors}"))?;
    let mut differences = String::new();
    compare(&record, &hop, &mut differences)?;
    if output.status.code() != Some(0) {
        writeln!(differences, "{}: {errors}", output.status)?;
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences.into())
    }
}

fn compare(record: &Value, hop: &HopScenario, differences: &mut String) -> std::fmt::Result {
    let release = &record["measurements"]["release"];
    let expected = hop.expect.release.map(ssekit_record::Release::as_str);
    if release.as_str() != expected {
        writeln!(differences, "release is {release}, not {expected:?}")?;
    }
    let checks = record["checks"].as_array().map_or(&[][..], Vec::as_slice);
    if checks.len() != 20 {
        writeln!(differences, "{} checks", checks.len())?;
    }
    let none = BTreeSet::new();
    for (verdict, expected) in [
        (
            "fail",
            &hop.expect.fail.keys().map(String::as_str).collect(),
        ),
        (
            "warn",
            &hop.expect.warn.keys().map(String::as_str).collect(),
        ),
        ("error", &none),
    ] {
        let of = |id: &str| checks.iter().find(|check| check["id"] == id);
        let found = checks.iter().filter(|check| check["verdict"] == verdict);
        let found: BTreeSet<&str> = found.filter_map(|check| check["id"].as_str()).collect();
        for id in found.symmetric_difference(expected) {
            let (verdict_now, actual) = of(id).map_or((&Value::Null, &Value::Null), |check| {
                (&check["verdict"], &check["actual"])
            });
            writeln!(differences, "{id} is {verdict_now}: {actual}")?;
        }
    }
    Ok(())
}
