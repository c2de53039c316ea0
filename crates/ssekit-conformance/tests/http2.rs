//! Raw HTTP/2 servers: conforming in unusual ways they are not accused, broken in one way they
//! are, of that.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "raw/wire2.rs"]
mod wire2;

use ssekit_conformance::{CheckOptions, check, judge};
use ssekit_http::HttpChoice;
use ssekit_record::{CheckOutcome, CheckRecord, Level, Observation, Verdict};
use wire2::{Origin2, Quirks};

/// Checks what can be told of a server that answers every request alike; a saved observation must
/// say the same.
async fn judged(quirks: Quirks) -> CheckRecord {
    let origin = Origin2::start(quirks).await;
    let mut options = CheckOptions::new(origin.url().parse().unwrap());
    options.http = HttpChoice::Http2;
    options.observe = Some(std::time::Duration::from_millis(1500));
    options.selection.only = ["http2.*", "framing.*"].map(Into::into).to_vec();
    options.selection.skip = vec!["framing.http10".into(), "framing.tiny-storm".into()];
    let checked = check(&options, &mut |_| {}).await.unwrap();
    let saved = Observation::from_json(&checked.observation.to_json().unwrap()).unwrap();
    let again = judge(&saved, &options.selection, Level::Must).unwrap();
    assert_eq!(again.checks, checked.record.checks);
    checked.record
}

fn told(record: &CheckRecord) -> String {
    let findings = record.checks.iter();
    let told = findings.map(|f| format!("\n  {} {}: {}", f.id, f.verdict, f.actual));
    told.collect()
}

fn verdict(record: &CheckRecord, id: &str) -> Verdict {
    record.checks.iter().find(|f| f.id == id).unwrap().verdict
}

/// Checks and what they find.
type Verdicts = &'static [(&'static str, Verdict)];

/// Judges every server at once: the verdicts named, and no accusation besides.
async fn expect(cases: Vec<(&'static str, Quirks, Verdicts)>) {
    let mut running = tokio::task::JoinSet::new();
    for (name, quirks, expected) in cases {
        running.spawn(async move { (name, judged(quirks).await, expected) });
    }
    let mut wrong = String::new();
    while let Some(done) = running.join_next().await {
        let (name, record, expected) = done.unwrap();
        let accused = record.checks.iter().filter(|finding| {
            let is_bad = matches!(
                finding.verdict,
                Verdict::Fail | Verdict::Warn | Verdict::Error
            );
            is_bad && !expected.contains(&(finding.id.as_str(), finding.verdict))
        });
        let missed = expected.iter().filter(|(id, v)| verdict(&record, id) != *v);
        if accused.count() + missed.count() > 0 {
            wrong += &format!("\n{name}: {}{}", record.summary, told(&record));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

const FINE: Verdicts = &[
    ("http2.data-per-event", Verdict::Pass),
    ("http2.flow-control", Verdict::Pass),
    ("http2.rst-cancel", Verdict::Pass),
    ("http2.concurrency", Verdict::Pass),
    ("http2.ping", Verdict::Pass),
    ("http2.same-events", Verdict::NotApplicable),
    ("http2.available", Verdict::NotApplicable),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforming_in_unusual_ways() {
    let with = |change: fn(&mut Quirks)| {
        let mut quirks = Quirks::default();
        change(&mut quirks);
        quirks
    };
    expect(vec![
        ("plain", with(|_| {}), FINE),
        ("padded", with(|q| q.padded = true), FINE),
        ("continuations", with(|q| q.continued = 20), FINE),
        // More of them than the library takes that reads one stream.
        (
            "continuations of a byte",
            with(|q| q.continued = 1),
            &[
                ("http2.flow-control", Verdict::Pass),
                ("http2.data-per-event", Verdict::Unverified),
            ],
        ),
        ("chatter", with(|q| q.chatter = true), FINE),
        ("interim head", with(|q| q.interim = true), FINE),
        ("no table", with(|q| q.no_table = true), FINE),
        ("empty data", with(|q| q.empty_data = true), FINE),
        (
            "queued frames after PONG",
            with(|q| q.overtaken = true),
            FINE,
        ),
        (
            "one byte a frame",
            with(|q| q.torn = true),
            &[("http2.flow-control", Verdict::Pass)],
        ),
        (
            "one stream at once",
            with(|q| q.most_streams = Some(1)),
            &[
                ("http2.concurrency", Verdict::Info),
                ("http2.flow-control", Verdict::Unverified),
                ("http2.rst-cancel", Verdict::Unverified),
                ("http2.ping", Verdict::Pass),
            ],
        ),
        (
            "two streams at once",
            with(|q| q.most_streams = Some(2)),
            &[
                ("http2.flow-control", Verdict::Pass),
                ("http2.rst-cancel", Verdict::Pass),
            ],
        ),
        (
            "no stream at all",
            with(|q| q.most_streams = Some(0)),
            &[("http2.ping", Verdict::Unverified)],
        ),
        (
            "leaves gracefully",
            with(|q| q.leaves = true),
            &[("http2.ping", Verdict::Pass)],
        ),
        (
            "drops the slow",
            with(|q| q.drops_slow = true),
            &[
                ("http2.flow-control", Verdict::Pass),
                ("http2.rst-cancel", Verdict::Unverified),
            ],
        ),
        (
            "silent",
            with(|q| q.silent = true),
            &[
                ("http2.flow-control", Verdict::Pass),
                ("http2.rst-cancel", Verdict::Unverified),
                ("http2.ping", Verdict::Pass),
            ],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_in_one_way() {
    expect(vec![
        (
            "overruns windows",
            Quirks {
                overruns: true,
                ..Quirks::default()
            },
            &[("http2.flow-control", Verdict::Fail)],
        ),
        (
            "resets all streams",
            Quirks {
                resets_all: true,
                ..Quirks::default()
            },
            &[("http2.rst-cancel", Verdict::Warn)],
        ),
    ])
    .await;
}

/// A connection that breaks before any head is the server's failure where it speaks HTTP/2, and
/// no measurement where it refuses, or does not speak it at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_any_head() {
    let broken: &[&[u8]] = &[
        // HEADERS that are no HPACK, DATA before the head, CONTINUATION alone.
        &[0, 0, 2, 1, 4, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 1, 0, 0, 0, 0, 0, 1, b'x'],
        &[0, 0, 0, 9, 4, 0, 0, 0, 1],
    ];
    for bytes in broken {
        let record = judged(Quirks {
            broken: Some(bytes),
            ..Quirks::default()
        })
        .await;
        assert_eq!(
            record.outcome,
            CheckOutcome::Nonconformant,
            "{}",
            record.summary
        );
        assert_eq!(verdict(&record, "framing.well-formed"), Verdict::Fail);
        let fails = record.checks.iter().filter(|f| f.verdict == Verdict::Fail);
        assert_eq!(fails.count(), 1, "{}", told(&record));
        assert!(
            record.summary.starts_with("HTTP/2 broke"),
            "{}",
            record.summary
        );
    }
    let refusals: &[&[u8]] = &[
        // RST_STREAM(REFUSED_STREAM), GOAWAY(ENHANCE_YOUR_CALM).
        &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7],
        &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11],
    ];
    for bytes in refusals {
        let record = judged(Quirks {
            broken: Some(bytes),
            ..Quirks::default()
        })
        .await;
        assert_eq!(
            record.outcome,
            CheckOutcome::Incomplete,
            "{}",
            record.summary
        );
    }
}
