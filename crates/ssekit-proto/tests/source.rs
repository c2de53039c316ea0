//! The EventSource state machine (HTML, 9.2.3 Processing model).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use ssekit_proto::{
    Action, Backoff, Closed, DEFAULT_RECONNECTION_MS, EventSource, LimitKind, Limits, State,
};
use support::{Item, Items};

const TYPE: Option<&[u8]> = Some(b"text/event-stream");

fn connect(id: Option<&str>) -> Option<Action> {
    Some(Action::Connect {
        last_event_id: id.map(str::to_owned),
    })
}

fn wait(ms: u64) -> Option<Action> {
    Some(Action::Wait { ms })
}

/// A source whose connection is open.
fn open() -> EventSource {
    let mut source = EventSource::default();
    assert_eq!(source.poll_action(0), connect(None));
    assert_eq!(source.handle_response(200, TYPE), State::Open);
    source
}

/// Sends a whole stream, and goes on to the next connection.
fn reconnect(source: &mut EventSource, stream: &[u8], expected_wait: u64) -> Option<Action> {
    let mut items = Items::default();
    source.handle_bytes(stream, &mut items).unwrap();
    source.handle_end(&mut items);
    assert_eq!(source.state(), State::Connecting);
    assert_eq!(source.poll_action(7), wait(expected_wait));
    assert_eq!(source.poll_action(7), None);
    source.handle_timeout();
    source.poll_action(7)
}

#[test]
fn reconnects_after_the_end_with_the_last_event_id() {
    let mut source = open();
    assert_eq!(source.poll_action(0), None);
    assert_eq!(
        reconnect(&mut source, b"data: a\n\n", DEFAULT_RECONNECTION_MS),
        connect(None)
    );
    source.handle_response(200, TYPE);
    let stream = "id: ü1\ndata: b\n\nid: lost\n";
    assert_eq!(
        reconnect(&mut source, stream.as_bytes(), 3_000),
        connect(Some("ü1"))
    );
    // A stream that dies before any event changes nothing.
    source.handle_response(200, TYPE);
    assert_eq!(reconnect(&mut source, b"", 3_000), connect(Some("ü1")));
    source.handle_response(200, TYPE);
    assert_eq!(reconnect(&mut source, b"id\n\n", 3_000), connect(None));
}

#[test]
fn resumes_with_the_id_of_an_earlier_run() {
    let mut source = EventSource::default();
    source.set_last_event_id("41");
    assert_eq!(source.poll_action(0), connect(Some("41")));
    source.handle_response(200, TYPE);
    let mut items = Items::default();
    source.handle_bytes(b"data\n\n", &mut items).unwrap();
    let Some(Item::Event { event, has_id, .. }) = items.0.pop() else {
        panic!("no event");
    };
    assert_eq!((event.last_event_id.as_str(), has_id), ("41", false));
}

#[test]
fn reconnection_time_of_the_stream_holds_from_then_on() {
    let mut source = open();
    assert_eq!(source.reconnection_ms(), 3_000);
    // It takes effect at its line, also where the block never ends.
    assert_eq!(reconnect(&mut source, b"retry: 50\n", 50), connect(None));
    assert_eq!(source.reconnection_ms(), 50);
    source.handle_response(200, TYPE);
    assert_eq!(
        reconnect(&mut source, b"retry: soon\n\n", 50),
        connect(None)
    );
}

#[test]
fn nothing_of_a_cut_block_leaks_into_the_next_connection() {
    let mut source = open();
    reconnect(
        &mut source,
        b"event: old\ndata: old\nid: old\ndata: ol",
        3_000,
    );
    source.handle_response(200, TYPE);
    let mut items = Items::default();
    source
        .handle_bytes(b"\xEF\xBB\xBFdata: new\n\n", &mut items)
        .unwrap();
    let Some(Item::Event { event, start, .. }) = items.0.pop() else {
        panic!("no event");
    };
    assert_eq!(
        (
            event.event.as_str(),
            event.data.as_str(),
            event.last_event_id.as_str(),
            start
        ),
        ("message", "new", "", 3)
    );
}

#[test]
fn any_status_but_200_fails_for_good() {
    for status in [204, 201, 206, 301, 304, 400, 404, 429, 500, 502, 503] {
        let mut source = EventSource::default();
        source.poll_action(0);
        assert_eq!(source.handle_response(status, TYPE), State::Closed);
        assert_eq!(source.closed(), Some(Closed::Status(status)));
        assert_eq!(source.poll_action(0), Some(Action::Stop));
        assert_eq!(source.poll_action(0), None);
        source.handle_timeout();
        source.handle_connect_error();
        assert_eq!(source.poll_action(0), None);
    }
}

#[test]
fn the_essence_of_the_type_decides() {
    let accepted: [&[u8]; 6] = [
        b"text/event-stream",
        b"TEXT/Event-Stream",
        b"text/event-stream;charset=utf-8",
        b" text/event-stream ; charset=windows-1252",
        b"text/event-stream;",
        b"text/event-stream;;x",
    ];
    let refused: [&[u8]; 6] = [
        b"",
        b"text/plain",
        b"text/event-streams",
        b"text/event-stream, text/event-stream",
        b"application/json; x=text/event-stream",
        b"text /event-stream",
    ];
    for (types, state) in [(accepted, State::Open), (refused, State::Closed)] {
        for content_type in types {
            let mut source = EventSource::default();
            source.poll_action(0);
            let found = source.handle_response(200, Some(content_type));
            assert_eq!(found, state, "{}", content_type.escape_ascii());
        }
    }
    let mut source = EventSource::default();
    source.poll_action(0);
    assert_eq!(source.handle_response(200, None), State::Closed);
    assert_eq!(source.closed(), Some(Closed::ContentType));
}

#[test]
fn close_stops_it_in_every_phase() {
    let advance: [fn(&mut EventSource); 4] = [
        |_| (),
        |source| {
            source.handle_response(200, TYPE);
        },
        EventSource::handle_connect_error,
        |source| {
            source.handle_connect_error();
            source.poll_action(0);
        },
    ];
    for advance in advance {
        let mut source = EventSource::default();
        source.poll_action(0);
        advance(&mut source);
        source.close();
        assert_eq!(source.closed(), Some(Closed::Caller));
        assert_eq!(source.poll_action(0), Some(Action::Stop));
        let mut items = Items::default();
        source.handle_bytes(b"data\n\n", &mut items).unwrap();
        source.handle_end(&mut items);
        source.handle_timeout();
        assert_eq!(source.handle_response(200, TYPE), State::Closed);
        assert_eq!((source.poll_action(0), items.0), (None, vec![]));
    }
}

#[test]
fn one_connection_at_a_time() {
    let mut source = EventSource::default();
    source.handle_timeout();
    source.handle_connect_error();
    assert_eq!(source.poll_action(0), connect(None));
    source.handle_timeout();
    assert_eq!(source.poll_action(0), None);
    source.handle_connect_error();
    source.handle_connect_error();
    assert_eq!(source.failed_attempts(), 1);
    source.handle_timeout();
    assert_eq!(source.poll_action(0), wait(3_000));
    assert_eq!(source.poll_action(0), None);
    source.handle_timeout();
    source.handle_timeout();
    assert_eq!(source.poll_action(0), connect(None));
    assert_eq!(source.poll_action(0), None);
}

#[test]
fn a_limit_closes_it() {
    let limits = Limits {
        line: 4,
        ..Limits::default()
    };
    let mut source = EventSource::new(limits, None);
    source.poll_action(0);
    source.handle_response(200, TYPE);
    let error = source
        .handle_bytes(b"data: long", &mut Items::default())
        .unwrap_err();
    assert_eq!(error.kind, LimitKind::Line);
    assert_eq!(source.closed(), Some(Closed::Limit(error)));
    assert_eq!(source.poll_action(0), Some(Action::Stop));
}

#[test]
fn backoff_grows_with_failures_and_starts_again_once_open() {
    let backoff = Backoff {
        base_ms: 100,
        factor: 3,
        cap_ms: 5_000,
        jitter_percent: 50,
    };
    let mut source = EventSource::new(Limits::default(), Some(backoff));
    source.poll_action(0);
    source.handle_response(200, TYPE);
    reconnect(&mut source, b"retry: 200\n\n", 200);
    for expected in [600, 1_800, 5_000, 5_000] {
        source.handle_connect_error();
        assert_eq!(source.poll_action(0), wait(expected));
        source.handle_timeout();
        source.poll_action(0);
    }
    source.handle_response(200, TYPE);
    reconnect(&mut source, b"", 200);
}

#[test]
fn backoff_is_never_shorter_than_the_reconnection_time() {
    let backoff = Backoff {
        base_ms: 10,
        factor: 2,
        cap_ms: 100,
        jitter_percent: 50,
    };
    assert_eq!(backoff.delay_ms(0, 0, 0), 10);
    assert_eq!(backoff.delay_ms(2, 0, 0), 40);
    assert_eq!(backoff.delay_ms(9, 0, 0), 100);
    assert_eq!(backoff.delay_ms(9, 0, u64::MAX), 149);
    assert_eq!(backoff.delay_ms(9, 0, 1 << 63), 125);
    assert_eq!(backoff.delay_ms(9, 70_000, 0), 70_000);
    assert_eq!(backoff.delay_ms(u32::MAX, u64::MAX, u64::MAX), u64::MAX);
    let still = Backoff {
        factor: 0,
        ..backoff
    };
    assert_eq!(still.delay_ms(u32::MAX, 0, 0), 10);
}

#[test]
fn reasons_read_as_sentences() {
    assert_eq!(
        Closed::Status(204).to_string(),
        "the server answered 204: do not reconnect"
    );
    assert_eq!(
        Closed::Status(503).to_string(),
        "the server answered 503 instead of 200"
    );
    assert_eq!(
        Closed::ContentType.to_string(),
        "the response is not text/event-stream"
    );
}
