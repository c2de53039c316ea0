//! A server that `check` starts itself, several runs, and baselines.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod ran;

use std::path::Path;
use std::process::{Command, Output};

use ran::{BINARY, record, said};
use serde_json::Value;

/// `check` of a reference server that it starts itself, with these arguments for the server.
fn started(server: &str, more: &[&str]) -> Output {
    let command = format!("exec '{BINARY}' serve --listen {{port}} {server}");
    run(&command, more)
}

fn run(command: &str, more: &[&str]) -> Output {
    Command::new(BINARY)
        .args(["check", "--start", command])
        .args(["--ready", "http://127.0.0.1:{port}/"])
        .arg("http://127.0.0.1:{port}/events")
        .args(["--passive", "--observe", "500ms", "--format", "json"])
        .args(more)
        .output()
        .unwrap()
}

fn check<'a>(record: &'a Value, id: &str) -> &'a Value {
    let mut checks = record["checks"].as_array().unwrap().iter();
    checks.find(|check| check["id"] == id).unwrap()
}

#[test]
fn a_server_is_started_judged_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("server.log");
    let output = started("", &["--log", log.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&output);
    assert_eq!(record["outcome"], "conformant");
    let launched = &record["launched"];
    assert_eq!(launched["log"], log.to_str().unwrap());
    if cfg!(target_os = "linux") {
        assert_eq!(launched.get("unproved"), None, "{launched}");
    }
    let printed = std::fs::read_to_string(&log).unwrap();
    assert!(
        printed.contains("listening on http://127.0.0.1:"),
        "{printed}"
    );
    // It was asked to end, and ended by itself.
    assert!(printed.contains("closing the streams"), "{printed}");
    let url = record["target"].as_str().unwrap();
    let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    let left = std::net::TcpStream::connect(("127.0.0.1", port));
    assert!(left.is_err(), "{url} still answers");
}

/// As a user starts it, judged by the rules about its end only.
fn watched_to_its_end(command: &str, more: &[&str]) -> Output {
    Command::new(BINARY)
        .args(["check", "--start", command])
        .args(["--ready", "http://127.0.0.1:{port}/"])
        .arg("http://127.0.0.1:{port}/events")
        .args(["--only", "lifecycle.shutdown,lifecycle.restart-storm"])
        .args(["--only", "http2.goaway"])
        .args(["--observe", "300ms", "--format", "json"])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn a_started_server_is_watched_as_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen.json");
    let seen = seen.to_str().unwrap();
    let serve = format!("exec '{BINARY}' serve --listen {{port}}");
    for http in ["1.1", "2"] {
        let more = ["--http", http, "--save", seen, "--repeat", "2"];
        let output = watched_to_its_end(&serve, &more);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let fresh = record(&output);
        for id in ["lifecycle.shutdown", "lifecycle.restart-storm"] {
            assert_eq!(check(&fresh, id)["verdict"], "pass", "{fresh:#}");
        }
        let goaway = if http == "2" { "pass" } else { "n/a" };
        assert_eq!(
            check(&fresh, "http2.goaway")["verdict"],
            goaway,
            "{fresh:#}"
        );
        let again = Command::new(BINARY)
            .args(["check", seen, "--only", "lifecycle.shutdown,http2.goaway"])
            .args(["--format", "json"])
            .output()
            .unwrap();
        let again = record(&again);
        for id in ["lifecycle.shutdown", "http2.goaway"] {
            assert_eq!(check(&again, id)["verdict"], check(&fresh, id)["verdict"]);
        }
    }
}

/// What ignores SIGTERM is a finding, and is killed all the same.
#[test]
fn a_server_that_ignores_the_request_to_stop_is_told() {
    let serve =
        format!("trap '' TERM; '{BINARY}' serve --listen {{port}} --defect lifecycle.shutdown");
    let output = watched_to_its_end(&serve, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&output);
    let shutdown = check(&record, "lifecycle.shutdown");
    assert_eq!(shutdown["verdict"], "warn", "{shutdown}");
    let actual = shutdown["actual"].as_str().unwrap();
    assert!(
        actual.starts_with("3 of 3 streams still open 10."),
        "{actual}"
    );
    let url = record["target"].as_str().unwrap();
    let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn what_cannot_be_started_is_told_in_one_line() {
    let cases = [
        ("no-such-command-of-ours", "command not found"),
        (
            "echo gone; exit 3",
            "ended before it was ready (exit status: 3)",
        ),
    ];
    for (command, told) in cases {
        let output = run(command, &[]);
        assert_eq!(output.status.code(), Some(6), "{command}");
        let said = said(&output);
        let first = said.lines().next().unwrap();
        assert!(
            first.starts_with("ssekit: the server ") && first.contains(told),
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
    let output = run("sleep 600", &["--ready-within", "1"]);
    assert_eq!(output.status.code(), Some(6));
    let told = said(&output);
    assert!(
        told.contains("was not ready at http://127.0.0.1:"),
        "{told}"
    );
}

#[test]
fn an_address_elsewhere_or_none_is_a_usage_error() {
    for address in [&["http://example.com:{port}/"][..], &[]] {
        let output = Command::new(BINARY)
            .args(["check", "--start", "true"])
            .args(address)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(said(&output).lines().count(), 1);
    }
    let output = Command::new(BINARY)
        .args(["check", "http://127.0.0.1:1/", "--log", "x"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_port_in_use_is_told() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", holder.local_addr().unwrap());
    let output = Command::new(BINARY)
        .args(["check", "--start", "sleep 600", &url])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
    let told = said(&output);
    assert!(
        told.contains("is taken by another process already"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn several_runs_make_one_record() {
    let output = started("", &["--repeat", "2", "--only", "encoding"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&output);
    assert_eq!(record["repeat"]["runs"], 2);
    assert_eq!(record["repeat"]["flaky"], serde_json::json!([]));
}

/// A server that keeps the rule every other time it is started.
#[test]
fn a_check_that_does_not_always_agree_is_flaky_and_failed() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let mark = mark.display();
    let command = format!(
        "if mkdir '{mark}' 2>/dev/null; then exec '{BINARY}' serve --listen {{port}}; fi; \
         exec '{BINARY}' serve --listen {{port}} --defect encoding.valid-utf8/latin1"
    );
    let output = run(&command, &["--repeat", "2", "--only", "encoding"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let record = record(&output);
    assert_eq!(
        record["repeat"]["flaky"],
        serde_json::json!(["encoding.valid-utf8"])
    );
    let finding = check(&record, "encoding.valid-utf8");
    assert_eq!(finding["verdict"], "fail");
    assert_eq!(finding["flaky"]["run"], 2);
}

fn with_baseline(server: &str, file: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["--only", "encoding", "--baseline", file.to_str().unwrap()];
    arguments.extend(more);
    started(server, &arguments)
}

#[test]
fn a_baseline_accepts_what_it_names_and_goes_stale() {
    const BROKEN: &str = "--defect encoding.valid-utf8/latin1";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accepted.toml");
    let output = with_baseline(BROKEN, &file, &[]);
    assert_eq!(output.status.code(), Some(2), "there is no such file yet");

    let output = with_baseline(BROKEN, &file, &["--update-baseline"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("1 entry, 1 reason to be written"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("[accept.\"encoding.valid-utf8\"]\nverdict = \"fail\""),
        "{text}"
    );

    std::fs::write(&file, text.replace("accepted on", "kept since")).unwrap();
    let output = with_baseline(BROKEN, &file, &["--update-baseline"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("kept since")
    );
    let output = with_baseline(BROKEN, &file, &[]);
    assert_eq!(output.status.code(), Some(0));
    let finding = record(&output);
    let accepted = &check(&finding, "encoding.valid-utf8")["accepted"];
    assert!(accepted["reason"].as_str().unwrap().contains("kept since"));

    let output = with_baseline("", &file, &[]);
    assert_eq!(output.status.code(), Some(5), "it is found no longer");
    assert_eq!(
        record(&output)["stale_entries"][0]["check"],
        "encoding.valid-utf8"
    );

    std::fs::write(&file, text.replace("until = 2", "until = 1")).unwrap();
    let output = with_baseline(BROKEN, &file, &[]);
    assert_eq!(output.status.code(), Some(1), "it is expired");
}

/// The command that prints the version runs between the launch and the first look, where nothing is
/// waited for but its end.
#[test]
fn a_signal_between_launch_and_check_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "name = \"reference\"\nabout = \"the reference server\"\nversion = \"kill -TERM $PPID; echo 1\"\n\
         start = \"exec '{BINARY}' serve --listen {{port}}\"\n\
         ready = \"http://127.0.0.1:{{port}}/\"\nurl = \"http://127.0.0.1:{{port}}/events\"\n"
    );
    std::fs::write(folder.path().join("subject.toml"), manifest).unwrap();
    let output = Command::new(BINARY)
        .args(["check", "--passive", "--observe", "500ms", "--subject"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
}
