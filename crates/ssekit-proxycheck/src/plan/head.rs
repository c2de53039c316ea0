//! What the hop makes of heads and bytes.

use ssekit_http::HttpChoice;

use super::Probe;
use crate::act::{Answer, Framing, Step};

/// Ids sent as `Last-Event-ID`: name of the probe, what it is, the value.
pub(crate) fn ids() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let long = |kib: usize| "0123456789abcdef".repeat(kib * 64).into_bytes();
    vec![
        ("id-ascii", "an ASCII id", b"42-abc".to_vec()),
        ("id-utf8", "an id of raw UTF-8", "é☃".into()),
        ("id-empty", "an empty id", Vec::new()),
        ("id-1k", "an id of 1 KiB", long(1)),
        ("id-4k", "an id of 4 KiB", long(4)),
        ("id-8k", "an id of 8 KiB", long(8)),
        ("id-16k", "an id of 16 KiB", long(16)),
    ]
}

/// What no hop may change: a byte order mark, NUL, every line end, bytes that are not UTF-8.
pub(crate) const ODD: &[u8] = b"\xef\xbb\xbfdata: a\0b\rdata: c\r\ndata: \x7f\x01\t \n\n\
    data: \xff\xfe\xc3\x28\xe2\x98\n\r\n\xef\xbb\xbf: \xe2\x98\x83\r\r: end\n\n";

pub(super) fn probes() -> Vec<Probe> {
    let few = || Answer::stream().events(1, 3, 40, 50);
    let fields = few()
        .field("Content-Type", "text/event-stream; charset=utf-8")
        .field("Access-Control-Allow-Origin", "https://app.example")
        .field("Access-Control-Allow-Credentials", "true")
        .field("Access-Control-Expose-Headers", "X-Ssekit")
        .field("Vary", "Origin")
        .field("X-Ssekit", "answered");
    let mut odd = few().field("Cache-Control", "no-cache, no-transform");
    odd.steps = vec![Step::PerByte(ODD.to_vec())];
    let mut probes = vec![
        Probe::new("fields", "a head with the fields of a CORS answer", fields)
            .field("Origin", "https://app.example")
            .field("X-Ssekit", "asked"),
        Probe::new("bytes", "bytes that are easily changed, one a chunk", odd),
        Probe::new("http10", "an HTTP/1.0 request", few()).over(HttpChoice::Http10),
        Probe::new(
            "length",
            "a stream with a Content-Length",
            few().framed(Framing::Length),
        ),
    ];
    for (name, about, id) in ids() {
        let answer = Answer::stream().step(Step::Stamp);
        probes.push(Probe::new(name, about, answer).field("Last-Event-ID", id));
    }
    probes
}
