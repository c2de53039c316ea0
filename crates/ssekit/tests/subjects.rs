//! Every server under `scenarios/servers` is started, judged by the binary, and found to be what
//! its manifest says it is. One that is not installed shows as ignored, with what is missing; with
//! `SSEKIT_REQUIRE_PEERS=1` it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod needs;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use ssekit_scenario::{Expectation, Subject};
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Four servers at a time, unless told otherwise: they mostly wait, but when things arrive is judged too.
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let trials = folders().into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn folders() -> Vec<PathBuf> {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/servers");
    let mut folders: Vec<_> = std::fs::read_dir(servers)
        .expect("the repository has scenarios/servers")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    folders.sort();
    assert!(folders.len() >= 12, "subjects are gone: {folders:?}");
    folders
}

fn trial(folder: PathBuf) -> Trial {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let name = name.into_owned();
    let absence = Subject::load(&folder).map_or(None, |subject| absence(&subject));
    needs::trial(name, absence, move || judge(&folder))
}

/// What is missing to run a subject, and how to get it.
fn absence(subject: &Subject) -> Option<String> {
    let missing = subject.missing();
    (!missing.is_empty()).then(|| {
        format!(
            "needs {}; install: .ci/subjects {}",
            missing.join(", "),
            subject.name
        )
    })
}

fn judge(folder: &Path) -> Result<(), Failed> {
    let subject = Subject::load(folder).map_err(|error| error.to_string())?;
    let expect = subject.expect.ok_or("its manifest has no [expect]")?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssekit"));
    command
        .args(["check", "--format", "json", "--subject"])
        .arg(folder);
    for name in told_by_cargo() {
        command.env_remove(name);
    }
    let output = command.output()?;
    let record: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "{error}: no record; {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let mut differences = String::new();
    compare(&record, &expect, &mut differences)?;
    let code = output.status.code();
    if code != Some(expected_code(&expect)) {
        writeln!(differences, "exit code {code:?}")?;
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences.into())
    }
}

/// What `cargo test` says about this package: a subject that is started with cargo would otherwise be
/// built again, because build scripts look at these.
fn told_by_cargo() -> impl Iterator<Item = OsString> {
    let prefixes = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ];
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(move |name| {
            let name = name.to_string_lossy();
            prefixes.iter().any(|prefix| name.starts_with(prefix))
        })
}

fn expected_code(expect: &Expectation) -> i32 {
    match expect.outcome.as_str() {
        "conformant" => 0,
        "nonconformant" => 1,
        _ => 6,
    }
}

fn compare(record: &Value, expect: &Expectation, differences: &mut String) -> std::fmt::Result {
    if record["outcome"] != expect.outcome.as_str() {
        writeln!(
            differences,
            "outcome is {}, not {}",
            record["outcome"],
            expect.outcome.as_str()
        )?;
    }
    let checks = record["checks"].as_array().map_or(&[][..], Vec::as_slice);
    if checks.is_empty() {
        writeln!(differences, "nothing was checked")?;
    }
    let none = BTreeSet::new();
    for (verdict, expected) in [
        ("fail", &expect.fail.keys().map(String::as_str).collect()),
        ("warn", &expect.warn.keys().map(String::as_str).collect()),
        ("error", &none),
    ] {
        let sometimes = |id: &&str| verdict == "warn" && expect.sometimes.contains_key(*id);
        let found: BTreeSet<&str> = checks
            .iter()
            .filter(|check| check["verdict"] == verdict)
            .filter_map(|check| check["id"].as_str())
            .filter(|id| !sometimes(id))
            .collect();
        for id in found.difference(expected) {
            let check = checks
                .iter()
                .find(|check| check["id"] == **id)
                .unwrap_or(&Value::Null);
            writeln!(
                differences,
                "{verdict} {id} is not in its manifest: {}",
                check["actual"]
            )?;
        }
        for id in expected.difference(&found) {
            let check = checks
                .iter()
                .find(|check| check["id"] == **id)
                .unwrap_or(&Value::Null);
            writeln!(
                differences,
                "{verdict} {id} is in its manifest; the check says {}",
                check["verdict"]
            )?;
        }
    }
    Ok(())
}
