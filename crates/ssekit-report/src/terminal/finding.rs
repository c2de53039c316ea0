//! One problem in full: requirement, expected, actual, where in the bytes, source, remedy.

use std::fmt::Write as _;

use ssekit_record::{Evidence, Excerpt, Finding};

use super::Layout;
use super::style::{BOLD, DIM, FACT, Painted, of};
use crate::excerpt::Window;
use crate::text::{bounded, duration, wrap};

/// Column at which the text after a label begins.
pub(super) const HANG: usize = 12;
/// Pieces of evidence shown of one finding.
const SHOWN: usize = 3;

/// Writes the finding and an empty line.
pub(super) fn write(finding: &Finding, layout: Layout, out: &mut String) {
    let word = finding.verdict.as_str().to_ascii_uppercase();
    let style = of(finding.verdict);
    let _ = writeln!(
        out,
        "{} {} {}",
        Painted(style, &word),
        Painted(BOLD, bounded(&finding.id)),
        Painted(DIM, format!("[{}]", finding.level))
    );
    for line in wrap(&bounded(&finding.title), layout.columns() - 2) {
        let _ = writeln!(out, "  {}", Painted(BOLD, line));
    }
    for (label, text) in finding.remarks() {
        labelled(label, &text, layout, out);
    }
    labelled("expected", &finding.expected, layout, out);
    labelled("actual", &finding.actual, layout, out);
    for evidence in finding.evidence.iter().take(SHOWN) {
        write_evidence(evidence, layout, out);
    }
    let more = finding.evidence.len().saturating_sub(SHOWN);
    if more > 0 {
        labelled("", &format!("and {more} more"), layout, out);
    }
    for source in &finding.source {
        labelled("source", &source.name, layout, out);
        if !source.url.is_empty() {
            // A link is not wrapped: it could not be followed.
            let url = Painted(FACT, bounded(&source.url));
            let _ = writeln!(out, "{:HANG$}{url}", "");
        }
    }
    labelled("impact", &finding.impact, layout, out);
    remedy(&finding.remedy, layout, out);
    out.push('\n');
}

/// `  label   text`, wrapped with a hanging indent; nothing for an empty text.
fn labelled(label: &str, text: &str, layout: Layout, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let room = layout.columns().saturating_sub(HANG);
    for (i, line) in wrap(&bounded(text), room).iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let label = format!("  {label:<width$}", width = HANG - 2);
        let _ = writeln!(out, "{}{line}", Painted(DIM, label));
    }
}

/// A remedy may go on with lines of configuration, which are indented and never wrapped.
fn remedy(text: &str, layout: Layout, out: &mut String) {
    for (i, line) in text.lines().enumerate() {
        if line.starts_with(' ') {
            let line = Painted(FACT, bounded(line));
            let _ = writeln!(out, "{:HANG$}{line}", "");
        } else {
            labelled(if i == 0 { "remedy" } else { "" }, line, layout, out);
        }
    }
}

fn write_evidence(evidence: &Evidence, layout: Layout, out: &mut String) {
    let mut place = vec![format!("probe {}", evidence.probe)];
    place.extend(evidence.offset.map(|offset| format!("byte {offset}")));
    place.extend(evidence.at_us.map(|us| format!("after {}", duration(us))));
    let mut said = place.join(", ");
    if !evidence.note.is_empty() {
        said.push_str(": ");
        said.push_str(&evidence.note);
    }
    labelled("where", &said, layout, out);
    if let Some(excerpt) = &evidence.excerpt {
        write_excerpt(excerpt, layout, out);
    }
}

/// The bytes, and below them carets under the place meant.
fn write_excerpt(excerpt: &Excerpt, layout: Layout, out: &mut String) {
    let room = layout.columns().saturating_sub(HANG + 2);
    let window = Window::around(excerpt, room);
    let _ = writeln!(out, "{:HANG$}{}", "", Painted(FACT, &window.text));
    let carets = Painted(super::style::BAD, "^".repeat(window.width));
    let _ = writeln!(out, "{:HANG$}{:skip$}{carets}", "", "", skip = window.caret);
}
