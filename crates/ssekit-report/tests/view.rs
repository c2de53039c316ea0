//! Every view of one fixed record, as snapshots, and what must hold of each of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use fixture::{HOSTILE, healthy, record};
use ssekit_record::{CheckOutcome, CheckSummary, is_unsafe_to_show};
use ssekit_report::terminal::Layout;
use ssekit_report::{Column, json, markdown, matrix, terminal};

/// Terminal text without its styles, and proof that nothing else was in it.
fn plain(styled: &str) -> String {
    let mut out = String::new();
    let mut rest = styled;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("only SGR sequences") + at;
        let code = &rest[at + 1..end];
        let sgr =
            code.starts_with('[') && code[1..].bytes().all(|b| b.is_ascii_digit() || b == b';');
        assert!(sgr, "not a style of ours: {code:?}");
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    let unsafe_left = out.chars().find(|c| *c != '\n' && is_unsafe_to_show(*c));
    assert_eq!(unsafe_left, None);
    out
}

fn layout(width: usize) -> Layout {
    Layout {
        width,
        ..Layout::default()
    }
}

#[test]
fn terminal_tells_failures_last() {
    let text = plain(&terminal::render(&record(), layout(80)));
    insta::assert_snapshot!(text);
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what}"));
    assert!(at("WARN ") < at("ERROR ") && at("ERROR ") < at("FAIL "));
    assert!(at("FAIL ") < at("NOT conformant"));
    assert!(
        text.trim_end()
            .lines()
            .last()
            .unwrap()
            .starts_with("✗ NOT conformant: 1 failed")
    );
}

#[test]
fn terminal_lists_every_check_when_verbose() {
    let verbose = Layout {
        verbose: true,
        ..layout(100)
    };
    let text = plain(&terminal::render(&record(), verbose));
    for finding in record().checks {
        assert!(text.contains(&finding.id), "{}", finding.id);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn terminal_of_a_healthy_server_is_short() {
    let text = terminal::render(&healthy(), layout(80));
    insta::assert_snapshot!(plain(&text));
    let quiet = Layout {
        quiet: true,
        ..layout(80)
    };
    assert_eq!(
        plain(&terminal::render(&healthy(), quiet)),
        "✓ conformant: 4 passed, 1 unverified, 3 n/a, 1 info\n"
    );
}

#[test]
fn terminal_keeps_to_any_width_and_carets_stand_under_their_place() {
    for width in [0, 40, 57, 80, 120, 1_000] {
        let text = plain(&terminal::render(&record(), layout(width)));
        let columns = width.clamp(40, 120);
        for line in text.lines().filter(|l| !l.contains("https://")) {
            // The header, the counts and the verdict stay in one piece.
            let whole = ["http://", "HTTP/", "✗ NOT"];
            let is_header = whole.iter().any(|start| line.starts_with(start));
            let is_counts = line.contains(" passed") || line.contains(" n/a");
            let used = ssekit_report::text::columns(line);
            assert!(
                is_header || is_counts || used <= columns,
                "{width}: {used}: {line}"
            );
        }
        let lines: Vec<&str> = text.lines().collect();
        let carets: Vec<usize> = (0..lines.len())
            .filter(|i| lines[*i].trim_start().starts_with('^'))
            .collect();
        assert_eq!(carets.len(), 2, "{width}");
        let skip = lines[carets[1]].find('^').unwrap();
        let before = lines[carets[1] - 1].split('x').next().unwrap();
        assert_eq!(ssekit_report::text::columns(before), skip);
    }
}

#[test]
fn json_round_trips_and_opens_with_the_contract() {
    let text = json::render(&record()).unwrap();
    assert_eq!(json::parse(&text).unwrap(), record());
    let unsafe_left = text.chars().find(|c| *c != '\n' && is_unsafe_to_show(*c));
    assert_eq!(unsafe_left, None);
    let keys: Vec<&str> = text
        .lines()
        .skip(1)
        .take(4)
        .map(|l| l.trim().split('"').nth(1).unwrap())
        .collect();
    assert_eq!(keys, ["schema", "kind", "target", "outcome"]);
    insta::assert_snapshot!(text);
}

#[test]
fn other_json_is_refused_with_what_it_is() {
    for (text, says) in [
        ("{}", "schema \"\", kind \"\""),
        (
            r#"{"schema":"ssekit/1","kind":"observation"}"#,
            "kind \"observation\"",
        ),
        ("[]", "schema \"\""),
        ("data: x\n\n", "expected value at line 1"),
        (r#"{"schema":"ssekit/1","kind":"check"}"#, "missing field"),
    ] {
        let error = json::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn markdown_shows_hostile_text_as_text() {
    let text = markdown::render(&record());
    insta::assert_snapshot!(text);
    for line in text.lines().filter(|l| !l.trim_start().starts_with('`')) {
        assert!(!line.contains("<&\"") || line.contains('`'), "{line}");
        assert!(!line.contains("[a](b)") || line.contains('`'), "{line}");
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn matrix_puts_differences_first() {
    let (broken, healthy) = (record(), healthy());
    let columns = [
        Column {
            label: HOSTILE,
            record: &broken,
        },
        Column {
            label: "healthy",
            record: &healthy,
        },
    ];
    let text = matrix::render(&columns);
    insta::assert_snapshot!(text);
    // Every row of a table has as many cells as its head.
    let mut cells = None;
    for line in text.lines() {
        let bars = line.replace("\\|", "").matches('|').count();
        if !line.starts_with('|') {
            cells = None;
        } else {
            assert_eq!(*cells.get_or_insert(bars), bars, "{line}");
        }
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn an_empty_record_has_views_too() {
    let mut empty = record();
    empty.checks.clear();
    empty.counts = CheckSummary::default();
    empty.outcome = CheckOutcome::Incomplete;
    let text = plain(&terminal::render(&empty, layout(80)));
    assert!(text.contains("incomplete: nothing was checked"), "{text}");
    assert!(markdown::render(&empty).contains("nothing was checked"));
    assert!(matrix::render(&[]).contains("None."));
}
