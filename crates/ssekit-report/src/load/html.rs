//! A load record as one HTML file that needs nothing else: no network, no script.

mod drawing;

use askama::Template;
use ssekit_record::quantity::{show_bytes, show_number, show_us};
use ssekit_record::{LoadOutcome, LoadRecord, METRICS, ThresholdResult, Verdict};

use super::capacity::{self, StepRow};
use super::part::{self, Parts};
use super::row::{HEADINGS, Row, count, rows, server, shares};
use super::storm;
use crate::html::began;
use crate::text::{bounded, bounded_to, duration};

/// Characters of the scenario that are shown.
const SCENARIO: usize = 20_000;

/// The record as an HTML document, with a line feed at the end.
pub fn render(record: &LoadRecord) -> String {
    #[expect(
        clippy::expect_used,
        reason = "a string takes every write, and the template calls nothing that fails"
    )]
    let mut text = Page::of(record).render().expect("strings into a string");
    text.push('\n');
    text
}

/// What the template shows, every text harmless and bounded.
#[derive(Template)]
#[template(path = "load.html")]
struct Page {
    kind: &'static str,
    about: &'static str,
    mark: char,
    class: &'static str,
    outcome: &'static str,
    target: String,
    summary: String,
    facts: Vec<(&'static str, String)>,
    tiles: Vec<(&'static str, String)>,
    thresholds: Vec<Judged>,
    findings: Vec<Judged>,
    drawings: Vec<drawing::Drawing>,
    headings: [&'static str; 7],
    rows: Vec<Explained>,
    shares: Vec<Share>,
    parts: Vec<Parts>,
    causes: Vec<(&'static str, Vec<(String, String)>)>,
    storms: Vec<String>,
    capacity: String,
    steps: Vec<Step>,
    generator: Vec<(&'static str, String)>,
    server: Vec<String>,
    scenario: String,
    ssekit: String,
}

struct Judged {
    class: &'static str,
    mark: &'static str,
    name: String,
    value: String,
    detail: String,
}

struct Explained {
    row: Row,
    formula: &'static str,
}

struct Share {
    name: String,
    value: String,
    formula: &'static str,
}

impl Page {
    fn of(record: &LoadRecord) -> Self {
        let (mark, class, outcome) = match record.outcome {
            LoadOutcome::Pass => ('✓', "pass", "Pass"),
            LoadOutcome::Fail => ('✗', "fail", "Fail"),
            LoadOutcome::Invalid => ('?', "error", "Invalid"),
            LoadOutcome::Interrupted => ('·', "warn", "Interrupted"),
        };
        let explained = rows(record, true).into_iter().map(|row| Explained {
            formula: formula(&row.name),
            row,
        });
        let shares = shares(record).into_iter().map(|(name, value)| Share {
            formula: formula(&name),
            name,
            value,
        });
        Self {
            kind: "load",
            about: "event streams under load",
            mark,
            class,
            outcome,
            target: bounded(&record.target),
            summary: bounded(&record.summary),
            facts: facts(record),
            tiles: tiles(record),
            thresholds: record.thresholds.iter().map(threshold).collect(),
            findings: findings(record),
            drawings: drawing::all(record),
            headings: HEADINGS,
            rows: explained.collect(),
            shares: shares.collect(),
            parts: part::all(record),
            causes: causes(record),
            storms: storms(record),
            capacity: record
                .capacity
                .as_ref()
                .map_or(String::new(), |capacity| bounded(&capacity.detail)),
            steps: steps(record),
            generator: generator(record),
            server: server(record),
            scenario: record
                .scenario
                .toml
                .lines()
                .map(|line| bounded_to(line, 400))
                .collect::<Vec<_>>()
                .join("\n")
                .chars()
                .take(SCENARIO)
                .collect(),
            ssekit: bounded(&record.ssekit),
        }
    }
}

fn formula(name: &str) -> &'static str {
    let known = METRICS.iter().find(|metric| metric.name == name);
    known.map_or("", |metric| metric.formula)
}

fn facts(record: &LoadRecord) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let named = Some(&record.scenario.name).filter(|name| !name.is_empty());
    facts.extend(named.map(|name| ("Scenario", bounded(name))));
    let http = record.http.as_deref();
    facts.extend(http.map(|http| ("Protocol", format!("HTTP/{}", bounded(http)))));
    facts.extend(began(record.started_unix_ms).map(|began| ("Begun", began)));
    facts.push(("Took", duration(record.elapsed_us)));
    facts.push(("Seed", record.scenario.seed.to_string()));
    if record.shard.count > 1 {
        let shard = record.shard;
        let text = if shard.merged > 1 {
            format!("{} of {} merged", shard.merged, shard.count)
        } else {
            format!("{} of {}", shard.index, shard.count)
        };
        facts.push(("Shards", text));
    }
    let digest: String = record.scenario.digest.chars().take(16).collect();
    if !digest.is_empty() {
        facts.push(("Scenario digest", bounded(&digest)));
    }
    facts.push(("Measured by", format!("ssekit {}", bounded(&record.ssekit))));
    facts
}

/// The figures that are looked at first.
fn tiles(record: &LoadRecord) -> Vec<(&'static str, String)> {
    let (s, e) = (&record.streams, &record.events);
    let seconds = (record.elapsed_us as f64 / 1e6).max(1e-6);
    let known = |n: u64| {
        if e.numbered > 0 {
            count(n)
        } else {
            "not known".into()
        }
    };
    vec![
        ("streams planned", count(s.planned)),
        ("opened", count(s.opened)),
        ("failed", count(s.failed)),
        ("open at once", count(s.peak)),
        ("reconnects", count(s.reconnects)),
        ("events", count(e.received)),
        (
            "events a second",
            show_number((e.received as f64 / seconds).round()),
        ),
        ("lost", known(e.lost)),
        ("duplicated", known(e.duplicated)),
        ("reordered", known(e.reordered)),
        ("bytes", show_bytes(e.bytes as f64)),
        ("protocol faults", count(e.faults)),
    ]
}

fn threshold(result: &ThresholdResult) -> Judged {
    Judged {
        class: class(result.verdict),
        mark: mark(result.verdict),
        name: bounded(&result.threshold.to_string()),
        value: bounded(&result.shown()),
        detail: bounded(&result.detail),
    }
}

fn findings(record: &LoadRecord) -> Vec<Judged> {
    let findings = record.findings.iter().map(|finding| Judged {
        class: class(finding.verdict),
        mark: mark(finding.verdict),
        name: bounded(&finding.id),
        value: String::new(),
        detail: bounded(&finding.detail),
    });
    findings.collect()
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Warn => "warn",
        Verdict::Info => "info",
        Verdict::NotApplicable => "na",
        Verdict::Unverified => "unverified",
        Verdict::Error => "error",
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Warn => "!",
        Verdict::Info => "i",
        _ => "?",
    }
}

fn causes(record: &LoadRecord) -> Vec<(&'static str, Vec<(String, String)>)> {
    let kinds = [
        ("Failed to open", &record.errors),
        ("Ended", &record.disconnects),
        ("Protocol faults", &record.faults),
    ];
    let kinds = kinds.into_iter().map(|(name, causes)| {
        let causes = causes.iter().map(|(cause, n)| (bounded(cause), count(*n)));
        (name, causes.collect::<Vec<_>>())
    });
    kinds.filter(|(_, causes)| !causes.is_empty()).collect()
}

fn storms(record: &LoadRecord) -> Vec<String> {
    let storms = record.storms.iter();
    storms
        .map(|one| format!("{}: {}", bounded(&one.phase), storm::told(one)))
        .collect()
}

struct Step {
    class: &'static str,
    mark: &'static str,
    row: StepRow,
}

fn steps(record: &LoadRecord) -> Vec<Step> {
    let rows = record.capacity.iter().flat_map(capacity::rows);
    rows.map(|row| Step {
        class: class(row.verdict),
        mark: mark(row.verdict),
        row,
    })
    .collect()
}

fn generator(record: &LoadRecord) -> Vec<(&'static str, String)> {
    let g = &record.generator;
    let mut rows = vec![("CPU time", format!("{:.2} s", g.cpu_seconds))];
    let each = record.cpu_per_100_000();
    rows.extend(each.map(|cost| ("per 100,000 events", format!("{cost:.3} s"))));
    rows.extend([
        ("Most memory", show_bytes(g.max_rss_bytes as f64)),
        (
            "Busiest worker",
            format!("{:.0} %", g.busiest_worker * 100.0),
        ),
        ("Loop lag, p99.9", show_us(g.loop_lag_p999_us as f64)),
        ("Loop lag, worst", show_us(g.loop_lag_max_us as f64)),
        ("Schedule lag, p99", show_us(g.schedule_lag_p99_us as f64)),
        (
            "Workers",
            format!(
                "{} in {} process{}",
                g.workers,
                g.processes,
                if g.processes == 1 { "" } else { "es" }
            ),
        ),
        ("Read backlog", count(g.backlog)),
        (
            "Starts kept",
            format!(
                "{} %",
                show_number((g.started_ratio * 1000.0).round() / 10.0)
            ),
        ),
        ("Events before their stamp", count(g.negative)),
    ]);
    if !g.clock.is_empty() {
        rows.push(("Clocks", g.clock.clone()));
        rows.push(("Before their stamp by", show_us(g.ahead_us as f64)));
        rows.push(("Clock set by", show_us(g.clock_step_us as f64)));
    }
    rows
}
