//! Each fault of delivery that the reference server can be given shows in its metric, with the size that arithmetic
//! says, and in no other; a server without faults shows none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;
mod scenario;

use peer::Served;
use serde_json::Value;

/// Streams of a run; each has an event every 20 ms for two seconds.
const STREAMS: u64 = 10;
/// Between two events.
const TICK_US: u64 = 20_000;
/// Faults that lose, repeat or swap do so with each event whose number this divides.
const EACH: u64 = 5;

/// The record of a run against a server with these faults.
fn run(faults: &[&str], query: &str) -> Value {
    let options: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let served = Served::start(&options);
    let text = format!(
        "[target]\nurl = \"{}\"\n[expect]\ninterval = \"20ms\"\nseq = {{ from = \"id\" }}\n\
         published_at = {{ from = \"data\", path = \"/time\", unit = \"ms\", kind = \"intended\" }}\n\
         [reconnect]\nbase = \"100ms\"\nhonour_retry = false\n\
         [[phase]]\nkind = \"ramp\"\nfrom = {STREAMS}\nto = {STREAMS}\nover = \"2s\"\n\
         [[threshold]]\nmetric = \"tick_lateness\"\nexpr = \"frac_above:400ms < 1\"\n\
         [validity]\non_breach = \"warn\"\n",
        served.at(&format!("events?interval=20{query}"))
    );
    let (record, _) = scenario::run(&text);
    assert_eq!(record["streams"]["opened"], STREAMS, "{record:#}");
    record
}

fn number(record: &Value, pointer: &str) -> u64 {
    let value = record.pointer(pointer);
    let value = value.unwrap_or_else(|| panic!("{pointer}: {record:#}"));
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{pointer}: {value}"))
}

fn event_counts(record: &Value) -> [u64; 3] {
    ["lost", "duplicated", "reordered"].map(|name| number(record, &format!("/events/{name}")))
}

fn has_finding(record: &Value, id: &str) -> bool {
    let findings = record["findings"].as_array().unwrap();
    findings.iter().any(|finding| finding["id"] == id)
}

/// That `part` is each fifth of `whole`, but for what the first and the last event of a stream leave open.
fn is_each_fifth(part: u64, whole: u64) {
    let open = part * EACH;
    let slack = EACH * STREAMS;
    assert!(
        part > 0 && open <= whole + slack && open + slack >= whole,
        "{part} of {whole}"
    );
}

#[test]
fn a_server_without_faults_shows_none() {
    let record = run(&[], "");
    assert_eq!(event_counts(&record), [0, 0, 0]);
    for name in ["ticks_missed", "replayed", "resume_loss"] {
        let count = record["counts"].get(name).and_then(Value::as_u64);
        assert_eq!(count.unwrap_or(0), 0, "{name}");
    }
    assert_eq!(number(&record, "/streams/reconnects"), 0);
    assert_eq!(
        (&record["errors"], &record["disconnects"]),
        (&serde_json::json!({}), &serde_json::json!({}))
    );
    assert_eq!(number(&record, "/metrics/events_per_read/p50"), 1);
    assert!(
        !has_finding(&record, "delivery.burst"),
        "{}",
        record["findings"]
    );
    // Most ticks come when they are due, also on a machine with other work.
    assert!(number(&record, "/metrics/tick_lateness/p50_us") < TICK_US);
    assert!(number(&record, "/metrics/delivery/p50_us") < TICK_US);
}

#[test]
fn dropped_events_are_lost_and_their_ticks_missed() {
    let record = run(&["drop:5"], "");
    let [lost, duplicated, reordered] = event_counts(&record);
    is_each_fifth(lost, lost + number(&record, "/events/received"));
    assert_eq!(number(&record, "/counts/ticks_missed"), lost);
    assert_eq!((duplicated, reordered), (0, 0));
}

#[test]
fn repeated_events_are_duplicates() {
    let record = run(&["duplicate:5"], "");
    let [lost, duplicated, reordered] = event_counts(&record);
    is_each_fifth(duplicated, number(&record, "/events/received") - duplicated);
    assert_eq!((lost, reordered), (0, 0));
}

#[test]
fn swapped_events_are_reordered_and_not_lost() {
    let record = run(&["reorder:5"], "");
    let [lost, duplicated, reordered] = event_counts(&record);
    is_each_fifth(reordered, number(&record, "/events/received"));
    assert_eq!((lost, duplicated), (0, 0));
}

#[test]
fn a_stall_makes_its_ticks_late_by_what_is_left_of_it() {
    let record = run(&["stall:500ms:800ms"], "");
    assert_eq!(event_counts(&record), [0, 0, 0]);
    // 40 ticks of about 100 fall into the stall; the first is at least 780 ms late, the last not at all: less
    // what this machine made the ticks before it late.
    for metric in ["tick_lateness", "delivery"] {
        let worst = number(&record, &format!("/metrics/{metric}/max_us"));
        assert!((750_000..20_000_000).contains(&worst), "{metric}: {worst}");
    }
    // The first 20 of them are later than 400 ms.
    let late = record["thresholds"][0]["value"].as_f64().unwrap();
    assert!(late >= 0.17, "{late}");
    assert!(number(&record, "/metrics/gap/max_us") >= 750_000);
    // Event by event nothing but a gap is to be seen.
    assert!(number(&record, "/metrics/gap/p50_us") < 2 * TICK_US);
    assert!(number(&record, "/metrics/staleness/max_us") >= 700_000);
}

#[test]
fn stamps_of_sending_hide_a_stall_from_the_delivery_but_not_from_the_ticks() {
    let record = run(&["stall:500ms:800ms", "late-stamps"], "");
    assert!(number(&record, "/metrics/tick_lateness/max_us") >= 750_000);
    let late = record["thresholds"][0]["value"].as_f64().unwrap();
    assert!(late >= 0.17, "{late}");
    // Without the late stamps a fifth of the deliveries would be above 400 ms.
    assert!(number(&record, "/metrics/delivery/p90_us") < 400_000);
}

#[test]
fn gathered_events_come_in_one_read_and_are_called_a_burst() {
    let record = run(&["burst:10"], "");
    assert_eq!(event_counts(&record), [0, 0, 0]);
    assert_eq!(number(&record, "/metrics/events_per_read/p50"), 10);
    // Nine of ten gaps are none.
    let bursts = record["metrics"]["burst_ratio"]["value"].as_f64().unwrap();
    assert!((0.85..=0.95).contains(&bursts), "{bursts}");
    // The first of ten waits for nine more.
    assert!(number(&record, "/metrics/delivery/max_us") >= 9 * TICK_US - 1_000);
    assert!(
        has_finding(&record, "delivery.burst"),
        "{}",
        record["findings"]
    );
}

#[test]
fn a_buffer_holds_events_for_as_long_as_it_takes_to_fill() {
    // About 35 events of 117 bytes fill it, within 700 ms.
    let record = run(&["buffer:4096"], "&size=80");
    assert_eq!(event_counts(&record), [0, 0, 0]);
    let wire = number(&record, "/events/bytes") / number(&record, "/events/received");
    let block = 4096 / wire;
    let read = number(&record, "/metrics/events_per_read/p50");
    assert!(
        (block - 1..=block + 2).contains(&read),
        "{read} events of {wire} bytes"
    );
    let held = number(&record, "/metrics/delivery/max_us");
    assert!(held >= (block - 2) * TICK_US, "{held}");
    assert!(
        has_finding(&record, "delivery.burst"),
        "{}",
        record["findings"]
    );
}

#[test]
fn resets_are_disconnects_and_what_is_replayed_is_no_duplicate() {
    let record = run(&["reset:20"], "");
    let reset = number(&record, "/disconnects/reset");
    // 20 events take 400 ms, the way back at least 100 ms.
    assert!((2 * STREAMS..=4 * STREAMS).contains(&reset), "{reset}");
    assert_eq!(number(&record, "/streams/disconnects"), reset);
    assert_eq!(event_counts(&record), [0, 0, 0], "{}", record["events"]);
    assert_eq!(number(&record, "/events/resume_loss"), 0);
    assert!(number(&record, "/metrics/reconnect_time/min_us") >= 100_000);
}

#[test]
fn slow_accepts_show_in_the_wait_for_the_head_from_the_planned_instant() {
    let record = run(&["slow-accept:50ms"], "");
    // The last of ten connections is taken after nine waits.
    let wait = (STREAMS - 1) * 50_000;
    for metric in ["headers", "first_event"] {
        let worst = number(&record, &format!("/metrics/{metric}/max_us"));
        assert!((wait..20_000_000).contains(&worst), "{metric}: {worst}");
        let half = number(&record, &format!("/metrics/{metric}/p50_us"));
        assert!(half >= wait / 2 - 50_000, "{metric}: {half}");
    }
    assert_eq!(event_counts(&record), [0, 0, 0]);
}
