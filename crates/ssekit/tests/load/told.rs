//! What a run tells while it goes on.

use assert_cmd::cargo::cargo_bin_cmd;

use crate::SHORT;
use crate::peer::{self, Served};

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
