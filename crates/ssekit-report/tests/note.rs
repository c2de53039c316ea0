//! What a record says beside its verdicts reaches every view, harmless.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use fixture::{HOSTILE, healthy, record};
use ssekit_record::{
    Acceptance, CheckOutcome, CheckRecord, Flakiness, Launched, StaleEntry, Verdict, VerdictCount,
    is_unsafe_to_show,
};
use ssekit_report::terminal::Layout;
use ssekit_report::{Column, github, html, json, junit, markdown, matrix, terminal};

/// The fixed record with its failure accepted, a flaky check, a stale entry and a started server.
fn noted() -> CheckRecord {
    let mut record = record();
    for finding in &mut record.checks {
        if finding.verdict == Verdict::Fail {
            finding.accepted = Some(Acceptance {
                reason: format!("waits-for-release {HOSTILE}"),
                until: Some("2027-01-31".into()),
            });
        }
        if finding.id == "response.date" {
            let count = |verdict, runs| VerdictCount { verdict, runs };
            finding.flaky = Some(Flakiness {
                run: 3,
                verdicts: vec![count(Verdict::Warn, 1), count(Verdict::Pass, 4)],
            });
        }
    }
    record.stale_entries = vec![StaleEntry {
        check: "cache.no-store".into(),
        why: "the check finds nothing any more".into(),
    }];
    record.launched = Some(Launched {
        log: Some(format!("server.log {HOSTILE}")),
        tail: vec![format!("last-words {HOSTILE}")],
        unproved: Some("descriptors-hidden".into()),
        ..Launched::default()
    });
    record
}

fn views(record: &CheckRecord) -> Vec<(&'static str, String)> {
    let column = Column {
        label: "one",
        record,
    };
    vec![
        ("terminal", terminal::render(record, Layout::default())),
        ("markdown", markdown::render(record)),
        ("html", html::render(record)),
        ("junit", junit::render(record)),
        ("json", json::render(record).unwrap()),
        ("matrix", matrix::render(&[column])),
        ("github", github::render(record)),
    ]
}

#[test]
fn every_view_shows_what_is_accepted_and_what_is_flaky() {
    for (name, text) in views(&noted()) {
        let plain = text.replace('\\', "");
        let told = |what: &str| assert!(plain.contains(what), "{name} lacks {what}:\n{text}");
        told("waits-for-release");
        told("2027-01-31");
        if name == "json" {
            told("\"flaky\"");
        } else {
            told("warn in 1 of 5 runs, pass in 4");
        }
    }
}

#[test]
fn what_the_server_printed_is_shown_where_something_was_found_and_harmless() {
    let record = noted();
    for (name, text) in views(&record) {
        if matches!(name, "terminal" | "markdown" | "html") {
            for told in ["last-words", "descriptors", "cache.no-store"] {
                assert!(text.replace('\\', "").contains(told), "{name} lacks {told}");
            }
        }
        let raw = |c: char| is_unsafe_to_show(c) && !matches!(c, '\n' | '\u{1b}');
        assert!(!text.contains(raw), "{name}");
    }
    let mut clean = healthy();
    assert_eq!(clean.outcome, CheckOutcome::Conformant);
    clean.launched = record.launched;
    assert!(!markdown::render(&clean).contains("last-words"));
}

#[test]
fn what_is_accepted_is_no_failure_and_what_is_stale_is_one() {
    let xml = junit::render(&noted());
    let failures: Vec<&str> = xml.lines().filter(|l| l.contains("<failure")).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains("the check finds nothing any more"));
    let annotations = github::render(&noted());
    let errors: Vec<&str> = annotations
        .lines()
        .filter(|l| l.starts_with("::error"))
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("stale baseline entry"), "{errors:?}");
}
