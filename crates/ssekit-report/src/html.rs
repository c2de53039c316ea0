//! A record as one HTML file that needs nothing else: no network, no script.
//!
//! The template escapes every value for HTML, every text went through [`bounded`] before, and the
//! page's own Content-Security-Policy forbids scripts and requests, so that even markup that got
//! through would do nothing.

mod bytes;
mod figure;
mod finding;
mod overview;
mod probe;
mod timeline;

use askama::Template;
use chrono::{DateTime, Utc};
use ssekit_record::{CheckOutcome, CheckRecord, ProxyRecord, Verdict};

use crate::group::with_verdict;
use crate::note::notes;
use crate::proxy::{drawn, fact};
use crate::text::{bounded, counted, duration};
use figure::FigureView;
use finding::FindingView;
use overview::{Count, Passed, Reasons, TileRow};
use probe::ProbeView;

/// The record of a check as an HTML document, with a line feed at the end.
pub fn render(record: &CheckRecord) -> String {
    written(&Page::of(record))
}

/// The record of a hop as an HTML document, with a line feed at the end.
pub fn proxy(record: &ProxyRecord) -> String {
    let mut page = Page::of(&record.run);
    page.kind = "proxy";
    page.about = "what a hop does to an event stream";
    page.measured = fact::of(&record.measurements);
    let sections = page.sections.iter_mut().flat_map(|s| &mut s.findings);
    for finding in sections {
        let timelines = drawn(record, &finding.id);
        finding.figures = timelines.map(FigureView::of).collect();
    }
    written(&page)
}

fn written(page: &Page) -> String {
    #[expect(
        clippy::expect_used,
        reason = "a string takes every write, and the template calls nothing that fails"
    )]
    let mut text = page.render().expect("strings into a string");
    text.push('\n');
    text
}

/// What the template shows, every text harmless and bounded.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    kind: &'static str,
    about: &'static str,
    measured: Vec<(&'static str, String)>,
    mark: char,
    class: &'static str,
    outcome: &'static str,
    target: String,
    summary: String,
    facts: Vec<(&'static str, String)>,
    counts: Vec<Count>,
    groups: Vec<TileRow>,
    sections: Vec<Section>,
    noted: Vec<FindingView>,
    notes: Vec<(&'static str, Vec<String>)>,
    reasons: Vec<Reasons>,
    passed: Vec<Passed>,
    passes: usize,
    probes: Vec<ProbeView>,
    ssekit: String,
}

/// The findings of one verdict, told in full.
struct Section {
    class: &'static str,
    title: &'static str,
    about: &'static str,
    findings: Vec<FindingView>,
}

impl Page {
    fn of(record: &CheckRecord) -> Self {
        let (mark, class, outcome) = match record.outcome {
            CheckOutcome::Conformant => ('✓', "pass", "Conformant"),
            CheckOutcome::Nonconformant => ('✗', "fail", "Not conformant"),
            CheckOutcome::Incomplete => ('?', "error", "Incomplete"),
        };
        Self {
            kind: "check",
            about: "Server-Sent Events conformance",
            measured: Vec::new(),
            mark,
            class,
            outcome,
            target: bounded(&record.target),
            summary: bounded(&record.summary),
            facts: facts(record),
            counts: overview::counts(record),
            groups: overview::tiles(record),
            sections: sections(record),
            noted: views(record, Verdict::Info),
            notes: told(record),
            reasons: overview::reasons(record),
            passed: overview::passed(record),
            passes: record.counts.pass,
            probes: probe::views(record),
            ssekit: bounded(&record.ssekit),
        }
    }
}

/// The notes with every line bounded.
fn told(record: &CheckRecord) -> Vec<(&'static str, Vec<String>)> {
    let lines = |lines: Vec<String>| lines.iter().map(|line| bounded(line)).collect();
    let notes = notes(record).into_iter();
    notes.map(|note| (note.title, lines(note.lines))).collect()
}

fn facts(record: &CheckRecord) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    facts.extend(record.subject.as_deref().map(|s| ("Subject", bounded(s))));
    facts.extend(record.product.as_deref().map(|p| ("Product", bounded(p))));
    facts.extend(record.http.map(|http| ("Protocol", http.to_string())));
    facts.extend(began(record.started_unix_ms).map(|began| ("Begun", began)));
    let took = duration(record.elapsed_ms.saturating_mul(1_000));
    let exchanges = counted(record.probes.len(), "exchange");
    facts.push(("Took", format!("{took}, {exchanges}")));
    facts.push(("Gate", record.gate.to_string()));
    facts.push(("Judged by", format!("ssekit {}", bounded(&record.ssekit))));
    facts
}

/// `2023-11-14 22:13:20 UTC`; nothing for a time no calendar holds.
pub(crate) fn began(unix_ms: u64) -> Option<String> {
    let began = DateTime::<Utc>::from_timestamp_millis(i64::try_from(unix_ms).ok()?)?;
    Some(began.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn sections(record: &CheckRecord) -> Vec<Section> {
    let told = [
        (
            Verdict::Fail,
            "Failures",
            "A requirement of a standard is violated.",
        ),
        (
            Verdict::Error,
            "Could not be carried out",
            "ssekit or the set-up is at fault here, not the target.",
        ),
        (
            Verdict::Warn,
            "Warnings",
            "A recommendation or wide practice is not followed.",
        ),
    ];
    let sections = told.into_iter().map(|(verdict, title, about)| Section {
        class: overview::class(verdict),
        title,
        about,
        findings: views(record, verdict),
    });
    sections.filter(|s| !s.findings.is_empty()).collect()
}

fn views(record: &CheckRecord, verdict: Verdict) -> Vec<FindingView> {
    let findings = with_verdict(record, verdict);
    findings
        .map(|finding| FindingView::of(finding, record))
        .collect()
}
