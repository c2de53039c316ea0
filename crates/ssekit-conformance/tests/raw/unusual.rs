//! Servers that conform in ways few do get no finding at all beside those of a plain one.

use std::time::Duration;

use crate::origin::{Origin, Play};
use crate::site::{Site, lines, ticks};
use ssekit_conformance::{CheckOptions, check};
use ssekit_record::{CheckRecord, Verdict};

async fn judged(play: Play) -> CheckRecord {
    let origin = Origin::start(play).await;
    let mut options = CheckOptions::new(origin.url().parse().unwrap());
    options.observe = Some(Duration::from_millis(2500));
    check(&options, &mut |_| {}).await.unwrap().record
}

/// What is found, in words.
fn findings(record: &CheckRecord) -> Vec<String> {
    let is_found = |verdict| matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Error);
    let found = record.checks.iter().filter(|f| is_found(f.verdict));
    found
        .map(|f| format!("{} {}: {}", f.id, f.verdict, f.actual))
        .collect()
}

fn site(change: impl FnOnce(&mut Site)) -> Play {
    Site::with(change).play()
}

fn with(name: &'static str, value: &'static str) -> Play {
    site(|site| site.set(name, value))
}

/// Checks all at once and tells all that is found.
async fn expect_nothing(cases: Vec<(&'static str, Play)>) {
    let mut running = tokio::task::JoinSet::new();
    for (name, play) in cases {
        running.spawn(async move { (name, findings(&judged(play).await)) });
    }
    let mut wrong = Vec::new();
    while let Some(done) = running.join_next().await {
        let (name, found) = done.unwrap();
        if !found.is_empty() {
            wrong.push(format!("{name}:\n    {}", found.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_and_their_words() {
    expect_nothing(vec![
        ("plain", site(|_| {})),
        ("upper case", with("Cache-Control", "NO-STORE,No-Transform")),
        (
            "quoted comma",
            with(
                "Cache-Control",
                "no-cache=\"Set-Cookie, public\", no-store, no-transform",
            ),
        ),
        (
            "max-age of 0",
            with("Cache-Control", "max-age=0, no-transform"),
        ),
        (
            "private",
            with("Cache-Control", "private, no-transform, x-public"),
        ),
        (
            "two lines",
            site(|site| {
                site.set("Cache-Control", "no-transform");
                site.fields
                    .push(("cache-control".into(), "no-cache".into()));
            }),
        ),
        (
            "missed at a host named hit",
            with("X-Cache", "MISS from hit.example"),
        ),
        (
            "missed twice",
            with(
                "X-Cache",
                "TCP_MISS from a (stale-proxy/1), MISS from hit-2",
            ),
        ),
        ("a cache named hit", with("Cache-Status", "hit; fwd=miss")),
        (
            "detail of a miss",
            with("Cache-Status", "edge; fwd=uri-miss; detail=\"no; hit; no\""),
        ),
        (
            "not a hit",
            with("Cache-Status", "edge; hit=?0; fwd=bypass"),
        ),
        ("bypassed", with("CF-Cache-Status", "DYNAMIC")),
        ("one transaction", with("X-Varnish", "32770")),
        ("no age", with("Age", "0")),
        ("a list of no", with("X-Accel-Buffering", "NO")),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_and_codings() {
    expect_nothing(vec![
        ("allows null", with("Access-Control-Allow-Origin", "null")),
        (
            "allows another",
            with("Access-Control-Allow-Origin", "https://app.example:8443"),
        ),
        (
            "allows an application",
            with("Access-Control-Allow-Origin", "capacitor://localhost"),
        ),
        (
            "IPv6",
            with("Access-Control-Allow-Origin", "http://[::1]:3000"),
        ),
        (
            "no credentials",
            with("Access-Control-Allow-Credentials", "false"),
        ),
        ("identity", with("Vary", "*")),
        (
            "varies by much",
            with("Vary", "accept , ORIGIN,Accept-Encoding"),
        ),
        (
            "parameters",
            with(
                "Content-Type",
                "text/event-stream ; charset=utf-8 ; v=\"1;2\"",
            ),
        ),
        ("latin-1 field", with("X-Name", "caf\u{e9}")),
        ("empty field", with("X-Empty", "")),
        ("keep-alive", with("Connection", "keep-alive")),
        ("alternative", with("Alt-Svc", "h3=\":443\"; ma=86400")),
    ])
    .await;
}

fn paced(events: Vec<Vec<u8>>, pause: u64) -> Play {
    site(move |site| {
        site.events = events;
        site.pause = pause;
    })
}

fn each(text: &str, count: usize) -> Vec<Vec<u8>> {
    vec![text.as_bytes().to_vec(); count]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paces() {
    let kilobyte = format!("data: {}\n\n", "x".repeat(1016));
    let four = format!("data: {}\n\n", "x".repeat(4_088));
    let several = "data: a\n\ndata: b\n\n: c\n\n".repeat(20);
    expect_nothing(vec![
        ("events of 1024 bytes", paced(each(&kilobyte, 100), 60)),
        ("events of 4096 bytes", paced(each(&four, 100), 60)),
        ("several at a time", paced(each(&several, 50), 200)),
        (
            "lines apart",
            paced(
                (0..40)
                    .flat_map(|n| [format!("data: {n}\n").into_bytes(), b"\n".to_vec()])
                    .collect(),
                70,
            ),
        ),
        (
            "blank line apart from the event, a comment after",
            paced(
                (0..40)
                    .flat_map(|n| [format!(": {n}\ndata: {n}\n").into_bytes(), b"\n".to_vec()])
                    .collect(),
                70,
            ),
        ),
        (
            "one and silence",
            site(|site| site.events = lines("data: hello\n\n")),
        ),
        (
            "many and silence",
            site(|site| {
                site.events = ticks(30);
                site.pause = 0;
            }),
        ),
        ("crlf apart", paced(each("data: a\r\n\r\n", 50), 90)),
        (
            "a large event in pieces",
            paced(
                each(&"data: y\n".repeat(500), 20)
                    .into_iter()
                    .chain(each("\n", 1))
                    .collect(),
                60,
            ),
        ),
        ("comments between", paced(each(": ping\n\n", 50), 60)),
    ])
    .await;
}
