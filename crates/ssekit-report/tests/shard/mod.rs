//! A load record with every verdict, every part and hostile text.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use ssekit_record::{
    Capacity, CapacityStep, Distribution, Generator, Interval, Live, LoadCounts, LoadFinding,
    LoadOutcome, LoadRecord, Metric, MetricValue, Phase, PopulationScope, Recovering, SCHEMA,
    ScenarioSummary, Scope, Shard, Storm, StreamCounts, Threshold, Verdict,
};

pub const HOSTILE: &str = "<&\"]]>'|`\u{1b}[31m\u{202e}=cmd\r\n\u{0}";

pub fn samples(name: &str, values: impl IntoIterator<Item = u64>) -> (String, MetricValue) {
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

/// A control group, slow readers that were given up, readers without an event, and a publisher.
fn populations() -> Vec<PopulationScope> {
    let readers = |kind: &str, name: &str, counts, metrics| PopulationScope {
        population: name.into(),
        kind: Some(kind.into()),
        scope: Scope { counts, metrics },
    };
    let opened = |opened, received| LoadCounts {
        started: opened,
        opened,
        received,
        numbered: received,
        ..LoadCounts::default()
    };
    let times = |factor: u64| {
        let delivery = samples("delivery", (1..=300).map(|n| n * factor));
        let gap = samples("gap", (1..=200).map(|n| 100_000 / factor + n));
        [delivery, gap].into()
    };
    vec![
        readers("subscriber", "control", opened(400, 900), times(10)),
        readers(
            "slow",
            &format!("slow {HOSTILE}"),
            LoadCounts {
                disconnects: 7,
                skipped: 3,
                ..opened(50, 100)
            },
            times(1000),
        ),
        readers("probe", "eventless", opened(50, 0), BTreeMap::new()),
        readers(
            "publisher",
            "ticker",
            LoadCounts {
                published_due: 9,
                published: 8,
                ..LoadCounts::default()
            },
            BTreeMap::new(),
        ),
    ]
}

/// How the run began: not recorded, with a first event of every stream.
fn ramp(counts: LoadCounts) -> Phase {
    Phase {
        name: format!("up {HOSTILE}"),
        kind: "ramp".into(),
        end_us: 1_000_000,
        all: Scope {
            counts,
            metrics: [samples("delivery", [5_000, 900_000])].into(),
        },
        ..Phase::default()
    }
}

/// What shard `index` of two saw: delivery of `from` to `from + 999` ms.
pub fn shard(index: u32, from: u64) -> LoadRecord {
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
        populations: populations(),
        phases: vec![
            ramp(LoadCounts {
                opened: 499,
                ..LoadCounts::default()
            }),
            Phase {
                name: "steady".into(),
                kind: "hold".into(),
                label: None,
                start_us: 1_000_000,
                end_us: 4_000_000,
                record: true,
                all: Scope {
                    counts: LoadCounts {
                        opened: 0,
                        ..counts
                    },
                    metrics: [delivery()].into(),
                },
                populations: Vec::new(),
            },
            Phase {
                name: "again".into(),
                kind: "storm".into(),
                start_us: 4_000_000,
                end_us: 4_000_000,
                record: true,
                ..Phase::default()
            },
        ],
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
    let mut unmeasured = Threshold::parse("tick_lateness p99 < 1s").unwrap();
    unmeasured.unmeasured = Some("nothing says how often: declare it in expect.interval".into());
    let thresholds = [
        Threshold::parse("delivery p99 < 1200ms").unwrap(),
        Threshold::parse("opened count >= 1").unwrap(),
        unmeasured,
        warned,
    ];
    record.thresholds = thresholds.iter().map(|t| t.evaluate(&record)).collect();
    record
}
