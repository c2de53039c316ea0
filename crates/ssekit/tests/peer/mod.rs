//! Servers that tests talk to: hand-written bytes, and `ssekit serve` in a process of its own.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Head of a stream that ends with its connection.
pub const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";

/// Serves every connection on a thread: the handler gets the request head, the connection, and
/// how many came before. Ends with the test. Returns the URL.
pub fn raw(handler: impl Fn(&str, &mut TcpStream, usize) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let handler = std::sync::Arc::new(handler);
    std::thread::spawn(move || {
        for (n, peer) in listener.incoming().enumerate() {
            let handler = std::sync::Arc::clone(&handler);
            std::thread::spawn(move || {
                let mut peer = peer.unwrap();
                let request = head(&mut peer);
                handler(&request, &mut peer, n);
            });
        }
    });
    url
}

fn head(peer: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") && peer.read(&mut byte).is_ok_and(|n| n == 1) {
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// Writes, unless the client has left, which is its right.
pub fn send(peer: &mut TcpStream, text: &str) {
    let _ = peer.write_all(text.as_bytes()).and_then(|()| peer.flush());
}

/// Returns once the client has closed the connection.
pub fn until_left(peer: &mut TcpStream) {
    let mut rest = [0; 64];
    while peer.read(&mut rest).is_ok_and(|n| n > 0) {}
}

/// `ssekit serve`, ended with the test.
pub struct Served {
    pub child: Child,
    pub out: BufReader<ChildStdout>,
    /// URL of the page, as printed.
    pub url: String,
}

impl Served {
    /// Starts it on a free port and reads the line it prints.
    pub fn start(options: &[&str]) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("ssekit"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { child, out, url }
    }

    /// URL of a path without its slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal such as `INT` to a process.
pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// The exit code, once the process has ended; fails when it takes unreasonably long.
pub fn code(child: &mut Child) -> i32 {
    for _ in 0..3_000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("no signal ended it");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("still running after 30 s");
}

/// Fails unless the only terminal sequences in the text are styles, and nothing reorders it.
pub fn assert_harmless(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let end = rest[at..].find('m').expect("only styles") + at;
        let code = rest[at + 1..end].strip_prefix('[').expect("only styles");
        assert!(
            code.bytes().all(|b| b.is_ascii_digit() || b == b';'),
            "{code:?}"
        );
        rest = &rest[end + 1..];
    }
    let bad = |c: char| c != '\u{1b}' && c != '\n' && ssekit_record::is_unsafe_to_show(c);
    assert_eq!(text.chars().find(|c| bad(*c)), None);
}
