//! The part above the problems: groups, what did not apply, facts.

use std::fmt::Write as _;

use ssekit_record::{CheckRecord, Finding, Verdict};

use super::Layout;
use super::style::{BOLD, DIM, FACT, Painted, mark, of};
use crate::group::{Group, by_reason, groups, with_verdict};
use crate::text::{bounded, columns, counted, wrap};

/// The verdicts in the order their counts are told.
const TOLD: [(Verdict, &str); 7] = [
    (Verdict::Pass, "passed"),
    (Verdict::Fail, "failed"),
    (Verdict::Warn, "warned"),
    (Verdict::Error, "in error"),
    (Verdict::Unverified, "unverified"),
    (Verdict::Info, "info"),
    (Verdict::NotApplicable, "n/a"),
];

/// Writes groups, facts and reasons.
pub(super) fn write(record: &CheckRecord, layout: Layout, out: &mut String) {
    let groups = groups(record);
    let widest = groups.iter().map(|g| columns(g.name)).max().unwrap_or(0);
    let longest = groups.iter().map(|g| g.checks.len()).max().unwrap_or(0);
    for group in &groups {
        if layout.verbose {
            write_listed(group, layout, out);
        } else {
            write_marks(group, widest.min(20), longest, out);
        }
    }
    if !groups.is_empty() {
        out.push('\n');
    }
    if !layout.verbose {
        write_facts(record, layout, out);
        write_reasons(record, Verdict::NotApplicable, "n/a", layout, out);
        write_reasons(record, Verdict::Unverified, "unverified", layout, out);
    }
}

/// One line: a mark for each check, then the counts.
fn write_marks(group: &Group<'_>, widest: usize, longest: usize, out: &mut String) {
    let name = bounded(group.name);
    let _ = write!(out, "  {}", Painted(BOLD, &name));
    out.extend(std::iter::repeat_n(
        ' ',
        widest.saturating_sub(columns(&name)) + 2,
    ));
    for finding in &group.checks {
        let _ = write!(
            out,
            "{}",
            Painted(of(finding.verdict), mark(finding.verdict))
        );
    }
    let counts: Vec<String> = TOLD
        .iter()
        .map(|(verdict, word)| (group.count(*verdict), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let pad = longest.min(40).saturating_sub(group.checks.len()) + 2;
    let _ = writeln!(out, "{:pad$}{}", "", Painted(DIM, counts.join(", ")));
}

/// A heading and one line for each check, with what was seen.
fn write_listed(group: &Group<'_>, layout: Layout, out: &mut String) {
    let _ = writeln!(out, "  {}", Painted(BOLD, bounded(group.name)));
    for finding in &group.checks {
        let verdict = finding.verdict;
        let _ = writeln!(
            out,
            "    {} {} {}",
            Painted(of(verdict), mark(verdict)),
            bounded(&finding.id),
            Painted(DIM, bounded(&finding.title))
        );
        // Problems are told in full below.
        let is_problem = matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Error);
        if !is_problem && !finding.actual.is_empty() {
            let said = match verdict {
                Verdict::NotApplicable | Verdict::Unverified => {
                    format!("{verdict}: {}", bounded(&finding.actual))
                }
                _ => bounded(&finding.actual),
            };
            write_indented(&said, 6, layout, out);
        }
    }
}

fn write_facts(record: &CheckRecord, layout: Layout, out: &mut String) {
    let facts: Vec<&Finding> = with_verdict(record, Verdict::Info).collect();
    for fact in &facts {
        let said = bounded(&fact.actual);
        let said = if said.is_empty() {
            bounded(&fact.title)
        } else {
            said
        };
        let id = bounded(&fact.id);
        let hang = columns(&id) + 5;
        let room = layout.columns().saturating_sub(hang);
        let mut lines = wrap(&said, room).into_iter();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(out, "  {} {id} {}", Painted(FACT, 'i'), Painted(DIM, first));
        for line in lines {
            let _ = writeln!(out, "{:hang$}{}", "", Painted(DIM, line));
        }
    }
    if !facts.is_empty() {
        out.push('\n');
    }
}

/// `24 checks n/a: no event stream (status 404)`, and which they are where they are few.
fn write_reasons(
    record: &CheckRecord,
    verdict: Verdict,
    word: &str,
    layout: Layout,
    out: &mut String,
) {
    let reasons = by_reason(record, verdict);
    for (reason, findings) in &reasons {
        let count = match findings.as_slice() {
            [only] => bounded(&only.id),
            several => counted(several.len(), "check"),
        };
        let said = format!("{} {count} {word}: {}", mark(verdict), bounded(reason));
        write_indented(&said, 2, layout, out);
    }
    if !reasons.is_empty() {
        out.push('\n');
    }
}

fn write_indented(text: &str, indent: usize, layout: Layout, out: &mut String) {
    let lines = wrap(text, layout.columns().saturating_sub(indent + 2));
    for (i, line) in lines.iter().enumerate() {
        let indent = if i == 0 { indent } else { indent + 2 };
        let _ = writeln!(out, "{:indent$}{}", "", Painted(DIM, line));
    }
}
