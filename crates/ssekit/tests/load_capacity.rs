//! A search for capacity that several processes make: the same knee as of one, and nothing left behind when
//! one of them fails.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use assert_cmd::cargo::{cargo_bin, cargo_bin_cmd};
use peer::{HEAD, code, raw, signal};
use serde_json::Value;

const MS: Duration = Duration::from_millis(1);
/// How long to wait for a condition.
const PATIENCE: Duration = Duration::from_secs(60);
/// These tests are about the target; a machine that is busy with other tests is not.
const PATIENT: &str = "[validity]\nmax_loop_lag_p999 = \"60s\"\nmax_schedule_lag_p99 = \"60s\"\n";

/// A server of streams that tick, of which only so many open; and how many were asked for.
fn server(places: usize) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let url = raw(move |_, peer, number| {
        count.fetch_add(1, Ordering::SeqCst);
        if number < places {
            tick(peer);
        }
        peer::until_left(peer);
    });
    (url, asked)
}

fn tick(peer: &mut TcpStream) {
    let mut sent = peer.write_all(HEAD.as_bytes());
    for id in 1.. {
        if sent.is_err() {
            return;
        }
        sent = peer.write_all(format!("id: {id}\ndata: {id}\n\n").as_bytes());
        std::thread::sleep(20 * MS);
    }
}

/// A search from 4 streams on, 4 more each second.
fn scenario(url: &str, rest: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    write!(
        file,
        "[target]\nurl = \"{url}\"\n[expect]\nseq = {{ from = \"id\" }}\n\
         [[phase]]\nkind = \"steps\"\nstart = 4\nadd = 4\nevery = \"1s\"\n{rest}"
    )
    .unwrap();
    file
}

/// Makes a search, and gives its record, what was said, and its exit code.
fn search(file: &tempfile::NamedTempFile, processes: &str) -> (Value, String, i32) {
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", "-q", "--format", "json", "--processes", processes])
        .arg(file.path())
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8(output.stderr).unwrap();
    (record, said, output.status.code().unwrap())
}

fn has(record: &Value, id: &str) -> bool {
    let findings = record["findings"].as_array().unwrap();
    findings.iter().any(|finding| finding["id"] == id)
}

#[test]
fn several_processes_find_the_knee_that_one_finds() {
    let rest = format!(
        "stop_on = \"threshold\"\n[[threshold]]\nmetric = \"first_event\"\nexpr = \"p50 < 400s\"\n{PATIENT}"
    );
    let found = |processes: &str| {
        let (url, _) = server(12);
        let (record, said, left) = search(&scenario(&url, &rest), processes);
        assert_eq!((left, said.as_str()), (0, ""), "{record:#}");
        record
    };
    let (one, two) = (found("1"), found("2"));
    assert_eq!(two["generator"]["processes"], 2);
    for record in [&one, &two] {
        let capacity = &record["capacity"];
        assert_eq!(
            (&capacity["knee"], &capacity["broke_at"]),
            (&12.into(), &16.into())
        );
        assert_eq!(capacity["stopped_by"], "opened");
        let steps = capacity["steps"].as_array().unwrap();
        let number = |step: &Value, key: &str| step[key].as_u64().unwrap();
        let told: Vec<_> = steps
            .iter()
            .map(|step| {
                ["streams", "open", "unopened", "start_us", "end_us"].map(|key| number(step, key))
            })
            .collect();
        assert_eq!(
            told,
            [
                [4, 4, 0, 0, 1_000_000],
                [8, 8, 0, 1_000_000, 2_000_000],
                [12, 12, 0, 2_000_000, 3_000_000],
                [16, 12, 4, 3_000_000, 4_000_000]
            ]
        );
        assert_eq!(steps[1]["metrics"]["first_event"]["count"], 4);
        assert!(number(&steps[1]["counts"], "received") > 8);
        // The plan of a search is what it came to.
        let planned = record["streams"]["planned"].as_u64().unwrap();
        assert!((16..=20).contains(&planned), "{planned}");
        let summary = record["summary"].as_str().unwrap();
        assert!(summary.contains("12 streams were well served"), "{summary}");
    }
    let parts = |record: &Value| {
        let threshold = &record["thresholds"][0];
        (threshold["verdict"].clone(), record["outcome"].clone())
    };
    assert_eq!(parts(&one), parts(&two));
}

#[test]
fn a_process_at_its_limits_ends_the_search_of_all() {
    // The second process has an address that this machine has not.
    let rest = "stop_on = \"saturation\"\n[shard]\nunit_ips = [\"127.0.0.1\", \"192.0.2.77\"]\n";
    let (url, _) = server(usize::MAX);
    let (record, _, left) = search(&scenario(&url, &format!("{rest}{PATIENT}")), "2");
    assert_eq!(left, 6, "{record:#}");
    assert_eq!(record["capacity"]["stopped_by"], "saturation");
    let saturated = record["capacity"]["steps"][0]["saturated"]
        .as_str()
        .unwrap();
    assert!(saturated.starts_with("source addresses ("), "{saturated}");
    assert!(has(&record, "generator.saturated"));
    assert!(!has(&record, "generator.source"), "it says so once");
}

#[test]
fn a_threshold_that_aborts_one_process_ends_the_search_of_all() {
    let rest = "stop_on = \"saturation\"\n[[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 1us\"\nabort = true\n";
    let (url, _) = server(usize::MAX);
    let (record, said, left) = search(&scenario(&url, &format!("{rest}{PATIENT}")), "2");
    assert_eq!((left, said.as_str()), (1, ""), "{record:#}");
    assert!(has(&record, "run.aborted"));
    assert!(record["elapsed_us"].as_u64().unwrap() < 60_000_000);
}

/// A search that goes on, once so many streams were asked for.
struct Ongoing {
    parent: Child,
    parts: Vec<u32>,
}

impl Ongoing {
    fn start(streams: usize) -> Self {
        let (url, asked) = server(usize::MAX);
        let file = scenario(&url, &format!("stop_on = \"saturation\"\n{PATIENT}"));
        let parent = Command::new(cargo_bin!("ssekit"))
            .args(["load", "-q", "--format", "json", "--processes", "2"])
            .arg(file.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the step", || asked.load(Ordering::SeqCst) >= streams);
        let pid = parent.id();
        let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let parts = listed.unwrap();
        let parts: Vec<u32> = parts
            .split_whitespace()
            .map(|pid| pid.parse().unwrap())
            .collect();
        assert_eq!(parts.len(), 2);
        Self { parent, parts }
    }

    fn kill(pid: u32, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &pid.to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// What it printed and said, and its exit code.
    fn left(&mut self) -> (String, String, i32) {
        let (mut out, mut said) = (String::new(), String::new());
        self.parent
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        self.parent
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (out, said, code(&mut self.parent))
    }

    fn assert_gone(&self) {
        for pid in &self.parts {
            until("the end of a process", || is_gone(*pid));
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

/// Whether a process has ended, whoever is to be told of it.
fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(10 * MS);
    }
}

#[test]
fn a_search_without_one_of_its_processes_is_invalid_and_ends() {
    let mut search = Ongoing::start(8);
    Ongoing::kill(search.parts[1], "KILL");
    let (out, said, left) = search.left();
    assert_eq!(
        (left, out.as_str(), said.lines().count()),
        (6, "", 1),
        "{said}"
    );
    assert!(
        said.contains("the run is invalid: process 2 of 2 gave no record"),
        "{said}"
    );
    assert!(said.contains("SIGKILL"), "{said}");
    search.assert_gone();
}

#[test]
fn a_search_with_a_silent_process_is_invalid_and_ends() {
    let mut search = Ongoing::start(4);
    Ongoing::kill(search.parts[0], "STOP");
    let (_, said, left) = search.left();
    assert_eq!((left, said.lines().count()), (6, 1), "{said}");
    assert!(
        said.contains("process 1 of 2 gave no record: it has told nothing for"),
        "{said}"
    );
    search.assert_gone();
}

#[test]
fn an_interrupted_search_reports_the_steps_that_were_made() {
    // The second step has begun.
    let mut search = Ongoing::start(8);
    signal(&search.parent, "INT");
    let (out, said, left) = search.left();
    assert_eq!(left, 130, "{said}");
    let record: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(record["outcome"], "interrupted");
    let capacity = &record["capacity"];
    assert_eq!(capacity["stopped_by"], "interrupted");
    assert!(!capacity["steps"].as_array().unwrap().is_empty());
    assert!(capacity["knee"].as_u64().unwrap() >= 4, "{capacity}");
    search.assert_gone();
}

#[test]
fn processes_end_when_the_one_that_started_them_is_gone() {
    let mut search = Ongoing::start(4);
    Ongoing::kill(search.parent.id(), "KILL");
    let _ = search.parent.wait();
    search.assert_gone();
}

#[test]
fn content_from_standard_input_is_refused_for_several_processes() {
    let mut command = cargo_bin_cmd!("ssekit");
    let command = command.args([
        "load",
        "http://127.0.0.1:9/",
        "--body",
        "@-",
        "--processes",
        "2",
    ]);
    let output = command.write_stdin("{}").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said.lines().count()),
        (Some(2), 1),
        "{said}"
    );
    assert!(said.contains("--body @FILE"), "{said}");
}
