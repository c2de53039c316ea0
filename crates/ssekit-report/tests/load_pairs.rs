//! Load records merged as shards of one run, and compared as two runs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod shard;

use std::collections::BTreeMap;

use shard::{samples, shard};
use ssekit_record::{
    FanoutEvent, FanoutSketch, LoadCounts, LoadFinding, LoadOutcome, LoadRecord, MetricValue,
    Phase, Threshold, Verdict,
};
use ssekit_report::load::compare::{Change, Compared};
use ssekit_report::load::{baseline, compare, merge};

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

/// A shard that saw one event published while nothing was recorded and one after that.
fn spread(index: u32, last_us: u64) -> LoadRecord {
    let mut record = shard(index, 1);
    let phase = |record| Phase {
        record,
        ..Phase::default()
    };
    record.phases = vec![phase(false), phase(true)];
    let event = |phase| FanoutEvent {
        published_us: Some(1000),
        first_us: 1300,
        last_us: last_us << phase,
        arrived: 2,
        phase,
    };
    record.fanout = vec![FanoutSketch {
        population: "readers".into(),
        bits: 0,
        events: [(1, event(0)), (2, event(1))].into(),
    }];
    record
}

#[test]
fn what_went_wrong_and_no_threshold_asks_about_is_told() {
    let told = |expression: Option<&str>| {
        let mut lossy = shard(0, 1);
        lossy.events.lost = 3;
        lossy.thresholds = expression
            .map(|text| Threshold::parse(text).unwrap().evaluate(&lossy))
            .into_iter()
            .collect();
        lossy.unjudged().map(|finding| finding.detail)
    };
    let of_loss = told(Some("gap p99 < 1s")).unwrap();
    assert!(of_loss.contains("3 events were lost"), "{of_loss}");
    let others = told(Some("lost count == 0"));
    assert!(others.is_none_or(|detail| !detail.contains("lost")));
}

#[test]
fn how_events_spread_is_told_of_each_phase_and_of_what_was_recorded() {
    let whole = merge::merge(vec![spread(0, 1400), spread(1, 1500)], 0).unwrap();
    let last = |metrics: &BTreeMap<String, MetricValue>| {
        let samples = metrics["fanout_last"].samples().unwrap();
        (samples.count(), samples.max())
    };
    let phases: Vec<_> = whole.phases.iter().map(|p| last(&p.all.metrics)).collect();
    assert_eq!(phases, [(1, 500), (1, 2000)]);
    assert_eq!(last(&whole.metrics), (1, 2000));
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
    let text = compare::render(&rows, 0.1, &["the scenarios differ".into()]);
    assert!(text.contains("1 figure became worse") && text.contains("Note: the scenarios differ."));
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

fn changes(before: &LoadRecord, after: &LoadRecord) -> Vec<(String, Change)> {
    let rows = compare::compare(before, after, 0.1).into_iter();
    rows.map(|row| (row.name, row.change)).collect()
}

fn change(rows: &[(String, Change)], name: &str) -> Option<Change> {
    let mut rows = rows.iter();
    rows.find(|(known, _)| known == name)
        .map(|(_, change)| *change)
}

/// A record in which so many of a thousand numbers are lost.
fn lossy(lost: u64) -> LoadRecord {
    let mut record = shard(0, 1);
    record.counts.skipped = lost;
    record.counts.numbered = 1000 - lost;
    record
}

#[test]
fn a_loss_where_there_was_none_is_worse_and_one_more_or_less_is_chance() {
    let lost = |before, after| change(&changes(&lossy(before), &lossy(after)), "lost");
    assert_eq!(lost(0, 3), Some(Change::Worse));
    assert_eq!(lost(0, 1), Some(Change::Worse));
    assert_eq!(lost(3, 0), Some(Change::Better));
    assert_eq!(lost(0, 0), Some(Change::Same));
    assert_eq!(lost(1, 2), Some(Change::Unclear));
    assert_eq!(lost(2, 1), Some(Change::Unclear));
    assert_eq!(lost(100, 115), Some(Change::Unclear));
    assert_eq!(lost(100, 150), Some(Change::Worse));
    assert_eq!(lost(100, 109), Some(Change::Same));
}

#[test]
fn what_is_not_measured_any_more_is_told_and_is_no_pass() {
    let before = shard(0, 1000);
    let mut after = before.clone();
    after.metrics.remove("delivery");
    (after.counts.numbered, after.counts.skipped) = (0, 0);
    let rows = changes(&before, &after);
    assert_eq!(change(&rows, "delivery"), Some(Change::Missing));
    assert_eq!(change(&rows, "lost"), Some(Change::Missing));
    assert_eq!(change(&rows, "first_event p50"), Some(Change::Same));
    let back = changes(&after, &before);
    assert_eq!(change(&back, "delivery"), Some(Change::New));
    let text = compare::render(&compare::compare(&before, &after, 0.1), 0.1, &[]);
    assert!(
        text.contains("| `delivery` | 1000 samples | no data |  | **not measured any more** |"),
        "{text}"
    );
    assert!(
        text.contains("figures were not measured any more."),
        "{text}"
    );
    // As a baseline it is no pass either, also where no metric is named.
    let mut judged = after.clone();
    (judged.thresholds, judged.findings) = (Vec::new(), Vec::new());
    let terms = baseline::Terms {
        name: "before.json".into(),
        noise: 0.1,
        metrics: Vec::new(),
        fails: true,
    };
    baseline::judge(&mut judged, &before, &terms);
    let found = judged.findings.last().unwrap();
    assert_eq!(
        (found.id.as_str(), found.verdict),
        ("baseline.no-data", Verdict::Fail)
    );
    assert!(
        found.detail.contains("delivery, duplicated, lost"),
        "{}",
        found.detail
    );
}

#[test]
fn streams_that_were_never_away_do_not_lack_a_way_back() {
    let mut before = shard(0, 1);
    before
        .metrics
        .extend([samples("reconnect_time", [5_000; 50])]);
    before.counts.disconnects = 50;
    let mut after = shard(0, 1);
    let rows = changes(&before, &after);
    assert_eq!(change(&rows, "reconnect_time"), Some(Change::Better));
    // Also where it is all that is asked for.
    let mut judged = after.clone();
    (judged.thresholds, judged.findings) = (Vec::new(), Vec::new());
    let terms = baseline::Terms {
        name: "before.json".into(),
        noise: 0.1,
        metrics: vec!["reconnect_time".into()],
        fails: true,
    };
    baseline::judge(&mut judged, &before, &terms);
    assert_eq!(judged.findings[0].id, "baseline.held");
    after.counts.disconnects = 50;
    let rows = changes(&before, &after);
    assert_eq!(change(&rows, "reconnect_time"), Some(Change::Missing));
}

#[test]
fn too_few_samples_and_invalid_runs_say_nothing() {
    let few = |us: u64| {
        let mut record = shard(0, 1);
        record.metrics = [samples("delivery", [us; 5])].into();
        record.counts = LoadCounts::default();
        record
    };
    let rows = compare::compare(&few(1_000), &few(900_000), 0.1);
    assert!(
        rows.iter()
            .all(|row: &Compared| row.change == Change::Unclear)
    );
    let text = compare::render(&rows, 0.1, &[]);
    assert!(
        text.contains("Nothing could be compared: too few samples."),
        "{text}"
    );
    let mut invalid = shard(0, 1);
    invalid.outcome = LoadOutcome::Invalid;
    assert!(compare::is_invalid(&shard(0, 1), &invalid));
    assert!(compare::is_invalid(&invalid, &shard(0, 1)));
    assert!(!compare::is_invalid(&shard(0, 1), &shard(0, 1)));
    let caveats = compare::caveats(&invalid, &shard(0, 1));
    assert!(
        caveats[0].contains("the first run is invalid"),
        "{caveats:?}"
    );
    assert!(caveats[1].contains("1 of 2 shards"), "{caveats:?}");
}

#[test]
fn streams_that_waited_in_vain_are_among_what_is_compared() {
    let of = |arrived: usize, waiting: usize| {
        let mut record = shard(0, 1);
        record.metrics = [samples("first_event", vec![5_000; arrived])].into();
        if waiting > 0 {
            let waiting = samples("first_event_censored", vec![9_000_000; waiting]);
            record.metrics.extend([waiting]);
        }
        record
    };
    let rows = changes(&of(2000, 0), &of(1200, 800));
    assert_eq!(change(&rows, "first_event p50"), Some(Change::Same));
    assert_eq!(change(&rows, "first_event p99"), Some(Change::Worse));
    let back = changes(&of(1200, 800), &of(2000, 0));
    assert_eq!(change(&back, "first_event p99"), Some(Change::Better));
}

#[test]
fn whatever_the_target_does_wrong_is_compared() {
    let before = shard(0, 1);
    let (mut clean, mut after) = (before.clone(), before.clone());
    for counts in [&mut clean.counts, &mut after.counts] {
        (counts.ticks_due, counts.published_due) = (1000, 1000);
        (counts.received, counts.reads) = (1000, 1000);
    }
    let counts = &mut after.counts;
    (counts.faults, counts.reordered) = (counts.faults + 50, counts.reordered + 50);
    (counts.ticks_missed, counts.publish_failed) = (50, 50);
    let rows = changes(&clean, &after);
    for name in ["faults", "reordered", "ticks_missed", "publish_failed"] {
        assert_eq!(change(&rows, name), Some(Change::Worse), "{name}");
    }
    // As many faults in fewer, larger reads are no more.
    let (mut before, mut after) = (before.clone(), before);
    for (record, reads) in [(&mut before, 10_000), (&mut after, 1000)] {
        (record.counts.received, record.counts.reads) = (1000, reads);
        record.counts.faults = 100;
    }
    let rows = changes(&before, &after);
    assert_eq!(change(&rows, "faults"), Some(Change::Same));
}

#[test]
fn ten_samples_above_a_percentile_are_enough() {
    let of = |us: u64| {
        let mut record = shard(0, 1);
        record.metrics = [samples("delivery", vec![us; 10_000])].into();
        record
    };
    let rows = changes(&of(5_000), &of(50_000));
    assert_eq!(change(&rows, "delivery p99.9"), Some(Change::Worse));
}

#[test]
fn a_run_that_says_nothing_is_no_regression() {
    let (before, mut after) = (shard(0, 1), shard(0, 900_000));
    (after.thresholds, after.findings) = (Vec::new(), Vec::new());
    let judged = |outcomes: [LoadOutcome; 2]| {
        let (mut before, mut after) = (before.clone(), after.clone());
        [before.outcome, after.outcome] = outcomes;
        let terms = baseline::Terms {
            name: "before.json".into(),
            noise: 0.1,
            metrics: Vec::new(),
            fails: true,
        };
        baseline::judge(&mut after, &before, &terms);
        after.findings.pop().unwrap().id
    };
    let (pass, invalid) = (LoadOutcome::Pass, LoadOutcome::Invalid);
    assert_eq!(judged([pass, pass]), "baseline.regression");
    assert_eq!(judged([invalid, pass]), "baseline.no-data");
    assert_eq!(judged([pass, invalid]), "baseline.no-data");
}

#[test]
fn a_difference_below_a_millisecond_is_none() {
    let of = |us: u64| {
        let mut record = shard(0, 1);
        record.metrics = [samples("delivery", vec![us; 1000])].into();
        record
    };
    let p50 = |before, after| change(&changes(&of(before), &of(after)), "delivery p50");
    assert_eq!(p50(100, 900), Some(Change::Same));
    assert_eq!(p50(100, 1_200), Some(Change::Worse));
    assert_eq!(p50(1_200, 100), Some(Change::Better));
}

#[test]
fn shards_merge_the_same_in_any_order() {
    let mut all: Vec<LoadRecord> = (0..2)
        .map(|index| shard(index, 1 + 500 * u64::from(index)))
        .collect();
    for (index, record) in all.iter_mut().enumerate() {
        record.findings = vec![LoadFinding {
            id: "samples.beyond".into(),
            verdict: Verdict::Warn,
            detail: format!("{} samples.", index + 5),
        }];
    }
    let one = merge::merge(all.clone(), 0).unwrap();
    all.reverse();
    let other = merge::merge(all, 0).unwrap();
    assert_eq!(one, other);
    assert_eq!(
        one.findings[0].detail,
        "Shard 0: 5 samples. Shard 1: 6 samples."
    );
}

#[test]
fn what_is_merged_already_is_not_merged_again() {
    let whole = merge::merge(vec![shard(0, 1), shard(1, 1)], 0).unwrap();
    let error = merge::merge(vec![whole, shard(1, 1)], 0).unwrap_err();
    assert!(error.to_string().contains("has several already"), "{error}");
}

#[test]
fn a_part_without_data_is_no_run_without_data() {
    let empty = |planned| {
        let mut record = shard(1, 1);
        record.findings = vec![LoadFinding {
            id: "no-data".into(),
            verdict: Verdict::Fail,
            detail: "No stream opened.".into(),
        }];
        record.streams.planned = planned;
        (record.events.received, record.counts.received) = (0, 0);
        (record.events.lost, record.counts.skipped) = (0, 0);
        record
    };
    let mut full = shard(0, 1);
    full.findings.clear();
    (full.events.lost, full.counts.skipped) = (0, 0);
    let found = |shards| {
        let whole = merge::merge(shards, 0).unwrap();
        let findings = whole.findings.into_iter();
        findings
            .map(|finding| (finding.id, finding.verdict, finding.detail))
            .collect::<Vec<_>>()
    };
    // More shards than streams.
    assert_eq!(found(vec![full.clone(), empty(0)]), []);
    let told = "Shard 1: No stream opened.".to_owned();
    assert_eq!(
        found(vec![full, empty(3)]),
        [("shard.no-data".into(), Verdict::Warn, told)]
    );
    let mut both = empty(3);
    both.shard.index = 0;
    assert_eq!(
        found(vec![both, empty(3)]),
        [("no-data".into(), Verdict::Fail, "No stream opened.".into())]
    );
}

#[test]
fn a_step_that_one_shard_did_not_make_is_no_step_of_the_whole() {
    let whole = shard(0, 1);
    let mut cut = shard(1, 1);
    let capacity = cut.capacity.as_mut().unwrap();
    capacity.steps.truncate(1);
    capacity.stopped_by = "interrupted".into();
    for parts in [vec![whole.clone(), cut.clone()], vec![cut, whole]] {
        let capacity = merge::merge(parts, 0).unwrap().capacity.unwrap();
        // With the streams of one shard alone, nobody was asked for 200.
        let steps: Vec<_> = capacity.steps.iter().map(|step| step.streams).collect();
        assert_eq!(steps, [100]);
        assert_eq!(capacity.stopped_by, "interrupted");
    }
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
        None
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
