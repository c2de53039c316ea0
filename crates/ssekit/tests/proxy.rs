//! `ssekit proxy`: its contract, its exit codes, and hops that are not what was meant.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{Served, raw, send, until_left};
use serde_json::Value;

const BIN: &str = env!("CARGO_BIN_EXE_ssekit");

fn proxy(arguments: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("ssekit");
    command.arg("proxy").args(arguments);
    command.timeout(Duration::from_secs(120)).output().unwrap()
}

/// Looks at a hop that was started by hand at `via`; what was said, and the exit code.
fn refused(via: &str) -> (String, Option<i32>) {
    refused_at(via, "0")
}

/// The same with the origin at this address.
fn refused_at(via: &str, listen: &str) -> (String, Option<i32>) {
    let output = proxy(&[
        "--via",
        via,
        "--listen",
        listen,
        "--timeout",
        "1s",
        "--quick",
    ]);
    assert!(output.stdout.is_empty(), "a verdict: {output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.lines().last().unwrap_or_default().to_owned();
    (said, output.status.code())
}

/// A hop that answers everything itself.
fn answering(answer: &'static str) -> String {
    raw(move |_, peer, _| send(peer, answer))
}

/// Passes a request on to the origin at this port, and the answer back, with what `change` makes of it.
fn forward(request: &str, peer: &mut TcpStream, port: u16, change: impl Fn(&str) -> String) {
    let mut origin = TcpStream::connect(("127.0.0.1", port)).unwrap();
    send(&mut origin, request);
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = origin.read(&mut bytes) {
        send(peer, &change(&String::from_utf8_lossy(&bytes[..n])));
    }
}

/// A hop in front of the origin at the port this gives, that treats each connection so.
fn hop(treat: impl Fn(&str, &mut TcpStream, usize, u16) + Send + Sync + 'static) -> (String, u16) {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let via = raw(move |request, peer, n| treat(request, peer, n, port));
    (via, port)
}

#[test]
fn a_hop_that_stops_forwarding_is_accused_of_nothing_else() {
    let whole = |text: &str| text.to_owned();
    let refusal = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";
    let dies = hop(move |request, peer, n, port| {
        if n < 6 {
            forward(request, peer, port, whole);
        }
    });
    let limits = hop(move |request, peer, n, port| match n {
        ..6 => forward(request, peer, port, whole),
        _ => send(peer, refusal),
    });
    let rewrites = hop(|request, peer, _, port| {
        forward(request, peer, port, |text| text.replace("data", "DATA"));
    });
    let demands = hop(|_, peer, _, _| {
        send(
            peer,
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        );
    });
    for ((via, port), says, code) in [
        (dies, "requests got no answer: the connection was", 3),
        (limits, "requests were answered with 429 without asking", 6),
        (rewrites, "the hop changes the content", 6),
        (demands, "it wants to know who asks", 6),
    ] {
        let listen = port.to_string();
        let (said, exit) = refused_at(&via, &listen);
        assert!(said.contains(says), "{says}: {said}");
        assert_eq!(exit, Some(code), "{said}");
    }
}

#[test]
fn a_hop_is_asked_once_more_at_the_end() {
    let whole = |text: &str| text.to_owned();
    let leaves = hop(move |request, peer, _, port| {
        if !request.contains("-after") {
            forward(request, peer, port, whole);
        }
    });
    let (said, exit) = refused_at(&leaves.0, &leaves.1.to_string());
    assert_eq!(exit, Some(3), "{said}");
    assert!(
        said.contains("forwarded at first and does not any more"),
        "{said}"
    );
    let refusal = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let marks = hop(
        move |request, peer, _, port| match request.contains("-after") {
            true => send(peer, refusal),
            false => forward(request, peer, port, whole),
        },
    );
    let listen = marks.1.to_string();
    let output = proxy(&[
        "--via",
        &marks.0,
        "--listen",
        &listen,
        "--timeout",
        "1s",
        "--quick",
        "--format",
        "json",
    ]);
    let record = record(&output);
    assert_eq!(record["checks"].as_array().unwrap().len(), 20);
}

/// A hop that collects a whole response, and gives up on one that takes long.
#[test]
fn a_hop_that_fails_slow_streams_is_found() {
    let (via, port) = hop(|request, peer, _, port| {
        let mut origin = TcpStream::connect(("127.0.0.1", port)).unwrap();
        send(&mut origin, request);
        let end = Instant::now() + Duration::from_millis(500);
        let mut answer = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            origin
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))
                .unwrap();
            let mut bytes = [0; 4096];
            match origin.read(&mut bytes) {
                Ok(0) => return peer.write_all(&answer).unwrap_or(()),
                Ok(n) => answer.extend_from_slice(&bytes[..n]),
                Err(_) => break,
            }
        }
        send(
            peer,
            "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n",
        );
    });
    let output = proxy(&[
        "--via",
        &via,
        "--listen",
        &port.to_string(),
        "--quick",
        "--format",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let record = record(&output);
    let summary = record["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("The hop lets no event through: none of"),
        "{summary}"
    );
}

/// One that goes away for the last request alone would be found at the end.
#[test]
fn a_started_hop_that_dies_is_named_as_dead() {
    let start = format!(
        "{}; exit 9",
        started("immediate").replace("exec ", "timeout 2 ")
    );
    let output = proxy(&["--start", &start]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(
        said.contains("ended during the run (exit status: 9)"),
        "{said}"
    );
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn what_does_not_forward_gets_one_sentence_and_no_verdict() {
    let closed = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let silent = raw(|_, peer, _| until_left(peer));
    let gone = raw(|_, _, _| {});
    for (via, says, code) in [
        (closed, "connection refused", 3),
        (silent, "no answer in time, and the origin at 127.0.0.1", 3),
        (gone, "and the origin at 127.0.0.1", 3),
        (
            answering(
                "HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n",
            ),
            "the hop answers 502 Bad Gateway of nginx/1.22.1, and the origin at 127.0.0.1",
            6,
        ),
        (
            answering(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: x\n\n",
            ),
            "200 OK comes from somewhere else",
            6,
        ),
        (
            answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            "the hop answers 404 Not Found itself",
            6,
        ),
        (
            answering(
                "HTTP/1.1 301 Moved Permanently\r\nLocation: https://h.example/\r\nContent-Length: 0\r\n\r\n",
            ),
            "the hop redirects to https://h.example/",
            6,
        ),
        (
            answering(
                "HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\nThe plain HTTP request was sent to HTTPS port.....",
            ),
            "the hop speaks TLS on this port",
            6,
        ),
        (answering("\x15\x03\x01\x00\x02\x02\x32"), "use https://", 3),
        (answering("SSH-2.0-x\r\n"), "not HTTP", 3),
    ] {
        let (said, exit) = refused(&via);
        assert!(said.contains(says), "{says}: {said}");
        assert!(said.starts_with("ssekit: http://127.0.0.1"), "{said}");
        assert_eq!(exit, Some(code), "{said}");
        assert!(!said.contains("buffer"), "{said}");
    }
}

fn started(mode: &str) -> String {
    format!("exec {BIN} serve --hop {mode} --listen {{listen}} --origin http://{{origin}}")
}

fn record(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn a_hop_that_holds_back_is_found_and_the_record_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let html = format!("html={}", at("a.html"));
    let markdown = format!("md={}", at("a.md"));
    let junit = format!("junit={}", at("a.xml"));
    let start = started("until-close");
    let output = proxy(&[
        "--start", &start, "--quick", "--format", "json", "--report", &html, "--report", &markdown,
        "--report", &junit,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let head: String = text.split_whitespace().collect();
    assert!(head.starts_with("{\"schema\":\"ssekit/1\",\"kind\":\"proxy\",\"target\":"));
    let record = record(&output);
    assert_eq!(record["outcome"], "nonconformant");
    let measured = &record["measurements"];
    assert_eq!(measured["release"], "until-close");
    for key in [
        "block_bytes",
        "added_latency_us",
        "idle_cut_ms",
        "client_abort_seen_ms",
        "compressed",
        "head",
    ] {
        assert!(measured.get(key).is_some(), "{key}");
    }
    let checks = record["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 20);
    let release = checks.iter().find(|c| c["id"] == "proxy.release").unwrap();
    assert_eq!(release["verdict"], "warn");
    assert!(
        release["actual"]
            .as_str()
            .unwrap()
            .contains("when the origin closed")
    );
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert!(read("a.html").contains("<svg") && read("a.html").contains("received"));
    assert!(read("a.md").contains("received") && read("a.xml").contains("proxy.release"));
}

#[test]
fn a_transparent_hop_passes_quickly() {
    let output = proxy(&[
        "--start",
        &started("immediate"),
        "--quick",
        "--max-added-latency",
        "150ms",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("The hop passes small events on as they come."),
        "{text}"
    );
}

fn scenario(folder: &Path, mode: &str, expect: &str) -> String {
    let start = started(mode);
    let text = format!(
        "kind = \"proxy\"\nname = \"built-in\"\nabout = \"the built-in hop\"\nstart = \"{start}\"\n\
         [demand]\nmax_added_latency = \"150ms\"\n[expect]\nrelease = \"immediate\"\n[expect.warn]\n{expect}\n"
    );
    let path = folder.join("proxy.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_scenario_accepts_what_it_knows_and_tells_what_is_stale() {
    let folder = tempfile::tempdir().unwrap();
    let known = "\"proxy.head-prompt\" = \"a comment is sent first\"";
    let path = scenario(folder.path(), "head-held", known);
    let output = proxy(&[&path, "--quick", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let record = record(&output);
    assert_eq!(record["outcome"], "conformant");
    let checks = record["checks"].as_array().unwrap();
    let known = checks.iter().find(|c| c["id"] == "proxy.head-prompt");
    let known = known.unwrap();
    assert_eq!(known["verdict"], "warn");
    assert_eq!(known["accepted"]["reason"], "a comment is sent first");
    let known = "\"proxy.head-prompt\" = \"a comment is sent first\"";
    let path = scenario(folder.path(), "immediate", known);
    let output = proxy(&[&path, "--quick"]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Stale"));
}

#[test]
fn a_foreign_origin_is_compared_with_itself() {
    let origin = Served::start(&[]);
    let through = |mode: &str| {
        let hop = Served::start(&["--hop", mode, "--origin", &origin.url]);
        let (direct, via) = (origin.at("echo"), hop.at("echo"));
        let output = proxy(&[
            "--origin",
            &direct,
            "--via",
            &via,
            "--max-added-latency",
            "150ms",
            "--format",
            "json",
        ]);
        (record(&output), output.status.code())
    };
    let verdict = |record: &Value, id: &str| {
        let checks = record["checks"].as_array().unwrap();
        let check = checks.iter().find(|c| c["id"] == id).unwrap();
        check["verdict"].as_str().unwrap().to_owned()
    };
    let (plain, code) = through("immediate");
    assert_eq!(code, Some(0), "{plain}");
    for id in [
        "proxy.release",
        "proxy.large-release",
        "proxy.head-prompt",
        "proxy.origin-abort",
    ] {
        assert_eq!(verdict(&plain, id), "pass", "{id}: {plain}");
    }
    for id in ["proxy.client-abort", "proxy.retries", "proxy.last-event-id"] {
        assert_eq!(verdict(&plain, id), "unverified", "{id}");
    }
    for (mode, release) in [
        ("coalesce:350ms", "coalesced"),
        ("until-close", "until-close"),
    ] {
        let (held, code) = through(mode);
        assert_eq!(held["measurements"]["release"], release, "{held}");
        assert_eq!(code, Some(1));
    }
    let page = origin.at("");
    let output = proxy(&["--origin", &page, "--via", &page]);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no echo endpoint"));
}

#[test]
fn arguments_that_cannot_work_are_refused() {
    for (arguments, says) in [
        (&["--via", "http://h/"][..], "--listen"),
        (&["--start", "hop {listen}"], "{origin}"),
        (&["--start", "hop {origin}"], "{listen}"),
        (&["/nowhere/proxy.toml"], "cannot read"),
        (&["--via", "h:1", "--listen", "0"], "http://h:1"),
    ] {
        let output = proxy(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{says}: {said}");
    }
    let output = proxy(&["--start", "echo {listen} {origin} is broken; exit 7"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("is broken"), "{said}");
}

/// Processes whose command line holds this text.
fn running(mark: &str) -> usize {
    let output = Command::new("ps")
        .args(["axww", "-o", "args="])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains(mark)).count()
}

#[test]
fn an_interrupted_run_leaves_nothing_running() {
    let free = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let mark = format!("delay:{}ms", free.port());
    let mut child = Command::new(BIN)
        .args(["proxy", "--start", &started(&mark)])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The hop runs once its own line is there beside that of ssekit and its shell.
    while !String::from_utf8_lossy(
        &Command::new("ps")
            .args(["axww", "-o", "args="])
            .output()
            .unwrap()
            .stdout,
    )
    .lines()
    .any(|line| line.starts_with(&format!("{BIN} serve")) && line.contains(&mark))
    {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(running(&mark), 0);
}

/// The command that prints the version runs between the launch and the first look.
#[test]
fn a_signal_between_launch_and_look_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), "immediate", "");
    let text = std::fs::read_to_string(&path).unwrap();
    let version = "version = \"kill -TERM $PPID; echo 1\"\n[demand]";
    std::fs::write(&path, text.replace("[demand]", version)).unwrap();
    let output = proxy(&[&path, "--quick"]);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}
