//! Properties that hold for every stream.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use ssekit_proto::{Event, EventId, EventType, Limits, encode_comment, encode_event, encode_retry};
use support::{Item, Items, Naive, Observed, naive, run};

/// Pieces of which streams are made that come near the grammar.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed: Vec<&'static [u8]> = vec![
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\r",
        b"\r\n\r\n",
        b"data",
        b"data:",
        b"data: ",
        b"data:  x",
        b"data: hello",
        b"event",
        b"event:",
        b"event: ping",
        b"event:a",
        b"id",
        b"id:",
        b"id: 7",
        b"id: a\0b",
        b"retry",
        b"retry:",
        b"retry: 0050",
        b"retry: +5",
        b"retry: 5 ",
        b"retry: 99999999999999999999999",
        b":",
        b": comment",
        b" ",
        b"\t",
        b"Data: x",
        b"data : x",
        b" data: x",
        b"foo: bar",
        b"\0",
        b"\xEF\xBB\xBF",
        b"\xEF\xBB",
        b"\xEF",
        b"\xFF",
        b"\xC0\xAF",
        b"\xED\xA0\x80",
        b"\xF0\x9F\x98\x80",
        b"\xF0\x9F\x98",
        b"\xE2\x80\xA8",
        b"\xC2\x85",
        b"\x0B",
        b"\x0C",
        b"\xC3",
        b"\xA9",
    ];
    prop_oneof![
        8 => prop::sample::select(fixed).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(piece(), 0..40).prop_map(|pieces| pieces.concat()),
        1 => vec(any::<u8>(), 0..200),
        1 => vec(prop::sample::select(b":\n\r d\xEF".to_vec()), 0..60),
    ]
}

/// Cuts a stream at these positions, in any order and number.
fn cut<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2)
        .map(|pair| &stream[pair[0]..pair[1]])
        .collect()
}

/// Streams long enough for several validation windows, which begin and end anywhere in them.
fn long_stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => vec(piece(), 1..20).prop_map(|pieces| pieces.concat()),
        2 => (0_usize..12_000).prop_map(|len| format!("data: {}\n", "é€😀x".repeat(len / 10)).into_bytes()),
        1 => (0_usize..9_000).prop_map(|len| vec![b'\n'; len]),
    ];
    vec(part, 1..8).prop_map(|parts| parts.concat().repeat(3))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_streams_agree_with_naive_implementation(
        stream in long_stream(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let outcome = run::<Items>(cut(&stream, &cuts), Limits::default());
        let events: Vec<Event> = outcome.found.0.into_iter().filter_map(|item| match item {
            Item::Event { event, .. } => Some(event),
            _ => None,
        }).collect();
        let expected = naive(&stream);
        prop_assert!(events == expected.events);
        prop_assert_eq!(outcome.end.last_event_id, expected.last_event_id);
        prop_assert_eq!(outcome.retry_ms, expected.retry_ms);
        let whole = run::<Observed>([stream.as_slice()], Limits::default());
        prop_assert!(run::<Observed>(cut(&stream, &cuts), Limits::default()) == whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_naive_implementation(stream in stream()) {
        let outcome = run::<Items>([stream.as_slice()], Limits::default());
        let mut found = Naive {
            last_event_id: outcome.end.last_event_id,
            retry_ms: outcome.retry_ms,
            ..Naive::default()
        };
        for item in outcome.found.0 {
            match item {
                Item::Event { event, .. } => found.events.push(event),
                Item::Comment(text, _) => found.comments.push(text),
                Item::Retry(_) => {}
            }
        }
        prop_assert_eq!(outcome.result, Ok(()));
        prop_assert_eq!(outcome.offset, stream.len() as u64);
        prop_assert_eq!(found, naive(&stream));
    }

    #[test]
    fn slicing_changes_nothing(stream in stream(), cuts in vec(any::<prop::sample::Index>(), 0..12)) {
        let whole = run::<Observed>([stream.as_slice()], Limits::default());
        prop_assert_eq!(&run::<Observed>(stream.chunks(1), Limits::default()), &whole);
        prop_assert_eq!(&run::<Observed>(cut(&stream, &cuts), Limits::default()), &whole);
    }

    #[test]
    fn slicing_changes_nothing_at_limits(
        stream in stream(),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        line in 0_usize..20,
        data in 0_usize..20,
        event in 0_usize..40,
    ) {
        let limits = Limits { line, data, event };
        let whole = run::<Observed>([stream.as_slice()], limits);
        prop_assert_eq!(&run::<Observed>(stream.chunks(1), limits), &whole);
        prop_assert_eq!(&run::<Observed>(cut(&stream, &cuts), limits), &whole);
    }

    #[test]
    fn observing_changes_nothing(stream in stream(), cuts in vec(any::<prop::sample::Index>(), 0..12)) {
        let slices = cut(&stream, &cuts);
        let plain = run::<Items>(slices.iter().copied(), Limits::default());
        let observed = run::<Observed>(slices, Limits::default());
        prop_assert_eq!(plain.found.0, observed.found.items);
        prop_assert_eq!(plain.end, observed.end);
        prop_assert_eq!(plain.retry_ms, observed.retry_ms);
    }

    #[test]
    fn lines_and_endings_make_up_the_stream(stream in stream()) {
        let found = run::<Observed>([stream.as_slice()], Limits::default()).found;
        let mut rebuilt = Vec::new();
        if stream.starts_with(b"\xEF\xBB\xBF") {
            rebuilt.extend(b"\xEF\xBB\xBF");
        }
        for (offset, bytes, ending) in found.lines {
            prop_assert_eq!(offset, rebuilt.len() as u64);
            rebuilt.extend(bytes);
            rebuilt.push(if ending == ssekit_proto::LineEnding::Cr { b'\r' } else { b'\n' });
            if found.crlf.contains(&(rebuilt.len() as u64)) {
                rebuilt.push(b'\n');
            }
        }
        prop_assert!(stream.starts_with(&rebuilt));
        prop_assert!(!stream[rebuilt.len()..].iter().any(|b| matches!(b, b'\n' | b'\r')));
    }

    #[test]
    fn parse_after_encode_is_identity(
        given in vec(
            (
                proptest::option::of("[^\r\n]{1,8}"),
                proptest::option::of("[^\r\n\0]{0,8}"),
                "(\\PC|[\r\n: ]|data){0,12}",
                proptest::option::of("(\\PC|[\r\n: ]){0,8}"),
                proptest::option::of(any::<u64>()),
            ),
            0..6,
        ),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let normal = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        let mut last_id = String::new();
        for (event, id, data, comment, retry) in &given {
            if let Some(comment) = comment {
                let mut at = out.len() as u64;
                encode_comment(comment, &mut out);
                for line in normal(comment).split('\n') {
                    expected.push((Item::Comment(line.to_owned(), at), None));
                    at += line.len() as u64 + 2;
                }
            }
            if let Some(ms) = retry {
                encode_retry(*ms, &mut out);
                expected.push((Item::Retry(*ms), None));
            }
            let event = event.as_deref().map(|event| EventType::new(event).unwrap());
            let id = id.as_deref().map(|id| EventId::new(id).unwrap());
            encode_event(event, id, data, &mut out);
            if let Some(id) = id {
                last_id = id.as_str().to_owned();
            }
            expected.push((Item::Retry(0), Some((
                event.map_or("message", EventType::as_str).to_owned(),
                normal(data),
                last_id.clone(),
                id.is_some(),
                out.len() as u64,
            ))));
        }
        let found = run::<Items>(cut(&out, &cuts), Limits::default()).found.0;
        prop_assert_eq!(found.len(), expected.len());
        for (found, (item, event)) in found.into_iter().zip(expected) {
            match (found, event) {
                (Item::Event { event, has_id, end, .. }, Some(expected)) => prop_assert_eq!(
                    (event.event, event.data, event.last_event_id, has_id, end),
                    expected
                ),
                (found, None) => prop_assert_eq!(found, item),
                (found, Some(expected)) => prop_assert!(false, "{found:?} {expected:?}"),
            }
        }
    }
}
