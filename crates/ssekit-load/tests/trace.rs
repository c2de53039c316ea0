//! The log of every event of a few streams.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod origin;

use std::path::Path;

use origin::{Origin, PATIENT, made, order, wall_us};
use serde_json::Value;
use ssekit_load::{Job, LoadError};

/// Six streams with five events each, stamped 200 ms before they are sent; one in so many is traced.
fn job(origin: &Origin, every: u64, path: &Path) -> Job {
    let text = format!(
        "[target]\nurl = \"http://{}/events\"\n[output]\ntrace_sample = {every}\n\
         [expect]\nseq = {{ from = \"id\" }}\npublished_at = {{ from = \"data\", path = \"/ts\" }}\n\
         [[phase]]\nkind = \"ramp\"\nfrom = 6\nto = 6\nover = \"1500ms\"\n{PATIENT}",
        origin.address
    );
    let mut order = order(&text);
    order.workers = Some(2);
    let mut job = order.job().unwrap();
    job.trace = Some(path.to_owned());
    job
}

fn origin() -> Origin {
    Origin::start(|visit| {
        visit.open();
        for id in 1..=5 {
            visit.write(&format!(
                "id: {id}\ndata: {{\"ts\":{}}}\n\n",
                wall_us() - 200_000
            ));
        }
        visit.linger();
    })
}

#[test]
fn each_event_of_one_in_so_many_streams_is_written_in_order_of_arrival() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    for (every, streams) in [(2, vec![0, 2, 4]), (1, (0..6).collect()), (7, vec![0])] {
        let path = folder.path().join(format!("{every}.jsonl"));
        let record = made(&job(&origin, every, &path));
        assert_eq!(record.events.received, 30);
        assert!(
            record
                .findings
                .iter()
                .all(|finding| finding.id != "trace.incomplete")
        );
        let text = std::fs::read_to_string(path).unwrap();
        let events: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(events.len(), streams.len() * 5, "{text}");
        for stream in streams {
            let own = events.iter().filter(|event| event["stream"] == stream);
            let numbers: Vec<_> = own.map(|event| event["seq"].as_u64().unwrap()).collect();
            assert_eq!(numbers, [1, 2, 3, 4, 5], "stream {stream}");
        }
        let at = |event: &Value| event["at_us"].as_u64().unwrap();
        assert!(events.is_sorted_by_key(at));
        assert!(events.iter().all(|event| at(event) <= record.elapsed_us));
        let late = |event: &Value| event["delivery_us"].as_i64().unwrap();
        assert!(events.iter().all(|event| late(event) >= 199_000), "{text}");
        let known = |event: &Value| {
            event["population"] == "subscribers" && event["size"].as_u64() >= Some(20)
        };
        assert!(events.iter().all(known), "{text}");
    }
}

#[test]
fn a_trace_that_cannot_be_written_is_refused_before_the_run() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let job = job(&origin, 1, &folder.path().join("absent/trace.jsonl"));
    let error = ssekit_load::run(&job, &std::sync::Arc::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LoadError::Trace { .. }), "{error}");
    assert_eq!(origin.requests.lock().unwrap().len(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_trace_that_is_not_whole_is_said_in_the_record() {
    let record = made(&job(&origin(), 1, Path::new("/dev/full")));
    let told = record
        .findings
        .iter()
        .find(|finding| finding.id == "trace.incomplete");
    let told = told.expect("said in the record");
    assert!(
        told.detail
            .contains("/dev/full is not whole: No space left"),
        "{}",
        told.detail
    );
}
