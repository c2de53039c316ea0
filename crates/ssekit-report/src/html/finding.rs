//! One finding with all it says.

use ssekit_record::{CheckRecord, Evidence, Finding};

use super::bytes::BytesView;
use super::figure::FigureView;
use super::overview::class;
use super::timeline::Moment;
use crate::text::{bounded, duration};

/// Pieces of evidence shown of one finding.
const SHOWN: usize = 12;

/// A finding as the page shows it.
pub(super) struct FindingView {
    pub class: &'static str,
    pub anchor: String,
    pub verdict: &'static str,
    pub level: &'static str,
    /// Whether a warning turns the exit code red.
    pub is_red_warning: bool,
    pub id: String,
    pub title: String,
    /// What the run as a whole says of it, with its label.
    pub remarks: Vec<(&'static str, String)>,
    pub expected: String,
    pub actual: String,
    pub impact: String,
    /// Its lines; those that begin with blanks are configuration.
    pub remedy: Vec<String>,
    pub sources: Vec<SourceView>,
    pub evidence: Vec<EvidenceView>,
    pub figures: Vec<FigureView>,
    /// Pieces of evidence beyond those shown.
    pub more: usize,
}

/// Where a rule comes from.
pub(super) struct SourceView {
    pub name: String,
    /// An address a browser may follow, or nothing.
    pub url: Option<String>,
}

/// One piece of evidence.
pub(super) struct EvidenceView {
    pub probe: String,
    pub place: String,
    pub note: String,
    pub bytes: Option<BytesView>,
    pub moment: Option<Moment>,
}

impl FindingView {
    /// A finding of the record; under its gate a warning may be red.
    pub fn of(finding: &Finding, record: &CheckRecord) -> Self {
        let is_warning = finding.verdict == ssekit_record::Verdict::Warn;
        Self {
            class: class(finding.verdict),
            anchor: anchor(finding),
            verdict: finding.verdict.as_str(),
            level: finding.level.as_str(),
            is_red_warning: is_warning && CheckRecord::reddens(finding, record.gate),
            id: bounded(&finding.id),
            title: bounded(&finding.title),
            remarks: remarks(finding),
            expected: bounded(&finding.expected),
            actual: bounded(&finding.actual),
            impact: bounded(&finding.impact),
            remedy: finding.remedy.lines().map(bounded).collect(),
            sources: finding.source.iter().map(SourceView::of).collect(),
            evidence: finding
                .evidence
                .iter()
                .take(SHOWN)
                .map(|evidence| EvidenceView::of(evidence, record))
                .collect(),
            figures: Vec::new(),
            more: finding.evidence.len().saturating_sub(SHOWN),
        }
    }
}

fn remarks(finding: &Finding) -> Vec<(&'static str, String)> {
    let remarks = finding.remarks().into_iter();
    remarks
        .map(|(label, text)| (label, bounded(&text)))
        .collect()
}

impl SourceView {
    fn of(source: &ssekit_record::Source) -> Self {
        let url = &source.url;
        let plain = |c: char| c.is_ascii_graphic();
        let sound = url.starts_with("https://") || url.starts_with("http://");
        Self {
            name: bounded(&source.name),
            url: (sound && url.chars().all(plain)).then(|| url.clone()),
        }
    }
}

impl EvidenceView {
    fn of(evidence: &Evidence, record: &CheckRecord) -> Self {
        let mut place = Vec::new();
        place.extend(evidence.offset.map(|offset| format!("byte {offset}")));
        place.extend(evidence.at_us.map(|us| format!("after {}", duration(us))));
        Self {
            probe: bounded(&evidence.probe),
            place: place.join(", "),
            note: bounded(&evidence.note),
            bytes: evidence.excerpt.as_ref().map(BytesView::of),
            moment: Moment::of(evidence, &record.probes),
        }
    }
}

/// The name a link within the page uses; ids have no space, and an HTML id must have none.
pub(super) fn anchor(finding: &Finding) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    finding.id.chars().filter(|c| fits(*c)).take(100).collect()
}
