//! `ssekit check` from the command line: answers, forms, files, interruption.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::process::{Command, Stdio};
use std::sync::mpsc;

use assert_cmd::cargo::{cargo_bin, cargo_bin_cmd};
use peer::{HEAD, Served, assert_harmless, code, raw, send, signal, until_left};
use serde_json::Value;

fn check(arguments: &[&str]) -> (String, String, i32) {
    let mut command = cargo_bin_cmd!("ssekit");
    // Where the tests run is not what they test.
    command.env_remove("GITHUB_ACTIONS");
    let output = command.arg("check").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (text(output.stdout), text(output.stderr), code)
}

#[test]
fn the_reference_server_conforms_and_the_answer_has_its_form() {
    let served = Served::start(&[]);
    let url = served.at("events");
    let (out, err, code) = check(&["--format", "json", "--observe", "2s", &url]);
    let record: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((err.as_str(), code), ("", 0), "{out}");
    assert!(
        out.starts_with("{\n  \"schema\": \"ssekit/1\",\n  \"kind\": \"check\",\n  \"target\":")
    );
    assert_eq!(record["outcome"], "conformant");
    for check in record["checks"].as_array().unwrap() {
        for key in [
            "id", "level", "verdict", "title", "expected", "actual", "source", "impact", "remedy",
        ] {
            assert!(check[key].is_string(), "{key}: {check}");
        }
        assert!(check["evidence"].is_array());
    }
}

#[test]
fn what_was_seen_is_saved_and_judged_again_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let url = raw(|_, peer, _| {
        send(peer, HEAD);
        send(peer, "data: a\n\n{\"stray\": 1}\ndata: b\n\n");
    });
    let (json, md) = (
        format!("json={}", path("r.json")),
        format!("md={}", path("r.md")),
    );
    let seen = path("seen.json");
    let live = [
        "--passive",
        "--report",
        &json,
        "--report",
        &md,
        "--save",
        &seen,
        &url,
    ];
    let (_, _, live) = check(&live);
    let (out, err, again) = check(&["--format", "json", &seen]);
    assert_eq!((err.as_str(), again), ("", live));
    let record = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let written = record(&std::fs::read_to_string(path("r.json")).unwrap());
    assert_eq!(record(&out)["checks"], written["checks"]);
    assert!(
        std::fs::read_to_string(path("r.md"))
            .unwrap()
            .starts_with("## ")
    );

    let report = |arguments: &[&str]| {
        let output = cargo_bin_cmd!("ssekit")
            .arg("report")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let r = path("r.json");
    assert_eq!(
        record(&report(&["render", &r, "--format", "json"])),
        written
    );
    assert!(report(&["render", &r]).contains("conformant"));
    assert!(report(&["render", &r, "--format", "md"]).starts_with("## "));
    assert!(report(&["matrix", &r, &r]).contains("| r | r |"));
}

#[test]
fn a_page_that_is_no_stream_gets_one_finding() {
    let url = raw(|_, peer, _| {
        send(
            peer,
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nno\n",
        );
    });
    let (out, _, code) = check(&[&url]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("404"), "{out}");
    assert_eq!(out.matches("FAIL ").count(), 1, "{out}");
}

#[test]
fn the_last_line_is_the_verdict_and_hostile_text_is_shown_escaped() {
    let url = raw(|_, peer, _| {
        let head = HEAD.replace(
            "Cache-Control",
            "Server: \x1b[2Jevil\u{202e}/1\r\nCache-Control",
        );
        send(peer, &head);
        send(
            peer,
            "data: a\n\n\x1b]0;title\x07\u{202e}{\"x\": 1}\ndata: \x1b[31m\n\n",
        );
    });
    let mut command = cargo_bin_cmd!("ssekit");
    command
        .args(["check", "--verbose", &url])
        .env("CLICOLOR_FORCE", "1");
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_harmless(&out);
    assert!(out.contains("u{1b}"), "{out}");
    assert!(out.lines().last().unwrap().contains("onformant"), "{out}");
    // The same in a pipe has no styles at all.
    assert!(!check(&[&url]).0.contains('\u{1b}'));
}

#[test]
fn a_dry_run_asks_nothing() {
    let (told, asked) = mpsc::channel();
    let url = raw(move |_, _, _| told.send(()).unwrap());
    let (out, err, code) = check(&["--dry-run", &url]);
    assert_eq!((err.as_str(), code), ("", 0));
    assert!(
        out.contains("main") && out.contains("nothing was asked"),
        "{out}"
    );
    assert!(asked.try_recv().is_err());
}

#[test]
fn one_request_when_passive() {
    let (told, asked) = mpsc::channel();
    let url = raw(move |_, peer, _| {
        told.send(()).unwrap();
        send(peer, HEAD);
        send(peer, "data: a\n\n");
    });
    check(&["--passive", &url]);
    assert_eq!(asked.try_iter().count(), 1);
}

#[test]
fn header_values_reach_the_server_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (told, asked) = mpsc::channel();
    let url = raw(move |request, peer, _| {
        let _ = told.send(request.to_owned());
        send(peer, HEAD);
        send(peer, "data: a\n\n");
    });
    let url = format!("{url}?access_token=s3cret");
    let (json, md) = (
        format!("json={}", path("r.json")),
        format!("md={}", path("r.md")),
    );
    let seen = path("seen.json");
    let (out, err, _) = check(&[
        "--passive",
        "--verbose",
        "--header",
        "X-Tenant: s3cret",
        "--report",
        &json,
        "--report",
        &md,
        "--save",
        &seen,
        &url,
    ]);
    assert!(asked.recv().unwrap().contains("s3cret\r\n"));
    let mut stored = out + &err;
    for name in ["r.json", "r.md", "seen.json"] {
        stored += &std::fs::read_to_string(path(name)).unwrap();
    }
    assert!(!stored.contains("s3cret"));
}

#[test]
fn a_posted_stream_gets_its_body() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("q.json");
    std::fs::write(&body, r#"{"stream":true}"#).unwrap();
    let (told, asked) = mpsc::channel();
    let url = raw(move |request, peer, _| {
        let _ = told.send(request.to_owned());
        send(peer, HEAD);
        send(peer, "data: a\n\ndata: [DONE]\n\n");
    });
    let (out, _, code) = check(&["--body", &format!("@{}", body.display()), &url]);
    assert_eq!(code, 0, "{out}");
    let requests: Vec<String> = asked.try_iter().collect();
    assert_eq!(
        requests.len(),
        1,
        "nothing but the request given is repeated"
    );
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("post /events "), "{request}");
    assert!(
        request.contains("content-type: application/json\r\n"),
        "{request}"
    );
    assert!(request.contains("content-length: 15\r\n"), "{request}");
}

#[test]
fn a_github_step_gets_annotations_and_no_command_of_the_target() {
    let url = raw(|_, peer, _| {
        send(peer, HEAD);
        send(
            peer,
            "::error::forged\ndata: a\n\n##[error]forged\ndata: b\n\n",
        );
    });
    let output = cargo_bin_cmd!("ssekit")
        .env("GITHUB_ACTIONS", "true")
        .args(["check", "--passive", "--observe", "500ms", &url])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("::warning "), "{err}");
    assert!(
        err.lines().all(|line| line.starts_with("::warning ")),
        "{err}"
    );
    let out = String::from_utf8(output.stdout).unwrap();
    let (first, rest) = out.split_once('\n').unwrap();
    let token = first.strip_prefix("::stop-commands::").unwrap();
    assert!(rest.ends_with(&format!("\n::{token}::\n")), "{out}");
}

#[test]
fn ctrl_c_still_reports_what_was_seen() {
    let (told, asked) = mpsc::channel();
    let url = raw(move |_, peer, _| {
        send(peer, HEAD);
        send(peer, "id: 1\ndata: a\n\n");
        let _ = told.send(());
        until_left(peer);
    });
    let mut child = Command::new(cargo_bin!("ssekit"))
        .args(["check", "--observe", "1m", "--format", "json", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    asked.recv().unwrap();
    // The bytes are sent; that they are read takes no longer than this.
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&child, "INT");
    // Read beside the waiting: a record is more than a pipe holds.
    let stdout = child.stdout.take().unwrap();
    let out = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
    assert_eq!(code(&mut child), 130);
    let out = out.join().unwrap();
    let record: Value = serde_json::from_str(&out).unwrap();
    assert!(
        record["summary"]
            .as_str()
            .unwrap()
            .starts_with("Interrupted"),
        "{out}"
    );
    assert_eq!(record["probes"][0]["events"], 1, "{out}");
}

#[test]
fn the_demonstration_shows_both() {
    let output = cargo_bin_cmd!("ssekit").arg("demo").output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    let (first, second) = out.split_once("2. The same server").unwrap();
    assert!(first.contains("✓ conformant"), "{out}");
    assert!(second.contains("^"), "an excerpt with a caret: {out}");
}
