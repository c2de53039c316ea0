//! What steers a run: the search for capacity, thresholds that end it, and storms with their return.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use origin::{Origin, PATIENT, Visit, made, order, stats, tick};
use ssekit_load::{LoadError, Ruling};
use ssekit_record::{ExitCode, LoadOutcome, LoadRecord, RunEnd, SearchEnd, Verdict};

const MS: Duration = Duration::from_millis(1);

fn measured(origin: &Origin, rest: &str) -> LoadRecord {
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n[expect]\nseq = {{ from = \"id\" }}\n{rest}",
        origin.address
    );
    made(&order(&text).job().unwrap())
}

/// Serves 12 connections well; whoever comes later waits for a minute.
fn crowded() -> Origin {
    Origin::start(|visit| {
        if visit.number >= 12 {
            thread::sleep(60_000 * MS);
        }
        tick(visit);
    })
}

const STEPS: &str = "[[phase]]\nkind = \"steps\"\nstart = 4\nadd = 4\nevery = \"1s\"\n";

#[test]
fn a_search_ends_at_the_step_that_breaks_and_names_the_knee() {
    let origin = crowded();
    let record = measured(
        &origin,
        &format!(
            "{STEPS}stop_on = \"threshold\"\n[[phase]]\nkind = \"drain\"\nover = \"1s\"\n\
             [[threshold]]\nmetric = \"first_event\"\nexpr = \"p90 < 400s\"\n{PATIENT}"
        ),
    );
    let capacity = record.capacity.as_ref().unwrap();
    let told: Vec<_> = capacity
        .steps
        .iter()
        .map(|step| (step.streams, step.open, step.unopened, step.held))
        .collect();
    assert_eq!(
        told,
        [
            (4, 4, 0, true),
            (8, 8, 0, true),
            (12, 12, 0, true),
            (16, 12, 4, false)
        ]
    );
    assert_eq!((capacity.knee, capacity.broke_at), (Some(12), Some(16)));
    assert!(capacity.broke_on.contains(&"opened".to_owned()));
    assert_eq!(record.outcome, LoadOutcome::Pass, "{:?}", record.findings);
    assert!(record.elapsed_us < 60_000_000, "100 steps are not made");
    // The plan of a search is what it came to.
    assert!((16..=20).contains(&record.streams.planned));
    assert!(record.summary.contains("12 streams"), "{}", record.summary);
}

#[test]
fn a_threshold_is_judged_on_each_step_alone_and_names_where_it_broke() {
    // From the ninth connection on, everybody's ticks come each 300 ms.
    let open = Arc::new(AtomicU64::new(0));
    let origin = Origin::start(move |visit| {
        open.fetch_add(1, Ordering::SeqCst);
        visit.open();
        let mut id = 1;
        while visit.event(id) {
            id += 1;
            let crowded = open.load(Ordering::SeqCst) > 8;
            thread::sleep(if crowded { 300 * MS } else { 10 * MS });
        }
    });
    let record = measured(
        &origin,
        &format!(
            "{STEPS}stop_on = \"threshold\"\n\
             [[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 200ms\"\n{PATIENT}"
        ),
    );
    let capacity = record.capacity.as_ref().unwrap();
    assert_eq!(capacity.knee, Some(8), "{}", capacity.detail);
    assert_eq!(capacity.broke_at, Some(12));
    assert_eq!(capacity.stopped_by, "threshold");
    assert_eq!(capacity.broke_on, ["gap p50 < 200ms"]);
    let result = &record.thresholds[0];
    assert_eq!(result.verdict, Verdict::Pass);
    assert!(
        result.detail.contains("with 8 streams; with 12 it broke"),
        "{}",
        result.detail
    );
    assert_eq!(record.exit_code(), ExitCode::AsExpected);
}

#[test]
fn a_search_whose_first_step_breaks_fails() {
    let origin = Origin::start(tick);
    let record = measured(
        &origin,
        &format!(
            "{STEPS}stop_on = \"threshold\"\n\
             [[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 1us\"\n{PATIENT}"
        ),
    );
    let capacity = record.capacity.as_ref().unwrap();
    assert_eq!((capacity.knee, capacity.steps.len()), (None, 1));
    assert_eq!(record.thresholds[0].verdict, Verdict::Fail);
    assert_eq!(record.exit_code(), ExitCode::Findings, "{}", record.summary);
}

#[test]
fn a_generator_at_its_limits_ends_the_search_and_is_not_the_target() {
    let origin = Origin::start(tick);
    // No loop is as punctual as that.
    let validity = "[validity]\nmax_loop_lag_p999 = \"1us\"\n";
    let threshold = "[[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 600s\"\n";
    let search = |stop_on: &str| {
        let rest = format!("{STEPS}stop_on = \"{stop_on}\"\n{threshold}{validity}");
        measured(&origin, &rest)
    };
    for stop_on in ["threshold", "saturation"] {
        let record = search(stop_on);
        let capacity = record.capacity.as_ref().unwrap();
        assert_eq!(capacity.stopped_by, "saturation");
        assert_eq!(
            record.outcome,
            LoadOutcome::Invalid,
            "no step can be believed"
        );
        assert!(
            capacity.steps[0]
                .saturated
                .as_ref()
                .unwrap()
                .contains("loop lag")
        );
        let named = record
            .findings
            .iter()
            .find(|one| one.id == "generator.saturated");
        assert!(named.is_some(), "{:?}", record.findings);
    }
}

#[test]
fn steps_with_a_last_one_are_all_made_and_the_thresholds_judge_the_run() {
    let origin = crowded();
    let record = measured(
        &origin,
        &format!(
            "{STEPS}until = 20\n[[threshold]]\nmetric = \"failed\"\nexpr = \"count == 0\"\n{PATIENT}"
        ),
    );
    let capacity = record.capacity.as_ref().unwrap();
    assert_eq!((capacity.steps.len(), capacity.knee), (5, Some(12)));
    assert_eq!(capacity.stopped_by, "until");
    assert_eq!(record.streams.planned, 20);
}

#[test]
fn a_search_is_not_split_over_machines_unless_somebody_judges_its_parts() {
    let text =
        format!("[target]\nurl = \"http://127.0.0.1:9/\"\n{STEPS}stop_on = \"saturation\"\n");
    let mut order = order(&text);
    assert!(order.job().is_ok());
    order.processes = 2;
    assert!(order.job().is_ok());
    (order.processes, order.shard.count) = (1, 2);
    assert!(matches!(order.job(), Err(LoadError::Scenario(_))));
    order.ruling = Some(Ruling::default());
    assert!(order.job().is_ok());
}

#[test]
fn a_part_of_a_search_tells_its_steps_and_ends_when_it_is_told_to() {
    let origin = Origin::start(tick);
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n{STEPS}stop_on = \"threshold\"\n\
         [[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 1us\"\n{PATIENT}",
        origin.address
    );
    let ruling = Ruling::default();
    let mut order = order(&text);
    order.shard.count = 2;
    order.ruling = Some(ruling.clone());
    let mut steps = Vec::new();
    let record = ssekit_load::run(&order.job().unwrap(), &Arc::default(), &mut |progress| {
        steps.extend(progress.snapshot().step);
        if steps.len() == 2 {
            ruling.give(RunEnd::Search(SearchEnd {
                step: 1,
                saturated: false,
            }));
        }
    });
    let record = record.unwrap();
    let told: Vec<_> = steps
        .iter()
        .map(|step| (step.number, step.due, step.unopened(), step.open))
        .collect();
    assert_eq!(told, [(0, 2, 0, 2), (1, 4, 0, 4)], "half of each step");
    assert!(steps[0].all.metrics.contains_key("gap"));
    assert!(steps[0].quantile("loop_lag", 1.0) > 0);
    assert!(steps[0].all.metrics.contains_key("schedule_lag"));
    assert!(
        (2_000_000..60_000_000).contains(&record.elapsed_us),
        "{}",
        record.elapsed_us
    );
    assert_eq!(record.capacity, None, "its own steps are not the search");
    assert!(
        record.findings.iter().all(|one| one.id != "capacity.none"),
        "{:?}",
        record.findings
    );
    assert_eq!(record.streams.dropped_starts, 0, "{:?}", record.streams);
}

#[test]
fn a_threshold_that_aborts_ends_the_run_and_fails_it() {
    let origin = Origin::start(tick);
    let record = measured(
        &origin,
        &format!(
            "[[phase]]\nkind = \"ramp\"\nto = 40\nover = \"300s\"\n\
             [[threshold]]\nmetric = \"gap\"\nexpr = \"p50 < 1ms\"\nabort = true\nabort_after = \"2s\"\n\
             {PATIENT}"
        ),
    );
    assert_eq!(record.exit_code(), ExitCode::Findings);
    let aborted = record.aborted.as_ref().unwrap();
    assert_eq!(aborted.threshold, "gap p50 < 1ms");
    assert!(aborted.at_us >= 2_000_000, "{aborted:?}");
    assert!(
        record.elapsed_us < 200_000_000,
        "the ramp goes on for 300 s"
    );
    assert_eq!(record.streams.planned, 40);
    let begun = record.streams.planned - record.streams.dropped_starts;
    assert!((1..40).contains(&begun), "{:?}", record.streams);
    let named = record
        .findings
        .iter()
        .find(|one| one.id == "run.aborted")
        .unwrap();
    assert_eq!(named.verdict, Verdict::Fail);
}

#[test]
fn what_may_yet_come_true_aborts_nothing() {
    let origin = Origin::start(tick);
    let record = measured(
        &origin,
        &format!(
            "[[phase]]\nkind = \"ramp\"\nto = 2\nover = \"1s\"\n[[phase]]\nkind = \"hold\"\nfor = \"2s\"\n\
             [[threshold]]\nmetric = \"received\"\nexpr = \"count >= 1000000\"\nabort = true\n{PATIENT}"
        ),
    );
    assert_eq!(record.aborted, None);
    assert_eq!(record.elapsed_us, 3_000_000);
    assert_eq!(
        record.outcome,
        LoadOutcome::Fail,
        "at the end it does not hold"
    );
}

#[test]
fn streams_that_wait_in_vain_abort_too() {
    // The first stream is served; the others never have an event.
    let origin = Origin::start(|visit| {
        if visit.number > 0 {
            visit.open();
            visit.linger();
        }
        tick(visit);
    });
    let record = measured(
        &origin,
        &format!(
            "[[phase]]\nkind = \"ramp\"\nto = 10\nover = \"100ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"300s\"\n\
             [[threshold]]\nmetric = \"first_event\"\nexpr = \"p50 < 1500ms\"\nabort = true\n{PATIENT}"
        ),
    );
    let aborted = record.aborted.as_ref().unwrap();
    assert!(aborted.at_us >= 1_500_000, "{aborted:?}");
    assert!(
        aborted.detail.contains("9 streams that waited"),
        "{aborted:?}"
    );
}

#[test]
fn a_storm_is_told_with_its_size_its_herd_and_its_return() {
    // Of those that come back, the first two are refused for now.
    let refused = AtomicU64::new(0);
    let origin = Origin::start(move |visit| {
        let returns = visit.last_event_id().is_some();
        if returns && refused.fetch_add(1, Ordering::SeqCst) < 2 {
            return;
        }
        tick(visit);
    });
    let record = measured(
        &origin,
        &format!(
            "[[phase]]\nkind = \"ramp\"\nto = 8\nover = \"100ms\"\n\
             [[phase]]\nkind = \"hold\"\nfor = \"900ms\"\n\
             [[phase]]\nkind = \"storm\"\nname = \"outage\"\ndrop = \"50%\"\nsettle = \"3s\"\n{PATIENT}"
        ),
    );
    let [storm] = record.storms.as_slice() else {
        panic!("{:?}", record.storms)
    };
    assert_eq!(
        (storm.phase.as_str(), storm.mode.as_str()),
        ("outage", "fin")
    );
    assert_eq!(
        (storm.at_us, storm.dropped, storm.recovered),
        (1_000_000, 4, 4)
    );
    assert_eq!(
        storm.errors.get("unanswered"),
        Some(&2),
        "{:?}",
        storm.errors
    );
    let sum = |of: fn(&ssekit_record::Recovering) -> u64| storm.curve.iter().map(of).sum::<u64>();
    assert_eq!(
        (sum(|s| s.attempts), sum(|s| s.errors), sum(|s| s.recovered)),
        (6, 2, 4)
    );
    assert!((4..=6).contains(&storm.peak_attempts), "{storm:?}");
    let shares: Vec<_> = storm.shares.iter().map(|s| (s.share, s.after_us)).collect();
    assert_eq!(shares.len(), 4);
    assert!(
        shares[0].1.unwrap() >= 199_000,
        "after the reconnection time: {shares:?}"
    );
    assert!(
        shares[3].1.unwrap() >= 399_000,
        "the refused wait twice: {shares:?}"
    );
}

#[test]
fn a_storm_that_nobody_comes_back_from_is_told_as_such() {
    let origin = Origin::start(|visit| {
        if visit.last_event_id().is_none() {
            tick(visit);
        }
    });
    let record = measured(
        &origin,
        &format!(
            "[[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"900ms\"\n\
             [[phase]]\nkind = \"storm\"\ndrop = 2\nsettle = \"1s\"\n{PATIENT}"
        ),
    );
    let storm = &record.storms[0];
    assert_eq!((storm.dropped, storm.recovered), (2, 0));
    assert!(storm.shares.iter().all(|share| share.after_us.is_none()));
}

#[test]
fn a_server_that_is_gone_at_the_end_is_found_and_one_that_came_back_is_not() {
    let ends_after = |last: u64| {
        Origin::start(move |visit| {
            if visit.number >= 3 && last < 10 {
                return;
            }
            visit.open();
            visit.write("retry: 50\n\n");
            for id in 1..=last {
                if !visit.event(id) {
                    return;
                }
                thread::sleep(20 * MS);
            }
        })
    };
    let plan = format!(
        "{PATIENT}[[phase]]\nkind = \"ramp\"\nto = 3\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"2500ms\"\n"
    );
    let gone = measured(&ends_after(5), &plan);
    let found = gone.findings.iter().find(|f| f.id == "streams.away");
    let found = found.unwrap_or_else(|| panic!("{:?} {:?}", gone.findings, gone.series));
    assert_eq!(found.verdict, Verdict::Warn);
    assert!(
        found.detail.starts_with("None of 3 streams"),
        "{}",
        found.detail
    );
    let there = measured(&ends_after(1_000_000), &plan);
    assert!(there.findings.iter().all(|f| f.id != "streams.away"));
}

/// Ticks each 20 ms; then nothing for 300 ms, and ticks again.
fn stall_once(visit: &mut Visit) {
    visit.open();
    for id in 0..10 {
        visit.event(id);
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(300));
    let mut id = 10;
    while visit.event(id) {
        id += 1;
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn histograms_keep_to_their_bounds_and_tell_what_is_beyond() {
    let origin = Origin::start(stall_once);
    let run = |histogram: &str| {
        made(
            &order(&format!(
                "[target]\nurl = \"http://{}/events\"\n[histogram]\n{histogram}\n\
                 [[phase]]\nkind = \"ramp\"\nto = 2\nover = \"10ms\"\n\
                 [[phase]]\nkind = \"hold\"\nfor = \"2500ms\"\n",
                origin.address
            ))
            .job()
            .unwrap(),
        )
    };
    let bounded = run("max = \"100ms\"\nmin = \"1ms\"\ndigits = 2\ninterval = \"200ms\"");
    let gap = stats(&bounded, "gap");
    assert!((100_000..=102_000).contains(&gap.max), "{gap:?}");
    assert!(bounded.counts.beyond >= 2, "{:?}", bounded.counts);
    let found = bounded
        .findings
        .iter()
        .find(|found| found.id == "samples.beyond");
    assert!(
        found.unwrap().detail.contains("100 ms"),
        "{:?}",
        bounded.findings
    );
    let longest = |record: &LoadRecord| {
        let rows = record.series.iter();
        rows.map(|row| row.end_us - row.start_us).max().unwrap()
    };
    assert!(longest(&bounded) <= 200_000, "{}", longest(&bounded));

    let whole = run("interval = \"2s\"");
    let gap = stats(&whole, "gap");
    assert!(gap.max >= 300_000, "{gap:?}");
    assert_eq!(whole.counts.beyond, 0);
    assert!(
        whole
            .findings
            .iter()
            .all(|found| found.id != "samples.beyond")
    );
    assert!(
        longest(&whole) > 1_000_000 && longest(&whole) <= 2_000_000,
        "{}",
        longest(&whole)
    );
    let rows: u64 = whole.series.iter().map(|row| row.counts.received).sum();
    assert_eq!(rows, whole.events.received, "each event is in one row");
}

/// Makes a run against a server that ends each stream after an event and wants it back after so long; how
/// often it was asked.
fn asked_again_after(retry_ms: u64, rest: &str) -> usize {
    let origin = Origin::start(move |visit| {
        visit.open();
        visit.write(&format!("retry: {retry_ms}\n\n"));
        visit.event(1);
    });
    let text = format!("[[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n{rest}");
    let record = measured(&origin, &text);
    assert_eq!(record.streams.opened, 4);
    origin.requests.lock().unwrap().len()
}

const STORM: &str = "[[phase]]\nkind = \"storm\"\ndrop = \"100%\"\nsettle = \"400ms\"\n";

#[test]
fn a_stream_that_leaves_after_a_storm_while_it_waits_does_not_come_back() {
    let rest =
        "[[phase]]\nkind = \"drain\"\nover = \"100ms\"\n[[phase]]\nkind = \"wait\"\nfor = \"4s\"\n";
    assert_eq!(
        asked_again_after(2000, &format!("{STORM}{rest}{PATIENT}")),
        4
    );
}

#[test]
fn storms_do_not_shorten_the_wait_of_a_stream_that_is_not_connected() {
    let rest = "[[phase]]\nkind = \"hold\"\nfor = \"1s\"\n";
    let asked = asked_again_after(600_000, &format!("{STORM}{STORM}{STORM}{rest}{PATIENT}"));
    assert_eq!(asked, 4);
}
