//! What was sent and what came back, each exchange with its span on a common scale.

use ssekit_record::{CheckRecord, EndKind, ProbeSummary, Verdict};

use super::finding::anchor;
use super::overview::class;
use super::timeline::{Timeline, percent};
use crate::text::{bounded, bounded_to, duration};

/// Marks shown on the span of one exchange.
const MARKS: usize = 50;

/// Characters shown of a request line or of the value of a field that was sent.
const LONGEST_SENT: usize = 300;

/// One exchange.
pub(super) struct ProbeView {
    pub name: String,
    pub request: String,
    /// What was special about it.
    pub about: String,
    pub status: String,
    pub end: &'static str,
    pub bytes: u64,
    pub events: u64,
    pub took: String,
    /// Its share of the longest exchange, in percent.
    pub share: String,
    pub marks: Vec<Mark>,
    pub timeline: Timeline,
    /// Field lines as sent.
    pub sent: Vec<(String, String)>,
    pub sent_bytes: u64,
}

/// A moment at which something was found.
pub(super) struct Mark {
    pub class: &'static str,
    pub anchor: String,
    pub says: String,
    /// The moment as a share of the longest exchange, in percent.
    pub share: String,
}

/// The exchanges, in the order of the record.
pub(super) fn views(record: &CheckRecord) -> Vec<ProbeView> {
    let longest = record.probes.iter().map(|p| p.elapsed_us).max();
    let longest = longest.unwrap_or(0).max(1);
    let view = |probe: &ProbeSummary| ProbeView {
        name: bounded(&probe.probe),
        request: bounded_to(&probe.request, LONGEST_SENT),
        about: bounded(&probe.about),
        status: probe.status.map_or("none".into(), |s| s.to_string()),
        end: end(probe.end),
        bytes: probe.bytes,
        events: probe.events,
        took: duration(probe.elapsed_us),
        share: percent(probe.elapsed_us, longest),
        marks: marks(record, &probe.probe, longest),
        timeline: Timeline::of(probe, longest),
        sent: probe
            .sent
            .iter()
            .map(|field| (bounded(&field.name), bounded_to(&field.value, LONGEST_SENT)))
            .collect(),
        sent_bytes: probe.sent_bytes,
    };
    record.probes.iter().map(view).collect()
}

fn marks(record: &CheckRecord, probe: &str, longest: u64) -> Vec<Mark> {
    let told = [Verdict::Fail, Verdict::Error, Verdict::Warn];
    let findings = record.checks.iter().filter(|f| told.contains(&f.verdict));
    let seen = findings.flat_map(|f| f.evidence.iter().map(move |e| (f, e)));
    let seen = seen.filter(|(_, e)| e.probe == probe);
    let mark = |(finding, at): (&ssekit_record::Finding, u64)| Mark {
        class: class(finding.verdict),
        anchor: anchor(finding),
        says: format!("{} after {}", bounded(&finding.id), duration(at)),
        share: percent(at, longest),
    };
    let seen = seen.filter_map(|(f, e)| Some((f, e.at_us?)));
    seen.take(MARKS).map(mark).collect()
}

fn end(end: EndKind) -> &'static str {
    match end {
        EndKind::Clean => "complete",
        EndKind::Truncated => "cut off by the peer",
        EndKind::Reset => "reset by the peer",
        EndKind::TimedOut => "no answer in time",
        EndKind::Left => "left by ssekit",
        EndKind::Limit => "left by ssekit at its limit",
        EndKind::Malformed => "unreadable as HTTP",
        EndKind::Unreachable => "no connection",
        _ => "ended otherwise",
    }
}
