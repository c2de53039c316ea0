//! The sum of what several processes tell while a run goes on.
#![allow(clippy::unwrap_used)]
use ssekit_record::{
    Distribution, Interval, Live, LoadFinding, MetricValue, SearchEnd, StepShare, Unit, Verdict,
};

use super::*;
use crate::order::Order;

fn job(thresholds: &str) -> Job {
    job_of(&format!(
        "[[phase]]\nkind = \"ramp\"\nto = 2\nover = \"1s\"\nrecord = false\n\
         [[phase]]\nkind = \"hold\"\nfor = \"2s\"\n{thresholds}"
    ))
}

fn job_of(rest: &str) -> Job {
    let text = format!("[target]\nurl = \"http://127.0.0.1:9/\"\n{rest}");
    let path = std::path::Path::new("s.toml");
    let loaded = ssekit_scenario::load::LoadScenario::parse(&text, path, &[], |_| None).unwrap();
    let order = Order {
        scenario: loaded.scenario,
        toml: loaded.toml,
        folder: std::path::PathBuf::new(),
        shard: ssekit_record::Shard::default(),
        workers: None,
        processes: 2,
        ruling: None,
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
        ..Snapshot::default()
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

fn times(samples: impl IntoIterator<Item = u64>) -> MetricValue {
    let mut all = Distribution::new(3);
    samples.into_iter().for_each(|sample| all.record(sample));
    MetricValue::Distribution {
        unit: Unit::Us,
        samples: all,
        synthetic: 0,
    }
}

/// Half of a step of 100 streams more each, all open, with these gaps and lags of the loop.
fn half(number: u64, gaps: &[u64], lags: impl IntoIterator<Item = u64>) -> StepShare {
    let streams = 50 * (number + 1);
    StepShare {
        number,
        start_us: number * 1_000_000,
        end_us: (number + 1) * 1_000_000,
        started: streams,
        due: streams,
        opened: streams,
        open: streams,
        all: Scope {
            counts: LoadCounts::default(),
            metrics: [
                ("gap".to_owned(), times(gaps.iter().copied())),
                ("loop_lag".to_owned(), times(lags)),
            ]
            .into(),
        },
        ..StepShare::default()
    }
}

fn with(step: StepShare) -> Option<Snapshot> {
    let row = told(step.number, &[])?.row;
    Some(Snapshot {
        row: Interval {
            phase: "up".into(),
            ..row
        },
        step: Some(step),
        ..Snapshot::default()
    })
}

const SEARCH: &str = "[[phase]]\nname = \"up\"\nkind = \"steps\"\nstart = 100\nadd = 100\nevery = \"1s\"\n\
                      stop_on = \"threshold\"\n[[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 15us\"\n\
                      [validity]\nmax_loop_lag_p999 = \"100us\"\n";

/// What a search of two processes came to: its end after each thing told, and what it puts into a record.
fn searched(
    told: Vec<(usize, Option<Snapshot>)>,
) -> (
    Vec<Option<SearchEnd>>,
    Option<ssekit_record::Capacity>,
    Vec<LoadFinding>,
) {
    let job = job_of(SEARCH);
    let mut joint = Joint::new(&job, 2);
    let mut ends = Vec::new();
    for (process, told) in told {
        joint.take(process, told, &mut |_| {});
        ends.push(match joint.end() {
            Some(RunEnd::Search(end)) => Some(end),
            _ => None,
        });
    }
    // The record of a run that has not begun.
    let mut record = None;
    Assembly::new(&job, Clock::starting_in(Duration::ZERO)).judged_on(|draft| {
        record = Some(draft.clone());
        Vec::new()
    });
    let mut record = record.unwrap();
    record.findings.clear();
    joint.conclude(&mut record);
    (ends, record.capacity, record.findings)
}

#[test]
fn a_step_is_judged_once_on_what_all_processes_counted() {
    let (fast, slow) = ([10, 10, 10], [900]);
    let (ends, capacity, findings) = searched(vec![
        // Of the first step one half alone would break, of the second one half alone would hold.
        (0, with(half(0, &slow, [1]))),
        (1, with(half(0, &fast, [1]))),
        (0, with(half(1, &[10], [1]))),
        (1, with(half(1, &[900, 900, 900], [1]))),
        // What comes after the end is no step of the search.
        (0, with(half(2, &fast, [1]))),
        (1, with(half(2, &fast, [1]))),
    ]);
    let end = Some(SearchEnd {
        step: 1,
        saturated: false,
    });
    assert_eq!(ends, [None, None, None, end, end, end]);
    let capacity = capacity.unwrap();
    assert_eq!((capacity.knee, capacity.broke_at), (Some(100), Some(200)));
    assert_eq!(capacity.stopped_by, "threshold");
    let steps: Vec<_> = capacity.steps.iter().map(|step| step.open).collect();
    assert_eq!(steps, [100, 200]);
    assert_eq!(capacity.steps[0].all.metrics["gap"].count(), 4);
    assert_eq!(findings, []);
}

#[test]
fn streams_that_one_process_did_not_open_are_missing_from_the_step() {
    let short = StepShare {
        opened: 48,
        open: 48,
        ..half(0, &[10], [1])
    };
    let (ends, capacity, findings) =
        searched(vec![(0, with(half(0, &[10], [1]))), (1, with(short))]);
    assert!(ends[1].is_some());
    let capacity = capacity.unwrap();
    assert_eq!((capacity.steps[0].unopened, capacity.knee), (2, None));
    assert_eq!(capacity.stopped_by, "opened");
    assert_eq!(findings[0].id, "capacity.none");
}

#[test]
fn the_generator_is_judged_on_the_lags_of_all_processes() {
    let lags = |late: u64| (0..1000).map(move |n| if n < late { 900 } else { 5 });
    let with_late = |late| {
        searched(vec![
            (0, with(half(0, &[10], lags(0)))),
            (1, with(half(0, &[10], lags(late)))),
        ])
    };
    // Two in a thousand of one process are one in a thousand of both, which is allowed.
    let (ends, capacity, findings) = with_late(2);
    assert_eq!((ends[1], findings.as_slice()), (None, [].as_slice()));
    assert_eq!(capacity.unwrap().steps[0].saturated, None);
    let (ends, capacity, findings) = with_late(6);
    assert!(ends[1].unwrap().saturated);
    let capacity = capacity.unwrap();
    assert_eq!(capacity.stopped_by, "saturation");
    let saturated = capacity.steps[0].saturated.as_ref().unwrap();
    assert!(saturated.starts_with("loop lag"), "{saturated}");
    // It says so once: lags beyond its limits are not held against it again.
    let ids: Vec<_> = findings.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["generator.saturated"]);
}

#[test]
fn what_one_process_lacks_saturates_the_step() {
    let mut short = half(0, &[10], [1]);
    short.errors = [("no_descriptor".to_owned(), 3)].into();
    let (_, capacity, _) = searched(vec![(0, with(half(0, &[10], [1]))), (1, with(short))]);
    let saturated = capacity.unwrap().steps[0].saturated.clone().unwrap();
    assert!(saturated.contains("3 connections failed"), "{saturated}");
}

#[test]
fn a_search_ends_when_a_process_has_left_it_and_its_step_does_not_count() {
    let (ends, capacity, _) = searched(vec![
        (0, with(half(0, &[10], [1]))),
        (1, with(half(0, &[10], [1]))),
        (1, None),
        (0, with(half(1, &[10], [1]))),
    ]);
    assert!(ends[1].is_none() && ends[2].is_some(), "{ends:?}");
    let capacity = capacity.unwrap();
    assert_eq!((capacity.steps.len(), capacity.knee), (1, Some(100)));
    assert_eq!(capacity.stopped_by, "interrupted");
}

/// The whole of two processes: what ended it after each thing told, and what it says then.
fn aborted(
    thresholds: &str,
    told: Vec<(usize, Option<Snapshot>)>,
) -> (Vec<Option<RunEnd>>, Option<Aborted>) {
    let job = job(thresholds);
    let mut joint = Joint::new(&job, 2);
    let mut ends = Vec::new();
    for (process, told) in told {
        joint.take(process, told, &mut |_| {});
        ends.push(joint.end());
    }
    let aborted = joint.assembly.aborted().map(|(aborted, _)| aborted.clone());
    (ends, aborted)
}

#[test]
fn what_a_population_counted_before_it_was_recorded_counts() {
    let of_two = |second: u64, lost: u64| {
        let part = |name: &str, skipped: u64| PopulationScope {
            population: name.into(),
            scope: Scope {
                counts: LoadCounts {
                    numbered: 100,
                    skipped,
                    ..LoadCounts::default()
                },
                ..Scope::default()
            },
            ..PopulationScope::default()
        };
        let mut told = told(second, &[10])?;
        told.row.populations = vec![part("a", lost), part("b", 0)];
        Some(told)
    };
    let run = |name: &str| {
        let threshold = format!(
            "[[threshold]]\nmetric = \"lost\"\nexpr = \"count < 5\"\nwhere = {{ population = \"{name}\" }}\n\
             abort = true\n[[population]]\nname = \"a\"\n[[population]]\nname = \"b\"\n"
        );
        let told = vec![
            (0, of_two(0, 3)),
            (1, of_two(0, 0)),
            (0, of_two(1, 2)),
            (1, of_two(1, 0)),
        ];
        aborted(&threshold, told).1.map(|aborted| aborted.at_us)
    };
    // Three are lost in the ramp, which is not recorded, and two in the hold.
    assert_eq!(run("a"), Some(2_000_000));
    assert_eq!(run("b"), None);
}

#[test]
fn a_threshold_that_ends_the_run_is_judged_on_the_sum() {
    let run = |thresholds: &str| {
        let (ends, aborted) = aborted(
            thresholds,
            vec![
                (0, told(0, &[10, 10, 10])),
                (1, told(0, &[900])),
                (0, told(1, &[10, 10, 10])),
                (1, told(1, &[900])),
            ],
        );
        assert_eq!(ends[..1], [None]);
        (ends[3], aborted.map(|aborted| aborted.at_us))
    };
    let abort = |metric: &str, expr: &str| {
        run(&format!(
            "[[threshold]]\nmetric = \"{metric}\"\nexpr = \"{expr}\"\nabort = true\n"
        ))
    };
    let ended = |second: u64| (Some(RunEnd::Abort), Some(second * 1_000_000));
    // No part has such a rate, the whole has it; and the other way about.
    assert_eq!(abort("received", "rate > 3.5"), (None, None));
    assert_eq!(abort("received", "rate < 3.5"), ended(1));
    // The median of one part is beyond.
    assert_eq!(abort("gap", "p50 < 15us"), (None, None));
    // Of warm-up there are no samples.
    assert_eq!(abort("gap", "max < 15us"), ended(2));
}

#[test]
fn what_is_cut_off_or_missing_ends_no_run() {
    let rate = "[[threshold]]\nmetric = \"received\"\nexpr = \"rate > 3.5\"\nabort = true\n";
    let mut short = told(1, &[900]).unwrap();
    short.row.end_us -= 700_000;
    let first = || vec![(0, told(0, &[10, 10, 10])), (1, told(0, &[900]))];
    let mut cut = first();
    cut.extend([(0, told(1, &[])), (1, Some(short))]);
    assert_eq!(aborted(rate, cut).1, None);
    let mut missing = first();
    missing.extend([(1, None), (0, told(1, &[10, 10, 10]))]);
    assert_eq!(aborted(rate, missing).1, None);
}

#[test]
fn streams_that_wait_in_vain_in_several_processes_count_with_the_whole() {
    let waiting = |second: u64, waits: &[u64]| {
        let scope = Scope {
            counts: LoadCounts::default(),
            metrics: [(
                "first_event_censored".to_owned(),
                times(waits.iter().copied()),
            )]
            .into(),
        };
        let mut told = told(second, &[])?;
        let first = ("first_event".to_owned(), times([10]));
        told.row.metrics = [first].into();
        Some(Snapshot {
            waiting: vec![PopulationScope {
                population: "streams".into(),
                kind: None,
                scope,
            }],
            ..told
        })
    };
    let threshold =
        "[[threshold]]\nmetric = \"first_event\"\nexpr = \"p50 < 15us\"\nabort = true\n";
    let run = |one: &[u64], other: &[u64]| {
        let told = vec![
            (0, waiting(0, one)),
            (1, waiting(0, other)),
            (0, waiting(1, one)),
            (1, waiting(1, other)),
        ];
        aborted(threshold, told).1
    };
    // Half of one part alone would be beyond.
    assert_eq!(run(&[900, 900], &[]), None);
    let ended = run(&[900, 900], &[900]).unwrap();
    assert_eq!(ended.at_us, 2_000_000);
    assert!(ended.detail.contains("3 streams that waited"), "{ended:?}");
}
