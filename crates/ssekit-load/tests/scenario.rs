//! Scenarios against servers that do exactly what a test tells them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use origin::{Origin, PATIENT, Visit, above, made, order, stats, tick};
use ssekit_record::{LoadRecord, MetricValue, Scope, Verdict};

const MS: Duration = Duration::from_millis(1);

fn measured(text: &str) -> LoadRecord {
    made(&order(text).job().unwrap())
}

#[test]
fn a_storm_breaks_streams_off_and_measures_their_return() {
    for mode in ["fin", "rst", "half-open"] {
        let origin = Origin::start(tick);
        let record = measured(&format!(
            "[target]\nurl = \"http://{}/events\"\n[expect]\nseq = {{ from = \"id\" }}\n\
             [[phase]]\nkind = \"ramp\"\nto = 8\nover = \"100ms\"\n\
             [[phase]]\nkind = \"hold\"\nfor = \"400ms\"\n\
             [[phase]]\nkind = \"storm\"\ndrop = \"50%\"\nmode = \"{mode}\"\nsettle = \"1500ms\"\n",
            origin.address
        ));
        assert_eq!(record.streams.reconnects, 4, "{mode}: {:?}", record.errors);
        let back = stats(&record, "storm_recovery");
        assert_eq!(back.count, 4, "{mode}");
        assert!(back.min >= 200_000, "after the reconnection time: {back:?}");
        assert!(!record.metrics.contains_key("storm_recovery_censored"));
        assert_eq!(
            (record.events.lost, record.events.duplicated),
            (0, 0),
            "{mode}"
        );
        let storm = record.phases.last().unwrap();
        assert_eq!((storm.kind.as_str(), storm.start_us), ("storm", 500_000));
    }
}

#[test]
fn streams_that_end_as_declared_are_followed_by_the_next_user() {
    let origin = Origin::start(|visit| {
        visit.write(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        );
        for token in 0..5 {
            visit.write(&format!("data: {token}\n\n"));
            thread::sleep(10 * MS);
        }
        visit.write("data: [DONE]\n\n");
    });
    let record = measured(&format!(
        "[target]\nurl = \"http://{}/chat\"\nmethod = \"POST\"\nbody = '{{\"prompt\": \"{{stream}}\"}}'\n\
         headers = {{ Content-Type = \"application/json\" }}\n[expect]\nend = \"data:[DONE]\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 3\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"1s\"\n",
        origin.address
    ));
    let time = stats(&record, "stream_time");
    assert!(time.count >= 6, "{time:?}");
    assert!(time.min >= 50_000, "{time:?}");
    assert_eq!(record.streams.failed, 0, "{:?}", record.disconnects);
    assert_eq!(time.count, record.streams.finished);
    let requests = origin.requests.lock().unwrap();
    assert!(
        requests[0].starts_with("POST /chat HTTP/1.1"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].contains("Content-Length: 15"),
        "{}",
        requests[0]
    );
}

/// An answer of a language model: a chunk without text, then three chunks 20 ms apart, the last two of
/// them together with the usage and the end.
fn answer(visit: &mut Visit) {
    visit.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    let chunk = |text: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    visit.write(&chunk(""));
    thread::sleep(30 * MS);
    visit.write(&chunk("a"));
    thread::sleep(20 * MS);
    let usage = "data: {\"choices\":[],\"usage\":{\"completion_tokens\":6}}\n\n";
    visit.write(&[&chunk("bb"), &chunk("c"), usage, "data: [DONE]\n\n"].concat());
}

#[test]
fn an_answer_of_a_language_model_is_measured_by_chunks_and_by_tokens() {
    let origin = Origin::start(answer);
    let record = measured(&format!(
        "[target]\nurl = \"http://{}/chat\"\n[expect]\nend = \"data:[DONE]\"\n\
         [llm]\ncontent = \"/choices/0/delta/content\"\nusage = \"/usage/completion_tokens\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 2\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"700ms\"\n",
        origin.address
    ));
    let answers = record.streams.finished;
    assert!(answers >= 4, "{:?}", record.streams);
    // Answers that were going on at the end have begun too.
    assert!(stats(&record, "ttft").count >= answers);
    assert!(stats(&record, "first_event").count >= stats(&record, "ttft").count);
    assert!(stats(&record, "ttft").min >= 30_000);
    assert_eq!(stats(&record, "chunks").count, answers);
    assert_eq!(
        (stats(&record, "chunks").min, stats(&record, "chunks").max),
        (3, 3)
    );
    assert_eq!(
        (stats(&record, "tokens").min, stats(&record, "tokens").max),
        (6, 6)
    );
    assert_eq!(stats(&record, "batch_ratio").max, 2000);
    assert!(stats(&record, "icl").count >= 2 * answers);
    assert_eq!(stats(&record, "icl").min, 0, "two chunks come in one read");
    let mean = stats(&record, "itl_request");
    // Both arrivals may be late, the first one too; of one answer even so late that all come in one read.
    assert!(mean.mean >= 2_000.0 && mean.count == answers, "{mean:?}");
    let token = stats(&record, "tpot_excl_first");
    assert!(token.mean >= 800.0, "20 ms for five tokens: {token:?}");
    assert!(stats(&record, "tpot_incl_first").min >= 50_000 / 6);
    assert_eq!(stats(&record, "events_per_stream").max, 6);
}

#[test]
fn a_stream_without_a_chunk_is_no_fast_answer() {
    let origin = Origin::start(|visit| {
        visit.open();
        visit.write("data: {\"choices\":[]}\n\n");
        visit.linger();
    });
    let record = measured(&format!(
        "[target]\nurl = \"http://{}/chat\"\n[llm]\ncontent = \"/choices/0/delta/content\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 2\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"300ms\"\n\
         [[threshold]]\nmetric = \"ttft\"\nexpr = \"p50 < 100ms\"\n",
        origin.address
    ));
    assert_eq!(stats(&record, "first_event").count, 2);
    assert!(!record.metrics.contains_key("ttft"));
    assert_eq!(stats(&record, "ttft_censored").count, 2);
    assert_eq!(record.thresholds[0].verdict, Verdict::Fail);
}

#[test]
fn sizes_and_the_spread_of_events_are_measured() {
    let origin = Origin::start(|visit| {
        visit.open();
        // Ten events that were to take 20 ms each, all at once after 100 ms.
        thread::sleep(100 * MS);
        let event = format!("data: {}\n\n", "x".repeat(100));
        visit.write(&event.repeat(10));
        visit.write("data: x\n\n");
        visit.linger();
    });
    let text = |interval: &str| {
        format!(
            "[target]\nurl = \"http://{}/events\"\n[expect]\n{interval}\n\
             [[phase]]\nkind = \"ramp\"\nto = 1\nover = \"10ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"400ms\"\n",
            origin.address
        )
    };
    let record = measured(&text("interval = \"20ms\""));
    let size = stats(&record, "event_size");
    assert_eq!((size.count, size.min, size.max), (11, 1, 100));
    let spread = stats(&record, "spread_ratio");
    assert_eq!(spread.count, 1);
    assert!(spread.max < 500, "all at once: {spread:?}");
    assert!(
        !record.metrics.contains_key("events_per_stream"),
        "it never ended"
    );
    let undeclared = measured(&text(""));
    assert!(!undeclared.metrics.contains_key("spread_ratio"));
}

#[test]
fn churn_and_drain_end_streams_as_planned() {
    let origin = Origin::start(tick);
    let record = measured(&format!(
        "[target]\nurl = \"http://{}/events\"\n[[phase]]\nkind = \"ramp\"\nto = 6\nover = \"50ms\"\n\
         [[phase]]\nname = \"all-open\"\nkind = \"hold\"\nfor = \"1s\"\n\
         [[phase]]\nname = \"churn\"\nkind = \"hold\"\nfor = \"1s\"\nchurn = \"10/s\"\n\
         [[phase]]\nname = \"all-open-again\"\nkind = \"hold\"\nfor = \"1s\"\n\
         [[phase]]\nkind = \"drain\"\nover = \"500ms\"\n{PATIENT}",
        origin.address
    ));
    assert_eq!(record.streams.planned, 16);
    assert_eq!(
        (record.streams.opened, record.streams.finished),
        (16, 16),
        "{:?}",
        record.errors
    );
    assert_eq!((record.streams.failed, record.streams.reconnects), (0, 0));
    assert!(record.streams.peak <= 7, "{:?}", record.streams);
    assert!(record.disconnects.is_empty());
}

/// A hub: what is posted to a topic goes to its subscribers.
fn hub(held: Duration, readers: usize) -> Origin {
    hub_that_withholds(held, readers, |_, _| false)
}

/// One event, and then a comment each half second or nothing.
fn after_an_event(comments: bool) -> Origin {
    Origin::start(move |visit| {
        visit.open();
        visit.write("data: 1\n\n");
        while !comments || visit.write(": alive\n") {
            thread::sleep(500 * MS);
        }
    })
}

#[test]
fn a_stream_that_is_silent_for_longer_than_its_heartbeat_is_told_and_a_slow_reader_is_not() {
    let found = |comments: bool, population: &str| {
        let origin = after_an_event(comments);
        let record = measured(&format!(
            "[target]\nurl = \"http://{}/events\"\n[expect]\nheartbeat = \"1s\"\n{population}\
             [[phase]]\nkind = \"ramp\"\nto = 4\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"2500ms\"\n",
            origin.address
        ));
        record
            .findings
            .into_iter()
            .find(|one| one.id == "heartbeat.late")
    };
    let silent = found(false, "").unwrap();
    assert_eq!(silent.verdict, Verdict::Warn);
    assert_eq!(found(true, ""), None);
    let slow = "[[population]]\nname = \"lazy\"\nkind = \"slow\"\nread = { pause = \"30s\", every = \"100ms\" }\n";
    assert_eq!(found(false, slow), None);
}

#[test]
fn of_users_that_follow_each_other_quickly_none_is_forgotten() {
    const USERS: u64 = 20;
    let begin = Instant::now();
    let origin = Origin::start(move |visit| {
        visit.open();
        visit.write("data: 1\n\n");
        if begin.elapsed() < 1500 * MS {
            visit.write("data: [DONE]\n\n");
        } else {
            while visit.write(": wait\n") {
                thread::sleep(50 * MS);
            }
        }
    });
    let record = measured(&format!(
        "[target]\nurl = \"http://{}/events\"\n[expect]\nend = \"data:[DONE]\"\n\
         [reconnect]\npolicy = \"none\"\n\
         [[phase]]\nkind = \"ramp\"\nto = {USERS}\nover = \"100ms\"\n\
         [[phase]]\nkind = \"hold\"\nfor = \"3s\"\n",
        origin.address
    ));
    assert!(record.streams.finished > 10 * USERS, "{:?}", record.streams);
    assert_eq!(record.streams.opened, record.streams.finished + USERS);
    // Each place has a stream that is open when observation stops.
    for name in ["stream_life_censored", "gap_censored"] {
        assert_eq!(stats(&record, name).count, USERS, "{name}");
    }
}

/// A hub that keeps some events from some subscribers of their topic, by id and place. It takes nothing
/// before it has so many subscribers in all: on a busy machine they may come later than publications.
fn hub_that_withholds(
    held: Duration,
    readers: usize,
    withholds: impl Fn(u64, usize) -> bool + Send + Sync + 'static,
) -> Origin {
    type Topics = BTreeMap<String, Vec<Sender<String>>>;
    let hub: Arc<(Mutex<Topics>, Condvar)> = Arc::default();
    let ids = AtomicU64::new(0);
    Origin::start(move |visit| {
        let line = visit.request.lines().next().unwrap_or_default().to_owned();
        let topic = line
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let (topics, came) = &*hub;
        if line.starts_with("GET") {
            let (sender, events) = channel();
            let mut known = topics.lock().unwrap();
            known.entry(topic).or_default().push(sender);
            drop(known);
            came.notify_all();
            visit.open();
            while events.recv().is_ok_and(|event: String| visit.write(&event)) {}
            return;
        }
        let data = visit.body.clone();
        thread::sleep(held);
        let id = ids.fetch_add(1, Ordering::SeqCst) + 1;
        let event = format!("id: {id}\ndata: {data}\n\n");
        let too_few = |known: &mut Topics| known.values().map(Vec::len).sum::<usize>() < readers;
        let mut topics = came.wait_while(topics.lock().unwrap(), too_few).unwrap();
        for (place, subscriber) in topics.entry(topic).or_default().iter().enumerate() {
            if !withholds(id, place) {
                let _ = subscriber.send(event.clone());
            }
        }
        drop(topics);
        visit.write("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    })
}

#[test]
fn publications_are_followed_to_every_subscriber_and_a_delay_on_the_way_shows() {
    let origin = hub(150 * MS, 5);
    let record = measured(&format!(
        "[target]\nurl = \"http://{0}/topic/{{topic}}\"\n\
         [expect]\nseq = {{ from = \"data\", path = \"/seq\", scope = \"topic\" }}\n\
         published_at = {{ from = \"data\", path = \"/at\", unit = \"us\", kind = \"intended\" }}\n\
         [[population]]\nname = \"readers\"\ntopics = [\"a\"]\n\
         [[population]]\nname = \"writer\"\nkind = \"publisher\"\nurl = \"http://{0}/topic/{{topic}}\"\nrate = \"20/s\"\n\
         topics = [\"a\"]\npayload = '{{\"seq\":{{seq}},\"at\":{{intended_us}}}}'\n\
         [[population.phase]]\nkind = \"wait\"\nfor = \"500ms\"\nname = \"quiet\"\n\
         [[population.phase]]\nkind = \"hold\"\nfor = \"1s\"\nname = \"publish\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 5\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"4s\"\n",
        origin.address
    ));
    assert_eq!(
        (record.counts.published_due, record.counts.published),
        (20, 20),
        "{:?}",
        record.errors
    );
    assert_eq!(record.events.received, 100);
    assert_eq!((record.events.lost, record.events.duplicated), (0, 0));
    let delivery = stats(&record, "delivery");
    assert_eq!(delivery.count, 100, "{:?}", record.counts);
    assert!(delivery.min >= 149_000, "{delivery:?}");
    assert_eq!(above(&record, "delivery", 149_000), 100);
    assert!(stats(&record, "publish_answer").min >= 149_000);
    assert_eq!(stats(&record, "fanout_first").count, 20);
    assert!(stats(&record, "fanout_first").min >= 149_000);
    assert!(
        (record.counts.fanout_arrived, record.counts.fanout_due) == (100, 100),
        "{:?}",
        record.counts
    );
}

#[test]
fn how_events_spread_is_told_by_the_phase_in_which_they_were_published() {
    let origin = hub(Duration::ZERO, 5);
    let record = measured(&format!(
        "[target]\nurl = \"http://{0}/topic\"\n\
         [expect]\nseq = {{ from = \"data\", path = \"/seq\", scope = \"topic\" }}\n\
         published_at = {{ from = \"data\", path = \"/at\", unit = \"us\", kind = \"intended\" }}\n\
         [[population]]\nname = \"readers\"\n\
         [[population]]\nname = \"writer\"\nkind = \"publisher\"\nurl = \"http://{0}/topic\"\nrate = \"10/s\"\n\
         payload = '{{\"seq\":{{seq}},\"at\":{{intended_us}}}}'\n\
         [[population.phase]]\nkind = \"wait\"\nfor = \"1s\"\n\
         [[population.phase]]\nkind = \"hold\"\nfor = \"1s\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 5\nover = \"50ms\"\nname = \"up\"\nrecord = false\n\
         [[phase]]\nkind = \"hold\"\nfor = \"1400ms\"\nname = \"warm\"\nrecord = false\n\
         [[phase]]\nkind = \"hold\"\nfor = \"2500ms\"\nname = \"steady\"\n",
        origin.address
    ));
    assert_eq!(record.counts.published, 10, "{:?}", record.errors);
    let count = |name, scope: &Scope| scope.metrics.get(name).map_or(0, MetricValue::count);
    let of = |name| {
        record
            .phases
            .iter()
            .map(move |phase| count(name, &phase.all))
    };
    assert_eq!(of("fanout_last").collect::<Vec<_>>(), [0, 5, 5]);
    assert_eq!(of("fanout_completeness").collect::<Vec<_>>(), [0, 25, 25]);
    assert_eq!(stats(&record, "fanout_last").count, 5);
    assert_eq!(record.metrics["fanout_completeness"].count(), 25);
    assert_eq!(count("fanout_last", &record.populations[0].scope), 5);
    // Counts are of the whole run.
    assert_eq!(record.counts.fanout_arrived, 50);
}

#[test]
fn an_event_is_due_at_the_streams_of_its_topic_alone_and_one_withheld_is_missed() {
    let origin = hub_that_withholds(Duration::ZERO, 12, |id, subscriber| {
        id % 5 == 0 && subscriber == 0
    });
    let record = measured(&format!(
        "[target]\nurl = \"http://{0}/topic/{{topic}}\"\n\
         [expect]\nseq = {{ from = \"data\", path = \"/seq\", scope = \"topic\" }}\n\
         [[population]]\nname = \"readers\"\nweight = 2\ntopics = [\"a\", \"b\"]\n\
         [[population]]\nname = \"others\"\ntopics = [\"a\"]\n\
         [[population]]\nname = \"writer\"\nkind = \"publisher\"\nurl = \"http://{0}/topic/{{topic}}\"\nrate = \"20/s\"\n\
         topics = [\"a\", \"b\"]\npayload = '{{\"seq\":{{seq}}}}'\n\
         [[population.phase]]\nkind = \"wait\"\nfor = \"700ms\"\nname = \"quiet\"\n\
         [[population.phase]]\nkind = \"hold\"\nfor = \"1s\"\nname = \"publish\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 12\nover = \"50ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"4s\"\n",
        origin.address
    ));
    let counts = &record.counts;
    assert_eq!(counts.published, 20, "{:?}", record.errors);
    // Of twelve streams an event reaches those of its topic only; 4 of the 20 miss one of them.
    assert_eq!(counts.fanout_due, counts.fanout_arrived + 4, "{counts:?}");
    assert_eq!(counts.fanout_arrived, record.events.received);
    assert!(counts.fanout_due < 20 * 12, "{counts:?}");
    let seen = stats(&record, "fanout_skew").count;
    assert!((20..=40).contains(&seen), "{seen} spreads");
}
