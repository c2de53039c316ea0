//! What parsing allocates, and that limits bound what a stream can make the parser hold.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use allocation_counter::{AllocationInfo, measure};
use ssekit_proto::{EventRef, LimitError, LimitKind, Limits, Parser, Sink};
use support::{Observed, run};

const MIB: usize = 1024 * 1024;

/// Counts, so that nothing of the sink allocates.
#[derive(Default)]
struct Count<const OBSERVE: bool> {
    events: usize,
    bytes: usize,
}

impl<const OBSERVE: bool> Sink for Count<OBSERVE> {
    const OBSERVE: bool = OBSERVE;
    fn event(&mut self, event: EventRef<'_>) {
        self.events += 1;
        self.bytes += event.data.len() + event.event.len() + event.last_event_id.len();
    }
}

/// Parses the stream until the buffers have grown, then says what one more time allocates.
fn once_warm<const OBSERVE: bool>(stream: &str, slice: usize, events: usize) -> AllocationInfo {
    let mut parser = Parser::new();
    let mut sink = Count::<OBSERVE>::default();
    let mut feed = |sink: &mut Count<OBSERVE>| {
        for slice in stream.as_bytes().chunks(slice) {
            parser.feed(slice, sink).unwrap();
        }
    };
    (0..4).for_each(|_| feed(&mut sink));
    sink.events = 0;
    let info = measure(|| feed(&mut sink));
    assert_eq!(sink.events, events);
    info
}

#[test]
fn no_allocation_per_event() {
    const EVENTS: usize = 1_000;
    let shapes = [
        "data: hello, world\n\n",
        "id: 12345\nevent: tick\ndata: {\"a\": \"wörld\"}\n\n",
        "id: 12345\r\nevent: tick\r\ndata: {\"a\": 1}\r\n\r\n",
        ": heartbeat\nretry: 300\nunknown: x\ndata: one\ndata: two\ndata\n\n",
        "data: a\rdata: b\rid\r\r",
    ];
    for shape in shapes {
        let stream = shape.repeat(EVENTS);
        for slice in [1, 2, 7, 100, 4096, usize::MAX] {
            let plain = once_warm::<false>(&stream, slice, EVENTS);
            assert_eq!(plain.count_total, 0, "{shape:?} in slices of {slice}");
            let observed = once_warm::<true>(&stream, slice, EVENTS);
            assert_eq!(
                observed.count_total, 0,
                "{shape:?} observed in slices of {slice}"
            );
        }
    }
}

/// Feeds a slice again and again; returns how many bytes were fed, the error, and the most bytes
/// that were allocated at a time.
fn endless(limits: Limits, head: &[u8], slice: &[u8], most: usize) -> (usize, LimitError, u64) {
    let mut result = None;
    let info = measure(|| {
        let mut parser = Parser::with_limits(limits);
        let mut sink = Count::<false>::default();
        parser.feed(head, &mut sink).unwrap();
        let mut fed = head.len();
        while fed < most {
            fed += slice.len();
            if let Err(error) = parser.feed(slice, &mut sink) {
                assert_eq!(parser.feed(b"", &mut sink), Err(error), "it stays failed");
                assert!(parser.offset() >= error.offset);
                result = Some((fed, error));
                return;
            }
        }
    });
    let (fed, error) = result.expect("a limit is passed");
    (fed, error, info.bytes_max)
}

#[test]
fn an_endless_line_is_cut_off() {
    let limits = Limits {
        line: MIB,
        ..Limits::default()
    };
    for head in ["data: ", "", ":", "unknown: ", "id: ", "\u{FEFF}event:"] {
        let (fed, error, held) = endless(limits, head.as_bytes(), &[b'x'; 4096], 8 * MIB);
        assert_eq!(error.kind, LimitKind::Line, "{head}");
        assert!(fed <= MIB + 4096, "{head}: {fed}");
        // A growing buffer and its predecessor, while it moves.
        assert!(held < 4 * MIB as u64, "{head}: {held}");
    }
}

#[test]
fn endless_empty_data_lines_are_cut_off() {
    let limits = Limits {
        event: MIB,
        ..Limits::default()
    };
    for line in ["data\n", "data:\r\n", "data: \r"] {
        let slice = line.repeat(1000);
        let (fed, error, held) = endless(limits, b"data: x\n", slice.as_bytes(), 8 * MIB);
        assert_eq!(
            (error.kind, error.offset),
            (LimitKind::Event, 0),
            "{line:?}"
        );
        assert!(fed < 2 * MIB, "{fed}");
        assert!(held < MIB as u64, "{held}");
    }
}

#[test]
fn endless_data_is_cut_off() {
    let limits = Limits {
        data: MIB,
        ..Limits::default()
    };
    let slice = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
    let (fed, error, held) = endless(limits, b": hi\n\n", &slice, 8 * MIB);
    assert_eq!((error.kind, error.offset), (LimitKind::Data, 6));
    assert!(fed < MIB + 10_000, "{fed}");
    assert!(held < 4 * MIB as u64, "{held}");
}

#[test]
fn comments_and_ignored_fields_may_go_on_for_ever() {
    let limits = Limits {
        line: 100,
        data: 10,
        event: 100,
    };
    let stream = ":\n: heartbeat\nunknown: field\nretry: 1000\nid: a\0b\n".repeat(10_000);
    let mut parser = Parser::with_limits(limits);
    let mut sink = Count::<false>::default();
    let info = measure(|| {
        for slice in stream.as_bytes().chunks(1000) {
            parser.feed(slice, &mut sink).unwrap();
        }
        parser.feed(b"data: x\n\n", &mut sink).unwrap();
    });
    assert_eq!(sink.events, 1);
    assert!(info.bytes_max < 1000, "{}", info.bytes_max);
}

#[test]
fn what_lies_at_a_limit_passes_and_one_more_does_not() {
    let limits = Limits {
        line: 12,
        data: 9,
        event: 21,
    };
    let passing = [
        "data:1234567",
        "data:123456\ndata:12",
        "id:45678901\ndata:123",
    ];
    let failing = [
        ("data:12345678", LimitKind::Line, 3),
        (":123456789012", LimitKind::Line, 3),
        ("data:12345\ndata:1234", LimitKind::Data, 3),
        ("id:456789012\ndata:123", LimitKind::Event, 3),
    ];
    for block in passing {
        let stream = format!("\n\r\n{block}\n\n");
        let found = run::<Observed>([stream.as_bytes()], limits);
        assert_eq!(
            (found.result, found.found.items.len()),
            (Ok(()), 1),
            "{block}"
        );
    }
    for (block, kind, offset) in failing {
        let stream = format!("\n\r\n{block}\n\n");
        let found = run::<Observed>([stream.as_bytes()], limits);
        let error = found.result.unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset), "{block}");
        assert_eq!(found.found.items, [], "{block}");
        assert!(found.end.discarded);
    }
}

#[test]
fn what_came_before_is_delivered_and_reset_recovers() {
    let mut parser = Parser::with_limits(Limits {
        line: 10,
        ..Limits::default()
    });
    let mut sink = Count::<false>::default();
    let error = parser
        .feed(b"id: 1\ndata: a\n\ndata: too long\n\n", &mut sink)
        .unwrap_err();
    assert_eq!(error.to_string(), "line longer than 10 bytes at offset 15");
    assert_eq!(
        (sink.events, parser.last_event_id(), parser.offset()),
        (1, "1", 15)
    );
    parser.reset();
    parser.feed(b"data: b\n\n", &mut sink).unwrap();
    assert_eq!((sink.events, parser.last_event_id()), (2, "1"));
}

#[test]
fn limit_errors_read_as_sentences() {
    let error = |limits, stream: &[u8]| {
        let result = run::<Observed>([stream], limits).result;
        result.unwrap_err().to_string()
    };
    let zero = Limits::default();
    assert_eq!(
        error(Limits { data: 1, ..zero }, b"data: ab\n"),
        "event data larger than 1 bytes at offset 0"
    );
    assert_eq!(
        error(Limits { event: 5, ..zero }, b"data:a\n"),
        "event block larger than 5 bytes at offset 0"
    );
}

#[test]
fn what_a_large_event_took_is_given_back_and_what_has_begun_is_told() {
    let mut parser = Parser::new();
    let mut sink = Count::<false>::default();
    let large = "x".repeat(MIB);
    let lines = [
        format!("data: {large}\n"),
        format!("data: {large}\n"),
        format!("event: {large}\n"),
        format!("id: {large}\n"),
    ];
    let info = measure(|| {
        for line in &lines {
            for slice in line.as_bytes().chunks(10_000) {
                let before = parser.held();
                parser.feed(slice, &mut sink).unwrap();
                // What a line is made of counts, and then its value.
                assert!(parser.held() + 8 >= before + slice.len());
            }
        }
        assert!(parser.held() >= 4 * MIB, "{}", parser.held());
        parser.feed(b"\n", &mut sink).unwrap();
        assert_eq!((sink.events, parser.held()), (1, MIB), "the last event ID");
        parser.feed(b"id: 7\n\ndata: y\n\n", &mut sink).unwrap();
        assert_eq!((sink.events, parser.held()), (2, 1));
    });
    assert!(info.bytes_current < 64 * 1024, "{}", info.bytes_current);
    let info = measure(|| {
        parser
            .feed(&large.as_bytes()[..MIB / 2], &mut sink)
            .unwrap();
        assert_eq!(parser.held(), MIB / 2 + 1);
        assert!(parser.finish(&mut sink).discarded);
        parser.feed(b"data: ", &mut sink).unwrap();
        parser.feed(large.as_bytes(), &mut sink).unwrap();
        parser.reset();
        assert_eq!(parser.held(), 1);
    });
    assert!(info.bytes_current < 64 * 1024, "{}", info.bytes_current);
}
