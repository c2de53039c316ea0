//! A record for a person at a terminal.
//!
//! The text carries ANSI styles; whoever prints it strips them where they are not wanted. The
//! order is that of attention on a scrolling screen: what went well in short, then warnings, then
//! failures, and the verdict as the last line.

mod finding;
mod overview;
mod proxy;
pub(crate) mod style;

use std::fmt::Write as _;

use ssekit_record::{CheckOutcome, CheckRecord, Verdict};

use crate::group::{headline, with_verdict};
use crate::note::notes;
use crate::text::{bounded, harmless, wrap};
use style::{BOLD, DIM, Painted};

pub use proxy::proxy;

/// How to lay a record out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns to wrap at; between 40 and 120 are used.
    pub width: usize,
    /// Lists every check by name instead of one mark each.
    pub verbose: bool,
    /// Leaves out everything but the problems and the verdict.
    pub quiet: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 80,
            verbose: false,
            quiet: false,
        }
    }
}

impl Layout {
    pub(crate) fn columns(&self) -> usize {
        self.width.clamp(40, 120)
    }
}

/// The record as text for a terminal, with a line feed at the end.
pub fn render(record: &CheckRecord, layout: Layout) -> String {
    let mut out = String::new();
    if !layout.quiet {
        header(record, &mut out);
        overview::write(record, layout, &mut out);
    }
    for verdict in [Verdict::Warn, Verdict::Error, Verdict::Fail] {
        for problem in with_verdict(record, verdict) {
            finding::write(problem, layout, &mut out);
        }
    }
    write_notes(record, layout, &mut out);
    verdict_line(record, layout, &mut out);
    out
}

fn header(record: &CheckRecord, out: &mut String) {
    let target = bounded(&record.target);
    let _ = writeln!(out, "{}", Painted(BOLD, &target));
    let mut facts = Vec::new();
    facts.extend(record.http.map(|version| version.to_string()));
    facts.extend(record.subject.as_deref().map(bounded));
    facts.extend(record.product.as_deref().map(bounded));
    let exchanges = record.probes.len();
    facts.push(format!(
        "{} in {}",
        crate::text::counted(exchanges, "exchange"),
        crate::text::duration(record.elapsed_ms.saturating_mul(1_000))
    ));
    let version = harmless(&record.ssekit);
    facts.push(format!("ssekit {version}"));
    let facts = facts.join(" · ");
    let _ = writeln!(out, "{}\n", Painted(DIM, &facts));
}

fn write_notes(record: &CheckRecord, layout: Layout, out: &mut String) {
    for note in notes(record) {
        let _ = writeln!(out, "{}", Painted(BOLD, note.title));
        for line in &note.lines {
            for (i, part) in wrap(&bounded(line), layout.columns() - 4)
                .iter()
                .enumerate()
            {
                let indent = if i == 0 { 2 } else { 4 };
                let _ = writeln!(out, "{:indent$}{part}", "");
            }
        }
        out.push('\n');
    }
}

fn verdict_line(record: &CheckRecord, layout: Layout, out: &mut String) {
    let (style, mark) = match record.outcome {
        CheckOutcome::Conformant if record.counts.warn == 0 => (style::GOOD, '✓'),
        CheckOutcome::Conformant => (style::FAIR, '✓'),
        CheckOutcome::Nonconformant => (style::BAD, '✗'),
        CheckOutcome::Incomplete => (style::UNKNOWN, '?'),
    };
    if !record.summary.is_empty() {
        for line in wrap(&bounded(&record.summary), layout.columns()) {
            let _ = writeln!(out, "{line}");
        }
    }
    let headline = format!("{mark} {}", headline(record));
    let _ = writeln!(out, "{}", Painted(style, &headline));
}
