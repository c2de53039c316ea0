//! Views of a load record, over one record with every verdict and hostile text, and merging.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use ssekit_record::{
    Capacity, CapacityStep, Distribution, Generator, Interval, Live, LoadCounts, LoadFinding,
    LoadOutcome, LoadRecord, Metric, MetricValue, Phase, Recovering, SCHEMA, ScenarioSummary,
    Scope, Shard, Storm, StreamCounts, Threshold, Verdict, is_unsafe_to_show,
};
use ssekit_report::load::{compare, csv, hgrm, hlog, html, json, junit, markdown, merge, terminal};
use ssekit_report::terminal::Layout;

const HOSTILE: &str = "<&\"]]>'|`\u{1b}[31m\u{202e}=cmd\r\n\u{0}";

fn samples(name: &str, values: impl IntoIterator<Item = u64>) -> (String, MetricValue) {
    let mut samples = Distribution::new(3);
    values.into_iter().for_each(|value| samples.record(value));
    let unit = Metric::named(name).unwrap().unit;
    let value = MetricValue::Distribution {
        unit,
        samples,
        synthetic: 0,
    };
    (name.to_owned(), value)
}

/// 100 of 110 streams come back, in two herds.
fn storm() -> Storm {
    let step = |after_us, attempts, recovered| Recovering {
        after_us,
        attempts,
        errors: attempts - recovered,
        recovered,
    };
    let mut storm = Storm {
        phase: format!("restart {HOSTILE}"),
        mode: "rst".into(),
        at_us: 2_000_000,
        dropped: 110,
        errors: [("refused".to_owned(), 10)].into(),
        recovery: Some(samples("storm_recovery", (1..=100).map(|n| n * 10_000)).1),
        curve: vec![step(0, 60, 50), step(900_000, 50, 50)],
        ..Storm::default()
    };
    storm.settle();
    storm
}

/// Two steps, of which the second has streams that did not open.
fn capacity() -> Capacity {
    let step = |streams, open| CapacityStep {
        streams,
        open,
        unopened: streams - open,
        start_us: 0,
        end_us: 1_000_000,
        all: Scope {
            metrics: [samples("delivery", [streams * 1000])].into(),
            ..Scope::default()
        },
        ..CapacityStep::default()
    };
    let mut capacity = Capacity {
        phase: "up".into(),
        steps: vec![step(100, 100), step(200, 150)],
        ..Capacity::default()
    };
    capacity.judge(
        &[Threshold::parse("delivery p99 < 150ms").unwrap()],
        &[],
        true,
    );
    capacity
}

/// What shard `index` of two saw: delivery of `from` to `from + 999` ms.
fn shard(index: u32, from: u64) -> LoadRecord {
    let delivery = || samples("delivery", (from..from + 1000).map(|ms| ms * 1000));
    let counts = LoadCounts {
        started: 500,
        opened: 499,
        failed: 1,
        received: 1000,
        numbered: 1000,
        skipped: 3,
        bytes: 100_000,
        reads: 900,
        ..LoadCounts::default()
    };
    let metrics: BTreeMap<_, _> = [
        delivery(),
        samples("first_event", (1..=499).map(|n| n * 100)),
        samples("storm_recovery", (1..=100).map(|n| n * 10_000)),
    ]
    .into();
    let row = |second: u64| Interval {
        start_us: second * 1_000_000,
        end_us: (second + 1) * 1_000_000,
        phase: "steady".into(),
        streams: Live {
            planned: 500,
            live: 499,
            failed: 1,
            ..Live::default()
        },
        counts: LoadCounts {
            received: 250,
            ..LoadCounts::default()
        },
        metrics: [delivery()].into(),
        cpu_seconds: 0.1,
        ..Interval::default()
    };
    let mut record = LoadRecord {
        subject: None,
        launched: None,
        schema: SCHEMA.into(),
        kind: "load".into(),
        target: format!("http://127.0.0.1/{HOSTILE}"),
        outcome: LoadOutcome::Fail,
        summary: format!("It failed: {HOSTILE}"),
        ssekit: "0.0.0".into(),
        started_unix_ms: 1_700_000_000_000,
        elapsed_us: 4_000_000,
        http: Some("1.1".into()),
        scenario: ScenarioSummary {
            name: format!("gate {HOSTILE}"),
            digest: "abc".into(),
            seed: 7,
            meta: BTreeMap::new(),
            toml: format!("name = \"{HOSTILE}\"\n"),
        },
        shard: Shard {
            index,
            count: 2,
            ..Shard::default()
        },
        streams: StreamCounts::of(&counts, 500, 499),
        events: (&counts).into(),
        counts,
        metrics,
        populations: Vec::new(),
        phases: vec![Phase {
            name: "steady".into(),
            kind: "hold".into(),
            label: None,
            start_us: 0,
            end_us: 4_000_000,
            record: true,
            all: Scope {
                counts,
                metrics: [delivery()].into(),
            },
            populations: Vec::new(),
        }],
        series: (0..4).map(row).collect(),
        errors: [(format!("status 503 {HOSTILE}"), 1)].into(),
        disconnects: [("eof".to_owned(), 2)].into(),
        faults: BTreeMap::new(),
        storms: vec![storm()],
        capacity: Some(capacity()),
        aborted: None,
        fanout: Vec::new(),
        generator: Generator {
            cpu_seconds: 1.5,
            max_rss_bytes: 20 << 20,
            workers: 1,
            processes: 1,
            started_ratio: 1.0,
            ..Generator::default()
        },
        thresholds: Vec::new(),
        findings: [
            Verdict::Fail,
            Verdict::Warn,
            Verdict::Info,
            Verdict::Pass,
            Verdict::Unverified,
            Verdict::NotApplicable,
        ]
        .into_iter()
        .map(|verdict| LoadFinding {
            id: format!("some.{verdict}"),
            verdict,
            detail: format!("Seen: {HOSTILE}"),
        })
        .collect(),
        formulas: BTreeMap::new(),
    };
    let mut warned = Threshold::parse("first_event max < 1ms").unwrap();
    warned.severity = ssekit_record::Severity::Warn;
    let thresholds = [
        Threshold::parse("delivery p99 < 1200ms").unwrap(),
        Threshold::parse("opened count >= 1").unwrap(),
        Threshold::parse("tick_lateness p99 < 1s").unwrap(),
        warned,
    ];
    record.thresholds = thresholds.iter().map(|t| t.evaluate(&record)).collect();
    record
}

fn plain(styled: &str) -> String {
    let mut out = String::new();
    let mut rest = styled;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("only styles") + at;
        rest = &rest[end + 1..];
    }
    out + rest
}

fn assert_harmless(text: &str) {
    let bad = |c: char| !matches!(c, '\n' | '\r') && is_unsafe_to_show(c);
    assert_eq!(text.chars().find(|c| bad(*c)), None);
}

#[test]
fn a_terminal_shows_it_whole_and_quiet() {
    let text = plain(&terminal::render(&shard(0, 1), Layout::default()));
    assert_harmless(&text);
    insta::assert_snapshot!(text);
    let quiet = Layout {
        quiet: true,
        ..Layout::default()
    };
    let text = plain(&terminal::render(&shard(0, 1), quiet));
    assert!(
        !text.contains("by percentile") && !text.contains("delivery p99 <") || text.contains("✗")
    );
}

#[test]
fn other_forms_hold_hostile_text() {
    let record = shard(0, 1);
    for text in [
        markdown::render(&record),
        junit::render(&record),
        csv::render(&record),
        hlog::render(&record),
        json::render(&record).unwrap(),
        html::render(&record),
    ] {
        assert_harmless(&text);
    }
    insta::assert_snapshot!("markdown", markdown::render(&record));
    insta::assert_snapshot!("junit", junit::render(&record));
    insta::assert_snapshot!("csv", csv::render(&record));
    let page = html::render(&record);
    assert!(!page.contains("<&\"]]>") && page.contains("&#60;") || page.contains("&lt;"));
    assert_eq!(page.matches("<svg").count(), 7);
    assert!(!page.contains("<script") && !page.contains("http-equiv=\"refresh"));
}

#[test]
fn json_is_read_back() {
    let record = shard(0, 1);
    assert_eq!(
        json::parse(&json::render(&record).unwrap()).unwrap(),
        record
    );
    assert!(json::parse("{\"schema\":\"ssekit/1\",\"kind\":\"check\"}").is_err());
}

#[test]
fn junit_and_the_exit_code_say_the_same() {
    let record = shard(0, 1);
    let xml = junit::render(&record);
    let parsed = junit_parser::from_reader(std::io::Cursor::new(xml)).unwrap();
    // The threshold that does not hold, and the finding besides.
    assert_eq!((parsed.tests, parsed.failures, parsed.errors), (5, 2, 0));
}

#[test]
fn a_distribution_reads_as_other_tools_print_it() {
    let record = shard(0, 1);
    let delivery = record.metrics["delivery"].samples().unwrap();
    let text = hgrm::render(delivery, 1000.0);
    let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
    assert!(last.contains(" 1.000000000000       1000"), "{last}");
    assert!(text.contains("Total count    =         1000]"), "{text}");
}

#[test]
fn percentiles_of_a_merge_are_those_of_all_samples() {
    let (low, high) = (shard(0, 1), shard(1, 1001));
    let whole = merge::merge(vec![high.clone(), low.clone()], 0).unwrap();
    let delivery = whole.metrics["delivery"].samples().unwrap();
    assert_eq!(delivery.count(), 2000);
    let median = delivery.quantile(0.5);
    assert!((1_000_000..1_002_000).contains(&median), "{median}");
    assert_eq!((whole.streams.planned, whole.events.received), (1000, 2000));
    assert_eq!(whole.counts.lost(), 6);
    assert_eq!(whole.series.len(), 4);
    assert_eq!(whole.series[0].streams.live, 998);
    let storm = &whole.storms[0];
    assert_eq!((storm.dropped, storm.recovered), (220, 200));
    assert_eq!(storm.peak_attempts, 220);
    assert_eq!(storm.shares[1].after_us, None);
    let capacity = whole.capacity.as_ref().unwrap();
    let open: Vec<_> = capacity.steps.iter().map(|step| step.open).collect();
    assert_eq!(open, [200, 300]);
    // It held in the first shard alone, and does not hold on the union.
    assert_eq!(low.thresholds[0].verdict, Verdict::Pass);
    assert_eq!(whole.thresholds[0].verdict, Verdict::Fail);
    assert_eq!(whole.shard.merged, 2);
}

#[test]
fn what_is_no_shard_of_one_run_is_not_merged() {
    assert!(merge::merge(vec![shard(0, 1), shard(0, 1)], 0).is_err());
    assert!(merge::merge(vec![shard(0, 1)], 0).is_err());
    assert!(merge::merge(vec![shard(0, 1)], 1).is_ok());
    let mut other = shard(1, 1);
    other.scenario.digest = "def".into();
    assert!(merge::merge(vec![shard(0, 1), other], 0).is_err());
    assert!(merge::merge(Vec::new(), 0).is_err());
}

#[test]
fn worse_beyond_the_noise_is_found_and_noise_is_not() {
    use compare::Change;
    let change = |before: u64, after: u64, name: &str| {
        let rows = compare::compare(&shard(0, before), &shard(0, after), 0.1);
        rows.into_iter()
            .find(|row| row.name == name)
            .unwrap()
            .change
    };
    assert_eq!(change(1000, 1010, "delivery p50"), Change::Same);
    assert_eq!(change(1000, 2000, "delivery p50"), Change::Worse);
    assert_eq!(change(2000, 1000, "delivery p50"), Change::Better);
    assert_eq!(change(1000, 2000, "delivery p99.9"), Change::Unclear);
    assert_eq!(change(1, 1, "lost"), Change::Same);
    let mut lossy = shard(0, 1);
    lossy.counts.skipped = 30;
    let rows = compare::compare(&shard(0, 1), &lossy, 0.1);
    let lost = rows.iter().find(|row| row.name == "lost").unwrap();
    assert_eq!(lost.change, Change::Worse);
    let text = compare::render(&rows, &["the scenarios differ".into()]);
    assert!(text.contains("1 figure became worse") && text.contains("Note: the scenarios differ."));
}

#[test]
fn parts_of_a_search_are_not_merged_afterwards() {
    let part = |index| {
        let mut part = shard(index, 1);
        part.capacity.as_mut().unwrap().stop_on = Some("threshold".into());
        part
    };
    let refused = merge::merge(vec![part(0), part(1)], 0).unwrap_err();
    assert_eq!(refused, merge::MergeError::Search);
    assert!(refused.to_string().contains("--processes"), "{refused}");
}

#[test]
fn whoever_knows_more_of_the_whole_says_it_before_it_is_judged() {
    let mut conclude = |whole: &mut LoadRecord| {
        whole.capacity.as_mut().unwrap().detail = "100 were well served.".into();
        whole.capacity.as_mut().unwrap().knee = Some(100);
        whole.findings.push(LoadFinding {
            id: "generator.saturated".into(),
            verdict: Verdict::Error,
            detail: "At its limit.".into(),
        });
    };
    let whole = merge::merge_with(vec![shard(0, 1), shard(1, 1)], 0, &mut conclude).unwrap();
    assert_eq!(whole.outcome, LoadOutcome::Invalid);
    assert!(
        whole
            .summary
            .ends_with("shards. 100 were well served. At its limit."),
        "{}",
        whole.summary
    );
}

#[test]
fn a_shard_without_data_is_no_run_without_data() {
    let empty = |index| {
        let mut shard = shard(index, 1);
        shard.events = ssekit_record::EventCounts::default();
        shard.findings = vec![LoadFinding {
            id: "no-data".into(),
            verdict: Verdict::Fail,
            detail: "No stream opened.".into(),
        }];
        shard
    };
    let has = |shards| {
        let whole = merge::merge(shards, 0).unwrap();
        whole.findings.iter().any(|finding| finding.id == "no-data")
    };
    assert!(!has(vec![empty(0), shard(1, 1)]));
    assert!(has(vec![empty(0), empty(1)]));
}

#[test]
fn streams_are_away_after_a_merge_only_if_those_of_every_shard_are() {
    let gone = |index| {
        let mut record = shard(index, 1);
        let last = &mut record.series.last_mut().unwrap().streams;
        (last.live, last.backoff) = (0, 499);
        record.findings.extend(record.away());
        record
    };
    let found = |records| {
        let whole = merge::merge(records, 0).unwrap();
        let mut findings = whole.findings.into_iter();
        findings.find(|f| f.id == "streams.away")
    };
    assert!(gone(0).findings.iter().any(|f| f.id == "streams.away"));
    assert_eq!(found(vec![gone(0), shard(1, 1)]), None);
    let detail = found(vec![gone(0), gone(1)]).unwrap().detail;
    assert!(
        detail.contains("None of 1000 streams") && detail.contains("after 4.0 s"),
        "{detail}"
    );
}
