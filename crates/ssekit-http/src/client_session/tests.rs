//! The client half of HTTP/2 by hand-made frames: requests, windows, limits, and what breaks the protocol.
#![allow(clippy::unwrap_used)]
use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(frame::SETTINGS, 0, 0, &payload)
}

fn ask(session: &mut ClientSession, body: &[u8]) -> Option<u32> {
    let head = b"POST /events?a=b HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nX-A: b\r\n\r\n";
    let bytes = [&head[..], body].concat();
    session.request(SessionRequest::from_http1(&bytes, "http").unwrap())
}

/// Content and the rest of what the session tells, however the bytes are cut.
fn tell(session: &mut ClientSession, bytes: &[u8], size: usize) -> (Vec<String>, Vec<u8>) {
    let (mut told, mut data) = (Vec::new(), Vec::new());
    for mut slice in bytes.chunks(size) {
        while let Some(part) = session.next(&mut slice).unwrap() {
            match part {
                SessionPart::Data(_, bytes) => data.extend_from_slice(bytes),
                SessionPart::Head(stream, head) => told.push(format!("{stream}: {}", head.status)),
                other => told.push(format!("{other:?}")),
            }
        }
    }
    (told, data)
}

#[test]
fn a_request_is_that_of_http1_without_what_belongs_to_its_connection() {
    let bytes = b"GET /x HTTP/1.1\r\nHost: h\r\nTE: gzip\r\nUpgrade: x\r\nAccept: a\r\n\r\nrest";
    let request = SessionRequest::from_http1(bytes, "https").unwrap();
    let names: Vec<_> = request
        .fields
        .iter()
        .map(|field| field.0.as_str())
        .collect();
    assert_eq!(
        names,
        [":method", ":scheme", ":authority", ":path", "accept"]
    );
    assert_eq!(request.body, b"rest");
}

#[test]
fn responses_do_not_depend_on_slices_and_lose_their_padding() {
    let mut bytes = setting(MAX_CONCURRENT_STREAMS, 2);
    // An interim head, the final one in two frames, padded content, an empty frame, a reset.
    bytes.extend(frame(frame::HEADERS, frame::END_HEADERS, 1, b"\x08\x03103"));
    bytes.extend(frame(frame::HEADERS, 0, 1, b"\x88\x00\x01a"));
    bytes.extend(frame(frame::CONTINUATION, frame::END_HEADERS, 1, b"\x01b"));
    bytes.extend(frame(frame::DATA, frame::PADDED, 1, b"\x02abc\0\0"));
    bytes.extend(frame(frame::DATA, frame::PADDED, 1, b"\x03\0\0\0"));
    bytes.extend(frame(frame::HEADERS, frame::END_HEADERS, 3, b"\x88"));
    bytes.extend(frame(frame::RST_STREAM, 0, 3, &[0, 0, 0, 7]));
    bytes.extend(frame(0xfe, 0, 5, b"of no known type"));
    bytes.extend(frame(frame::PING, 0, 0, b"12345678"));
    bytes.extend(frame(frame::DATA, frame::END_STREAM, 1, b"d"));
    bytes.extend(frame(frame::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    for size in 1..=bytes.len() {
        let mut session = ClientSession::new();
        let first = setting(MAX_CONCURRENT_STREAMS, 2);
        tell(&mut session, &first, size);
        assert_eq!(ask(&mut session, b""), Some(1));
        assert_eq!(ask(&mut session, b""), Some(3));
        assert_eq!(ask(&mut session, b""), None, "two are allowed");
        let (told, data) = tell(&mut session, &bytes, size);
        let wanted = [
            "Settings",
            "1: 200",
            "3: 200",
            "Reset(3, 7)",
            "End(1)",
            "Goaway(1)",
        ];
        assert_eq!(told, wanted, "by {size}");
        assert_eq!(data, b"abcd", "by {size}");
        let pong = frame(frame::PING, frame::ACK, 0, b"12345678");
        assert!(session.output().ends_with(&pong));
        assert_eq!((session.streams(), session.has_room()), (0, false));
    }
}

#[test]
fn windows_come_back_and_contents_wait_for_the_peers() {
    let mut session = ClientSession::new();
    tell(&mut session, &setting(INITIAL_WINDOW_SIZE, 3), 64);
    session.written(session.output().len());
    assert_eq!(ask(&mut session, b"hello"), Some(1));
    assert!(
        session
            .output()
            .ends_with(&frame(frame::DATA, 0, 1, b"hel"))
    );
    let wider = frame(frame::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9]);
    tell(&mut session, &wider, 64);
    let last = frame(frame::DATA, frame::END_STREAM, 1, b"lo");
    assert!(session.output().ends_with(&last));
    session.written(session.output().len());
    tell(
        &mut session,
        &frame(frame::HEADERS, frame::END_HEADERS, 1, b"\x88"),
        64,
    );
    for _ in 0..STREAM_WINDOW / 2 / 16_384 {
        assert!(session.output().is_empty());
        tell(
            &mut session,
            &frame(frame::DATA, 0, 1, &[b'x'; 16_384]),
            5000,
        );
    }
    let back = (STREAM_WINDOW / 2).to_be_bytes();
    assert_eq!(session.output(), frame(frame::WINDOW_UPDATE, 0, 1, &back));
}

#[test]
fn a_peer_that_asks_for_ever_and_takes_no_answer_ends_the_connection() {
    for kind in [frame::PING, frame::SETTINGS] {
        let payload: &[u8] = if kind == frame::PING {
            b"12345678"
        } else {
            b""
        };
        let asks = frame(kind, 0, 0, payload).repeat(1000);
        let read = |session: &mut ClientSession| {
            let mut input = &asks[..];
            while session.next(&mut input)?.is_some() {}
            Ok::<_, FaultKind>(())
        };
        let mut session = ClientSession::new();
        tell(&mut session, &setting(MAX_CONCURRENT_STREAMS, 2), 64);
        for _ in 0..100 {
            assert_eq!(read(&mut session), Ok(()));
            session.written(session.output().len());
        }
        let ended = (0..100).find_map(|_| read(&mut session).err());
        assert_eq!(ended, Some(FaultKind::Http2));
        assert!(session.output().len() < 1 << 20);
    }
}

#[test]
fn what_breaks_the_protocol_ends_the_stream_or_the_connection() {
    let cases = [
        frame(frame::DATA, 0, 0, b"x"),
        frame(frame::DATA, frame::PADDED, 1, b"\x05x"),
        frame(
            frame::PUSH_PROMISE,
            frame::END_HEADERS,
            1,
            b"\0\0\0\x02\x88",
        ),
        frame(frame::CONTINUATION, 0, 1, b""),
        frame(frame::PING, 0, 0, b"1"),
        frame(frame::DATA, 0, 1, &[0; 16_385]),
        frame(
            frame::HEADERS,
            frame::END_HEADERS,
            1,
            b"\xff\xff\xff\xff\xff\xff",
        ),
    ];
    for bytes in cases {
        let mut session = ClientSession::new();
        tell(&mut session, &setting(MAX_CONCURRENT_STREAMS, 9), 64);
        ask(&mut session, b"");
        let mut input = bytes.as_slice();
        assert!(session.next(&mut input).is_err(), "{bytes:?}");
    }
    let mut session = ClientSession::new();
    assert_eq!(
        session.next(&mut &b"HTTP/1.1 400 Bad"[..]),
        Err(FaultKind::NotHttp2)
    );
    let mut session = ClientSession::new();
    tell(&mut session, &setting(MAX_CONCURRENT_STREAMS, 9), 64);
    ask(&mut session, b"");
    let (told, _) = tell(&mut session, &frame(frame::DATA, 0, 1, b"x"), 64);
    assert_eq!(told, ["Malformed(1)"]);
    assert!(
        session
            .output()
            .ends_with(&frame(frame::RST_STREAM, 0, 1, &[0, 0, 0, 8]))
    );
}

#[test]
fn the_peer_cannot_have_a_larger_table_kept() {
    // A dynamic table size update (RFC 7541 section 6.3) to 4096, and to one more.
    for (block, is_kept) in [(b"\x3f\xe1\x1f\x88", true), (b"\x3f\xe2\x1f\x88", false)] {
        let mut session = ClientSession::new();
        tell(&mut session, &setting(HEADER_TABLE_SIZE, 1 << 20), 64);
        ask(&mut session, b"");
        let bytes = frame(frame::HEADERS, frame::END_HEADERS, 1, block);
        let read = session.next(&mut bytes.as_slice());
        assert_eq!(read.is_ok(), is_kept, "{read:?}");
    }
}

#[test]
fn a_table_that_the_peer_makes_smaller_is_acknowledged_before_the_next_fields() {
    let mut session = ClientSession::new();
    tell(&mut session, &setting(HEADER_TABLE_SIZE, 0), 64);
    session.written(session.output().len());
    ask(&mut session, b"");
    // Nine bytes of frame header, then the update to 0 (RFC 9113 section 4.3.1).
    assert_eq!(session.output()[9], 0x20);
}
