//! Each rule of HTML, 9.2.6 Interpreting an event stream, under every slicing.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use ssekit_proto::Event;
use support::{Item, events, naive, observe};

fn event(event: &str, data: &str, id: &str) -> Event {
    Event {
        event: event.into(),
        data: data.into(),
        last_event_id: id.into(),
    }
}

/// Streams and the data of the events, of type `message` and without id, that they dispatch.
fn assert_data(cases: &[(&[u8], &[&str])]) {
    for (stream, data) in cases {
        let expected: Vec<Event> = data.iter().map(|data| event("message", data, "")).collect();
        assert_eq!(events(stream), expected, "{}", stream.escape_ascii());
        assert_eq!(
            naive(stream).events,
            expected,
            "naive: {}",
            stream.escape_ascii()
        );
    }
}

/// A stream, and type, data and id of the events it dispatches.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
);

/// Streams and the events, of any type and with any id, that they dispatch.
fn assert_events(cases: &[Case]) {
    for (stream, expected) in cases {
        let expected: Vec<Event> = expected.iter().map(|(e, d, i)| event(e, d, i)).collect();
        assert_eq!(events(stream.as_bytes()), expected, "{stream:?}");
        assert_eq!(
            naive(stream.as_bytes()).events,
            expected,
            "naive: {stream:?}"
        );
    }
}

/// "Streams must be decoded using the UTF-8 decode algorithm": malformed sequences become U+FFFD
/// by maximal subparts, one leading BOM goes.
#[test]
fn decoding() {
    assert_data(&[
        (b"\xEF\xBB\xBFdata: a\n\n", &["a"]),
        (
            b"\xEF\xBB\xBF\n\xEF\xBB\xBFdata: mid\n\ndata: b\n\n",
            &["b"],
        ),
        (b"\xEF\xBB\xBF\xEF\xBB\xBFdata: two\n\ndata: b\n\n", &["b"]),
        (b"\xEF\xBB\xBF", &[]),
        (b"\xEF\xBBdata: cut BOM\n\ndata: b\n\n", &["b"]),
        (b"\xEF\xBB\ndata: b\n\n", &["b"]),
        (b"data: \xEF\xBB\xBFkept\n\n", &["\u{FEFF}kept"]),
        ("data: aé€😀\n\n".as_bytes(), &["aé€😀"]),
        (b"data: \xFF\xFEx\n\n", &["\u{FFFD}\u{FFFD}x"]),
        (b"data: \xC0\xAF\n\n", &["\u{FFFD}\u{FFFD}"]),
        (b"data: \xED\xA0\x80\n\n", &["\u{FFFD}\u{FFFD}\u{FFFD}"]),
        (b"data: \xF0\x9F\x98\n\n", &["\u{FFFD}"]),
        (b"data: \xF0\x9F\x98x\n\n", &["\u{FFFD}x"]),
        (b"data: \xE2\x82\ndata: \xAC\n\n", &["\u{FFFD}\n\u{FFFD}"]),
        (
            b"data: \xF4\x90\x80\x80\n\n",
            &["\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"],
        ),
        (b"da\xFFta: x\ndata: y\n\n", &["y"]),
    ]);
}

/// "a single U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a single U+000A LINE
/// FEED (LF) character not preceded by a U+000D CARRIAGE RETURN (CR) character, and a single U+000D
/// CARRIAGE RETURN (CR) character not followed by a U+000A LINE FEED (LF) character being the ways
/// in which a line can end."
#[test]
fn line_ends() {
    assert_data(&[
        (b"data: a\n\ndata: b\n\n", &["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
        (b"data: a\r\rdata: b\r\r", &["a", "b"]),
        (b"data: a\r\n\rdata: b\n\r\n", &["a", "b"]),
        (b"data: a\n\rdata: b\r\n\n", &["a", "b"]),
        (b"data: a\r\ndata: b\r\n\r\n", &["a\nb"]),
        (b"data: a\n\r\ndata: b\r\r\n", &["a", "b"]),
        (
            b"data: a\x0B\x0C\x1C\x1D\x1E\n\n",
            &["a\x0B\x0C\x1C\x1D\x1E"],
        ),
        (
            "data: a\u{85}b\u{2028}c\u{2029}d\n\n".as_bytes(),
            &["a\u{85}b\u{2028}c\u{2029}d"],
        ),
    ]);
}

/// A CR ends its line at once: nobody waits for the next byte.
#[test]
fn cr_dispatches_at_once() {
    let found = observe(b"data: a\r\r").found;
    let [
        Item::Event {
            event, start, end, ..
        },
    ] = found.items.as_slice()
    else {
        panic!("{:?}", found.items);
    };
    assert_eq!((event.data.as_str(), *start, *end), ("a", 0, 9));
    let found = observe(b"data: a\r\n\r\n").found;
    let [Item::Event { end, .. }] = found.items.as_slice() else {
        panic!("{:?}", found.items);
    };
    assert_eq!(*end, 10, "after the CR, before the LF that joins it");
    assert_eq!(found.crlf, [8, 10]);
    assert_eq!(found.order, "l+le+");
}

/// "Collect the characters on the line after the first U+003A COLON character (:), and let value be
/// that string. If value starts with a U+0020 SPACE character, remove it from value."
#[test]
fn data_fields() {
    assert_data(&[
        (b"data: a\n\n", &["a"]),
        (b"data:a\n\n", &["a"]),
        (b"data:  a\n\n", &[" a"]),
        (b"data:\ta \n\n", &["\ta "]),
        (b"data:a:b: c\n\n", &["a:b: c"]),
        (b"data::\n\n", &[":"]),
        (b"data: a\ndata: b\ndata: c\n\n", &["a\nb\nc"]),
        (b"data: a\ndata:\n\n", &["a\n"]),
        (b"data\ndata: a\n\n", &["\na"]),
        (b"data\n\n", &[""]),
        (b"data:\n\n", &[""]),
        (b"data: \n\n", &[""]),
        (b"data\ndata\n\n", &["\n"]),
        (b"data\n\ndata\ndata\n\ndata:", &["", "\n"]),
        (b"data: a\0b\n\n", &["a\0b"]),
        (b"data: a\n: comment\nunknown: x\ndata: b\n\n", &["a\nb"]),
    ]);
}

/// "Field names must be compared literally, with no case folding performed." "Otherwise: The field
/// is ignored."
#[test]
fn other_lines_are_ignored() {
    for line in [
        "Data: x",
        "DATA: x",
        "data : x",
        " data: x",
        "\tdata: x",
        "datax: x",
        "dat: x",
        "dataa",
        "",
        ": x",
        ":",
        "::",
        " : x",
        "foo: bar",
        "foo",
        "\u{FEFF}data: x",
        "ｄata: x",
        "data\0: x",
        "events: x",
        "ids: 1",
        "retrys: 1",
        "message: x",
    ] {
        let stream = format!(":\n{line}\ndata: kept\n\n");
        assert_data(&[(stream.as_bytes(), &["kept"])]);
    }
}

/// "If the field name is event: Set the event type buffer to the field value." Dispatch: "If the
/// event type buffer has a value other than the empty string, change the type".
#[test]
fn event_fields() {
    assert_events(&[
        (
            "event: a\ndata: x\n\ndata: y\n\n",
            &[("a", "x", ""), ("message", "y", "")],
        ),
        ("data: x\nevent: a\n\n", &[("a", "x", "")]),
        ("event: a\nevent: b\ndata: x\n\n", &[("b", "x", "")]),
        ("event: a\nevent:\ndata: x\n\n", &[("message", "x", "")]),
        ("event: a\nevent\ndata: x\n\n", &[("message", "x", "")]),
        ("event: message\ndata: x\n\n", &[("message", "x", "")]),
        ("event: ünï :c\ndata: x\n\n", &[("ünï :c", "x", "")]),
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to
        // the empty string and return."
        ("event: a\n\ndata: x\n\n", &[("message", "x", "")]),
        ("event: a\n\n\n", &[]),
    ]);
}

/// "If the field name is id: If the field value does not contain U+0000 NULL, then set the last
/// event ID buffer to the field value." The buffer is never reset, and dispatch sets the last event
/// ID string first of all.
#[test]
fn id_fields() {
    assert_events(&[
        (
            "id: 1\ndata: x\n\ndata: y\n\n",
            &[("message", "x", "1"), ("message", "y", "1")],
        ),
        (
            "id: 1\ndata: x\n\nid\ndata: y\n\n",
            &[("message", "x", "1"), ("message", "y", "")],
        ),
        (
            "id: 1\ndata: x\n\nid:\ndata: y\n\n",
            &[("message", "x", "1"), ("message", "y", "")],
        ),
        (
            "id: 1\ndata: x\n\nid: \ndata: y\n\n",
            &[("message", "x", "1"), ("message", "y", "")],
        ),
        ("id: 1\nid: 2\ndata: x\n\n", &[("message", "x", "2")]),
        ("id: 1\nid: 2\0\ndata: x\n\n", &[("message", "x", "1")]),
        ("id: \0\ndata: x\n\n", &[("message", "x", "")]),
        ("id: 1\n\ndata: x\n\n", &[("message", "x", "1")]),
        ("data: x\nid: 1\n\n", &[("message", "x", "1")]),
        ("id:  1 \ndata: x\n\n", &[("message", "x", " 1 ")]),
        ("id: ü:1\ndata: x\n\n", &[("message", "x", "ü:1")]),
    ]);
    let ends: [(&[u8], &str); 6] = [
        (b"id: 1\n", ""),
        (b"id: 1\n\n", "1"),
        (b"id: 1\ndata: x\n\nid: 2\ndata: y\n", "1"),
        (b"id: 1\n\nid: 2", "1"),
        (b"id: 1\r\r", "1"),
        (b"id: 1\n\nid\n\n", ""),
    ];
    for (stream, id) in ends {
        assert_eq!(
            observe(stream).end.last_event_id,
            id,
            "{}",
            stream.escape_ascii()
        );
    }
}

#[test]
fn has_id_tells_blocks_with_an_id_of_their_own() {
    let stream = b"id: 1\ndata: a\n\ndata: b\n\nid: \0\ndata: c\n\nid\ndata: d\n\n";
    let found: Vec<(String, bool, u64, u64)> = observe(stream)
        .found
        .items
        .into_iter()
        .filter_map(|item| match item {
            Item::Event {
                event,
                has_id,
                start,
                end,
            } => Some((event.data, has_id, start, end)),
            _ => None,
        })
        .collect();
    let expected = [
        ("a", true, 0, 15),
        ("b", false, 15, 24),
        ("c", false, 24, 39),
        ("d", true, 39, 51),
    ];
    assert_eq!(
        found,
        expected.map(|(data, id, start, end)| (data.to_owned(), id, start, end))
    );
}

/// "If the field value consists of only ASCII digits, then interpret the field value as an integer
/// in base ten, and set the event stream's reconnection time to that integer."
#[test]
fn retry_fields() {
    let cases: [(&str, Option<u64>); 18] = [
        ("retry: 3000\n", Some(3000)),
        ("retry:3000\n\n", Some(3000)),
        ("retry: 0\n\n", Some(0)),
        ("retry: 00050\n\n", Some(50)),
        ("retry: 1\nretry: 2\n\n", Some(2)),
        ("retry: 1\nretry: x\n\n", Some(1)),
        ("retry: 18446744073709551615\n", Some(u64::MAX)),
        ("retry: 18446744073709551616\n", Some(u64::MAX)),
        ("retry: 99999999999999999999999999999999\n", Some(u64::MAX)),
        ("retry: 000000000000000000000000000000007\n", Some(7)),
        ("retry: 30", None),
        ("retry\n\n", None),
        ("retry:\n\n", None),
        ("retry:  30\n\n", None),
        ("retry: +5\n\n", None),
        ("retry: 5.0\n\n", None),
        ("retry: 5 \n\n", None),
        ("retry: ٣\n\n", None),
    ];
    for (stream, expected) in cases {
        let found = observe(stream.as_bytes());
        assert_eq!(found.retry_ms, expected, "{stream:?}");
        assert!(
            !found
                .found
                .items
                .iter()
                .any(|item| matches!(item, Item::Event { .. })),
            "{stream:?} dispatches nothing"
        );
    }
}

/// "Once the end of the file is reached, any pending data must be discarded."
#[test]
fn end_of_stream() {
    let cases: [(&[u8], usize, bool); 16] = [
        (b"", 0, false),
        (b"\n", 0, false),
        (b"data: a", 0, true),
        (b"data: a\n", 0, true),
        (b"data: a\r", 0, true),
        (b"data: a\n\n", 1, false),
        (b"data: a\n\r", 1, false),
        (b"data: a\n\n\n\n", 1, false),
        (b"data: a\n\ndata: b\n", 1, true),
        (b"event: a\n", 0, true),
        (b"id: 1\n", 0, true),
        (b"id: 1\0\n", 0, false),
        (b": comment\n", 0, false),
        (b"data: a\n\n: comment\nretry: 1\nfoo\n", 1, false),
        (b": cut", 0, true),
        (b"\xEF\xBB", 0, true),
    ];
    for (stream, events, discarded) in cases {
        let found = observe(stream);
        let dispatched = found
            .found
            .items
            .iter()
            .filter(|item| matches!(item, Item::Event { .. }));
        assert_eq!(
            (dispatched.count(), found.end.discarded),
            (events, discarded),
            "{}",
            stream.escape_ascii()
        );
    }
}

#[test]
fn comments_and_reconnection_times_are_reported_in_order() {
    let found = observe(b": one\nretry: 7\ndata: x\n:\xFFtwo\n\n:\n").found;
    let Some(Item::Event { event: x, .. }) = found.items.get(3) else {
        panic!("{:?}", found.items);
    };
    assert_eq!(*x, event("message", "x", ""));
    assert_eq!(found.items[0], Item::Comment(" one".into(), 0));
    assert_eq!(found.items[1], Item::Retry(7));
    assert_eq!(found.items[2], Item::Comment("\u{FFFD}two".into(), 23));
    assert_eq!(found.items[4], Item::Comment(String::new(), 30));
    // The fourth line is not UTF-8, hence its diagnostic.
    assert_eq!(found.order, "lclrlldclelc");
}

/// The three examples of the section, as it explains them.
#[test]
fn examples_of_the_standard() {
    assert_data(&[
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", &["YHOO\n+2\n10"]),
        (b"data\n\ndata\ndata\n\ndata:", &["", "\n"]),
        (b"data:test\n\ndata: test\n\n", &["test", "test"]),
    ]);
    assert_events(&[(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[
            ("message", "first event", "1"),
            ("message", "second event", ""),
            ("message", " third event", ""),
        ],
    )]);
}
