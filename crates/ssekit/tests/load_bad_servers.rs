//! Servers that are no event stream, or a hostile one: true words, the right exit code, and bounded memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::io::Write as _;
use std::net::TcpStream;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{HEAD, raw, send, until_left};
use serde_json::Value;

fn load(url: &str, more: &[&str]) -> (Value, String, i32) {
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", url, "-q", "--format", "json"])
        .args(more)
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8(output.stderr).unwrap();
    (record, said, output.status.code().unwrap())
}

/// A scenario beside which no generator is too slow: what is looked at is the target.
fn patient(url: &str, streams: u32, seconds: u32) -> (Value, String, i32) {
    asking(url, "", streams, seconds)
}

/// The same, with more to be said of the target.
fn asking(url: &str, more: &str, streams: u32, seconds: u32) -> (Value, String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let text = format!(
        "[target]\nurl = \"{url}\"\n{more}\n[[phase]]\nkind = \"ramp\"\nto = {streams}\nover = \"200ms\"\n\
         [[phase]]\nkind = \"hold\"\nfor = \"{seconds}s\"\n[validity]\non_breach = \"warn\"\n"
    );
    std::fs::write(&file, text).unwrap();
    load(file.to_str().unwrap(), &[])
}

#[test]
fn an_answer_that_is_no_stream_is_told_in_words() {
    for (answer, cause, words) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "status_404",
            "the server answered 404",
        ),
        (
            "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad",
            "status_500",
            "the server answered 500",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
            "status_302",
            "redirects are not followed",
        ),
        (
            "HTTP/1.1 204 No Content\r\n\r\n",
            "status_204",
            "tells clients not to come back",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
            "content_type",
            "another Content-Type than was expected",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            "malformed",
            "cannot be read as HTTP",
        ),
        // An alert of TLS: the server wanted a handshake.
        (
            "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{46}",
            "malformed",
            "cannot be read as HTTP",
        ),
        ("", "unanswered", "closed the connection without an answer"),
    ] {
        let url = raw(move |_, peer, _| send(peer, answer));
        let (record, said, left) = patient(&url, 3, 1);
        // Where no answer came at all, the target was not reached.
        let due = if cause == "unanswered" { 3 } else { 4 };
        assert_eq!(left, due, "{cause}: {said} {record:#}");
        assert_eq!(record["outcome"], "fail");
        assert_eq!(record["streams"]["opened"], 0);
        assert!(
            record["errors"][cause].as_u64().unwrap() >= 3,
            "{cause}: {}",
            record["errors"]
        );
        let summary = record["summary"].as_str().unwrap();
        assert!(summary.contains(words), "{cause}: {summary}");
    }
}

#[test]
fn a_server_that_says_nothing_is_not_reached() {
    let url = raw(|_, peer, _| until_left(peer));
    let (record, said, left) = load(
        &url,
        &[
            "-c",
            "3",
            "-d",
            "1500ms",
            "--ramp",
            "0s",
            "--timeout",
            "300ms",
        ],
    );
    assert!([3, 6].contains(&left), "{said}");
    assert!(
        record["errors"]["head_timeout"].as_u64().unwrap() >= 3,
        "{}",
        record["errors"]
    );
}

#[test]
fn a_certificate_is_needed_where_the_server_speaks_tls() {
    let served = peer::Served::start(&["--tls"]);
    let plain = served.at("events").replacen("https:", "http:", 1);
    let (record, said, left) = patient(&plain, 3, 1);
    assert_eq!(record["streams"]["opened"], 0, "{said}");
    assert!([3, 4].contains(&left), "{said}");
    assert!(
        record["summary"]
            .as_str()
            .unwrap()
            .contains("No stream opened")
    );
}

/// Writes the same bytes until the client leaves.
fn endless(head: &'static str, piece: impl Into<Vec<u8>>) -> String {
    let piece = piece.into();
    raw(move |_, peer: &mut TcpStream, _| {
        send(peer, head);
        while peer.write_all(&piece).is_ok() {}
    })
}

/// Memory that the run took at most, in MiB.
fn held(record: &Value) -> u64 {
    record["generator"]["max_rss_bytes"].as_u64().unwrap() >> 20
}

/// What the run says of its own memory.
fn crowded(record: &Value) -> Option<&str> {
    let findings = record["findings"].as_array().unwrap();
    let found = findings.iter().find(|one| one["id"] == "generator.memory");
    found?["detail"].as_str()
}

#[test]
fn what_never_ends_is_given_up_at_a_limit_and_takes_no_more_memory() {
    let megabyte = "a".repeat(1 << 20);
    let lines = "data: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(20_000);
    let head_lines = "X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(1000);
    for (name, url, table, cause) in [
        (
            "head",
            endless("HTTP/1.1 200 OK\r\n", head_lines),
            "errors",
            "malformed",
        ),
        ("line", endless(HEAD, megabyte), "disconnects", "limit"),
        ("event", endless(HEAD, lines), "disconnects", "limit"),
    ] {
        let (record, said, _) = patient(&url, 2, 5);
        let ended = record[table][cause].as_u64();
        assert!(
            ended.is_some_and(|ended| ended >= 2),
            "{name}: {said} {} {}",
            record["errors"],
            record["disconnects"]
        );
        assert_eq!(record["events"]["received"], 0, "{name}");
        // 16 MiB for a line of each stream, growing, and ssekit itself.
        let held = held(&record);
        assert!(held < 120, "{name}: {held} MiB");
        assert_eq!(crowded(&record), None, "{name}");
    }
}

#[test]
fn many_streams_that_never_end_a_line_share_what_may_be_held() {
    let coded =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: deflate\r\n\r\n";
    // Blocks that are not compressed (RFC 1951 section 3.2.4).
    let block = [&[0, 0, 128, 255, 127][..], &[b'a'; 32_768]].concat();
    let zlib = raw(move |_, peer, _| {
        send(peer, coded);
        let begun = peer.write_all(&[0x78, 0x01]).is_ok();
        while begun && peer.write_all(&block).is_ok() {}
    });
    let lines = "data: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(5000);
    let line = endless(HEAD, vec![b'a'; 1 << 18]);
    let deflate = "compression = \"deflate\"";
    // Decoding takes its time, so these are fewer: the first of eight ends when each has about 8 MiB.
    for (name, url, more, (streams, least), seconds) in [
        ("line", line, "", (100, 20), 8),
        ("event", endless(HEAD, lines), "", (100, 20), 8),
        ("coded line", zlib, deflate, (8, 2), 12),
    ] {
        let (record, said, _) = asking(&url, more, streams, seconds);
        let ended = record["disconnects"]["limit"].as_u64();
        assert!(
            ended.is_some_and(|ended| ended >= least),
            "{name}: {said} {} {}",
            record["errors"],
            record["disconnects"]
        );
        assert_eq!(record["events"]["received"], 0, "{name}");
        // 64 MiB and a little for each, and what growing leaves unused; 16 MiB for each were 1600.
        let held = held(&record);
        assert!(held < 250, "{name}: {held} MiB");
        let told = crowded(&record).unwrap_or_else(|| panic!("{name}: {}", record["findings"]));
        assert!(told.contains("64 MiB over all streams"), "{told}");
    }
}

#[test]
fn large_events_that_end_are_taken_again_and_again() {
    let event = format!("id: 1\ndata: {}\n\n", "a".repeat(1 << 20));
    let (record, said, _) = patient(&endless(HEAD, event), 20, 8);
    assert_eq!(crowded(&record), None, "{said}");
    assert!(record["disconnects"].get("limit").is_none(), "{record:#}");
    let events = record["events"]["received"].as_u64().unwrap();
    // More than there is room for at a time.
    assert!(events >= 100, "{events}");
    let bytes = record["counts"]["data_bytes"].as_u64().unwrap();
    assert_eq!(bytes, events << 20);
    // The room of an event that was dispatched is given back.
    let held = held(&record);
    assert!(held < 200, "{held} MiB");
}

#[test]
fn a_flood_of_small_events_is_counted_and_the_run_ends_in_time() {
    let url = endless(HEAD, "data: a\n\n".repeat(5000));
    let begun = std::time::Instant::now();
    let (record, said, _) = patient(&url, 10, 1);
    assert!(begun.elapsed().as_secs() < 60);
    let received = record["events"]["received"].as_u64();
    assert!(received.is_some_and(|events| events > 10_000), "{said}");
    // A megabyte or so, whatever came.
    assert!(record["generator"]["max_rss_bytes"].as_u64().unwrap() < 100 << 20);
}
