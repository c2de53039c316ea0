//! What ssekit sends, read back by others: hyper and h2 read the requests, url and serde_json the
//! scripts, and an echo endpoint written from the contract alone performs them. What is wrong with
//! a request of ours shows here, not as a finding about a server.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "sent/reader.rs"]
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reader::{Reader, Received};
use serde_json::{Value, json};
use ssekit_conformance::{CheckOptions, Checked, EchoTarget, Needs, check, rule};
use ssekit_http::HttpChoice;
use ssekit_record::{REDACTED, Request, Verdict};
use url::Url;

/// Needs a count of the open streams in the capabilities document, which the endpoint leaves out.
const UNCOUNTED: &str = "lifecycle.disconnect-noticed";
const SECRET: &str = "Bearer of-the-test";

async fn run(reader: &Reader, http: HttpChoice) -> Checked {
    let mut options = CheckOptions::new(reader.url("/events").parse().unwrap());
    options.http = http;
    options.observe = Some(Duration::from_millis(700));
    options.echo = Some(EchoTarget::Beside);
    let secret = ("Authorization".into(), SECRET.as_bytes().to_vec());
    options.fields.push(secret);
    check(&options, &mut |_| {}).await.unwrap()
}

/// A request in a form that both sides can be brought to.
type Key = (String, String, BTreeSet<(String, String)>, u64);

fn received(request: &Received) -> Key {
    let mut fields = BTreeSet::new();
    for (name, value) in &request.fields {
        let value = match name.as_str() {
            "authorization" => {
                assert_eq!(value, SECRET);
                REDACTED
            }
            _ => value,
        };
        let is_new = fields.insert((name.clone(), value.to_owned()));
        assert!(is_new, "{name} is sent twice");
    }
    (
        request.method.clone(),
        request.target.clone(),
        fields,
        request.content.len() as u64,
    )
}

fn recorded(request: &Request) -> Key {
    let url = Url::parse(&request.url).unwrap();
    let query = url.query().map(|query| format!("?{query}"));
    let fields = request.fields.iter();
    (
        request.method.clone(),
        format!("{}{}", url.path(), query.unwrap_or_default()),
        fields
            .map(|f| (f.name.to_ascii_lowercase(), f.value.clone()))
            .collect(),
        request.body_len,
    )
}

/// Looks for an echo endpoint: all but the one that is found leave no transcript.
fn is_search(request: &Received) -> bool {
    request.method == "GET"
        && request.content.is_empty()
        && request.field("accept") == Some("application/json")
}

/// What the report says was sent is what others received, and nothing else was sent.
fn assert_told_truly(checked: &Checked, requests: &[Received]) {
    let bulks = checked.observation.bulks.iter().map(|b| &b.transcript);
    let told: BTreeMap<Key, &str> = checked
        .observation
        .transcripts
        .iter()
        .chain(bulks)
        .map(|t| (recorded(&t.request), t.probe.as_str()))
        .collect();
    let seen: BTreeSet<Key> = requests.iter().map(received).collect();
    for (key, probe) in &told {
        let alike = seen
            .iter()
            .filter(|other| (&other.0, &other.1) == (&key.0, &key.1));
        assert!(
            seen.contains(key),
            "{probe} was not received as told: {key:?}, but {:?}",
            alike.collect::<Vec<_>>()
        );
    }
    for request in requests.iter().filter(|request| !is_search(request)) {
        let key = received(request);
        assert!(told.contains_key(&key), "nobody told of {key:?}");
    }
    assert!(told.len() > 40, "{}", told.len());
}

/// Every script is what the contract says one is, sent the way it says.
fn assert_scripts(requests: &[Received], method: &str) -> Vec<Value> {
    let scripts: Vec<Value> = requests.iter().filter_map(Received::script).collect();
    assert!(scripts.len() > 30);
    let halves = requests.iter().filter(|r| r.asks_for_half_a_pair());
    for request in halves {
        let text = request.text().unwrap();
        let error = serde_json::from_str::<Value>(&text).unwrap_err();
        assert!(
            error.to_string().contains("surrogate") || error.to_string().contains("hex escape"),
            "{error}"
        );
    }
    for request in requests.iter().filter(|r| r.text().is_some()) {
        assert_eq!(request.method, method);
        let is_json = request.field("content-type") == Some("application/json");
        assert_eq!(is_json, method == "POST");
    }
    for script in &scripts {
        assert_eq!(script["version"], 1);
        assert!(
            script["steps"]
                .as_array()
                .is_some_and(|steps| !steps.is_empty())
        );
        assert_eq!(script.as_object().unwrap().len(), 2);
    }
    scripts
}

/// The hostile values, spelt once more: what reaches the server is what the rules are about.
fn assert_values(scripts: &[Value]) {
    let sends = |member: &str, value: Value| {
        let has = |step: &Value| step[member] == value;
        let found = scripts
            .iter()
            .any(|s| s["steps"].as_array().unwrap().iter().any(has));
        assert!(found, "no script sends {member} {value}");
    };
    for data in [
        "first\nsecond\n third",
        "before\rafter",
        "before\r\nafter",
        "text\n",
        "text\n\n",
        "",
        " text",
        "  text  ",
        ":text",
        "before\0after",
        "\u{feff}text",
        "\u{1f600}\u{10348}\u{10ffff}",
        "a\u{85}b\u{2028}c\u{2029}d\u{b}e\u{c}f",
    ] {
        sends("data", json!(data));
    }
    sends("id", json!("1\r\n\r\ndata: ssekit-forged\r\n\r\n"));
    sends("event", json!("1\ndata: ssekit-forged"));
    sends("retry", json!("3s"));
    sends("retry", json!(2345));
    sends("text", json!("1\n\ndata: ssekit-forged\n\n"));
    sends("code", json!(204));
}

/// An endpoint that does as the scripts say, and as the standard says, passes every echo rule.
fn assert_all_pass(checked: &Checked, but: &[&str]) {
    let mut judged = 0;
    for finding in &checked.record.checks {
        let told = format!("{} {}: {}", finding.id, finding.verdict, finding.actual);
        assert!(
            !matches!(finding.verdict, Verdict::Fail | Verdict::Error),
            "{told}"
        );
        let is_echo = rule(&finding.id).is_some_and(|rule| rule.needs == Needs::Echo);
        if is_echo && !but.contains(&finding.id.as_str()) {
            assert!(
                matches!(finding.verdict, Verdict::Pass | Verdict::Info),
                "{told}"
            );
            judged += 1;
        }
    }
    assert!(judged > 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1_with_post() {
    let reader = Reader::start(&["post", "get"]).await;
    let checked = run(&reader, HttpChoice::Http11).await;
    let requests = reader.received();
    assert_told_truly(&checked, &requests);
    assert_values(&assert_scripts(&requests, "POST"));
    assert_all_pass(&checked, &[UNCOUNTED]);
    for request in &requests {
        assert_eq!(request.field("host"), Some(reader.authority().as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http1_with_scripts_in_the_url() {
    let reader = Reader::start(&["get"]).await;
    let checked = run(&reader, HttpChoice::Http11).await;
    let requests = reader.received();
    assert_told_truly(&checked, &requests);
    assert_values(&assert_scripts(&requests, "GET"));
    // Those need values too long for a URL.
    assert_all_pass(&checked, &["data.large", "encoding.split-char", UNCOUNTED]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2() {
    let reader = Reader::start(&["post", "get"]).await;
    let checked = run(&reader, HttpChoice::Http2).await;
    let requests = reader.received();
    assert_told_truly(&checked, &requests);
    assert_values(&assert_scripts(&requests, "POST"));
    assert_all_pass(&checked, &[UNCOUNTED]);
    for request in requests.iter().filter(|r| r.is_http2) {
        assert_eq!(request.authority, reader.authority());
    }
    assert!(requests.iter().filter(|r| r.is_http2).count() > 40);
}
