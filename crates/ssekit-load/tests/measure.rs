//! Delays, losses and ends that a server makes on purpose show in the right metric with the right size.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use origin::{Origin, PATIENT, above, made, measured, order, stats, until};
use ssekit_load::run;
use ssekit_record::{ExitCode, LoadOutcome, LoadRecord, Verdict};

const MS: Duration = Duration::from_millis(1);

const BY_ID: &str = "[expect]\nseq = { from = \"id\" }";
const STAMPED: &str =
    "[expect]\npublished_at = { from = \"data\", path = \"/ts\", unit = \"us\", kind = \"sent\" }";

#[test]
fn every_event_of_every_stream_is_counted_once() {
    let origin = Origin::start(|visit| {
        visit.open();
        (1..=40).for_each(|id| {
            visit.event(id);
        });
        visit.linger();
    });
    let quick = origin.quick(30, 800 * MS).with(BY_ID);
    let record = measured(&quick);
    assert_eq!(record.events.received, 1200);
    assert_eq!(record.events.received, origin.sent.load(Ordering::SeqCst));
    assert_eq!(
        (
            record.streams.planned,
            record.streams.opened,
            record.streams.peak
        ),
        (30, 30, 30)
    );
    assert_eq!(
        (
            record.events.lost,
            record.events.duplicated,
            record.events.reordered
        ),
        (0, 0, 0)
    );
    assert_eq!(record.outcome, LoadOutcome::Pass, "{:?}", record.findings);
    let first = stats(&record, "first_event");
    assert_eq!(first.count, 30);
    assert!(stats(&record, "stream_life_censored").count == 30);
}

#[test]
fn a_stall_among_ticks_gives_the_lateness_that_arithmetic_says() {
    // A tick each 20 ms; at tick 25 the server stalls for 700 ms and then catches up at once.
    let sent_late = Arc::new(AtomicU64::new(0));
    let told = sent_late.clone();
    let origin = Origin::start(move |visit| {
        visit.open();
        let begin = Instant::now();
        for tick in 0..100_u32 {
            let due = 20 * MS * tick;
            let stall_ends = 500 * MS + 700 * MS;
            let is_held = due >= 500 * MS && due < stall_ends;
            until(begin, if is_held { stall_ends } else { due });
            visit.event(u64::from(tick) + 1);
            if due < 500 * MS {
                let late = begin.elapsed().saturating_sub(due).as_micros() as u64;
                told.fetch_max(late, Ordering::SeqCst);
            }
        }
        visit.linger();
    });
    let expect = format!("{STAMPED}\nseq = {{ from = \"id\" }}\ninterval = \"20ms\"");
    let quick = origin.quick(2, 4000 * MS).with(&expect);
    let record = measured(&quick);
    // Ticks before the stall came at most so late: sent late, and on the way for so long (and a millisecond for
    // rounding). A schedule that begins with one of them is off by as much.
    let slack = sent_late.load(Ordering::SeqCst) + stats(&record, "delivery").max + 1_000;
    let less = |us: u64| us.saturating_sub(slack);
    // Ticks due at 500, 520, … 1180 ms came at 1200 ms: 700, 680, … 20 ms late, on each stream.
    let late = stats(&record, "tick_lateness");
    assert_eq!(late.count, 200);
    assert!(late.max >= less(700_000), "{late:?} {slack}");
    let steps = [(610, 5), (410, 15), (210, 25), (10, 35)];
    for (limit, ticks) in steps
        .into_iter()
        .filter(|(limit, _)| less(limit * 1000) > 0)
    {
        let later = above(&record, "tick_lateness", less(limit * 1000));
        assert!(
            later >= 2 * ticks,
            "later than {limit} ms less {slack} us: {later} of {ticks} on each of 2 streams"
        );
    }
    assert_eq!(record.counts.ticks_missed, 0);
    let gap = stats(&record, "gap");
    assert!(gap.max >= less(720_000), "{gap:?} {slack}");
    // Event by event the stall is one gap of 198; corrected, each 20 ms of it count.
    let filled = (less(720_000) / 20_000).saturating_sub(1);
    let corrected = stats(&record, "gap_corrected").count;
    assert!(corrected >= 198 + 2 * filled, "{corrected} {slack}");
    let ends = stats(&record, "tick_lateness_censored");
    assert!(
        ends.count >= 2,
        "ticks that were due after the last one: {ends:?}"
    );
}

#[test]
fn loss_duplicates_and_reordering_are_told_apart() {
    let origin = Origin::start(|visit| {
        visit.open();
        for id in [1, 2, 3, 5, 4, 6, 6, 10, 11, 9] {
            visit.event(id);
        }
        visit.linger();
    });
    let quick = origin.quick(3, 500 * MS).with(BY_ID);
    let quick = quick.with("[[threshold]]\nmetric = \"lost\"\nexpr = \"count == 0\"");
    let record = measured(&quick);
    assert_eq!(record.events.received, 30);
    assert_eq!(record.events.lost, 3 * 2, "7 and 8");
    assert_eq!(record.events.duplicated, 3, "6");
    assert_eq!(record.events.reordered, 3 * 2, "4 and 9");
    assert_eq!(record.thresholds[0].verdict, Verdict::Fail);
    assert_eq!(record.exit_code(), ExitCode::Findings);
}

#[test]
fn a_resume_is_measured_and_its_replay_is_no_duplicate() {
    // Each connection sends five events and ends; a resumed one replays the last and skips one.
    let origin = Origin::start(|visit| {
        let last = visit.last_event_id();
        visit.open();
        visit.write("retry: 100\n\n");
        let first = match last {
            None => 1,
            Some(last) => {
                visit.event(last);
                last + 2
            }
        };
        for id in first..first + 5 {
            visit.event(id);
        }
        if visit.number >= 4 {
            visit.linger();
        }
    });
    let quick = origin.quick(2, 2500 * MS).with(BY_ID);
    let record = measured(&quick);
    assert_eq!(record.streams.reconnects, 4, "{:?}", record.disconnects);
    assert_eq!(record.events.replayed, 4);
    assert_eq!((record.events.duplicated, record.events.reordered), (0, 0));
    assert_eq!((record.events.lost, record.events.resume_loss), (4, 4));
    assert_eq!(record.disconnects.get("eof"), Some(&4));
    let time = stats(&record, "reconnect_time");
    assert_eq!(time.count, 4);
    assert!(time.min >= 100_000, "{time:?}");
    assert!(stats(&record, "reconnect_active").min < 100_000 || time.min > 200_000);
    assert_eq!(stats(&record, "reconnect_attempts").max, 1);
    let requests = origin.requests.lock().unwrap();
    let resumed = requests
        .iter()
        .filter(|request| request.contains("Last-Event-ID: "));
    assert_eq!(resumed.count(), 4);
}

#[test]
fn delivery_counts_from_the_stamp_and_events_from_the_future_are_not_clamped() {
    let origin = Origin::start(|visit| {
        visit.open();
        for _ in 0..10 {
            let now = origin::wall_us();
            visit.write(&format!("data: {{\"ts\": {}}}\n\n", now - 200_000));
            visit.write(&format!("data: {{\"ts\": {}}}\n\n", now + 60_000_000));
            visit.write("data: {\"none\": 1}\n\n");
        }
        visit.linger();
    });
    let quick = origin.quick(2, 500 * MS).with(STAMPED);
    let record = measured(&quick);
    let delivery = stats(&record, "delivery");
    assert_eq!(delivery.count, 20);
    assert!(delivery.min >= 199_900, "{delivery:?}");
    assert_eq!(record.counts.negative, 20);
    assert_eq!(record.counts.unstamped, 20);
}

#[test]
fn a_buffered_stream_is_named_by_its_stamps_and_batches_of_the_server_are_not() {
    let served = |held: bool| {
        Origin::start(move |visit| {
            visit.open();
            for _ in 0..12 {
                let mut batch = String::new();
                let begin = origin::wall_us();
                for event in 0..10 {
                    let stamp = if held {
                        begin + event * 20_000
                    } else {
                        begin + 200_000
                    };
                    batch.push_str(&format!("data: {{\"ts\": {stamp}}}\n\n"));
                }
                thread::sleep(200 * MS);
                if !visit.write(&batch) {
                    break;
                }
            }
            visit.linger();
        })
    };
    for held in [true, false] {
        let origin = served(held);
        let quick = origin.quick(2, 2200 * MS).with(STAMPED);
        let record = measured(&quick);
        let found = record
            .findings
            .iter()
            .any(|finding| finding.id == "delivery.burst");
        assert_eq!(found, held, "{:?}", record.findings);
    }
}

#[test]
fn what_takes_too_long_is_counted_and_not_dropped() {
    let origin = Origin::start(|visit| {
        visit.open();
        if visit.number % 2 == 0 {
            visit.event(1);
        }
        visit.linger();
    });
    let quick = origin.quick(4, 1500 * MS).with(
        "[reconnect]\npolicy = \"none\"\n\
         [expect]\nfirst_event_timeout = \"300ms\"\nsilence_timeout = \"700ms\"",
    );
    let record = measured(&quick);
    assert_eq!(
        record.disconnects.get("first_event_timeout"),
        Some(&2),
        "{:?}",
        record.disconnects
    );
    assert_eq!(record.disconnects.get("silence_timeout"), Some(&2));
    assert_eq!(record.streams.failed, 4);
    assert_eq!(record.streams.eventless, 2);
    assert_eq!(stats(&record, "first_event_censored").count, 2);
}

#[test]
fn a_window_sees_streams_that_wait_in_vain() {
    let origin = Origin::start(|visit| {
        visit.open();
        if visit.number % 2 == 0 {
            visit.event(1);
        }
        visit.linger();
    });
    let quick = origin
        .quick(4, 1000 * MS)
        .with("[[threshold]]\nmetric = \"first_event\"\nexpr = \"p90 < 900ms\"\nwindow = \"1s\"");
    let record = measured(&quick);
    let result = &record.thresholds[0];
    assert!(result.fails() && !result.no_data, "{}", result.detail);
    assert!(
        result.detail.contains("2 streams that waited in vain"),
        "{}",
        result.detail
    );
}

#[test]
fn refusals_are_counted_by_cause() {
    let origin = Origin::start(|visit| match visit.number % 5 {
        0 => {
            visit.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        }
        1 => {
            visit.write("HTTP/1.1 204 No Content\r\n\r\n");
        }
        2 => {
            visit.write("SSH-2.0-OpenSSH_9.2\r\n");
        }
        3 => {}
        _ => {
            visit.open();
            visit.event(1);
            visit.linger();
        }
    });
    // Those who are done are followed by nobody.
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n[reconnect]\npolicy = \"none\"\n[[phase]]\n\
         kind = \"arrive\"\nrate = \"25/s\"\nover = \"1s\"\n[[phase]]\nkind = \"hold\"\nfor = \"700ms\"\n{PATIENT}",
        origin.address
    );
    let record = made(&order(&text).job().unwrap());
    for cause in ["status_503", "status_204", "malformed", "unanswered"] {
        assert_eq!(
            record.errors.get(cause),
            Some(&5),
            "{cause}: {:?}",
            record.errors
        );
    }
    assert_eq!(
        (
            record.streams.opened,
            record.streams.failed,
            record.streams.finished
        ),
        (5, 15, 5)
    );
    assert_eq!(record.faults.get("not-http"), Some(&5));
}

#[test]
fn nobody_there_is_unreachable_and_silence_is_no_data() {
    // A port that the system gives to nobody who asks for any.
    let free = ([127, 0, 0, 1], 1).into();
    let record = measured(&origin::quick(free, 3, 300 * MS));
    assert_eq!(
        record.exit_code(),
        ExitCode::Unreachable,
        "{:?}",
        record.errors
    );
    let silent = Origin::start(|visit| {
        visit.open();
        visit.linger();
    });
    let record = measured(&silent.quick(2, 300 * MS));
    assert_eq!(
        record.exit_code(),
        ExitCode::NoData,
        "{:?}",
        record.findings
    );
    assert_eq!(record.outcome, LoadOutcome::Fail);
}

#[test]
fn a_run_that_is_stopped_reports_what_it_has() {
    let origin = Origin::start(|visit| {
        visit.open();
        let mut id = 0;
        while visit.event(id) {
            id += 1;
            thread::sleep(10 * MS);
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let job = origin.quick(2, Duration::from_secs(600)).job();
    let (asked, begun) = (stop.clone(), Instant::now());
    let record = run(&job, &stop, &mut |_| asked.store(true, Ordering::Relaxed)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(record.outcome, LoadOutcome::Interrupted);
    assert_eq!(record.exit_code(), ExitCode::Interrupted);
    assert!(record.events.received > 0);
}

#[test]
fn workers_and_shards_together_are_the_whole_run() {
    let origin = Origin::start(|visit| {
        visit.open();
        (1..=10).for_each(|id| {
            visit.event(id);
        });
        visit.linger();
    });
    let mut received = 0;
    for index in 0..3 {
        let mut quick = origin.quick(10, 400 * MS);
        quick.workers = Some(2);
        quick.shard.index = index;
        quick.shard.count = 3;
        let record = measured(&quick);
        assert_eq!(record.streams.planned, if index == 0 { 4 } else { 3 });
        received += record.events.received;
    }
    assert_eq!(received, 100);
}

#[test]
fn what_decoders_keep_is_bounded_over_all_streams() {
    let origin = Origin::start(|visit| {
        visit.write(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: zstd\r\n\r\n",
        );
        // A zstd frame with a window of 1 MiB (RFC 8878 section 3.1.1), and blocks of 128 KiB empty lines.
        let (frame, blocks) = (
            [0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3],
            [2, 0, 0x10, b'\n'].repeat(8),
        );
        visit
            .stream
            .write_all(&[&frame[..], &blocks].concat())
            .unwrap();
        visit.linger();
    });
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\ncompression = [\"zstd\"]\n[reconnect]\npolicy = \"none\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 8\nover = \"1s\"\n[[phase]]\nkind = \"hold\"\nfor = \"5s\"\n{PATIENT}",
        origin.address
    );
    let mut job = order(&text).job().unwrap();
    let seen = |record: &LoadRecord| {
        let mut findings = record.findings.iter();
        let is_told = findings.any(|finding| finding.id == "generator.memory");
        let ended = record.disconnects.get("limit").copied().unwrap_or(0);
        (record.streams.opened, ended, is_told)
    };
    assert_eq!(seen(&made(&job)), (8, 0, false));
    job.decoded_bytes = 4 << 20;
    assert_eq!(seen(&made(&job)), (8, 4, true));
}
