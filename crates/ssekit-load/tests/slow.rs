//! Slow readers beside a control group: how much they take, when the server gives them up, and that the
//! others notice nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::net::Shutdown;
use std::time::{Duration, Instant};

use origin::{Origin, PATIENT, made, order, tick, until};
use ssekit_record::{LoadRecord, Scope, Statistics};

const MS: Duration = Duration::from_millis(1);
/// Of an event, about; one each 10 ms.
const EVENT: usize = 8 * 1024;

/// Sends 800 KiB a second, and gives up a client that is more than a second behind.
fn impatient() -> Origin {
    Origin::start(|visit| {
        socket2::SockRef::from(&visit.stream)
            .set_send_buffer_size(EVENT)
            .unwrap();
        visit.open();
        let (begin, fill) = (Instant::now(), "x".repeat(EVENT));
        for id in 1.. {
            let due = 10 * MS * id;
            until(begin, due);
            if begin.elapsed() > due + 1000 * MS {
                let _ = visit.stream.shutdown(Shutdown::Both);
                return;
            }
            if !visit.write(&format!("id: {id}\ndata: {fill}\n\n")) {
                return;
            }
        }
    })
}

/// Two slow readers and two others, for three seconds.
fn beside(read: &str) -> LoadRecord {
    let origin = impatient();
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\nrecv_buffer = \"8KiB\"\n\
         [expect]\nseq = {{ from = \"id\" }}\n[reconnect]\npolicy = \"none\"\n\
         [[population]]\nname = \"control\"\n\
         [[population]]\nname = \"slow\"\nkind = \"slow\"\nread = {{ {read} }}\n\
         [[phase]]\nkind = \"ramp\"\nfrom = 4\nto = 4\nover = \"3s\"\n{PATIENT}",
        origin.address
    );
    made(&order(&text).job().unwrap())
}

fn scope<'a>(record: &'a LoadRecord, name: &str) -> &'a Scope {
    let mut all = record.populations.iter();
    &all.find(|one| one.population == name).unwrap().scope
}

#[test]
fn a_reader_at_a_rate_takes_no_more_and_is_given_up_by_the_server() {
    let record = beside("rate = \"64KiB/s\"");
    let (slow, control) = (scope(&record, "slow"), scope(&record, "control"));
    assert_eq!((slow.counts.opened, control.counts.opened), (2, 2));
    // Given up once a second behind, and what was in the buffers is read on.
    assert_eq!(slow.counts.disconnects, 2, "{:?}", record.disconnects);
    let life = Statistics::from(slow.metrics["stream_life"].samples().unwrap());
    assert!((1_000_000..3_000_000).contains(&life.min), "{life:?}");
    // What it takes in the time it lives, and one read before that.
    let most = 2 * (64 * 1024 * life.max / 1_000_000 + 64 * 1024);
    assert!(
        (32 * 1024..=most).contains(&slow.counts.bytes),
        "{} of at most {most}",
        slow.counts.bytes
    );
    // The others have all of it.
    assert_eq!((control.counts.disconnects, control.counts.lost()), (0, 0));
    assert!(
        control.counts.received >= 5 * slow.counts.received,
        "{} {}",
        control.counts.received,
        slow.counts.received
    );
}

#[test]
fn a_reader_that_pauses_takes_nothing_meanwhile() {
    let record = beside("pause = \"600ms\", every = \"1s\"");
    let (slow, control) = (scope(&record, "slow"), scope(&record, "control"));
    assert_eq!(
        (slow.counts.disconnects, control.counts.disconnects),
        (0, 0)
    );
    // Two pauses of each stream end within the run, and nobody else waits as long.
    let paused = slow.metrics["gap"].samples().unwrap();
    assert_eq!(paused.count_above(550_000), 4, "{paused:?}");
    let others = Statistics::from(control.metrics["gap"].samples().unwrap());
    assert!(others.p99 < 500_000, "{others:?}");
    assert_eq!((slow.counts.lost(), control.counts.lost()), (0, 0));
}

#[test]
fn a_population_is_counted_from_the_begin_and_measured_where_it_is_recorded() {
    let origin = Origin::start(tick);
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n\
         [[population]]\nname = \"control\"\n\
         [[population]]\nname = \"slow\"\nkind = \"slow\"\nread = {{ rate = \"64KiB/s\" }}\n\
         [[phase]]\nkind = \"ramp\"\nto = 4\nover = \"500ms\"\nrecord = false\n\
         [[phase]]\nkind = \"hold\"\nfor = \"1s\"\n\
         [[threshold]]\nmetric = \"opened\"\nexpr = \"ratio == 100%\"\nwhere = {{ population = \"slow\" }}\n{PATIENT}",
        origin.address
    );
    let record = made(&order(&text).job().unwrap());
    let kinds: Vec<_> = record
        .populations
        .iter()
        .map(|one| one.kind.as_deref())
        .collect();
    assert_eq!(kinds, [Some("subscriber"), Some("slow")]);
    let (slow, control) = (scope(&record, "slow"), scope(&record, "control"));
    assert_eq!((slow.counts.opened, control.counts.opened), (2, 2));
    let mut sum = slow.counts;
    sum.add(&control.counts);
    assert_eq!(sum, record.counts);
    let gaps = |scope: &Scope| scope.metrics["gap"].count();
    assert_eq!(gaps(slow) + gaps(control), record.metrics["gap"].count());
    assert_eq!(
        record.thresholds[0].verdict,
        ssekit_record::Verdict::Pass,
        "{}",
        record.thresholds[0].detail
    );
}
