//! Lines that never end, and floods of small events, get a true answer from little memory.

#![allow(clippy::unwrap_used, missing_docs)]

mod peer;

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::sys::resource::{UsageWho, getrusage};

/// Most that any process of this test may have held, in KiB.
const MOST_KIB: i64 = 150 * 1024;

fn begin(peer: &mut TcpStream, coding: &str) {
    let head = peer::HEAD.trim_end();
    peer::send(peer, &format!("{head}{coding}\r\n\r\n"));
}

/// A URL of a line that never ends.
fn endless() -> String {
    peer::raw(|_, peer, _| {
        begin(peer, "");
        let part = [b'x'; 64 * 1024];
        while peer.write_all(&part).is_ok() {}
    })
}

/// The same in gzip.
fn endless_bomb() -> String {
    bomb("x")
}

/// This text over and over in gzip: 16 MiB in some 16 KiB, one member after the other.
fn bomb(text: &str) -> String {
    let mut member = GzEncoder::new(Vec::new(), Compression::best());
    let content = text.repeat((16 << 20) / text.len());
    member.write_all(content.as_bytes()).unwrap();
    let member = member.finish().unwrap();
    peer::raw(move |_, peer, _| {
        begin(peer, "\r\nContent-Encoding: gzip");
        while peer.write_all(&member).is_ok() {}
    })
}

/// A URL of small events without an end, all under one long ID.
fn long_id() -> String {
    peer::raw(|_, peer, _| {
        begin(peer, "");
        peer::send(peer, &format!("id:{}\n\n", "x".repeat(20_000)));
        let part = "data\n\n".repeat(1_000);
        while peer.write_all(part.as_bytes()).is_ok() {}
    })
}

/// Runs ssekit to its end: what it printed.
fn ssekit(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssekit"));
    let output = command.args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The largest memory of a process that has ended, of those this test started.
fn most_kib() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss()
}

/// One after the other, since what was largest is known of all together.
#[test]
fn a_line_without_an_end_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("seen.json");
    let saved = saved.to_str().unwrap();
    for url in [endless(), endless_bomb()] {
        let checked = ssekit(&["check", &url, "--quiet", "--repeat", "3", "--save", saved]);
        assert!(
            checked.contains("No event came in the first 10.0 MiB"),
            "{checked}"
        );
        assert!(most_kib() < MOST_KIB, "check: {} KiB", most_kib());
    }
    for url in [endless(), endless_bomb()] {
        let mut watch = Command::new(env!("CARGO_BIN_EXE_ssekit"));
        let watched = watch.args(["watch", "--full", &url]).output().unwrap();
        let shown = String::from_utf8_lossy(&watched.stdout);
        assert!(shown.contains("line longer than 16777216 bytes"), "{shown}");
        assert!(most_kib() < MOST_KIB, "watch: {} KiB", most_kib());
    }
}

/// Small events take more memory than the bytes they come in, most of all when few bytes hold many.
#[test]
fn a_flood_of_events_takes_little_memory() {
    for url in [bomb("data:x\n\n"), bomb("id:1\n"), long_id()] {
        ssekit(&["check", &url, "--quiet"]);
        assert!(most_kib() < MOST_KIB, "{} KiB", most_kib());
    }
}

#[test]
fn an_endless_line_of_a_file_takes_little_memory() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssekit"));
    let command = command.args(["decode", "-"]).stdin(Stdio::piped());
    let mut decode = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = decode.stdin.take().unwrap();
    while input.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    drop(input);
    let output = decode.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("line longer than 16777216 bytes"), "{told}");
    assert!(most_kib() < MOST_KIB, "decode: {} KiB", most_kib());
}
