//! Endpoints that break the echo contract prove nothing about the server's events: no rule fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::origin::{Origin, Play, Step};
use crate::site::Site;
use ssekit_conformance::{CheckOptions, EchoTarget, Needs, check, judge, rule};
use ssekit_record::{CheckRecord, Verdict};
use ssekit_server::{Config, Server};

const DOCUMENT: &str = r#"{"echo":1,"capabilities":["get","post","event","data","type","id","retry","comment","wait","close"]}"#;

fn answer(status: &str, media_type: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    vec![Step::Send(text.into_bytes())]
}

/// A conforming site with an echo endpoint that answers every script like this.
fn beside(script: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Play {
    let site = Site::default();
    Arc::new(move |asked| match (asked.method.as_str(), &*asked.path) {
        ("GET", "/echo") => answer("200 OK", "application/json", DOCUMENT),
        ("POST", "/echo") => script(),
        _ => site.answer(asked),
    })
}

async fn judged(url: &str, echo: EchoTarget) -> CheckRecord {
    let mut options = CheckOptions::new(url.parse().unwrap());
    options.observe = Some(Duration::from_millis(1500));
    options.echo = Some(echo);
    let checked = check(&options, &mut |_| {}).await.unwrap();
    let again = judge(&checked.observation, &options.selection, options.gate).unwrap();
    let verdicts = |record: &CheckRecord| -> Vec<(String, Verdict)> {
        let checks = record.checks.iter();
        checks.map(|f| (f.id.clone(), f.verdict)).collect()
    };
    assert_eq!(verdicts(&checked.record), verdicts(&again));
    checked.record
}

/// What every echo rule says, if each is unverified and nothing fails.
fn missing(record: &CheckRecord) -> Vec<&str> {
    let is_echo = |id: &str| rule(id).is_some_and(|rule| rule.needs == Needs::Echo);
    let mut said = Vec::new();
    for finding in &record.checks {
        let told = format!("{} {}: {}", finding.id, finding.verdict, finding.actual);
        assert!(
            !matches!(finding.verdict, Verdict::Fail | Verdict::Error),
            "{told}"
        );
        if is_echo(&finding.id) {
            assert_eq!(finding.verdict, Verdict::Unverified, "{told}");
            said.push(finding.actual.as_str());
        }
    }
    assert!(!said.is_empty());
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_keeps_no_promise_leaves_the_rules_open() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let refuses = beside(move || {
        count.fetch_add(1, Ordering::Relaxed);
        answer("400 Bad Request", "text/plain", "no")
    });
    let lies = beside(|| answer("200 OK", "text/event-stream", "data: hello\n\n"));
    let fails = beside(|| answer("500 Internal Server Error", "text/plain", "no"));
    let hangs = beside(|| vec![Step::Hold]);
    for (name, play) in [
        ("refuses", refuses),
        ("lies", lies),
        ("fails", fails),
        ("hangs", hangs),
    ] {
        let origin = Origin::start(play).await;
        let record = judged(&origin.url(), EchoTarget::Beside).await;
        for said in missing(&record) {
            assert!(said.contains("echo endpoint"), "{name}: {said}");
        }
    }
    assert_eq!(
        asked.load(Ordering::Relaxed),
        1,
        "asked on after the canary"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_endpoint_the_places_looked_at_are_named() {
    let site = Site::default();
    let origin = Origin::start(site.play()).await;
    let record = judged(&origin.url(), EchoTarget::Beside).await;
    for said in missing(&record) {
        assert!(said.contains("/events") && said.contains("/echo"), "{said}");
    }
    let there = format!("http://{}/nowhere", origin.addr).parse().unwrap();
    let record = judged(&origin.url(), EchoTarget::At(there)).await;
    for said in missing(&record) {
        assert!(said.contains("/nowhere"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_itself_is_a_target_with_a_stream() {
    let server = Server::start(Config::default()).await.unwrap();
    let record = judged(&server.url("/echo"), EchoTarget::Beside).await;
    let verdict = |id: &str| record.checks.iter().find(|f| f.id == id).unwrap().verdict;
    for finding in &record.checks {
        let told = format!("{} {}: {}", finding.id, finding.verdict, finding.actual);
        assert!(
            !matches!(finding.verdict, Verdict::Fail | Verdict::Error),
            "{told}"
        );
    }
    for id in [
        "response.status-200",
        "encoding.valid-utf8",
        "data.injection",
        "retry.fidelity",
    ] {
        assert_eq!(verdict(id), Verdict::Pass, "{id}");
    }
}
