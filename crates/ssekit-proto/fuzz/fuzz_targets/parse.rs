//! Any bytes under any slicing and limits: no crash, and always the same.
//!
//! `cargo +nightly fuzz run parse`
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ssekit_proto::{Diagnostic, EventRef, Limits, Line, Parser, Sink};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    limits: Option<[u8; 3]>,
    cuts: [u8; 8],
    stream: &'a [u8],
}

#[derive(Default, PartialEq, Debug)]
struct Journal<const OBSERVE: bool>(Vec<String>);

impl<const OBSERVE: bool> Sink for Journal<OBSERVE> {
    const OBSERVE: bool = OBSERVE;
    fn event(&mut self, event: EventRef<'_>) {
        self.0.push(format!("{event:?}"));
    }
    fn comment(&mut self, text: &str, offset: u64) {
        self.0.push(format!("comment {offset} {text:?}"));
    }
    fn retry(&mut self, ms: u64) {
        self.0.push(format!("retry {ms}"));
    }
    fn line(&mut self, line: Line<'_>) {
        assert!(!line.bytes.contains(&b'\n') && !line.bytes.contains(&b'\r'));
        self.0.push(format!("observed {line:?}"));
    }
    fn crlf(&mut self, offset: u64) {
        self.0.push(format!("observed CRLF {offset}"));
    }
    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.0.push(format!("observed {diagnostic:?}"));
    }
}

/// Everything found, the result and the end.
fn run<const OBSERVE: bool>(
    limits: Limits,
    slices: impl Iterator<Item = impl AsRef<[u8]>>,
) -> (Journal<OBSERVE>, String) {
    let mut journal = Journal(Vec::new());
    let mut parser = Parser::with_limits(limits);
    let mut result = Ok(());
    for slice in slices {
        result = parser.feed(slice.as_ref(), &mut journal);
    }
    let end = parser.finish(&mut journal);
    let rest = format!(
        "{result:?} {end:?} {:?} {}",
        parser.retry_ms(),
        parser.offset()
    );
    (journal, rest)
}

fuzz_target!(|input: Input<'_>| {
    let limits = input
        .limits
        .map_or_else(Limits::default, |[line, data, event]| Limits {
            line: line.into(),
            data: data.into(),
            event: event.into(),
        });
    let whole = run::<true>(limits, [input.stream].into_iter());
    assert_eq!(whole, run::<true>(limits, input.stream.chunks(1)));

    let mut rest = input.stream;
    let slices = input.cuts.iter().map(|&cut| {
        let (slice, tail) = rest.split_at(rest.len().min(cut.into()));
        rest = tail;
        slice.to_vec()
    });
    let mut slices: Vec<Vec<u8>> = slices.collect();
    slices.push(rest.to_vec());
    assert_eq!(whole, run::<true>(limits, slices.iter()));

    let (mut journal, end) = whole;
    journal.0.retain(|entry| !entry.starts_with("observed"));
    let (plain, plain_end) = run::<false>(limits, slices.iter());
    assert_eq!((journal.0, end), (plain.0, plain_end));
});
