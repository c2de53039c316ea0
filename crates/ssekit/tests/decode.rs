//! `ssekit decode`: the standard's interpretation as JSON lines, however the bytes come in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin_cmd;

fn decode(stream: &[u8], options: &[&str]) -> (String, String, i32) {
    let output = cargo_bin_cmd!("ssekit")
        .arg("decode")
        .args(options)
        .write_stdin(stream)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (text(output.stdout), text(output.stderr), code)
}

/// A stream and the lines expected of it, each without its braces.
struct Case {
    about: &'static str,
    stream: &'static [u8],
    lines: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        about: "nothing",
        stream: b"",
        lines: &[r#""type":"end","events":0,"last_event_id":"","retry_ms":null,"discarded":false"#],
    },
    Case {
        about: "HTML, Interpreting: the stock ticker",
        stream: b"data: YHOO\ndata: +2\ndata: 10\n\n",
        lines: &[
            r#""type":"event","event":"message","data":"YHOO\n+2\n10","id":"""#,
            r#""type":"end","events":1,"last_event_id":"","retry_ms":null,"discarded":false"#,
        ],
    },
    Case {
        about: "HTML, Interpreting: four blocks, the last one incomplete",
        stream: b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
        lines: &[
            r#""type":"event","event":"message","data":"first event","id":"1""#,
            r#""type":"event","event":"message","data":"second event","id":"""#,
            r#""type":"end","events":2,"last_event_id":"","retry_ms":null,"discarded":true"#,
        ],
    },
    Case {
        about: "HTML, Interpreting: empty data",
        stream: b"data\n\ndata\ndata\n\ndata:",
        lines: &[
            r#""type":"event","event":"message","data":"","id":"""#,
            r#""type":"event","event":"message","data":"\n","id":"""#,
            r#""type":"end","events":2,"last_event_id":"","retry_ms":null,"discarded":true"#,
        ],
    },
    Case {
        about: "one leading BOM, every line ending, an id kept over a block without data",
        stream: b"\xEF\xBB\xBFevent: a\r\nid: 7\rdata: x\n\r\nid: 8\n\nretry: 3000\ndata:y\r\r",
        lines: &[
            r#""type":"event","event":"a","data":"x","id":"7""#,
            r#""type":"event","event":"message","data":"y","id":"8""#,
            r#""type":"end","events":2,"last_event_id":"8","retry_ms":3000,"discarded":false"#,
        ],
    },
    Case {
        about: "an id is the last event ID only once its block ends",
        stream: b"id: 1\ndata: a\n\nid: 2\ndata: b",
        lines: &[
            r#""type":"event","event":"message","data":"a","id":"1""#,
            r#""type":"end","events":1,"last_event_id":"1","retry_ms":null,"discarded":true"#,
        ],
    },
    Case {
        about: "bytes that are not UTF-8, split characters, controls and quotes",
        stream: b"data: \xE2\x82\xAC \xFF\xE2\x82 \xF0\x9F\x98\x80 \x1b\"\\\x00\n\n",
        lines: &[
            "\"type\":\"event\",\"event\":\"message\",\"data\":\"\u{20ac} \u{fffd}\u{fffd} \u{1f600} \\u001b\\\"\\\\\\u0000\",\"id\":\"\"",
            r#""type":"end","events":1,"last_event_id":"","retry_ms":null,"discarded":false"#,
        ],
    },
    Case {
        about: "fields that are ignored",
        stream: b"Data: x\nretry: +5\nretry: 1x\nid: a\0b\n data: y\n\ndata: z\n\n",
        lines: &[
            r#""type":"event","event":"message","data":"z","id":"""#,
            r#""type":"end","events":1,"last_event_id":"","retry_ms":null,"discarded":false"#,
        ],
    },
    Case {
        about: "a reconnection time of any length",
        stream: b"retry: 99999999999999999999999999\n",
        lines: &[r#""type":"end","events":0,"last_event_id":"","retry_ms":18446744073709551615,"discarded":false"#],
    },
];

const SLICES: [&[&str]; 6] = [
    &[],
    &["--slice", "1"],
    &["--slice", "2"],
    &["--slice", "3"],
    &["--slice", "7"],
    &["--slice", "4294967295"],
];

#[test]
fn each_stream_gives_its_lines_at_every_slicing() {
    for case in CASES {
        let expected: String = case.lines.iter().map(|l| format!("{{{l}}}\n")).collect();
        for slice in SLICES {
            let (out, err, code) = decode(case.stream, slice);
            assert_eq!(out, expected, "{}, {slice:?}", case.about);
            assert_eq!((err.as_str(), code), ("", 0), "{}", case.about);
        }
    }
}

#[test]
fn comments_and_diagnostics_come_in_order_at_every_slicing() {
    let stream =
        b"\xEF\xBB\xBF: hi \r\n:\r\nData: x\r\nid: 1\0\ndata: \xFF\r\n\r\nevent: e\r\n\r\nfoo";
    let (whole, _, code) = decode(stream, &["--all"]);
    assert_eq!(code, 0);
    for slice in SLICES {
        let (out, _, _) = decode(stream, &[&["--all"], slice].concat());
        assert_eq!(out, whole, "{slice:?}");
    }
    let lines: Vec<&str> = whole.lines().collect();
    assert!(
        lines.contains(&r#"{"type":"comment","text":" hi "}"#),
        "{whole}"
    );
    assert!(
        lines.contains(&r#"{"type":"comment","text":""}"#),
        "{whole}"
    );
    assert!(lines[0].starts_with(r#"{"type":"diagnostic","kind":"leading-bom","offset":0"#));
    for kind in [
        "field-case",
        "id-with-nul",
        "invalid-utf8",
        "mixed-line-endings",
        "block-without-data",
    ] {
        assert!(
            whole.contains(&format!(r#""kind":"{kind}""#)),
            "{kind}: {whole}"
        );
    }
    assert!(
        lines.last().unwrap().contains(r#""type":"end","events":1"#),
        "{whole}"
    );
    // Without --all the same stream gives its events alone.
    assert_eq!(decode(stream, &[]).0.lines().count(), 2);
}

#[test]
fn a_resumed_stream_begins_with_its_last_event_id() {
    let (out, _, _) = decode(b"data: a\n\nid\ndata: b\n\n", &["--last-event-id", "41"]);
    let ids: Vec<&str> = out
        .lines()
        .map(|l| l.rsplit("\"id\":").next().unwrap())
        .collect();
    assert_eq!(ids[..2], ["\"41\"}", "\"\"}"]);
}

#[test]
fn a_limit_ends_with_one_line_and_no_end_at_every_slicing() {
    let stream = b"data: ok\n\ndata: 123456789\n\n";
    for (option, says) in [
        ("--max-line", "line longer than 10 bytes"),
        ("--max-data", "event data larger than 8 bytes"),
        ("--max-event", "event block larger than 12 bytes"),
    ] {
        let bytes = says.split(' ').find(|w| w.parse::<u32>().is_ok()).unwrap();
        for slice in SLICES {
            let (out, err, code) = decode(stream, &[&[option, bytes], slice].concat());
            assert_eq!(out.lines().count(), 1, "{option} {slice:?}: {out}");
            assert!(out.contains("\"data\":\"ok\""), "{out}");
            assert_eq!(err.lines().count(), 1, "{err}");
            assert!(err.contains(says) && err.contains(option), "{err}");
            assert_eq!(code, 1);
        }
    }
}

#[test]
fn a_file_is_read_like_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream");
    std::fs::write(&path, b"data: x\n\n").unwrap();
    let output = cargo_bin_cmd!("ssekit")
        .arg("decode")
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.stdout, decode(b"data: x\n\n", &[]).0.as_bytes());
}

#[test]
fn events_are_written_while_the_input_is_still_open() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("ssekit"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A CR ends its line at once: the event is due before another byte comes.
    stdin.write_all(b"data: now\r\r").unwrap();
    stdin.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"data\":\"now\""));
    drop(stdin);
    assert!(lines.next().unwrap().unwrap().contains("\"type\":\"end\""));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("ssekit"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It may already have ended: then the rest of the stream goes nowhere.
    let _ = stdin.write_all(&b"data: x\n\n".repeat(200_000));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_long_line_is_held_to_its_limit_by_default() {
    let mut stream = b"data: ".to_vec();
    stream.resize(16 * 1024 * 1024 + 1, b'x');
    let (out, err, code) = decode(&stream, &[]);
    assert_eq!((out.as_str(), code), ("", 1));
    assert!(err.contains("16777216 bytes"), "{err}");
}
