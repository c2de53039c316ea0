//! `ssekit serve`: starts, says where, breaks on request, ends cleanly.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::io::{Read as _, Write as _};

use assert_cmd::cargo::cargo_bin_cmd;
use peer::{Served, code, signal};

fn events(url: &str, options: &[&str]) -> (String, i32) {
    let mut command = cargo_bin_cmd!("ssekit");
    let output = command
        .args(["watch", url, "--count", "2", "--format", "json"])
        .args(options)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.code().unwrap())
}

#[test]
fn it_streams_until_it_is_told_to_end() {
    for name in ["INT", "TERM"] {
        let mut served = Served::start(&[]);
        let (out, left) = events(&served.at("events?interval=10"), &[]);
        assert_eq!(
            (out.matches("\"type\":\"event\"").count(), left),
            (2, 0),
            "{out}"
        );
        signal(&served.child, name);
        assert_eq!(code(&mut served.child), 0, "{name}");
    }
}

#[test]
fn tls_is_trusted_with_the_certificate_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("cert.pem")
        .to_string_lossy()
        .into_owned();
    let served = Served::start(&["--tls", "--cert-out", &path]);
    let url = served.at("events?interval=10");
    assert!(url.starts_with("https://127.0.0.1:"));
    for http in ["auto", "1.1", "2"] {
        let (out, left) = events(&url, &["--cacert", &path, "--http", http]);
        assert_eq!(left, 0, "{http}: {out}");
    }
    assert_eq!(events(&url, &["--insecure"]).1, 0);
    assert_eq!(
        events(&url, &[]).1,
        3,
        "an unknown certificate is not trusted"
    );
}

#[test]
fn a_port_that_is_taken_is_said() {
    let served = Served::start(&[]);
    let address = served
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let output = cargo_bin_cmd!("ssekit")
        .args(["serve", "--listen", address])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        err.lines().count() == 1 && err.contains("--listen"),
        "{err}"
    );
}

#[test]
fn every_defect_listed_is_one_it_takes() {
    let output = cargo_bin_cmd!("ssekit")
        .args(["serve", "--list-defects"])
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let first = out.split_whitespace().next().unwrap();
    let served = Served::start(&["--defect", first]);
    assert!(served.url.starts_with("http://127.0.0.1:"));
}

#[test]
fn several_processes_serve_one_port_and_end_together() {
    let mut served = Served::start(&["--processes", "3"]);
    let page = served.url.trim_end_matches('/').to_owned();
    let mut streams: Vec<_> = (0..12)
        .map(|_| {
            let address = page.trim_start_matches("http://");
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream
                .write_all(b"GET /events?interval=20 HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    for stream in &mut streams {
        read_until(stream, "event: tick");
    }
    signal(&served.child, "TERM");
    assert_eq!(code(&mut served.child), 0);
    for stream in &mut streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    }
}

fn read_until(stream: &mut std::net::TcpStream, text: &str) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn a_fault_that_is_none_is_told_how_faults_are_written() {
    let refused = cargo_bin_cmd!("ssekit")
        .args(["serve", "--fault", "drop:0"])
        .assert()
        .code(2);
    let told = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(told.contains("drop:N"), "{told}");
}
