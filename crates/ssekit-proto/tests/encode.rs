//! The encoder: what it writes, and what cannot be built (HTML, 9.2.5 Parsing an event stream).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ssekit_proto::{EncodeError, EventId, EventType, encode_comment, encode_event, encode_retry};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn events() {
    let event = |event, id, data| {
        let event = Option::map(event, |event| EventType::new(event).unwrap());
        let id = Option::map(id, |id| EventId::new(id).unwrap());
        written(|out| encode_event(event, id, data, out))
    };
    assert_eq!(event(None, None, "a"), "data: a\n\n");
    assert_eq!(event(None, None, ""), "data: \n\n");
    assert_eq!(event(None, None, " a"), "data:  a\n\n");
    assert_eq!(
        event(Some("e"), Some("1"), "a"),
        "event: e\nid: 1\ndata: a\n\n"
    );
    assert_eq!(event(None, Some(""), "a"), "id: \ndata: a\n\n");
    assert_eq!(
        event(None, None, "a\nb\rc\r\nd\n\re\n"),
        "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\ndata: \n\n"
    );
}

#[test]
fn comments_and_reconnection_times() {
    assert_eq!(written(|out| encode_comment("", out)), ":\n");
    assert_eq!(written(|out| encode_comment(" hi", out)), ": hi\n");
    assert_eq!(
        written(|out| encode_comment("a\r\ndata: x\n\nb\r", out)),
        ":a\n:data: x\n:\n:b\n:\n"
    );
    assert_eq!(written(|out| encode_retry(0, out)), "retry: 0\n\n");
    assert_eq!(written(|out| encode_retry(3_000, out)), "retry: 3000\n\n");
    assert_eq!(
        written(|out| encode_retry(u64::MAX, out)),
        "retry: 18446744073709551615\n\n"
    );
}

#[test]
fn what_cannot_be_represented_cannot_be_built() {
    for id in ["a\nb", "\r", "a\r\ndata: injected"] {
        assert_eq!(EventId::new(id), Err(EncodeError::LineBreak));
        assert_eq!(EventType::new(id), Err(EncodeError::LineBreak));
    }
    assert_eq!(EventId::new("a\0"), Err(EncodeError::Nul));
    assert_eq!(EventType::new(""), Err(EncodeError::Empty));
    assert_eq!(EventId::new("").unwrap().as_str(), "");
    assert_eq!(EventType::new("a\0: b").unwrap().as_str(), "a\0: b");
    assert_eq!(
        EncodeError::LineBreak.to_string(),
        "an id or event type cannot contain CR or LF"
    );
}
