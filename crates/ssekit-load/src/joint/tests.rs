//! The sum of what several processes tell while a run goes on.
#![allow(clippy::unwrap_used)]
use ssekit_record::{Distribution, Interval, Live, MetricValue, Unit, Verdict};

use super::*;
use crate::order::Order;

fn job(thresholds: &str) -> Job {
    let text = format!(
        "[target]\nurl = \"http://127.0.0.1:9/\"\n[[phase]]\nkind = \"ramp\"\nto = 2\nover = \"1s\"\nrecord = false\n\
         [[phase]]\nkind = \"hold\"\nfor = \"2s\"\n{thresholds}"
    );
    let path = std::path::Path::new("s.toml");
    let loaded = ssekit_scenario::load::LoadScenario::parse(&text, path, &[], |_| None).unwrap();
    let order = Order {
        scenario: loaded.scenario,
        toml: loaded.toml,
        folder: std::path::PathBuf::new(),
        shard: ssekit_record::Shard::default(),
        workers: None,
        processes: 2,
    };
    order.job().unwrap()
}

/// The interval of this second, with these gaps.
fn told(second: u64, gaps: &[u64]) -> Option<Snapshot> {
    let mut samples = Distribution::new(3);
    gaps.iter().for_each(|gap| samples.record(*gap));
    let gap = MetricValue::Distribution {
        unit: Unit::Us,
        samples,
        synthetic: 0,
    };
    Some(Snapshot {
        row: Interval {
            start_us: second * 1_000_000,
            end_us: (second + 1) * 1_000_000,
            phase: if second == 0 { "ramp" } else { "hold" }.into(),
            streams: Live {
                planned: 1,
                live: 1,
                ..Live::default()
            },
            counts: LoadCounts {
                received: gaps.len() as u64,
                ..LoadCounts::default()
            },
            metrics: [("gap".to_owned(), gap)].into(),
            populations: Vec::new(),
            cpu_seconds: 0.5,
        },
        errors: [("refused".to_owned(), second)].into(),
        disconnects: BTreeMap::new(),
        rss_bytes: 100,
    })
}

/// What was shown: end, events, streams, quantiles of gaps, errors, memory, verdicts.
type Shown = (u64, u64, u64, (u64, u64), u64, u64, Vec<Verdict>);

fn shown(job: &Job, told: Vec<(usize, Option<Snapshot>)>) -> Vec<Shown> {
    let mut joint = Joint::new(job, 2);
    let mut all = Vec::new();
    for (process, told) in told {
        joint.take(process, told, &mut |mut progress| {
            let row = progress.row.clone();
            let gaps = row.metrics["gap"].samples().unwrap();
            let verdicts = progress.thresholds();
            all.push((
                row.end_us / 1_000_000,
                row.counts.received,
                row.streams.live,
                (gaps.quantile(0.5), gaps.max()),
                progress.errors["refused"],
                progress.rss_bytes,
                verdicts.into_iter().map(|result| result.verdict).collect(),
            ));
        });
    }
    all
}

#[test]
fn intervals_are_shown_when_all_have_told_them_and_histograms_add() {
    let job = job("[[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 15us\"\n\
                   [[threshold]]\nmetric = \"received\"\nexpr = \"count >= 8\"\n");
    // Medians of the parts are 10 and 900, of the whole 10: no average is.
    let all = shown(
        &job,
        vec![
            (0, told(0, &[10, 10, 10])),
            (0, told(1, &[10, 10, 10])),
            (1, told(0, &[900])),
            (1, told(1, &[900])),
        ],
    );
    let (fail, pass) = (Verdict::Fail, Verdict::Pass);
    assert_eq!(
        all,
        [
            // What is not recorded has no samples to judge; counters count from the beginning.
            (1, 4, 2, (10, 900), 0, 200, vec![fail, fail]),
            (2, 4, 2, (10, 900), 2, 200, vec![pass, pass]),
        ]
    );
}

#[test]
fn nobody_waits_for_a_process_that_is_over() {
    let job = job("");
    let all = shown(
        &job,
        vec![
            (0, told(0, &[5])),
            (0, told(1, &[5])),
            (1, told(0, &[7])),
            (1, None),
            (0, told(2, &[5])),
            (0, None),
        ],
    );
    let told: Vec<_> = all.iter().map(|one| (one.0, one.1, one.5)).collect();
    assert_eq!(told, [(1, 2, 200), (2, 1, 100), (3, 1, 100)]);
}
