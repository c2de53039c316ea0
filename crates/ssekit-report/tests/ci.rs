//! The views that CI systems read, of the fixed record, and what must hold of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use fixture::{HOSTILE, finding, healthy, record};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use ssekit_record::{CheckOutcome, CheckRecord, CheckSummary, Level, Verdict, is_unsafe_to_show};
use ssekit_report::{github, junit};

/// The record with these checks alone.
fn with_checks(checks: Vec<ssekit_record::Finding>) -> CheckRecord {
    let mut record = record();
    record.counts = CheckSummary::of(&checks);
    record.checks = checks;
    record
}

fn is_harmless(text: &str) -> bool {
    let excluded_by_xml = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}');
    let acts = |c: char| c != '\n' && (is_unsafe_to_show(c) || excluded_by_xml(c));
    !text.contains(acts)
}

#[test]
fn junit_fails_what_reddens_and_skips_what_was_not_judged() {
    let text = junit::render(&record());
    assert!(is_harmless(&text));
    insta::assert_snapshot!(text);
    let report = Report::deserialize_from_str(&text).unwrap();
    let counts = (report.tests, report.failures, report.errors);
    assert_eq!(counts, (10, 1, 1));
    assert_eq!(report.skipped, 4);
    assert_eq!(report.test_suites.len(), 5);
}

#[test]
fn junit_agrees_with_the_gate_and_with_the_exit_code() {
    let mut strict = record();
    strict.gate = Level::Should;
    let text = junit::render(&strict);
    let report = Report::deserialize_from_str(&text).unwrap();
    assert_eq!(report.failures, 2);

    let well = junit::render(&healthy());
    let report = Report::deserialize_from_str(&well).unwrap();
    assert_eq!((report.failures, report.errors), (0, 0));

    let mut unseen = with_checks(Vec::new());
    unseen.outcome = CheckOutcome::Incomplete;
    let text = junit::render(&unseen);
    let report = Report::deserialize_from_str(&text).unwrap();
    assert_eq!((report.failures, report.errors), (0, 1));
    let status = &report.test_suites[0].test_cases[0].status;
    let is_error =
        matches!(status, TestCaseStatus::NonSuccess { kind, .. } if *kind == NonSuccessKind::Error);
    assert!(is_error, "{status:?}");
}

#[test]
fn junit_holds_any_character() {
    let all: String = ('\0'..'\u{500}')
        .chain('\u{2000}'..'\u{2100}')
        .chain('\u{fe00}'..='\u{ffff}')
        .chain('\u{1fff0}'..'\u{1ffff}')
        .collect();
    for text in all.chars().collect::<Vec<_>>().chunks(500) {
        let text: String = text.iter().collect();
        let mut bad = finding(&text, Verdict::Fail, Level::Must, &text);
        bad.title.clone_from(&text);
        let mut skipped = bad.clone();
        skipped.verdict = Verdict::Unverified;
        let xml = junit::render(&with_checks(vec![bad, skipped]));
        assert!(is_harmless(&xml));
        Report::deserialize_from_str(&xml).unwrap();
    }
}

#[test]
fn github_gets_one_line_a_problem() {
    let text = github::render(&record());
    assert!(is_harmless(&text));
    insta::assert_snapshot!(text);
    let commands: Vec<&str> = text.lines().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(commands, ["::error", "::warning", "::warning"]);
    assert_eq!(github::render(&healthy()), "");
}

#[test]
fn github_gets_no_more_than_it_shows() {
    let many = |verdict| {
        let id = |n| format!("group.check-{n}");
        (0..25).map(move |n| finding(&id(n), verdict, Level::Should, HOSTILE))
    };
    let record = with_checks(many(Verdict::Fail).chain(many(Verdict::Warn)).collect());
    let text = github::render(&record);
    for command in ["::error ", "::warning "] {
        let lines: Vec<&str> = text.lines().filter(|l| l.starts_with(command)).collect();
        assert_eq!(lines.len(), 10);
        assert!(lines[9].starts_with(&format!("{command}title=and 16 more::group.check-9: ")));
        assert!(lines[9].contains("group.check-24"));
    }
    assert_eq!(text.lines().count(), 20);

    let mut unseen = with_checks(Vec::new());
    unseen.outcome = CheckOutcome::Incomplete;
    assert!(github::render(&unseen).starts_with("::error title=ssekit%3A incomplete%2C"));
}
