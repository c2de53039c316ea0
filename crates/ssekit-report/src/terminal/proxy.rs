//! The view of a hop: what was measured, the checks, and each problem with its timeline.

use std::fmt::Write as _;

use ssekit_record::{ProxyRecord, Timeline, Verdict};

use super::finding::{self, HANG};
use super::style::{BOLD, DIM, FACT, Painted, mark, of};
use super::{Layout, header, verdict_line, write_notes};
use crate::group::with_verdict;
use crate::proxy::{drawn, fact, figure};
use crate::text::{bounded, columns, wrap};

/// The record of a hop as text for a terminal, with a line feed at the end.
pub fn proxy(record: &ProxyRecord, layout: Layout) -> String {
    let mut out = String::new();
    if !layout.quiet {
        header(&record.run, &mut out);
        write_facts(record, &mut out);
        write_checks(record, layout, &mut out);
    }
    for verdict in [Verdict::Warn, Verdict::Error, Verdict::Fail] {
        for problem in with_verdict(&record.run, verdict) {
            finding::write(problem, layout, &mut out);
            for timeline in drawn(record, &problem.id) {
                write_figure(timeline, layout, &mut out);
            }
        }
    }
    write_notes(&record.run, layout, &mut out);
    verdict_line(&record.run, layout, &mut out);
    out
}

fn write_facts(record: &ProxyRecord, out: &mut String) {
    let facts = fact::of(&record.measurements);
    let widest = facts.iter().map(|(name, _)| columns(name)).max();
    for (name, value) in &facts {
        let pad = widest.unwrap_or(0) - columns(name);
        let _ = writeln!(
            out,
            "  {}{:pad$}  {}",
            Painted(DIM, name),
            "",
            bounded(value)
        );
    }
    if !facts.is_empty() {
        out.push('\n');
    }
}

/// One line a check, with what was seen where it is no problem that is told below.
fn write_checks(record: &ProxyRecord, layout: Layout, out: &mut String) {
    let widest = record.run.checks.iter().map(|f| columns(&f.id)).max();
    let hang = widest.unwrap_or(0).min(30) + 6;
    for finding in &record.run.checks {
        let verdict = finding.verdict;
        let id = bounded(&finding.id);
        let said = match verdict {
            Verdict::Fail | Verdict::Warn | Verdict::Error => bounded(&finding.title),
            Verdict::NotApplicable | Verdict::Unverified => {
                format!("{verdict}: {}", bounded(&finding.actual))
            }
            _ => bounded(&finding.actual),
        };
        let mut lines = wrap(&said, layout.columns().saturating_sub(hang)).into_iter();
        let pad = hang.saturating_sub(columns(&id) + 4);
        let _ = writeln!(
            out,
            "  {} {id}{:pad$}{}",
            Painted(of(verdict), mark(verdict)),
            "",
            Painted(DIM, lines.next().unwrap_or_default())
        );
        for line in lines {
            let _ = writeln!(out, "{:hang$}{}", "", Painted(DIM, line));
        }
    }
    if !record.run.checks.is_empty() {
        out.push('\n');
    }
}

fn write_figure(timeline: &Timeline, layout: Layout, out: &mut String) {
    let width = layout.columns().saturating_sub(HANG + 2);
    let about = bounded(&timeline.about);
    let _ = writeln!(out, "  {}", Painted(BOLD, about));
    for (label, row) in figure::rows(timeline, width) {
        let label = format!("  {label:<room$}", room = HANG - 2);
        let _ = writeln!(out, "{}{}", Painted(DIM, label), Painted(FACT, row));
    }
    out.push('\n');
}
