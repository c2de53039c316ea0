//! Every view of the fixed record of a hop, as snapshots, and what must hold of each of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use fixture::{HOSTILE, finding, healthy, record};
use quick_junit::Report;
use ssekit_record::{
    CheckSummary, HeadChange, Latency, Level, Measurements, Piece, ProxyRecord, Release, Timeline,
    Verdict, is_unsafe_to_show,
};
use ssekit_report::terminal::Layout;
use ssekit_report::{github, html, proxy, terminal};

/// A run through a hop with every verdict, hostile text, and a timeline for a failed and a passed
/// check.
fn hop() -> ProxyRecord {
    use Level::{Info, Must, Practice, Should};
    let mut release = finding(
        "proxy.release",
        Verdict::Fail,
        Should,
        "12 of 20 events arrived together",
    );
    release.remedy = format!("nginx:\n    proxy_buffering off; # {HOSTILE}");
    let checks = vec![
        finding("proxy.head-prompt", Verdict::Pass, Must, "after 1.2 ms"),
        release,
        finding("proxy.large-release", Verdict::Warn, Practice, HOSTILE),
        finding(
            "proxy.fidelity",
            Verdict::Error,
            Must,
            "the probe could not be made",
        ),
        finding(
            "proxy.compression",
            Verdict::NotApplicable,
            Practice,
            "no compression",
        ),
        finding(
            "proxy.idle",
            Verdict::Unverified,
            Practice,
            "asks for --idle",
        ),
        finding("proxy.statuses", Verdict::Info, Info, HOSTILE),
    ];
    let mut run = record();
    run.kind = "proxy".into();
    run.subject = Some("gateway 1.0 <b>not bold</b>".into());
    run.summary = format!("The hop holds events until a block is full: {HOSTILE}");
    run.counts = CheckSummary::of(&checks);
    run.checks = checks;
    let piece = |sent_us, got_us| Piece {
        sent_us,
        got_us,
        bytes: 512,
    };
    let timeline = |check: &str, pieces: Vec<Piece>| Timeline {
        probe: "small".into(),
        about: format!("four small events, 100 ms apart {HOSTILE}"),
        check: check.into(),
        span_us: 500_000,
        pieces,
        closed_us: Some(450_000),
    };
    let held = vec![
        piece(0, Some(300_100)),
        piece(100_000, Some(300_100)),
        piece(200_000, Some(300_200)),
        piece(300_000, None),
    ];
    let prompt = vec![piece(0, Some(100)), piece(100_000, Some(100_090))];
    ProxyRecord {
        run,
        measurements: Measurements {
            release: Some(Release::Block),
            block_bytes: Some(4_096),
            added_latency_us: Latency::of(&[90, 120, 100_100, 300_100]),
            baseline_latency_us: Latency::of(&[40, 45, 50]),
            idle_cut_ms: Some(10_000),
            heartbeat_ms: Some(5_000),
            client_abort_seen_ms: Some(1),
            compressed: Some(format!("gzip{HOSTILE}")),
            swallowed_bytes: Some(3 << 20),
            head: HeadChange {
                origin_asked_with: Some("HTTP/1.0".into()),
                added: vec!["via".into(), HOSTILE.into()],
                removed: vec!["x-accel-buffering".into()],
                ..HeadChange::default()
            },
            ..Measurements::default()
        },
        timelines: vec![
            timeline("proxy.release", held),
            timeline("proxy.head-prompt", prompt),
        ],
    }
}

fn assert_harmless(text: &str) {
    let found = text.chars().find(|c| *c != '\n' && is_unsafe_to_show(*c));
    assert_eq!(found, None);
}

#[test]
fn a_terminal_shows_what_was_measured_and_draws_what_was_found() {
    let layout = Layout {
        width: 100,
        ..Layout::default()
    };
    let text = terminal::proxy(&hop(), layout);
    // A style is an escape and a bracket, digits, and `m`; nothing else may act.
    let mut plain = String::new();
    for (index, piece) in text.split('\u{1b}').enumerate() {
        let rest = match index {
            0 => piece,
            _ => {
                let (style, rest) = piece.split_once('m').expect("only styles");
                let of_style = |c: char| c == '[' || c == ';' || c.is_ascii_digit();
                assert!(style.chars().all(of_style), "{style:?}");
                rest
            }
        };
        plain.push_str(rest);
    }
    assert_harmless(&plain);
    insta::assert_snapshot!(plain);
}

#[test]
fn markdown_draws_what_was_found_and_holds_hostile_text() {
    let text = proxy::markdown(&hop());
    assert_harmless(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn junit_has_one_case_a_check_and_holds_hostile_text() {
    let text = proxy::junit(&hop());
    assert_harmless(&text);
    insta::assert_snapshot!(text);
    let report = Report::deserialize_from_str(&text).unwrap();
    let of = |verdict| {
        hop()
            .run
            .checks
            .iter()
            .filter(|f| f.verdict == verdict)
            .count()
    };
    assert_eq!(report.tests, hop().run.checks.len());
    assert_eq!(report.failures, of(Verdict::Fail));
    assert_eq!(report.errors, of(Verdict::Error));
}

#[test]
fn github_names_the_problems() {
    let text = github::render(&hop().run);
    assert_harmless(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn the_page_draws_what_was_found_and_holds_hostile_text() {
    let text = html::proxy(&hop());
    assert_harmless(&text);
    insta::assert_snapshot!(text);
    let problems = hop()
        .run
        .checks
        .into_iter()
        .filter(|f| matches!(f.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error));
    assert!(problems.count() >= 3);
    assert!(!text.contains("<b>not"), "text of a target is text");
    assert!(text.contains("class=\"timeline\""), "the timeline is drawn");
}

#[test]
fn json_is_read_back() {
    let text = proxy::json(&hop()).unwrap();
    assert_harmless(&text);
    assert_eq!(proxy::parse(&text).unwrap(), hop());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["kind"], "proxy");
    assert_eq!(value["measurements"]["release"], "block");
    let target = value["target"].as_str().unwrap();
    assert!(target.contains(HOSTILE), "nothing is lost in JSON");
}

#[test]
fn what_passed_is_not_drawn() {
    let mut well = hop();
    let mut run = healthy();
    run.checks = well.run.checks;
    for finding in &mut run.checks {
        finding.verdict = Verdict::Pass;
    }
    run.counts = CheckSummary::of(&run.checks);
    well.run = run;
    assert!(!html::proxy(&well).contains("class=\"timeline\""));
    assert!(!proxy::markdown(&well).contains("four small events"));
}
