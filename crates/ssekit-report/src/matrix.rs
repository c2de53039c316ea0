//! Several records side by side, as Markdown: subjects are columns, checks are rows.

use std::fmt::Write as _;

use ssekit_record::{CheckRecord, Finding, Verdict};

use crate::group::headline;
use crate::markdown::{code, escaped, mark};

/// One subject of a matrix.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Heading, such as the name of the product.
    pub label: &'a str,
    /// What was found about it.
    pub record: &'a CheckRecord,
}

/// One check across all subjects.
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    /// In the order of the columns; `None` where the check was not selected.
    cells: Vec<Option<&'a Finding>>,
}

impl Row<'_> {
    fn verdicts(&self) -> impl Iterator<Item = Option<Verdict>> {
        self.cells.iter().map(|cell| cell.map(|f| f.verdict))
    }

    /// Whether a reader should look at it first: the subjects differ, or there is a problem.
    fn stands_out(&self) -> bool {
        let first = self.verdicts().next();
        self.verdicts().any(|v| Some(v) != first) || self.problems().next().is_some()
    }

    /// Cells that someone has to explain, with the index of their column.
    fn problems(&self) -> impl Iterator<Item = (usize, &Finding)> {
        let cells = self.cells.iter().enumerate();
        cells
            .filter_map(|(i, cell)| cell.map(|f| (i, f)))
            .filter(|(_, f)| matches!(f.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error))
    }
}

/// The matrix with its legend, then every red or yellow cell with what was seen.
pub fn render(columns: &[Column<'_>]) -> String {
    let rows = rows(columns);
    let (different, alike): (Vec<&Row<'_>>, Vec<&Row<'_>>) =
        rows.iter().partition(|row| row.stands_out());
    let mut out = String::from("## Subjects\n\n");
    write_subjects(columns, &mut out);
    out.push_str("## Differences and findings\n\n");
    write_table(columns, &different, &mut out);
    out.push_str("## Alike everywhere\n\n");
    write_table(columns, &alike, &mut out);
    write_legend(&mut out);
    write_explanations(columns, &different, &mut out);
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

/// The union of the checks: in the order of the first record, then what only later ones have.
fn rows<'a>(columns: &[Column<'a>]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        for finding in &column.record.checks {
            let at = rows.iter().position(|row| row.id == finding.id);
            let at = at.unwrap_or_else(|| {
                rows.push(Row {
                    id: &finding.id,
                    title: &finding.title,
                    cells: vec![None; columns.len()],
                });
                rows.len() - 1
            });
            rows[at].cells[i] = Some(finding);
        }
    }
    rows
}

fn write_subjects(columns: &[Column<'_>], out: &mut String) {
    out.push_str("| subject | product | protocol | verdict |\n|---|---|---|---|\n");
    for column in columns {
        let record = column.record;
        let product = record.subject.as_deref().or(record.product.as_deref());
        let product = product.unwrap_or("not told");
        let http = record.http.map_or_else(String::new, |v| v.to_string());
        let _ = writeln!(
            out,
            "| {} | {} | {http} | {} |",
            escaped(column.label),
            escaped(product),
            headline(record)
        );
    }
    out.push('\n');
}

fn write_table(columns: &[Column<'_>], rows: &[&Row<'_>], out: &mut String) {
    if rows.is_empty() {
        out.push_str("None.\n\n");
        return;
    }
    out.push_str("| check |");
    for column in columns {
        let _ = write!(out, " {} |", escaped(column.label));
    }
    let _ = writeln!(out, "\n|---|{}", ":-:|".repeat(columns.len()));
    for row in rows {
        // The one character that ends a cell, even in a code span.
        let id = code(row.id).replace('|', "\\|");
        let _ = write!(out, "| {id} {} |", escaped(row.title));
        for verdict in row.verdicts() {
            let _ = write!(out, " {} |", verdict.map_or("", mark));
        }
        out.push('\n');
    }
    out.push('\n');
}

fn write_legend(out: &mut String) {
    let words = Verdict::ALL.map(|verdict| format!("{} {verdict}", mark(verdict)));
    let _ = writeln!(out, "{} · empty: not checked\n", words.join(" · "));
}

fn write_explanations(columns: &[Column<'_>], rows: &[&Row<'_>], out: &mut String) {
    if rows.iter().all(|row| row.problems().next().is_none()) {
        return;
    }
    out.push_str("## What was found\n\n");
    for row in rows.iter().filter(|row| row.problems().next().is_some()) {
        let _ = writeln!(out, "### {}\n\n{}\n", code(row.id), escaped(row.title));
        for (i, finding) in row.problems() {
            let remarks: String = finding
                .remarks()
                .iter()
                .map(|(label, text)| format!(" *{label}:* {}", escaped(text)))
                .collect();
            let _ = writeln!(
                out,
                "- {} **{}** ({}): {} *Remedy:* {}{remarks}",
                mark(finding.verdict),
                escaped(columns[i].label),
                finding.level,
                escaped(&finding.actual),
                escaped(&finding.remedy)
            );
        }
        out.push('\n');
    }
}
