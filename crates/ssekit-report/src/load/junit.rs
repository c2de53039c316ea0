//! A load record as JUnit XML: a case for each threshold, and one for the run itself.

use std::time::Duration;

use chrono::{DateTime, Utc};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use ssekit_record::{LoadOutcome, LoadRecord, ThresholdResult, Verdict};

use crate::text::bounded;

/// The record as JUnit XML, with a line feed at the end.
///
/// The case `run` fails where the run fails though every threshold holds, and is an error where the
/// run is invalid or was interrupted: who reads only this file and who reads only the exit code see
/// the same.
pub fn render(record: &LoadRecord) -> String {
    let mut report = Report::new("ssekit load");
    report.set_time(Duration::from_micros(record.elapsed_us));
    let mut suite = TestSuite::new(name(record));
    let began = i64::try_from(record.started_unix_ms).ok();
    suite.timestamp = began
        .and_then(DateTime::<Utc>::from_timestamp_millis)
        .map(Into::into);
    suite.add_property(("target", bounded(&record.target).as_str()));
    suite.add_property(("ssekit", bounded(&record.ssekit).as_str()));
    suite.add_property(("scenario", bounded(&record.scenario.digest).as_str()));
    suite.add_test_case(run(record));
    suite.add_test_cases(record.thresholds.iter().map(case));
    report.add_test_suite(suite);
    #[expect(
        clippy::expect_used,
        reason = "a vector takes every write, and what is written is a string"
    )]
    let xml = report.to_string().expect("XML of strings in memory");
    xml
}

fn name(record: &LoadRecord) -> String {
    match record.scenario.name.as_str() {
        "" => "load".into(),
        name => bounded(name),
    }
}

fn run(record: &LoadRecord) -> TestCase {
    let by_threshold = record.thresholds.iter().any(ThresholdResult::fails);
    let mut findings = record.findings.iter();
    let found =
        findings.find(|finding| finding.verdict == Verdict::Fail && finding.id != "no-data");
    let status = match record.outcome {
        LoadOutcome::Pass => TestCaseStatus::success(),
        LoadOutcome::Fail if found.is_some() => {
            let detail = found.map_or("", |finding| &finding.detail);
            failed(NonSuccessKind::Failure, "fail", detail)
        }
        LoadOutcome::Fail if by_threshold => TestCaseStatus::success(),
        LoadOutcome::Fail => failed(NonSuccessKind::Failure, "fail", &record.summary),
        LoadOutcome::Invalid => failed(NonSuccessKind::Error, "invalid", &record.summary),
        LoadOutcome::Interrupted => failed(NonSuccessKind::Error, "interrupted", &record.summary),
    };
    let mut case = TestCase::new("run", status);
    case.set_classname("ssekit.load");
    case
}

fn case(result: &ThresholdResult) -> TestCase {
    let status = match result.verdict {
        Verdict::Fail => failed(NonSuccessKind::Failure, "threshold", &result.detail),
        _ => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(bounded(&result.threshold.to_string()), status);
    case.set_classname("ssekit.load.threshold");
    if result.verdict == Verdict::Warn {
        case.set_system_out(bounded(&result.detail));
    }
    case
}

fn failed(kind: NonSuccessKind, class: &str, why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(class).set_message(bounded(why));
    status
}
