//! One run made by several processes.

use std::process::Stdio;

use serde_json::Value;

use crate::load;
use crate::peer::{Served, code, signal};

#[test]
fn several_processes_make_one_run() {
    let served = Served::start(&[]);
    let (record, said, left) = load(&[
        &served.at("events?interval=50"),
        "-c",
        "30",
        "-d",
        "2s",
        "--ramp",
        "500ms",
        "--seq",
        "id",
        "--processes",
        "3",
        "--threshold",
        "lost count == 0",
    ]);
    assert_eq!(left, 0, "{said}");
    assert_eq!(record["streams"]["planned"], 30);
    assert_eq!(record["streams"]["opened"], 30);
    assert_eq!(record["generator"]["processes"], 3);
    assert_eq!(record["shard"]["count"], 1);
    let events = record["events"]["received"].as_u64().unwrap();
    let gaps = record["metrics"]["gap"]["count"].as_u64().unwrap();
    assert_eq!(events, gaps + 30, "every stream has a gap less than events");
    assert_eq!(record["thresholds"][0]["verdict"], "pass");
}

/// What the endpoint for Prometheus says of a sample.
fn scraped(address: &str, sample: &str) -> Option<u64> {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(address).ok()?;
    write!(
        socket,
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let mut lines = answer.lines();
    let value = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
    value.parse().ok()
}

#[test]
fn what_several_processes_count_is_shown_as_one_while_they_run() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=50");
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("ssekit"))
        .args([
            "load",
            &url,
            "-c",
            "30",
            "-d",
            "600s",
            "--ramp",
            "1s",
            "--processes",
            "3",
        ])
        .args(["--prometheus", "0", "--format", "json"])
        .args([
            "--threshold",
            "gap count > 10",
            "--threshold",
            "received count > 1000000000",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let record = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).unwrap();
        text
    });
    let said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(said).map_while(Result::ok);
    let told = lines.find(|line| line.starts_with("metrics at ")).unwrap();
    let address = told
        .trim_start_matches("metrics at http://")
        .trim_end_matches("/metrics");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let mut events = 0;
    let state = "ssekit_load_streams{state=\"live\"}";
    while scraped(address, state) != Some(30) || events < 100 {
        assert!(std::time::Instant::now() < deadline, "never were 30 live");
        std::thread::sleep(std::time::Duration::from_millis(100));
        events = scraped(address, "ssekit_load_events_total").unwrap_or(0);
    }
    assert_eq!(
        scraped(address, "ssekit_load_streams_opened_total"),
        Some(30)
    );
    let gaps = scraped(address, "ssekit_load_gap_seconds_count").unwrap();
    assert!(gaps > 10, "{gaps}");
    for (number, words, state) in [
        (0, "gap count > 10", "pass"),
        (1, "received count > 1000000000", "fail"),
    ] {
        let labels = format!("threshold=\"{words}\",number=\"{number}\",state=\"{state}\"");
        let sample = format!("ssekit_load_threshold_state{{{labels}}}");
        assert_eq!(scraped(address, &sample), Some(1), "{sample}");
    }
    // A line is said at the end of the ramp, and one after five seconds more.
    let of_hold = lines.find(|line| line.contains("  hold  ")).unwrap();
    assert!(
        of_hold.contains("  30 live  ") && of_hold.contains("gap p50 "),
        "{of_hold}"
    );
    signal(&child, "INT");
    lines.for_each(drop);
    assert_eq!(code(&mut child), 130);
    let record: Value = serde_json::from_str(&record.join().unwrap()).unwrap();
    assert_eq!(record["streams"]["opened"], 30);
    assert!(record["events"]["received"].as_u64().unwrap() >= events);
    assert_eq!(record["generator"]["processes"], 3);
}
