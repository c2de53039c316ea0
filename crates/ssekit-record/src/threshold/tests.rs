//! Thresholds: their statistics, operators, scopes and windows, and that no data never passes.

use super::*;
use crate::{
    Distribution, EventCounts, Generator, Interval, LoadCounts, LoadOutcome, LoadRecord, Phase,
    PopulationScope, ScenarioSummary, Scope, Shard, StreamCounts,
};

const SECOND: u64 = 1_000_000;

fn samples(values: impl IntoIterator<Item = u64>) -> Distribution {
    let mut all = Distribution::new(3);
    for value in values {
        all.record(value);
    }
    all
}

fn scope(counts: LoadCounts, metrics: &[(&str, Distribution)]) -> Scope {
    let named = metrics
        .iter()
        .map(|(name, samples)| (Metric::named(name).unwrap(), samples.clone(), 0));
    Scope::new(counts, named)
}

/// A run of one phase, one row a second.
fn record(rows: Vec<Scope>) -> LoadRecord {
    let mut all = Scope::default();
    let mut series = Vec::new();
    for (second, row) in (0..).zip(rows) {
        all.add(&row);
        series.push(Interval {
            start_us: second * SECOND,
            end_us: (second + 1) * SECOND,
            phase: "steady".into(),
            counts: row.counts,
            metrics: row.metrics,
            ..Interval::default()
        });
    }
    let elapsed_us = series.len() as u64 * SECOND;
    LoadRecord {
        subject: None,
        launched: None,
        schema: crate::SCHEMA.into(),
        kind: "load".into(),
        target: "http://127.0.0.1/".into(),
        outcome: LoadOutcome::Pass,
        summary: String::new(),
        ssekit: String::new(),
        started_unix_ms: 0,
        elapsed_us,
        http: None,
        scenario: ScenarioSummary::default(),
        shard: Shard::default(),
        streams: StreamCounts::of(&all.counts, all.counts.started, 1),
        events: EventCounts::from(&all.counts),
        counts: all.counts,
        metrics: all.metrics.clone(),
        populations: Vec::new(),
        phases: vec![Phase {
            name: "steady".into(),
            kind: "hold".into(),
            end_us: elapsed_us,
            record: true,
            all,
            ..Phase::default()
        }],
        series,
        errors: Default::default(),
        disconnects: Default::default(),
        faults: Default::default(),
        storms: Vec::new(),
        capacity: None,
        aborted: None,
        fanout: Vec::new(),
        generator: Generator::default(),
        thresholds: Vec::new(),
        findings: Vec::new(),
        formulas: Default::default(),
    }
}

fn judge(text: &str, record: &LoadRecord) -> ThresholdResult {
    Threshold::parse(text).unwrap().evaluate(record)
}

fn steady() -> LoadRecord {
    let counts = LoadCounts {
        started: 10,
        opened: 10,
        received: 100,
        numbered: 100,
        skipped: 2,
        refilled: 1,
        reordered: 1,
        bytes: 4096,
        ..LoadCounts::default()
    };
    record(vec![
        scope(
            counts,
            &[("delivery", samples((1..=100).map(|ms| ms * 1000)))],
        ),
        scope(LoadCounts::default(), &[("delivery", samples([2_000]))]),
    ])
}

#[test]
fn statistics_are_taken_in_their_units() {
    let record = steady();
    for (text, value, unit) in [
        ("delivery p50 < 1s", 50_000.0, "us"),
        ("e2e max < 1s", 100_000.0, "us"),
        ("delivery count > 0", 101.0, "count"),
        ("delivery rate > 0", 50.5, "per_second"),
        ("delivery frac_above:50ms < 60%", 50.0 / 101.0, "ratio"),
        ("lost == 0", 1.0, "count"),
        ("lost rate == 0", 0.5, "per_second"),
        ("lost ratio < 5%", 1.0 / 101.0, "ratio"),
        ("bytes count > 1KiB", 4096.0, "bytes"),
        ("bytes rate > 1KiB/s", 2048.0, "bytes_per_second"),
    ] {
        let result = judge(text, &record);
        let off = (result.value.unwrap() - value).abs() / value;
        assert!(off < 0.001, "{text}: {result:?}");
        assert_eq!(result.unit, unit, "{text}");
    }
}

#[test]
fn each_operator_holds_and_does_not_hold() {
    let record = steady();
    for (text, verdict) in [
        ("lost < 1", Verdict::Fail),
        ("lost <= 1", Verdict::Pass),
        ("lost > 1", Verdict::Fail),
        ("lost >= 1", Verdict::Pass),
        ("lost == 1", Verdict::Pass),
        ("lost = 1", Verdict::Pass),
        ("lost != 1", Verdict::Fail),
        ("delivery{phase=steady} p99 < 250ms", Verdict::Pass),
        ("delivery{phase=steady} p99 < 50ms", Verdict::Fail),
    ] {
        assert_eq!(judge(text, &record).verdict, verdict, "{text}");
    }
}

#[test]
fn no_data_never_passes() {
    let record = steady();
    for text in [
        "gap p99 < 1h",
        "first_event count >= 0",
        "delivery{phase=elsewhere} p99 < 1h",
        "burst_ratio < 1",
        "ticks_missed == 0",
    ] {
        let result = judge(text, &record);
        assert!(result.fails() && result.no_data, "{text}: {result:?}");
    }
    let mut nothing_numbered = steady();
    nothing_numbered.counts.numbered = 0;
    nothing_numbered.counts.skipped = 0;
    assert!(judge("lost == 0", &nothing_numbered).no_data);
    let mut few = Threshold::parse("delivery p99 < 1s").unwrap();
    few.min_samples = 102;
    assert!(few.evaluate(&record).no_data);
    few.min_samples = 101;
    assert_eq!(few.evaluate(&record).verdict, Verdict::Pass);
}

#[test]
fn why_there_is_no_data_is_told_wherever_it_is_judged_and_nowhere_else() {
    let mut threshold = Threshold::parse("delivery p99 < 1s").unwrap();
    threshold.unmeasured = Some("no stamp is declared".into());
    let mut record = steady();
    let told = "(no stamp is declared)";
    assert!(!threshold.evaluate(&record).detail.contains(told));
    record.metrics.clear();
    record
        .phases
        .iter_mut()
        .for_each(|phase| phase.all.metrics.clear());
    record.series.iter_mut().for_each(|row| row.metrics.clear());
    for window in [Window::Run, Window::Phase, Window::Sliding(SECOND)] {
        threshold.window = window;
        let result = threshold.evaluate(&record);
        assert!(result.no_data && result.fails());
        assert!(
            result.detail.starts_with("no data (no stamp is declared)"),
            "{}",
            result.detail
        );
    }
    threshold.min_samples = 5;
    let detail = threshold.evaluate(&record).detail;
    assert!(
        detail.starts_with("no data: 0 samples of at least 5 (no stamp is declared)"),
        "{detail}"
    );
    // Who reads the record knows it too.
    let text = serde_json::to_string(&threshold).unwrap();
    assert_eq!(serde_json::from_str::<Threshold>(&text).unwrap(), threshold);
}

#[test]
fn what_no_event_has_is_told_where_it_leaves_no_data() {
    let detail = |text: &str, numbered, unnumbered, unstamped| {
        let counts = LoadCounts {
            received: 90,
            numbered,
            unnumbered,
            unstamped,
            ..LoadCounts::default()
        };
        judge(text, &record(vec![scope(counts, &[])])).detail
    };
    assert_eq!(
        detail("lost == 0", 0, 90, 0),
        "no data (none of 90 events has the number that expect.seq declares)"
    );
    assert_eq!(
        detail("delivery p99 < 1s", 90, 0, 90),
        "no data (none of 90 events has the stamp that expect.published_at declares)"
    );
    // Some have it, or nothing was declared.
    assert_eq!(detail("delivery p99 < 1s", 90, 0, 89), "no data");
    assert_eq!(detail("lost == 0", 0, 0, 0), "no data");
    assert_eq!(detail("gap p99 < 1s", 0, 90, 90), "no data");
}

#[test]
fn the_only_population_is_the_whole_run() {
    let record = steady();
    let whole = judge("received count >= 1", &record);
    let mut only = judge("received{population=viewers} count >= 1", &record);
    assert_eq!(only.verdict, Verdict::Pass, "{}", only.detail);
    only.threshold = whole.threshold.clone();
    assert_eq!(only, whole);
    let mut named = steady();
    named.populations.push(PopulationScope {
        population: "readers".into(),
        kind: None,
        scope: Scope::default(),
    });
    assert!(judge("received{population=viewers} count >= 0", &named).no_data);
}

#[test]
fn streams_that_waited_in_vain_are_not_left_out() {
    let arrived = samples([1_000; 90]);
    let waiting = samples([30 * SECOND; 10]);
    let counts = LoadCounts {
        received: 90,
        ..LoadCounts::default()
    };
    let record = record(vec![scope(
        counts,
        &[("first_event", arrived), ("first_event_censored", waiting)],
    )]);
    let result = judge("first_event p95 < 250ms", &record);
    assert!(result.fails(), "{result:?}");
    assert!(
        result.detail.contains("10 streams that waited in vain"),
        "{}",
        result.detail
    );
    assert_eq!(
        judge("first_event p50 < 250ms", &record).verdict,
        Verdict::Pass
    );
    // What never came is none of those that came.
    for (threshold, value) in [
        ("first_event count >= 91", 90.0),
        ("first_event rate >= 91", 90.0),
    ] {
        let result = judge(threshold, &record);
        assert_eq!((result.fails(), result.value), (true, Some(value)));
    }
}

#[test]
fn a_window_sees_what_the_whole_run_hides() {
    let calm = || scope(LoadCounts::default(), &[("gap", samples([1_000; 1000]))]);
    let stalled = scope(LoadCounts::default(), &[("gap", samples([5 * SECOND; 5]))]);
    let mut rows: Vec<_> = (0..30).map(|_| calm()).collect();
    rows.insert(15, stalled);
    let record = record(rows);
    let mut threshold = Threshold::parse("gap p99 < 1s").unwrap();
    assert_eq!(threshold.evaluate(&record).verdict, Verdict::Pass);
    threshold.window = Window::Sliding(SECOND);
    let result = threshold.evaluate(&record);
    assert!(result.fails(), "{result:?}");
    assert!(
        result.detail.contains("from 15 s to 16 s"),
        "{}",
        result.detail
    );
    threshold.for_us = 3 * SECOND;
    assert_eq!(threshold.evaluate(&record).verdict, Verdict::Pass);
    threshold.window = Window::Sliding(100 * SECOND);
    assert_eq!(threshold.evaluate(&record).verdict, Verdict::Pass);
}

/// Rows of a second in which so many events came, in phases of three rows: `a`, `b`, `a` again and so on.
fn in_turn(received: &[u64], recorded: &[&str]) -> LoadRecord {
    let rows = received.iter().map(|received| {
        let counts = LoadCounts {
            received: *received,
            started: 1,
            ..LoadCounts::default()
        };
        scope(counts, &[])
    });
    let mut record = record(rows.collect());
    let name = |second: usize| ["a", "b", "c"][second / 3 % 3];
    for (second, row) in record.series.iter_mut().enumerate() {
        row.phase = name(second).into();
    }
    let phase = |name: &&str| Phase {
        name: (*name).into(),
        record: recorded.contains(name),
        ..Phase::default()
    };
    record.phases = ["a", "b", "c"].iter().map(phase).collect();
    record
}

#[test]
fn no_window_reaches_over_a_phase_that_is_not_recorded() {
    // 100 a second wherever it is looked at; what comes in the phase that is not recorded is no matter.
    let record = in_turn(&[100, 100, 100, 5, 5, 5, 100, 100, 100], &["a", "c"]);
    let mut threshold = Threshold::parse("received rate >= 100").unwrap();
    threshold.window = Window::Sliding(2 * SECOND);
    let result = threshold.evaluate(&record);
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.detail);
    // Nor does a violation last over it.
    let record = in_turn(&[100, 100, 5, 5, 5, 5, 5, 100, 100], &["a", "c"]);
    threshold.window = Window::Sliding(SECOND);
    threshold.for_us = 3 * SECOND;
    let result = threshold.evaluate(&record);
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.detail);
    threshold.for_us = SECOND;
    assert!(threshold.evaluate(&record).fails());
}

#[test]
fn a_violation_may_last_less_than_the_time_given_and_no_longer() {
    let slow = |seconds: std::ops::Range<usize>| {
        let rows = (0..12).map(|second| match seconds.contains(&second) {
            true => scope(LoadCounts::default(), &[("gap", samples([5 * SECOND]))]),
            false => scope(LoadCounts::default(), &[("gap", samples([1_000]))]),
        });
        let mut threshold = Threshold::parse("gap max < 1s").unwrap();
        threshold.window = Window::Sliding(SECOND);
        threshold.for_us = 3 * SECOND;
        threshold.evaluate(&record(rows.collect()))
    };
    assert!(slow(4..7).fails(), "{}", slow(4..7).detail);
    let borne = slow(4..6);
    assert_eq!(borne.verdict, Verdict::Pass);
    assert!(
        borne.detail.contains("violated for 2 s, less than the 3 s"),
        "{}",
        borne.detail
    );
    assert!(slow(0..3).fails() && slow(9..12).fails());
    // Twice two seconds are not four.
    let rows = [5, 5, 0, 5, 5].map(|ms: u64| {
        let gap = samples([ms * SECOND + 1_000]);
        scope(LoadCounts::default(), &[("gap", gap)])
    });
    let mut threshold = Threshold::parse("gap max < 1s").unwrap();
    threshold.window = Window::Sliding(SECOND);
    threshold.for_us = 3 * SECOND;
    let result = threshold.evaluate(&record(rows.into()));
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.detail);
}

#[test]
fn no_data_is_not_borne_for_a_while() {
    let record = steady();
    let mut threshold = Threshold::parse("gap p99 < 1s").unwrap();
    threshold.window = Window::Sliding(SECOND);
    threshold.for_us = 60 * SECOND;
    let result = threshold.evaluate(&record);
    assert!(result.fails() && result.no_data, "{}", result.detail);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    for (text, says) in [
        ("delivry p99 < 1s", "did you mean `delivery`?"),
        ("delivery p99 < 250", "a time such as"),
        ("delivery p99", "reads `STAT OP VALUE`"),
        ("delivery p99 < ", "reads `STAT OP VALUE`"),
        ("delivery < 250ms", "no statistic"),
        ("delivery ratio < 1", "has no `ratio`"),
        ("lost p99 < 1", "has no `p99`"),
        ("lost rate < 1%", "for a share use `ratio`"),
        ("lost ratio < 2", "from 0 to 1"),
        ("delivery{phase} p99 < 1s", "in braces"),
        ("delivery{phase=a p99 < 1s", "`}` is missing"),
        ("delivery p101 < 1s", "no statistic"),
        ("delivery p999999999999999999999x < 1s", "no statistic"),
    ] {
        let error = Threshold::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn thresholds_that_differ_read_differently() {
    let mut threshold = Threshold::parse("gap{phase=steady} p99 < 1s").unwrap();
    assert_eq!(threshold.to_string(), "gap{phase=steady} p99 < 1s");
    threshold.series = Series::Raw;
    assert_eq!(threshold.to_string(), "gap{phase=steady} p99 < 1s (raw)");
    threshold.window = Window::Sliding(2 * SECOND);
    threshold.for_us = 500_000;
    assert_eq!(
        threshold.to_string(),
        "gap{phase=steady} p99 < 1s (raw, in each 2 s, for 500 ms)"
    );
    threshold.series = Series::Corrected;
    threshold.for_us = 0;
    threshold.window = Window::Phase;
    assert_eq!(
        threshold.to_string(),
        "gap{phase=steady} p99 < 1s (in each phase)"
    );
}

#[test]
fn percentiles_are_read_in_both_forms() {
    let stat = |text: &str| text.parse::<Stat>();
    assert_eq!(stat("p99.9"), stat("p999"));
    assert_eq!(stat("p50"), Ok(Stat::Quantile(0.5)));
    assert_eq!(stat("p9999"), stat("p99.99"));
    assert!(stat("p").is_err() && stat("p500").is_err() && stat("p-1").is_err());
}

#[test]
fn results_and_records_are_written_and_read_back() {
    let mut record = steady();
    let mut threshold = Threshold::parse("delivery{phase=steady} p99.9 < 250ms").unwrap();
    threshold.window = Window::Sliding(SECOND);
    threshold.severity = Severity::Warn;
    record.thresholds = vec![threshold.evaluate(&record), judge("lost == 0", &record)];
    let json = serde_json::to_string(&record).unwrap();
    assert!(
        json.starts_with(r#"{"schema":"ssekit/1","kind":"load","target":"#),
        "{json}"
    );
    assert!(
        json.contains(r#""metric":"delivery","expr":"p99.9 < 250ms""#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<LoadRecord>(&json).unwrap(), record);
}

#[test]
fn the_outcome_and_the_exit_code_follow() {
    use crate::{ExitCode, LoadFinding};
    let judged = |mut record: LoadRecord, interrupted| {
        record.outcome = record.judged(interrupted);
        (record.outcome, record.exit_code())
    };
    assert_eq!(
        judged(steady(), false),
        (LoadOutcome::Pass, ExitCode::AsExpected)
    );
    assert_eq!(
        judged(steady(), true),
        (LoadOutcome::Interrupted, ExitCode::Interrupted)
    );
    let with = |text| {
        let mut record = steady();
        record.thresholds = vec![judge(text, &record)];
        record
    };
    assert_eq!(
        judged(with("lost == 0"), false),
        (LoadOutcome::Fail, ExitCode::Findings)
    );
    assert_eq!(
        judged(with("gap p99 < 1s"), false),
        (LoadOutcome::Fail, ExitCode::NoData)
    );
    let mut invalid = with("lost == 0");
    invalid.findings.push(LoadFinding {
        id: "generator.saturated".into(),
        verdict: Verdict::Error,
        detail: String::new(),
    });
    assert_eq!(
        judged(invalid, false),
        (LoadOutcome::Invalid, ExitCode::Invalid)
    );
    let mut silent = record(vec![scope(
        LoadCounts {
            started: 1,
            opened: 1,
            wire_bytes: 9,
            ..LoadCounts::default()
        },
        &[],
    )]);
    assert_eq!(
        judged(silent.clone(), false),
        (LoadOutcome::Fail, ExitCode::NoData)
    );
    silent.streams.opened = 0;
    silent.counts.wire_bytes = 0;
    assert_eq!(
        judged(silent, false),
        (LoadOutcome::Fail, ExitCode::Unreachable)
    );
}

#[test]
fn what_breaks_with_a_part_is_what_no_other_part_can_mend() {
    let breaks = |text: &str| {
        let threshold = Threshold::parse(text).unwrap();
        threshold.expression.breaks_with_a_part()
    };
    for text in [
        "lost count == 0",
        "received count < 10",
        "received count > 10",
        "received rate < 10",
        "gap max < 1s",
        "gap min > 1ms",
        "gap frac_above:1s == 0",
    ] {
        assert!(breaks(text), "{text}");
    }
    for text in [
        "received rate > 10",
        "received rate == 10",
        "gap p99 < 1s",
        "gap mean < 1s",
        "gap max > 1s",
        "gap min < 1s",
        "gap frac_above:1s < 0.1",
    ] {
        assert!(!breaks(text), "{text}");
    }
}
