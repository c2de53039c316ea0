//! Starts that are left out while too many streams connect.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use origin::{Origin, PATIENT, made, order, stats, tick};
use ssekit_record::Verdict;

const MS: Duration = Duration::from_millis(1);

/// Answers nobody before so many connections are there.
fn slow_to_accept(least: u64) -> Origin {
    let there = AtomicU64::new(0);
    Origin::start(move |visit| {
        there.fetch_add(1, Ordering::SeqCst);
        while there.load(Ordering::SeqCst) < least {
            thread::sleep(5 * MS);
        }
        tick(visit);
    })
}

#[test]
fn starts_beyond_max_pending_are_left_out_and_counted_as_streams_that_never_opened() {
    for (workers, phase) in [
        (1, "kind = \"arrive\"\nrate = \"40/s\"\nover = \"1s\""),
        (3, "kind = \"arrive\"\nrate = \"40/s\"\nover = \"1s\""),
        (2, "kind = \"ramp\"\nto = 40\nover = \"1s\""),
    ] {
        // Seven may connect; an eighth would set them all free.
        let origin = slow_to_accept(8);
        let text = format!(
            "[target]\nurl = \"http://{}/events\"\n[[phase]]\n{phase}\nmax_pending = 7\n\
             [[phase]]\nkind = \"hold\"\nfor = \"500ms\"\n\
             [[threshold]]\nmetric = \"dropped_starts\"\nexpr = \"ratio < 50%\"\n\
             [[threshold]]\nmetric = \"first_event\"\nexpr = \"p50 < 400ms\"\n{PATIENT}",
            origin.address
        );
        let mut order = order(&text);
        order.workers = Some(workers);
        let record = made(&order.job().unwrap());
        let streams = &record.streams;
        assert_eq!((streams.planned, streams.attempts), (40, 7), "{streams:?}");
        assert_eq!((streams.dropped_starts, streams.failed), (33, 33));
        assert_eq!((streams.opened, streams.eventless), (0, 40));
        assert_eq!(record.generator.started_ratio, 1.0, "nothing was late");
        // Each of them waits in vain from its planned start.
        let waited = stats(&record, "first_event_censored");
        assert_eq!(waited.count, 40);
        assert!(
            waited.max >= 1_499_000 && waited.min < 600_000,
            "{waited:?}"
        );
        let [dropped, first] = record.thresholds.as_slice() else {
            panic!("{:?}", record.thresholds)
        };
        assert_eq!(dropped.value, Some(33.0 / 40.0));
        assert_eq!(
            (dropped.verdict, first.verdict),
            (Verdict::Fail, Verdict::Fail)
        );
        let last = record.series.last().unwrap().streams;
        assert_eq!((last.planned, last.failed, last.connecting), (40, 33, 7));
    }
}

#[test]
fn a_place_among_those_that_connect_is_free_again_once_the_stream_is_open() {
    let origin = Origin::start(tick);
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n[[phase]]\nkind = \"arrive\"\nrate = \"20/s\"\n\
         over = \"1s\"\nmax_pending = 10\n[[phase]]\nkind = \"drain\"\nover = \"500ms\"\n{PATIENT}",
        origin.address
    );
    let record = made(&order(&text).job().unwrap());
    assert_eq!(
        (record.streams.opened, record.streams.dropped_starts),
        (20, 0)
    );
    assert_eq!(record.streams.finished, 20);
}

#[test]
fn every_part_of_a_run_needs_a_place_among_those_that_connect() {
    let text = "[target]\nurl = \"http://127.0.0.1:9/\"\n[[phase]]\nkind = \"arrive\"\nrate = \"4/s\"\n\
                over = \"1s\"\nmax_pending = 3\n";
    let mut order = order(text);
    order.processes = 3;
    assert!(order.job().is_ok());
    order.processes = 4;
    let error = order.job().err().unwrap().to_string();
    assert!(
        error.contains("max_pending is 3, and the run has 4 parts"),
        "{error}"
    );
}
