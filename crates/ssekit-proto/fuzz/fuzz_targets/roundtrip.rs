//! What is encoded is what is parsed.
//!
//! `cargo +nightly fuzz run roundtrip`
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ssekit_proto::{
    EventId, EventRef, EventType, Parser, Sink, encode_comment, encode_event, encode_retry,
};

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Event {
        event: Option<&'a str>,
        id: Option<&'a str>,
        data: &'a str,
    },
    Comment(&'a str),
    Retry(u64),
}

#[derive(Debug, PartialEq)]
enum Found {
    Event(String, String, String),
    Comment(String),
    Retry(u64),
}

struct Journal(Vec<Found>);

impl Sink for Journal {
    fn event(&mut self, event: EventRef<'_>) {
        self.0.push(Found::Event(
            event.event.into(),
            event.data.into(),
            event.last_event_id.into(),
        ));
    }
    fn comment(&mut self, text: &str, _: u64) {
        self.0.push(Found::Comment(text.into()));
    }
    fn retry(&mut self, ms: u64) {
        self.0.push(Found::Retry(ms));
    }
}

/// As a parser joins what the encoder split.
fn joined(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fuzz_target!(|input: (u8, Vec<Step<'_>>)| {
    let (slice, steps) = input;
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    let mut last_id = String::new();
    for step in steps {
        match step {
            Step::Event { event, id, data } => {
                let event = event.and_then(|event| EventType::new(event).ok());
                let id = id.and_then(|id| EventId::new(id).ok());
                encode_event(event, id, data, &mut stream);
                if let Some(id) = id {
                    last_id = id.as_str().into();
                }
                let event = event.map_or("message", EventType::as_str);
                expected.push(Found::Event(event.into(), joined(data), last_id.clone()));
            }
            Step::Comment(text) => {
                encode_comment(text, &mut stream);
                let text = joined(text);
                expected.extend(text.split('\n').map(|line| Found::Comment(line.into())));
            }
            Step::Retry(ms) => {
                encode_retry(ms, &mut stream);
                expected.push(Found::Retry(ms));
            }
        }
    }
    let mut journal = Journal(Vec::new());
    let mut parser = Parser::new();
    for slice in stream.chunks(usize::from(slice).max(1)) {
        parser.feed(slice, &mut journal).expect("within limits");
    }
    assert_eq!(journal.0, expected);
    assert!(!parser.finish(&mut journal).discarded);
});
