//! Bad input: one line that says what and what to do, and the exit code of the design.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpListener;

use assert_cmd::cargo::cargo_bin_cmd;

/// What a command answers: standard output, standard error, exit code.
fn run(arguments: &[&str]) -> (String, String, i32) {
    let output = cargo_bin_cmd!("ssekit").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (text(output.stdout), text(output.stderr), code)
}

/// The command fails with this code and one line that holds each of these texts.
fn refuses(arguments: &[&str], code: i32, says: &[&str]) {
    let (out, err, actual) = run(arguments);
    assert_eq!(actual, code, "{arguments:?}: {err}");
    assert_eq!(out, "", "{arguments:?}");
    assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
    assert!(err.starts_with("ssekit: "), "{err}");
    for text in says {
        assert!(err.contains(text), "{arguments:?}: no {text:?} in {err}");
    }
}

#[test]
fn a_target_that_is_no_url_is_told_what_was_meant() {
    refuses(
        &["check", "example.com"],
        2,
        &["http://example.com", "https://example.com"],
    );
    refuses(
        &["check", "localhost:8080/x"],
        2,
        &["http://localhost:8080/x"],
    );
    refuses(
        &["check", "ftp://example.com/"],
        2,
        &["http:// and https://"],
    );
    refuses(&["check", "http://"], 2, &["not a URL"]);
    refuses(&["check", "http://[::1"], 2, &["not a URL"]);
    refuses(&["check", "http://127.0.0.1:99999/"], 2, &["port"]);
    refuses(&["watch", "example.com"], 2, &["http://example.com"]);
    refuses(&["check"], 2, &["URL|FILE"]);
}

#[test]
fn an_unreachable_target_is_exit_3() {
    refuses(
        &["check", "http://nowhere.invalid/"],
        3,
        &["nowhere.invalid"],
    );
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let closed = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    refuses(&["check", &closed], 3, &["refused"]);
    refuses(&["watch", &closed], 3, &["refused"]);
}

#[test]
fn a_program_gets_the_record_of_an_unreachable_target_too() {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let closed = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let (out, err, code) = run(&["check", "--format", "json", &closed]);
    let record: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(record["outcome"], "incomplete");
    assert_eq!((err.lines().count(), code), (1, 3));
}

#[test]
fn a_target_without_tls_asked_with_https_is_exit_3() {
    let plain = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut peer, _) = plain.accept().unwrap();
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    refuses(&["check", &url], 3, &["TLS"]);
    answer.join().unwrap();
}

#[test]
fn files_that_cannot_be_used_are_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    refuses(
        &["check", &path("none.json")],
        2,
        &["cannot read", "none.json"],
    );
    refuses(&["check", &path("")], 2, &["directory"]);
    std::fs::write(path("stream"), "data: x\n\n").unwrap();
    refuses(
        &["check", &path("stream")],
        2,
        &["not a saved observation", "--save"],
    );
    std::fs::write(path("record"), r#"{"schema":"ssekit/1","kind":"check"}"#).unwrap();
    refuses(
        &["check", &path("record")],
        2,
        &["kind \"check\"", "report render"],
    );
    std::fs::write(path("latin"), b"\xe9").unwrap();
    refuses(&["check", &path("latin")], 2, &["not UTF-8"]);
    refuses(&["decode", &path("none")], 2, &["cannot read"]);
    refuses(
        &["report", "render", &path("stream")],
        2,
        &["not a check record"],
    );
    refuses(&["report", "matrix", &path("none")], 2, &["cannot read"]);
    refuses(&["check", "--subject", &path("none")], 2, &["cannot read"]);
    refuses(
        &["check", "http://127.0.0.1:1/", "--cacert", &path("none")],
        2,
        &["cannot read"],
    );
    refuses(
        &[
            "check",
            "http://127.0.0.1:1/",
            "--body",
            &format!("@{}", path("none")),
        ],
        2,
        &["cannot read"],
    );
    let report = format!("json={}", path("no/such/folder.json"));
    refuses(
        &["check", "http://127.0.0.1:1/", "--report", &report],
        2,
        &["cannot write"],
    );
    refuses(
        &["check", "http://127.0.0.1:1/", "--save", &path("no/x")],
        2,
        &["cannot write"],
    );
}

#[test]
fn absurd_limits_are_exit_2() {
    let target = "http://127.0.0.1:1/";
    refuses(&["check", target, "--timeout", "0"], 2, &["10ms to 10m"]);
    refuses(&["check", target, "--timeout", "1d"], 2, &["10s"]);
    refuses(&["check", target, "--observe", "10h"], 2, &["100ms to 1h"]);
    refuses(&["decode", "--slice", "0"], 2, &["--slice"]);
    refuses(&["decode", "--max-line", "0"], 2, &["--max-line"]);
    refuses(&["watch", target, "--count", "0"], 2, &["--count"]);
    refuses(&["serve", "--listen", "127.0.0.1"], 2, &["127.0.0.1:8080"]);
}

#[test]
fn a_selection_that_names_nothing_is_exit_2_and_one_that_leaves_nothing_exit_4() {
    let target = "http://127.0.0.1:1/";
    refuses(
        &["check", target, "--only", "respnse.status-200"],
        2,
        &["did you mean \"response.status-200\"?"],
    );
    refuses(
        &["check", target, "--skip", "zzz*"],
        2,
        &["zzz*", "ssekit list"],
    );
    refuses(&["check", target, "--only", "a["], 2, &["a["]);
    refuses(
        &["check", target, "--only", "retry.*", "--skip", "retry"],
        4,
        &["nothing selected"],
    );
    refuses(
        &["check", target, "--level", "info"],
        2,
        &["must, should or practice"],
    );
}

#[test]
fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
    let target = "http://127.0.0.1:1/";
    for header in [
        "Authorization s3cret",
        "A b: s3cret",
        "Authorization: s3cret\r\nX: y",
    ] {
        let (_, err, code) = run(&["check", target, "--header", header]);
        assert_eq!((err.lines().count(), code), (1, 2), "{err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
    refuses(&["check", target, "--method", "G E T"], 2, &["--method"]);
}

#[test]
fn unknown_commands_and_options_name_the_nearest() {
    refuses(&["chekc", "x"], 2, &["check"]);
    refuses(&["decode", "--slise", "1"], 2, &["--slice"]);
    refuses(
        &["explain", "response.statu-200"],
        2,
        &["did you mean \"response.status-200\"?"],
    );
    refuses(
        &["list", "--group", "framin"],
        2,
        &["did you mean \"framing\"?"],
    );
    refuses(&["serve", "--defect", "zzz"], 2, &["--list-defects"]);
    refuses(&["report", "render"], 2, &["RECORD"]);
}

#[test]
fn text_from_the_command_line_cannot_act_on_the_terminal() {
    let (_, err, _) = run(&["check", "\u{1b}[31mred\u{202e}"]);
    assert!(
        !err.contains('\u{1b}') && !err.contains('\u{202e}'),
        "{err:?}"
    );
}

#[test]
fn help_prints_every_exit_code() {
    let (out, _, code) = run(&["--help"]);
    assert_eq!(code, 0);
    for (exit, meaning) in ssekit_record::ExitCode::ALL {
        let line = format!("{:<4} {meaning}", exit.code());
        assert!(out.contains(&line), "{line}");
    }
}
