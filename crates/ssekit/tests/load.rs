//! `ssekit load`: the record, the exit codes, and bad input.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::process::Stdio;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{Served, code, signal};
use serde_json::Value;

fn load(arguments: &[&str]) -> (Value, String, i32) {
    let mut command = cargo_bin_cmd!("ssekit");
    let output = command
        .arg("load")
        .args(arguments)
        .args(["-q", "--format", "json"])
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8(output.stderr).unwrap();
    (record, said, output.status.code().unwrap())
}

const SHORT: [&str; 6] = ["-c", "20", "-d", "1s", "--ramp", "200ms"];

#[test]
fn a_clean_run_passes_and_its_record_says_what_was_counted() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let more = [
        "--seq",
        "id",
        "--threshold",
        "lost count == 0",
        "--threshold",
        "first_event p50 < 30s",
    ];
    let (record, said, left) = load(&[[url.as_str()].as_slice(), &SHORT, &more].concat());
    assert_eq!(left, 0, "{said} {record:#}");
    assert_eq!(
        (&record["schema"], &record["kind"]),
        (&"ssekit/1".into(), &"load".into())
    );
    assert_eq!(record["outcome"], "pass");
    assert_eq!(
        (&record["streams"]["planned"], &record["streams"]["opened"]),
        (&20.into(), &20.into())
    );
    let received = record["events"]["received"].as_u64().unwrap();
    assert!(received >= 20, "{received}");
    assert_eq!(record["events"]["numbered"], received);
    assert_eq!(record["metrics"]["gap"]["count"], received - 20);
    assert_eq!(record["thresholds"].as_array().unwrap().len(), 2);
    assert!(record["series"].as_array().unwrap().len() >= 2);
}

#[test]
fn a_threshold_that_does_not_hold_fails_and_one_without_data_does_not_pass() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let (record, _, left) = load(
        &[
            [url.as_str()].as_slice(),
            &SHORT,
            &["--threshold", "gap p50 > 10s"],
        ]
        .concat(),
    );
    assert_eq!((left, &record["outcome"]), (1, &"fail".into()));
    let (record, _, left) = load(
        &[
            [url.as_str()].as_slice(),
            &SHORT,
            &["--threshold", "delivery p99 < 1h"],
        ]
        .concat(),
    );
    assert_eq!(
        (left, &record["outcome"]),
        (4, &"fail".into()),
        "{record:#}"
    );
    // Why, and what would help.
    let detail = record["thresholds"][0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("no data (") && detail.contains("declare it in expect.published_at"),
        "{detail}"
    );
}

#[test]
fn shards_of_a_plan_are_its_parts() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    for (shard, planned) in [("0/3", 7), ("2/3", 6)] {
        let (record, said, left) =
            load(&[[url.as_str()].as_slice(), &SHORT, &["--shard", shard]].concat());
        assert_eq!(
            (left, &record["streams"]["opened"]),
            (0, &planned.into()),
            "{said}"
        );
        assert_eq!(record["shard"]["count"], 3);
    }
}

#[test]
fn tls_is_spoken_and_an_unknown_certificate_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("cert.pem")
        .to_string_lossy()
        .into_owned();
    let served = Served::start(&["--tls", "--cert-out", &path]);
    let url = served.at("events?interval=20");
    let (record, said, left) =
        load(&[[url.as_str()].as_slice(), &SHORT, &["--cacert", &path]].concat());
    assert_eq!(
        (left, &record["streams"]["opened"]),
        (0, &20.into()),
        "{said}"
    );
    // The server chooses HTTP/2, and a connection carries them all.
    assert_eq!(record["http"], "2");
    assert_eq!(record["metrics"]["tls_handshake"]["count"], 1);
    let alone = ["--cacert", &path, "--http", "1.1"];
    let (record, said, left) = load(&[[url.as_str()].as_slice(), &SHORT, &alone].concat());
    assert_eq!((left, &record["http"]), (0, &"1.1".into()), "{said}");
    assert_eq!(record["metrics"]["tls_handshake"]["count"], 20);
    let (record, _, left) = load(&[[url.as_str()].as_slice(), &SHORT].concat());
    assert_eq!((left, record["streams"]["opened"].as_u64()), (3, Some(0)));
    assert!(record["errors"]["tls"].as_u64().unwrap() >= 20);
}

#[test]
fn a_plan_is_printed_without_any_network() {
    // Nothing listens there, and nothing has to.
    let plan = [
        "http://127.0.0.1:1/",
        "-c",
        "1000",
        "-d",
        "60s",
        "--ramp",
        "10s",
        "--interval",
        "1s",
        "--plan",
    ];
    let output = cargo_bin_cmd!("ssekit")
        .arg("load")
        .args(plan)
        .args(["--threshold", "lost == 0"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    for part in [
        "ramp to 1,000 streams",
        "about 65,",
        "1,064 (ulimit -n)",
        "will have no data",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let (json, _, left) = load(&plan);
    assert_eq!((left, &json["kind"]), (0, &Value::from("load-plan")));
    assert_eq!(json["needs"]["peak_streams"], 1000);
}

#[test]
fn what_cannot_be_divided_or_is_too_late_is_refused_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let target = format!(
        "[target]\nurl = \"http://{}/\"\n",
        listener.local_addr().unwrap()
    );
    let steps = "[[phase]]\nkind = \"steps\"\nstart = 4\nadd = 4\nevery = \"1s\"\nstop_on = \"saturation\"\n";
    let arrive = "[[phase]]\nkind = \"arrive\"\nrate = \"9/s\"\nover = \"1s\"\n";
    let past = "[shard]\nstart_at = 1700000000000\n";
    for (rest, arguments, wanted, part) in [
        (
            steps.to_owned(),
            ["--shard", "0/2"],
            2,
            "a search for capacity (stop_on)",
        ),
        (
            format!("{arrive}max_pending = 3\n"),
            ["--processes", "4"],
            2,
            "max_pending is 3, and the run has 4 parts",
        ),
        (
            format!("{arrive}[shard]\nunit_ips = [\"127.0.0.2\"]\n"),
            ["--processes", "2"],
            2,
            "unit_ips has 1 entries",
        ),
        (
            format!("{arrive}{past}"),
            ["--processes", "1"],
            6,
            "too late: ",
        ),
        (
            format!("{arrive}{past}"),
            ["--processes", "2"],
            6,
            "too late: ",
        ),
    ] {
        std::fs::write(&path, format!("{target}{rest}")).unwrap();
        let (_, said, left) = load(&[[path.to_str().unwrap()].as_slice(), &arguments].concat());
        assert_eq!(
            (left, said.lines().count()),
            (wanted, 1),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(part), "{said}");
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_plan_tells_what_its_parts_must_agree_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let text = "[target]\nurl = \"http://127.0.0.1:1/\"\nsource_ports = \"20000-20099\"\nresolve = \"each\"\n\
                [expect]\npublished_at = { from = \"data\" }\n[validity]\nmax_clock_offset = \"5ms\"\n\
                [shard]\nstart_at = 1700000000000\nlate_tolerance = \"2s\"\n\
                [[phase]]\nkind = \"arrive\"\nrate = \"50/s\"\nover = \"2s\"\nmax_pending = 9\n";
    std::fs::write(&path, text).unwrap();
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", path.to_str().unwrap(), "--plan"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in [
        "start      1700000000000 ms after 1970-01-01T00:00:00Z, at most 2 s late",
        "names      looked up for each connection",
        "clocks     may be seen 5 ms apart",
        "starts left out while 9 connect",
        "target.source_ports has 100",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let (json, _, _) = load(&[path.to_str().unwrap(), "--plan"]);
    assert_eq!(json["phases"][0]["max_pending"], 9);
}

#[cfg(unix)]
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
#[cfg(unix)]
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

#[cfg(unix)]
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

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let served = Served::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let report = format!("json={}", path.display());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("ssekit"))
        .args([
            "load",
            &served.at("events?interval=20"),
            "-c",
            "5",
            "-d",
            "600s",
            "--ramp",
            "0s",
        ])
        .args(["--report", &report])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line on standard error comes after five seconds.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.next().unwrap().unwrap().contains("  5 live  "));
    signal(&child, "INT");
    assert_eq!(code(&mut child), 130);
    let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(record["outcome"], "interrupted");
    assert!(record["events"]["received"].as_u64().unwrap() > 0);
}

#[test]
fn bad_input_is_one_line_and_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "[target]\nurl = \"http://127.0.0.1:1/\"\nurll = 1\n").unwrap();
    let path = path.to_str().unwrap();
    for (arguments, wanted, part) in [
        (["http://127.0.0.1:1/", "-d", "100ms"], 3, ""),
        ([path, "-d", "1s"], 2, "s.toml:3:1"),
        (
            ["http://127.0.0.1:1/", "--threshold", "gapp p99 < 1s"],
            2,
            "did you mean `gap`",
        ),
        (
            ["http://127.0.0.1:1/", "--streams-per-connection", "9"],
            2,
            "add --http 2",
        ),
        ([path, "--interval", "1s"], 2, "--set KEY=VALUE"),
        (
            ["http://127.0.0.1:1/", "--set", "target.htpt=2"],
            2,
            "did you mean `http`",
        ),
        (
            ["http://127.0.0.1:1/", "--set", "baseline.file=x.json"],
            2,
            "cannot read x.json",
        ),
        (["ftp://127.0.0.1/", "-d", "1s"], 2, "http"),
    ] {
        let (_, said, left) = load(&arguments);
        assert_eq!(left, wanted, "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(said.lines().count() <= 1, "{said}");
    }
}

/// What a run of a second says on standard error, which is no terminal here.
fn said(arguments: &[&str]) -> (String, i32) {
    let output = cargo_bin_cmd!("ssekit")
        .arg("load")
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (said, output.status.code().unwrap())
}

#[test]
fn a_log_gets_a_line_for_each_phase_and_quiet_says_nothing() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let (lines, left) = said(&[[url.as_str()].as_slice(), &SHORT].concat());
    assert_eq!(left, 0, "{lines}");
    assert!(
        lines.lines().all(|line| line.contains(" of 1.2 s  ")),
        "{lines}"
    );
    assert!(
        lines.lines().any(|line| line.contains("  ramp  ")),
        "{lines}"
    );
    let last = lines.lines().last().unwrap();
    assert!(
        last.contains("  hold  20 live  ") && last.contains("gap p50 "),
        "{last}"
    );
    peer::assert_harmless(&lines);
    let more = ["-q", "--prometheus", "0"];
    assert_eq!(
        said(&[[url.as_str()].as_slice(), &SHORT, &more].concat()).0,
        ""
    );
    // What will have no data is told at the begin, not only after the run.
    let more = ["--threshold", "lost == 0"];
    let (lines, left) = said(&[[url.as_str()].as_slice(), &SHORT, &more].concat());
    assert_eq!(left, 4, "{lines}");
    let first = lines.lines().next().unwrap();
    assert!(
        first.starts_with("lost == 0 will have no data: ") && first.contains("expect.seq"),
        "{lines}"
    );
}

#[test]
fn prometheus_is_told_where_and_a_taken_port_is_refused_in_one_line() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=20");
    let run = |listen: &str| {
        said(&[[url.as_str()].as_slice(), &SHORT, &["--prometheus", listen]].concat())
    };
    let (lines, left) = run("0");
    assert_eq!(left, 0, "{lines}");
    assert!(lines.starts_with("metrics at http://127.0.0.1:"), "{lines}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (line, left) = run(&address);
    assert_eq!(left, 6, "{line}");
    assert!(
        line.starts_with(&format!(
            "ssekit: cannot listen on {address} for Prometheus: "
        )),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1);
    let (line, left) = run("nowhere");
    assert_eq!((left, line.lines().count()), (2, 1), "{line}");
}
