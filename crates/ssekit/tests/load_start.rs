//! A server that `load` starts itself.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ran;

use std::net::TcpStream;
use std::process::{Command, Output};

use ran::{BINARY, record, said};
use serde_json::Value;

fn load(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(["load", "-q", "--format", "json"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The command that starts the reference server.
fn server() -> String {
    format!("exec '{BINARY}' serve --listen {{port}}")
}

const URL: &str = "http://127.0.0.1:{port}/events?interval=20";
const SHORT: [&str; 8] = ["-c", "10", "-d", "1s", "--ramp", "0s", "--seq", "id"];

/// Nobody answers there any more.
fn has_ended(record: &Value) {
    let url = record["target"].as_str().unwrap();
    let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{url}");
}

#[test]
fn a_server_is_started_loaded_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("server.log");
    let start = server();
    let more = [URL, "--start", &start, "--log", log.to_str().unwrap()];
    let output = load(&[more.as_slice(), &SHORT].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&output);
    assert_eq!(record["streams"]["opened"], 10);
    assert_eq!(record["events"]["lost"], 0);
    assert_eq!(record["launched"]["log"], log.to_str().unwrap());
    if cfg!(target_os = "linux") {
        assert!(record["launched"]["cpu_ms"].is_u64(), "{record:#}");
        assert!(record["launched"]["max_rss_bytes"].as_u64().unwrap() > 1 << 20);
    }
    let printed = std::fs::read_to_string(&log).unwrap();
    // It was stopped after the run, and ended by itself.
    assert!(printed.contains("closing the streams"), "{printed}");
    has_ended(&record);
}

#[test]
fn several_processes_load_the_one_server_that_was_started() {
    let start = server();
    let more = [URL, "--start", &start, "--processes", "2"];
    let output = load(&[more.as_slice(), &SHORT].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&output);
    assert_eq!(record["streams"]["opened"], 10);
    assert_eq!(record["generator"]["processes"], 2);
    assert!(record["launched"].is_object());
    has_ended(&record);
}

#[test]
fn a_scenario_names_the_port_and_without_a_server_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let text = format!(
        "[target]\nurl = \"{URL}\"\n[[phase]]\nkind = \"ramp\"\nto = 5\nover = \"100ms\"\n\
         [[phase]]\nkind = \"hold\"\nfor = \"500ms\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let output = load(&[file, "--start", &server()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let record = record(&output);
    assert_eq!(record["streams"]["opened"], 5);
    // The scenario stays what it was, so that two runs of it can be compared.
    let scenario = record["scenario"]["toml"].as_str().unwrap();
    assert!(scenario.contains(":{port}/"), "{scenario}");
    let refused = load(&[file]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("--subject DIR or --start"),
        "{}",
        said(&refused)
    );
    let planned = load(&[file, "--plan"]);
    assert_eq!(planned.status.code(), Some(0), "{}", said(&planned));
}

#[test]
fn a_server_that_does_not_start_is_told_with_its_last_words() {
    let start = "echo no database; exit 3";
    let output = load(&[[URL, "--start", start].as_slice(), &SHORT].concat());
    assert_eq!(output.status.code(), Some(6));
    assert!(output.stdout.is_empty());
    assert!(said(&output).contains("no database"), "{}", said(&output));
}

#[test]
fn a_server_that_ends_on_the_way_is_in_the_record() {
    // The shell is the server's parent and ends it on the way; the streams are stale from then on.
    let start = format!(
        "'{BINARY}' serve --listen {{port}} & sleep 1.5; kill $!; wait; echo gone; exec sleep 60"
    );
    let arguments = [
        "-c",
        "5",
        "-d",
        "4s",
        "--ramp",
        "0s",
        "--threshold",
        "staleness max < 1s",
    ];
    let output = load(&[[URL, "--start", &start].as_slice(), &arguments].concat());
    let record = record(&output);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        record["errors"]["refused"].as_u64().unwrap() > 0,
        "{}",
        record["errors"]
    );
    let tail = record["launched"]["tail"].to_string();
    assert!(tail.contains("gone"), "{tail}");
}

/// The body of the requests is read between the launch and the run: from a pipe that is filled only
/// after the signal.
#[test]
fn a_signal_between_launch_and_run_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("body");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let file = folder.path().join("load.toml");
    std::fs::write(
        &file,
        format!(
            "[target]\nurl = \"http://127.0.0.1:{{port}}/events\"\nbody_file = \"{}\"\n\
             [[phase]]\nkind = \"ramp\"\nto = 1\nover = \"60s\"\n",
            pipe.display()
        ),
    )
    .unwrap();
    let start = format!(
        "(exec 3>'{}'; kill -TERM $PPID; echo x >&3) & {}",
        pipe.display(),
        server()
    );
    let output = load(&[file.to_str().unwrap(), "--start", &start]);
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
}
