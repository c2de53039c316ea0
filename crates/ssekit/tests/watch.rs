//! `ssekit watch`: what arrives, as it arrives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::process::{Command, Stdio};

use assert_cmd::cargo::{cargo_bin, cargo_bin_cmd};
use peer::{HEAD, assert_harmless, code, raw, send, signal, until_left};
use serde_json::Value;

fn watch(url: &str, options: &[&str]) -> (String, String, i32) {
    let mut command = cargo_bin_cmd!("ssekit");
    let output = command
        .arg("watch")
        .arg(url)
        .args(options)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (text(output.stdout), text(output.stderr), code)
}

#[test]
fn a_stream_is_told_line_by_line_to_its_end() {
    let url = raw(|_, peer, _| {
        send(peer, HEAD);
        send(
            peer,
            "retry: 2500\n: hello\nData: x\nevent: tick\nid: 9\ndata: one\n\n",
        );
    });
    let (out, err, code) = watch(&url, &[]);
    assert_eq!((err.as_str(), code), ("", 0), "{out}");
    for part in [
        "head HTTP/1.1 200, text/event-stream",
        "retry 2500 ms",
        ":  hello",
        "tick #9 one",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(out.contains("wrong case"), "{out}");
    assert!(
        out.lines()
            .last()
            .unwrap()
            .contains("1 event, last event id 9"),
        "{out}"
    );
}

#[test]
fn json_lines_carry_times() {
    let url = raw(|_, peer, _| {
        send(peer, HEAD);
        send(peer, "data: a\n\ndata: b\n\n");
        until_left(peer);
    });
    let (out, _, code) = watch(&url, &["--format", "json", "--count", "2"]);
    assert_eq!(code, 0);
    let lines: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let types: Vec<&str> = lines.iter().map(|l| l["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["head", "event", "event", "end"]);
    assert!(lines.iter().all(|l| l["at_us"].is_u64()));
    assert_eq!(lines[3]["end"], "left");
}

#[test]
fn it_comes_back_with_the_last_event_id_until_told_to_stop() {
    let url = raw(|request, peer, n| match n {
        0 => {
            send(peer, HEAD);
            send(peer, "retry: 10\nid: 7\ndata: a\n\n");
        }
        _ => {
            let known = request
                .to_ascii_lowercase()
                .contains("last-event-id: 7\r\n");
            let status = if known { "204 No Content" } else { "500 Lost" };
            send(
                peer,
                &format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n"),
            );
        }
    });
    let (out, _, code) = watch(&url, &["--reconnect"]);
    assert!(out.contains("coming back in 10.0 ms"), "{out}");
    assert!(out.contains("204"), "{out}");
    assert_eq!(code, 0);
}

#[test]
fn what_is_no_stream_is_said_and_left() {
    let url = raw(|_, peer, _| {
        send(
            peer,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>endless",
        );
        until_left(peer);
    });
    let (out, _, code) = watch(&url, &[]);
    assert!(out.contains("no client reads this"), "{out}");
    assert_eq!(code, 1);
}

#[test]
fn hostile_text_cannot_act_on_the_terminal() {
    let url = raw(|_, peer, _| {
        let head = HEAD.replace("/event-stream", "/event-stream; a=\"\u{9b}31m\"");
        send(peer, &head);
        send(
            peer,
            "event: \x1b[2J\nid: \x1b]0;x\x07\ndata: \u{202e}\x1b[31m\ndata: \x08\n\n: \x1bc\n",
        );
    });
    for options in [&["--full"][..], &[], &["--format", "json"]] {
        let mut command = cargo_bin_cmd!("ssekit");
        command
            .arg("watch")
            .arg(&url)
            .args(options)
            .env("CLICOLOR_FORCE", "1");
        let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(out.contains("1b"), "the text is shown, escaped: {out}");
        assert_harmless(&out);
    }
}

#[test]
fn ctrl_c_ends_it_with_a_summary() {
    let url = raw(|_, peer, _| {
        send(peer, HEAD);
        send(peer, "data: a\n\n");
        until_left(peer);
    });
    let mut child = Command::new(cargo_bin!("ssekit"))
        .args(["watch", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("message") {
        use std::io::BufRead as _;
        assert!(out.read_line(&mut text).unwrap() > 0, "{text}");
    }
    signal(&child, "INT");
    assert_eq!(code(&mut child), 130);
    std::io::Read::read_to_string(&mut out, &mut text).unwrap();
    assert!(text.contains("left · 1 event"), "{text}");
}
