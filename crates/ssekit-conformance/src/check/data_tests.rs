//! Tests of the group `data`.

use ssekit_record::{EndKind, FaultKind, Level, Verdict};

use super::sample::{Sample, finding, place, verdict};
use crate::Probe;

#[test]
fn a_last_event_without_its_empty_line_is_lost() {
    let id = "data.final-terminated";
    let open = Sample::stream("data: a\n\ndata: done\n");
    assert_eq!(place(id, open.clone().ended(50)), (Verdict::Fail, Some(9)));
    assert_eq!(verdict(id, open.clone()), Verdict::NotApplicable);
    let cut = open.clone().end(EndKind::Truncated, 50);
    assert_eq!(verdict(id, cut), Verdict::NotApplicable);
    let faulty = open
        .ended(50)
        .fault(FaultKind::LastChunkMissing, 3, "no last chunk");
    assert_eq!(verdict(id, faulty), Verdict::NotApplicable);
    let half = Sample::stream("data: a\n\ndata: do").ended(50);
    assert_eq!(place(id, half), (Verdict::Fail, Some(9)));
    let bom = Sample::stream("\u{feff}data: a\n").ended(50);
    assert_eq!(place(id, bom), (Verdict::Fail, Some(3)));
}

#[test]
fn a_stream_may_end_with_what_dispatches_nothing() {
    let id = "data.final-terminated";
    for fine in [
        "data: a\n\n",
        "data: a\r\n\r\n",
        "data: a\r\r",
        "data: a\n\n: bye\n",
        "data: a\n\nretry: 5\n",
        "data: a\n\r",
    ] {
        let sample = Sample::stream(fine).ended(50);
        assert_eq!(verdict(id, sample), Verdict::Pass, "{fine:?}");
    }
    let named = finding(
        id,
        [Sample::stream("data: a\n\nid: 7\nevent: x\n").ended(50)],
    );
    assert_eq!(
        (named.verdict, named.level),
        (Verdict::Warn, Level::Practice)
    );
    let empty = Sample::stream("").ended(50);
    assert_eq!(verdict(id, empty), Verdict::NotApplicable);
}

#[test]
fn a_named_block_without_data_dispatches_nothing() {
    let id = "data.block-without-data";
    let named = Sample::stream("data: a\n\nevent: ping\n\ndata: b\n\n");
    assert_eq!(place(id, named), (Verdict::Warn, Some(9)));
    for fine in [
        "data: a\n\n",
        "event: a\ndata\n\n",
        "event: a\ndata:\n\n",
        "id: 5\n\nretry: 10\n\n: c\n\ndata: a\n\n",
        // Other rules say what is wrong here.
        "event: a\nDATA: b\n\ndata: c\n\n",
    ] {
        assert_eq!(verdict(id, Sample::stream(fine)), Verdict::Pass, "{fine:?}");
    }
    // What we cut is no block yet.
    let cut = Sample::stream("data: a\n\nevent: ping\n");
    assert_eq!(verdict(id, cut), Verdict::Pass);
    assert_eq!(verdict(id, Sample::stream("")), Verdict::Unverified);
}

#[test]
fn broken_json_among_json_is_found() {
    let id = "data.json-valid";
    let json = "data: {\"n\":1}\n\n".repeat(4);
    let broken = Sample::stream(format!("{json}data: {{\"n\":\n\n"));
    assert_eq!(place(id, broken), (Verdict::Warn, Some(60)));
    let marked = Sample::stream(format!("{json}data: [DONE]\n\n"));
    assert_eq!(verdict(id, marked), Verdict::Pass);
    let lines = Sample::stream(format!("{json}data: {{\ndata: \"a\": 1\ndata: }}\n\n"));
    assert_eq!(verdict(id, lines), Verdict::Pass);
    let stray = Sample::stream(format!("{json}data: {{\n\"a\": 1\n}}\n\n"));
    assert_eq!(verdict(id, stray.clone()), Verdict::NotApplicable);
    assert_eq!(verdict("data.stray-lines", stray), Verdict::Warn);
    let text = Sample::stream("data: {\"a\"\n\ndata: hello\n\n");
    assert_eq!(verdict(id, text), Verdict::NotApplicable);
    assert_eq!(verdict(id, Sample::stream(": hi\n\n")), Verdict::Unverified);
}

#[test]
fn ignored_lines_are_told_by_what_they_look_like() {
    let id = "data.stray-lines";
    let said = |stream: &str| finding(id, [Sample::stream(stream)]).actual;
    assert_eq!(
        place(id, Sample::stream("data: {\n  \"a\": 1\n}\n\n")),
        (Verdict::Warn, Some(8))
    );
    assert!(said("data: one\nand two\n\n").contains("rest of a payload"));
    assert!(said("data: a\n\n<html>\n\n").contains("HTML"));
    assert!(said("data: a\n data: b\n\n").contains("white space"));
    assert!(said("type: a\ndata: b\n\n").contains("unknown names"));
    for fine in [
        "data: a\ndata\ndata:\nevent\nid\nretry: x\n:\n\n",
        // Other rules say what is wrong here.
        "DATA: a\n\n\u{feff}data: b\n\n",
    ] {
        assert_eq!(verdict(id, Sample::stream(fine)), Verdict::Pass, "{fine:?}");
    }
    // Half a line that we cut is no line.
    assert_eq!(verdict(id, Sample::stream("data: a\n\ndat")), Verdict::Pass);
}

#[test]
fn mixed_spaces_are_noted() {
    let id = "data.space-style";
    let mixed = Sample::stream("data: a\n\ndata:b\n\n");
    assert_eq!(place(id, mixed), (Verdict::Info, Some(9)));
    for fine in [
        "data: a\ndata:\n\n",
        "data:a\n\ndata\n\n",
        "data:\n\n",
        "id:1\ndata: a\n\n",
    ] {
        assert_eq!(verdict(id, Sample::stream(fine)), Verdict::Pass, "{fine:?}");
    }
}

#[test]
fn places_are_counted_by_stream() {
    let main = Sample::stream("data: a\n\n");
    let other = Sample::stream("oops\n\ndata: a\n\n").by(Probe::Resume);
    let found = finding("data.stray-lines", [main, other]);
    assert_eq!(found.verdict, Verdict::Warn);
    assert!(found.actual.contains("1 in resume"), "{}", found.actual);
}
