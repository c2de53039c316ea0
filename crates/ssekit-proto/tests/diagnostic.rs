//! Diagnostics and the offsets they name, under every slicing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use ssekit_proto::{DiagnosticKind, LineEnding, LineKind};
use support::observe;

use DiagnosticKind::{
    BlockWithoutData, DiscardedTail, FieldCase, FieldSpace, IdWithNul, InvalidUtf8, LeadingBom,
    MidStreamBom, MixedLineEndings, RepeatedEvent, RepeatedId, RetryNotDigits, RetrySaturated,
    UnknownField,
};

/// A stream, and what is to be said of it.
type Case = (&'static [u8], &'static [(DiagnosticKind, u64)]);

#[test]
fn each_kind_where_it_is_due_and_nowhere_else() {
    let cases: &[Case] = &[
        (b": hb\n\nid: 1\nevent: e\ndata: x\nretry: 9\n\n:\n", &[]),
        (b"\xEF\xBB\xBFdata: x\n\n", &[(LeadingBom, 0)]),
        (
            b"\xEF\xBB\xBF\xEF\xBB\xBFdata\n",
            &[(LeadingBom, 0), (MidStreamBom, 3)],
        ),
        (b"data\n\n\xEF\xBB\xBFdata\ndata\n\n", &[(MidStreamBom, 6)]),
        (
            b"data\nfoo: x\nbar\n\n",
            &[(UnknownField, 5), (UnknownField, 12)],
        ),
        (b"data\nDATA: x\nId\n\n", &[(FieldCase, 5), (FieldCase, 13)]),
        (
            b" data: x\ndata : x\nData :\ndata\n\n",
            &[(FieldSpace, 0), (FieldSpace, 9), (FieldSpace, 18)],
        ),
        (b"id: a\0b\0\n\n", &[(IdWithNul, 5)]),
        (b"retry: 1s\n\n", &[(RetryNotDigits, 8)]),
        (b"retry: +1\n\n", &[(RetryNotDigits, 7)]),
        (b"retry:\n\n", &[(RetryNotDigits, 6)]),
        (b"retry\n\n", &[(RetryNotDigits, 5)]),
        (b"retry: 18446744073709551615\n\n", &[]),
        (b"retry: 18446744073709551616\n\n", &[(RetrySaturated, 7)]),
        (
            b"data: \xFFa\xFE\ndata: ok\n: \xC3\n\n",
            &[(InvalidUtf8, 6), (InvalidUtf8, 21)],
        ),
        (b"data\r\n\r\ndata\r\n\r\n", &[]),
        (b"data\r\rdata\r\r", &[]),
        (b"data\r\n\r\ndata\n\n\r", &[(MixedLineEndings, 12)]),
        (b"data\n\r\n\n\r", &[(MixedLineEndings, 5)]),
        (b"data\r\r\n:\n", &[(MixedLineEndings, 5)]),
        // What a CR at the very end is can no longer be told.
        (b"data\r\n\r", &[]),
        (b"data\r\n\r:\r", &[(MixedLineEndings, 6)]),
        (b"event: e\n\ndata\n\n", &[(BlockWithoutData, 0)]),
        (
            b":\n\n:\nfoo\n\n",
            &[(UnknownField, 5), (BlockWithoutData, 3)],
        ),
        (b"id: 1\n\nretry: 1\n\n:\n\n\n\n", &[]),
        (
            b"event: a\nevent\ndata\n\nevent: a\ndata\n\n",
            &[(RepeatedEvent, 9)],
        ),
        (
            b"id: 1\nid: 2\nid: \0\ndata\n\nid\ndata\n\n",
            &[(RepeatedId, 6), (IdWithNul, 16)],
        ),
        (b"data\n\ndata: x\ndata: y", &[(DiscardedTail, 6)]),
        (b"data\n\nda", &[(DiscardedTail, 6)]),
        (b"data\n\n: c\n", &[]),
        (b"\xEF\xBB", &[(DiscardedTail, 0)]),
        (b"\xEF\xBB\xBFda", &[(LeadingBom, 0), (DiscardedTail, 3)]),
        (b"data: x\n\xC3", &[(DiscardedTail, 0)]),
    ];
    for (stream, expected) in cases {
        let found = observe(stream).found;
        assert_eq!(found.diagnostics, *expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn lines_are_taken_apart() {
    let field = |name, value, colon, space| LineKind::Field {
        name,
        value,
        colon,
        space,
    };
    let cases: [(&[u8], LineKind<'_>); 9] = [
        (b"", LineKind::Blank),
        (b":", LineKind::Comment(b"")),
        (b": a", LineKind::Comment(b" a")),
        (b"data", field(b"data", b"", false, false)),
        (b"data:", field(b"data", b"", true, false)),
        (b"data: ", field(b"data", b"", true, true)),
        (b"data:  a", field(b"data", b" a", true, true)),
        (b"data:a:b", field(b"data", b"a:b", true, false)),
        (b" : x", field(b" ", b"x", true, true)),
    ];
    for (line, kind) in cases {
        assert_eq!(LineKind::of(line), kind, "{}", line.escape_ascii());
    }
}

#[test]
fn lines_are_reported_raw_and_before_what_they_cause() {
    let found = observe(b"\xEF\xBB\xBFdata: \xFF\r\n:c\r\n\n").found;
    let line = |offset, bytes: &[u8], ending| (offset, bytes.to_vec(), ending);
    assert_eq!(
        found.lines,
        [
            line(3, b"data: \xFF", LineEnding::Cr),
            line(12, b":c", LineEnding::Cr),
            line(16, b"", LineEnding::Lf),
        ]
    );
    assert_eq!(found.crlf, [11, 15]);
    // BOM; line and its bad byte, LF; line and comment, LF; line, the other ending, event.
    assert_eq!(found.order, "dld+lc+lde");
}
