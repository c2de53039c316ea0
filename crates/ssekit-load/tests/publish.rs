//! Publishers that do not wait for a slow server, or do, and what either makes of the books.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use origin::{Origin, above, made, order, stats};
use ssekit_record::LoadRecord;

const MS: Duration = Duration::from_millis(1);

fn run(text: &str) -> LoadRecord {
    made(&order(text).job().unwrap())
}

/// A hub that takes half a second to think about the first publication.
fn hub_that_hesitates_once() -> Origin {
    let topic: Arc<Mutex<Vec<Sender<String>>>> = Arc::default();
    let first = AtomicBool::new(true);
    Origin::start(move |visit| {
        if visit.request.starts_with("GET") {
            let (sender, events) = channel();
            topic.lock().unwrap().push(sender);
            visit.open();
            while events.recv().is_ok_and(|event: String| visit.write(&event)) {}
            return;
        }
        if first.swap(false, Ordering::SeqCst) {
            thread::sleep(500 * MS);
        }
        let event = format!("data: {}\n\n", visit.body);
        for subscriber in topic.lock().unwrap().iter() {
            let _ = subscriber.send(event.clone());
        }
        visit.write("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    })
}

#[test]
fn publications_that_overlap_are_named_and_in_order_they_do_not() {
    let publish = |more: &str| {
        let origin = hub_that_hesitates_once();
        run(&format!(
            "[target]\nurl = \"http://{0}/topic\"\n\
             [expect]\nseq = {{ from = \"data\", path = \"/seq\", scope = \"topic\" }}\n\
             published_at = {{ from = \"data\", path = \"/at\", unit = \"us\", kind = \"intended\" }}\n\
             [[population]]\nname = \"readers\"\n\
             [[population]]\nname = \"writer\"\nkind = \"publisher\"\nurl = \"http://{0}/topic\"\nrate = \"10/s\"\n\
             payload = '{{\"seq\":{{seq}},\"at\":{{intended_us}}}}'\n{more}\
             [[population.phase]]\nkind = \"wait\"\nfor = \"500ms\"\nname = \"quiet\"\n\
             [[population.phase]]\nkind = \"hold\"\nfor = \"1s\"\nname = \"publish\"\n\
             [[phase]]\nkind = \"ramp\"\nto = 3\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"2500ms\"\n",
            origin.address
        ))
    };
    let found = |record: &LoadRecord| {
        record
            .findings
            .iter()
            .any(|one| one.id == "publish.overlap")
    };

    let record = publish("");
    assert_eq!(record.events.received, 30, "{:?}", record.errors);
    // The first comes after those that overtook it: before the first that was seen, so nobody lost it.
    assert_eq!((record.events.reordered, record.events.lost), (3, 0));
    assert_eq!(record.events.duplicated, 0);
    assert!(record.counts.publish_overlapped >= 1, "{:?}", record.counts);
    assert!(found(&record), "{:?}", record.findings);
    // What came late counts, and it arrived.
    assert_eq!(stats(&record, "delivery").count, 30);
    assert!(above(&record, "delivery", 490_000) >= 3);
    assert_eq!(record.counts.fanout_arrived, record.counts.fanout_due);

    let record = publish("in_order = true\n");
    assert_eq!(record.events.received, 30, "{:?}", record.errors);
    assert_eq!((record.events.reordered, record.events.lost), (0, 0));
    assert_eq!(record.counts.publish_overlapped, 0);
    assert!(!found(&record), "{:?}", record.findings);
    // Those behind the first waited for it, from when they were due: 500, 400, 300, 200 and 100 ms.
    for (late_us, publications) in [
        (490_000, 1),
        (390_000, 2),
        (290_000, 3),
        (190_000, 4),
        (90_000, 5),
    ] {
        let seen = above(&record, "delivery", late_us);
        assert!(seen >= 3 * publications, "{seen} above {late_us}");
    }
    assert!(stats(&record, "publish_lag").max >= 390_000);
}

#[test]
fn publications_due_are_counted_though_the_first_is_never_answered() {
    let origin = Origin::start(|visit| {
        if visit.request.starts_with("GET") {
            visit.open();
            visit.event(1);
        }
        visit.linger();
    });
    for (order, sent) in [("true", 1), ("false", 10)] {
        let record = run(&format!(
            "[target]\nurl = \"http://{0}/topic\"\n[[population]]\nname = \"readers\"\n\
             [[population]]\nname = \"writer\"\nkind = \"publisher\"\nurl = \"http://{0}/topic\"\nrate = \"10/s\"\n\
             payload = 'x'\nin_order = {order}\n[[population.phase]]\nkind = \"hold\"\nfor = \"1s\"\nname = \"publish\"\n\
             [[phase]]\nkind = \"ramp\"\nto = 1\nover = \"1500ms\"\n",
            origin.address
        ));
        assert_eq!(
            (record.counts.published_due, record.counts.published),
            (10, 0)
        );
        assert_eq!(
            stats(&record, "publish_lag").count,
            sent,
            "in_order = {order}"
        );
    }
}
