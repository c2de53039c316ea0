//! What the parts of a run agree on: when it starts, where they connect from and to, and their clocks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use origin::{Origin, PATIENT, Visit, made, order, stats, wall_us};
use ssekit_load::{LoadError, preflight};
use ssekit_record::{ExitCode, LoadFinding, LoadRecord, Verdict};

const MS: Duration = Duration::from_millis(1);

fn tick(visit: &mut Visit) {
    visit.open();
    let mut id = 1;
    while visit.event(id) {
        id += 1;
        thread::sleep(20 * MS);
    }
}

/// An origin whose streams tick, and where its clients connected from.
fn watched() -> (Origin, Arc<Mutex<Vec<SocketAddr>>>) {
    let seen: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let known = seen.clone();
    let origin = Origin::start(move |visit| {
        known
            .lock()
            .unwrap()
            .push(visit.stream.peer_addr().unwrap());
        tick(visit);
    });
    (origin, seen)
}

fn found<'a>(record: &'a LoadRecord, id: &str) -> Option<&'a LoadFinding> {
    record.findings.iter().find(|finding| finding.id == id)
}

fn late(origin: &Origin, by_ms: u64, tolerance: &str) -> String {
    format!(
        "[target]\nurl = \"http://{}/events\"\n[shard]\nstart_at = {}\n{tolerance}\n\
         [[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"5s\"\n{PATIENT}",
        origin.address,
        wall_us() / 1000 - by_ms
    )
}

#[test]
fn a_part_that_is_too_late_does_not_run() {
    let (origin, seen) = watched();
    for (by, tolerance) in [(500, ""), (5_000, "late_tolerance = \"3s\"")] {
        let job = order(&late(&origin, by, tolerance)).job().unwrap();
        let stop = Arc::default();
        let error = ssekit_load::run(&job, &stop, &mut |_| {}).unwrap_err();
        assert!(matches!(error, LoadError::Late { .. }), "{error}");
        assert!(error.to_string().starts_with("too late: "), "{error}");
    }
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[test]
fn a_part_within_the_tolerance_joins_the_plan_where_it_stands() {
    let (origin, _) = watched();
    let text = late(&origin, 1_000, "late_tolerance = \"60s\"");
    let job = order(&text).job().unwrap();
    let started = job.start_at.unwrap();
    let record = made(&job);
    let start = started.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(record.started_unix_ms.abs_diff(start.as_millis() as u64) <= 5);
    assert_eq!((record.streams.opened, record.elapsed_us), (4, 5_100_000));
    let lag = stats(&record, "schedule_lag");
    assert!(lag.min >= 880_000, "all were due before: {lag:?}");
    let told = found(&record, "shard.late").expect("said in the record");
    assert_eq!(told.verdict, Verdict::Info);
    assert_eq!(
        record.exit_code(),
        ExitCode::AsExpected,
        "{}",
        record.summary
    );
}

#[test]
fn a_run_that_waits_for_its_start_can_be_ended() {
    let (origin, seen) = watched();
    let in_an_hour = wall_us() / 1000 + 3_600_000;
    let text = late(&origin, 0, "");
    let mut job = order(&text).job().unwrap();
    job.start_at = Some(std::time::UNIX_EPOCH + Duration::from_millis(in_an_hour));
    let (out, record) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let stop = Arc::new(true.into());
        let _ = out.send(ssekit_load::run(&job, &stop, &mut |_| {}));
    });
    let record = record.recv_timeout(Duration::from_secs(120)).expect("ends");
    let record = record.unwrap();
    assert_eq!(record.exit_code(), ExitCode::Interrupted);
    assert_eq!((record.elapsed_us, record.counts.started), (0, 0));
    let mut said = record.findings.iter().map(|one| one.id.as_str());
    assert!(said.all(|id| id == "no-data"), "{:?}", record.findings);
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[test]
fn what_a_storm_commands_is_done_once() {
    let (origin, _) = watched();
    let done = tempfile::NamedTempFile::new().unwrap();
    let path = done.path().to_str().unwrap();
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n\
         [[phase]]\nkind = \"storm\"\nmode = \"external\"\ncommand = \"echo done >>{path}\"\n\
         settle = \"2s\"\n{PATIENT}",
        origin.address
    );
    let parts = (0..3).map(|index| {
        let mut order = order(&text);
        (order.shard.index, order.shard.count) = (index, 3);
        thread::spawn(move || made(&order.job().unwrap()))
    });
    let parts: Vec<_> = parts.collect();
    let records: Vec<_> = parts.into_iter().map(|part| part.join().unwrap()).collect();
    assert!(records.iter().all(|record| record.streams.opened > 0));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "done\n");
}

#[test]
fn each_part_connects_from_its_own_address() {
    let (origin, seen) = watched();
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n[shard]\nunit_ips = [\"127.0.0.2\", \"127.0.0.3\"]\n\
         [[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n{PATIENT}",
        origin.address
    );
    let mut order = order(&text);
    order.shard.count = 2;
    for (index, ip) in [(0, "127.0.0.2"), (1, "127.0.0.3")] {
        order.shard.index = index;
        assert_eq!(made(&order.job().unwrap()).streams.planned, 2);
        let from: BTreeSet<_> = seen.lock().unwrap().drain(..).map(|a| a.ip()).collect();
        assert_eq!(
            from.into_iter().collect::<Vec<_>>(),
            [ip.parse::<std::net::IpAddr>().unwrap()]
        );
    }
    order.processes = 2;
    let error = order.job().err().unwrap().to_string();
    assert!(
        error.contains("2 entries, and the run has 4 parts"),
        "{error}"
    );
}

/// The first of so many ports that nobody listens at; others may take them meanwhile.
fn free_ports(count: u16) -> u16 {
    (20_000..30_000)
        .step_by(usize::from(count))
        .find(|first| {
            (*first..first + count)
                .all(|port| std::net::TcpListener::bind(("0.0.0.0", port)).is_ok())
        })
        .unwrap()
}

#[test]
fn connections_come_from_the_ports_asked_for_and_fail_where_all_are_taken() {
    let (origin, seen) = watched();
    let first = free_ports(6);
    let text = |streams: u64| {
        format!(
            "[target]\nurl = \"http://{}/events\"\nsource_ports = \"{first}-{}\"\n\
             [reconnect]\npolicy = \"none\"\n[[phase]]\nkind = \"ramp\"\nto = {streams}\nover = \"100ms\"\n\
             [[phase]]\nkind = \"hold\"\nfor = \"500ms\"\n{PATIENT}",
            origin.address,
            first + 5
        )
    };
    let refused = preflight(&order(&text(7)).job().unwrap(), 1).unwrap_err();
    assert!(
        refused.to_string().contains("target.source_ports"),
        "{refused}"
    );
    let record = made(&order(&text(8)).job().unwrap());
    let from: BTreeSet<u16> = seen.lock().unwrap().iter().map(|a| a.port()).collect();
    assert_eq!(from, (first..first + 6).collect());
    assert_eq!((record.streams.opened, record.streams.failed), (6, 2));
    assert_eq!(
        record.errors.get("no_port"),
        Some(&2),
        "{:?}",
        record.errors
    );
    assert!(found(&record, "generator.ports").is_some());
}

#[test]
fn a_name_is_looked_up_for_each_connection_where_that_is_asked_for() {
    let (origin, _) = watched();
    for (resolve, lookups) in [("once", None), ("each", Some(4))] {
        let text = format!(
            "[target]\nurl = \"http://localhost:{}/events\"\nresolve = \"{resolve}\"\n\
             [[phase]]\nkind = \"ramp\"\nto = 4\nover = \"100ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"500ms\"\n{PATIENT}",
            origin.address.port()
        );
        let record = made(&order(&text).job().unwrap());
        assert_eq!(record.streams.opened, 4, "{:?}", record.errors);
        let dns = record.metrics.get("dns").and_then(|dns| dns.samples());
        assert_eq!(dns.map(|dns| dns.count()), lookups, "{resolve}");
    }
}

/// A run whose events are stamped so far from now.
fn stamped(offset_us: i64, validity: &str) -> LoadRecord {
    let origin = Origin::start(move |visit| {
        visit.open();
        loop {
            let stamp = wall_us().saturating_add_signed(offset_us);
            if !visit.write(&format!("data: {stamp}\n\n")) {
                return;
            }
            thread::sleep(20 * MS);
        }
    });
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n[expect]\npublished_at = {{ from = \"data\", clock = \"ntp\" }}\n\
         [[phase]]\nkind = \"ramp\"\nfrom = 2\nto = 2\nover = \"500ms\"\n{PATIENT}{validity}",
        origin.address
    );
    made(&order(&text).job().unwrap())
}

#[test]
fn clocks_that_are_seen_apart_make_the_run_invalid_beyond_the_limit() {
    let apart = stamped(60_000_000, "max_clock_offset = \"10s\"\n");
    assert!(apart.counts.negative > 0);
    assert!((50_000_000..=60_000_000).contains(&apart.generator.ahead_us));
    assert_eq!(apart.generator.clock, "ntp");
    let told = found(&apart, "generator.clock").expect("named");
    assert_eq!(told.verdict, Verdict::Error);
    assert!(
        told.detail.starts_with("Events arrived up to 5"),
        "{}",
        told.detail
    );
    assert_eq!(apart.exit_code(), ExitCode::Invalid);

    let warned = stamped(
        60_000_000,
        "max_clock_offset = \"10s\"\non_breach = \"warn\"\n",
    );
    assert_eq!(
        found(&warned, "generator.clock").unwrap().verdict,
        Verdict::Warn
    );
    let unasked = stamped(60_000_000, "");
    assert!(found(&unasked, "generator.clock").is_none());
    // The past is a delay, and says nothing of clocks.
    let behind = stamped(-60_000_000, "max_clock_offset = \"10s\"\n");
    assert_eq!((behind.generator.ahead_us, behind.counts.negative), (0, 0));
    assert!(found(&behind, "generator.clock").is_none());
}
