//! A record as JUnit XML, which CI systems show as test results.
//!
//! A suite is a group, a case is a check. A case is a failure exactly when its finding turns the
//! exit code red, and a run that concluded nothing is an error here too: who reads only this file
//! and who reads only the exit code see the same. What does not apply or could not be judged is
//! skipped; a check that ssekit itself could not carry out is an error.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use ssekit_record::{CheckOutcome, CheckRecord, Evidence, Finding, Verdict};

use crate::excerpt::Window;
use crate::group::groups;
use crate::text::{bounded, duration};

/// Pieces of evidence told of one finding.
const SHOWN: usize = 3;

/// The record as JUnit XML, with a line feed at the end.
pub fn render(record: &CheckRecord) -> String {
    let mut report = Report::new("ssekit check");
    report.set_time(Duration::from_millis(record.elapsed_ms));
    let began = began(record);
    for group in groups(record) {
        let mut suite = suite(record, group.name, began);
        suite.add_test_cases(group.checks.iter().map(|finding| case(finding, record)));
        report.add_test_suite(suite);
    }
    if !record.stale_entries.is_empty() {
        report.add_test_suite(stale(record, began));
    }
    if record.outcome == CheckOutcome::Incomplete {
        report.add_test_suite(unjudged(record, began));
    }
    #[expect(
        clippy::expect_used,
        reason = "a vector takes every write, and what is written is a string"
    )]
    let xml = report.to_string().expect("XML of strings in memory");
    xml
}

fn began(record: &CheckRecord) -> Option<DateTime<FixedOffset>> {
    let ms = i64::try_from(record.started_unix_ms).ok()?;
    DateTime::<Utc>::from_timestamp_millis(ms).map(Into::into)
}

fn suite(record: &CheckRecord, name: &str, began: Option<DateTime<FixedOffset>>) -> TestSuite {
    let mut suite = TestSuite::new(shown(name));
    suite.timestamp = began;
    suite.add_property(("target", shown(&record.target).as_str()));
    if let Some(product) = &record.product {
        suite.add_property(("product", shown(product).as_str()));
    }
    if let Some(http) = record.http {
        suite.add_property(("protocol", http.to_string().as_str()));
    }
    suite.add_property(("ssekit", shown(&record.ssekit).as_str()));
    suite.add_property(("gate", record.gate.as_str()));
    suite
}

/// Without this a run that saw nothing would look like one that found nothing.
fn unjudged(record: &CheckRecord, began: Option<DateTime<FixedOffset>>) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status
        .set_type("incomplete")
        .set_message(shown(&record.summary));
    let mut case = TestCase::new("the target could be observed", status);
    case.set_classname("ssekit.run");
    let mut suite = suite(record, "run", began);
    suite.add_test_case(case);
    suite
}

/// Entries of a baseline that accept nothing any more, each a failure: the exit code is red too.
fn stale(record: &CheckRecord, began: Option<DateTime<FixedOffset>>) -> TestSuite {
    let mut suite = suite(record, "baseline", began);
    for entry in &record.stale_entries {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("stale").set_message(shown(&entry.why));
        let mut case = TestCase::new(shown(&entry.check), status);
        case.set_classname("ssekit.baseline");
        suite.add_test_case(case);
    }
    suite
}

fn case(finding: &Finding, record: &CheckRecord) -> TestCase {
    let mut case = TestCase::new(shown(&finding.id), status(finding, record));
    // Viewers take what is before the last dot for a package and the rest for a class.
    let group = crate::group::group_of(&finding.id);
    case.set_classname(format!("ssekit.{}", shown(group)));
    let passes = matches!(case.status, TestCaseStatus::Success { .. });
    if passes && (finding.verdict != Verdict::Pass || finding.flaky.is_some()) {
        case.set_system_out(told(finding));
    }
    case
}

fn status(finding: &Finding, record: &CheckRecord) -> TestCaseStatus {
    let mut status = match finding.verdict {
        _ if CheckRecord::reddens(finding, record.gate) => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Verdict::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotApplicable | Verdict::Unverified => {
            let mut skipped = TestCaseStatus::skipped();
            skipped
                .set_type(finding.verdict.as_str())
                .set_message(format!("{}: {}", finding.verdict, shown(&finding.actual)));
            return skipped;
        }
        Verdict::Pass | Verdict::Warn | Verdict::Info | Verdict::Fail => TestCaseStatus::success(),
    };
    // These have no effect on a success.
    status
        .set_type(format!("{} ({})", finding.verdict, finding.level))
        .set_message(shown(&finding.actual))
        .set_description(told(finding));
    status
}

/// The text as XML can hold it: [`bounded`], and without the two characters above U+001F that XML
/// 1.0 section 2.2 excludes and UTF-8 can carry.
fn shown(text: &str) -> String {
    let text = bounded(text);
    text.replace('\u{fffe}', "\\u{fffe}")
        .replace('\u{ffff}', "\\u{ffff}")
}

/// The finding as lines of text.
fn told(finding: &Finding) -> String {
    let mut out = format!(
        "{} ({}): {}\n",
        finding.verdict,
        finding.level,
        shown(&finding.title)
    );
    for (label, text) in finding.remarks() {
        labelled(label, &text, &mut out);
    }
    labelled("expected", &finding.expected, &mut out);
    labelled("actual", &finding.actual, &mut out);
    for evidence in finding.evidence.iter().take(SHOWN) {
        write_evidence(evidence, &mut out);
    }
    for source in &finding.source {
        let named = format!("{} {}", source.name, source.url);
        labelled("source", named.trim_end(), &mut out);
    }
    labelled("impact", &finding.impact, &mut out);
    labelled("remedy", &finding.remedy, &mut out);
    out
}

fn labelled(label: &str, text: &str, out: &mut String) {
    if !text.is_empty() {
        let _ = writeln!(out, "{label}: {}", shown(text));
    }
}

fn write_evidence(evidence: &Evidence, out: &mut String) {
    let mut place = vec![format!("probe {}", shown(&evidence.probe))];
    place.extend(evidence.offset.map(|offset| format!("byte {offset}")));
    place.extend(evidence.at_us.map(|us| format!("after {}", duration(us))));
    labelled(
        "where",
        &format!("{}: {}", place.join(", "), evidence.note),
        out,
    );
    if let Some(excerpt) = &evidence.excerpt {
        let Window { text, caret, width } = Window::around(excerpt, 120);
        let text = shown(&text);
        let _ = writeln!(out, "    {text}\n    {:caret$}{}", "", "^".repeat(width));
    }
}
