//! A load record as Markdown, for a pull request or a step summary.

use std::fmt::Write as _;

use ssekit_record::quantity::{show_bytes, show_number};
use ssekit_record::{LoadOutcome, LoadRecord};

use super::capacity::rows as rows_of;
use super::row::{HEADINGS, count, rows, server, shares};
use super::table::Table;
use super::{part, storm};
use crate::markdown::{code, escaped, mark};
use crate::text::duration;

/// The record as GitHub-flavoured Markdown, with a line feed at the end.
pub fn render(record: &LoadRecord) -> String {
    let mut out = String::new();
    let seal = match record.outcome {
        LoadOutcome::Pass => "✅",
        LoadOutcome::Fail => "❌",
        LoadOutcome::Invalid | LoadOutcome::Interrupted => "❔",
    };
    let _ = writeln!(
        out,
        "## {seal} {}: {}\n",
        record.outcome.as_str(),
        escaped(&record.summary)
    );
    let _ = writeln!(
        out,
        "{} · {} · ssekit {}\n",
        code(&record.target),
        duration(record.elapsed_us),
        escaped(&record.ssekit)
    );
    if let Some(server) = server(record).first() {
        let _ = writeln!(out, "Server: {}\n", escaped(server));
    }
    totals(record, &mut out);
    thresholds(record, &mut out);
    metrics(record, &mut out);
    parts(record, &mut out);
    storms(record, &mut out);
    capacity(record, &mut out);
    causes(record, &mut out);
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

fn totals(record: &LoadRecord, out: &mut String) {
    let (s, e, g) = (&record.streams, &record.events, &record.generator);
    out.push_str("| streams | | events | | generator | |\n|---|---:|---|---:|---|---:|\n");
    let unknown = |n| {
        if e.numbered > 0 {
            count(n)
        } else {
            "not known".into()
        }
    };
    let rows = [
        (
            "planned",
            count(s.planned),
            "received",
            count(e.received),
            "CPU",
            format!("{:.2} s", g.cpu_seconds),
        ),
        (
            "opened",
            count(s.opened),
            "lost",
            unknown(e.lost),
            "memory",
            show_bytes(g.max_rss_bytes as f64),
        ),
        (
            "failed",
            count(s.failed),
            "duplicated",
            unknown(e.duplicated),
            "loop lag p99.9",
            duration(g.loop_lag_p999_us),
        ),
        (
            "at once",
            count(s.peak),
            "reordered",
            unknown(e.reordered),
            "schedule lag p99",
            duration(g.schedule_lag_p99_us),
        ),
        (
            "reconnects",
            count(s.reconnects),
            "bytes",
            show_bytes(e.bytes as f64),
            "busiest worker",
            format!("{} %", show_number((g.busiest_worker * 100.0).round())),
        ),
    ];
    for (a, b, c, d, e, f) in rows {
        let _ = writeln!(out, "| {a} | {b} | {c} | {d} | {e} | {f} |");
    }
    out.push('\n');
}

fn thresholds(record: &LoadRecord, out: &mut String) {
    if record.thresholds.is_empty() {
        return;
    }
    out.push_str("| | threshold | measured | |\n|:-:|---|---:|---|\n");
    for result in &record.thresholds {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            mark(result.verdict),
            code(&result.threshold.to_string()),
            escaped(&result.shown()),
            escaped(&result.detail)
        );
    }
    out.push('\n');
}

fn metrics(record: &LoadRecord, out: &mut String) {
    let rows = rows(record, false);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "| metric | samples | {} |", HEADINGS.join(" | "));
    let _ = writeln!(out, "|---|---:|{}", "---:|".repeat(HEADINGS.len()));
    for row in rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            code(&row.name),
            row.count,
            row.figures.join(" | ")
        );
    }
    out.push('\n');
    for (name, value) in shares(record) {
        let _ = writeln!(out, "- {}: {value}", code(&name));
    }
    out.push('\n');
}

/// Populations and phases, where there are several.
fn parts(record: &LoadRecord, out: &mut String) {
    for parts in part::all(record) {
        parts.tables.iter().for_each(|one| table(one, out));
        for note in &parts.notes {
            let _ = writeln!(out, "- {}", escaped(note));
        }
        if !parts.notes.is_empty() {
            out.push('\n');
        }
    }
}

fn table(table: &Table, out: &mut String) {
    let numbers = table.head.len() - table.words;
    let _ = writeln!(out, "| {} |", table.head.join(" | "));
    let _ = writeln!(
        out,
        "|{}{}",
        "---|".repeat(table.words),
        "---:|".repeat(numbers)
    );
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
}

fn storms(record: &LoadRecord, out: &mut String) {
    for one in &record.storms {
        let phase = code(&one.phase);
        let _ = writeln!(out, "- storm {phase}: {}", escaped(&storm::told(one)));
    }
    if !record.storms.is_empty() {
        out.push('\n');
    }
}

fn capacity(record: &LoadRecord, out: &mut String) {
    let Some(capacity) = &record.capacity else {
        return;
    };
    let _ = writeln!(out, "Capacity: {}\n", escaped(&capacity.detail));
    out.push_str("| | streams | open | |\n|:-:|---:|---:|---|\n");
    for row in rows_of(capacity) {
        let measured = row.measured.join("; ");
        let (mark, measured) = (mark(row.verdict), escaped(&measured));
        let _ = writeln!(
            out,
            "| {mark} | {} | {} | {measured} |",
            row.streams, row.open
        );
    }
    out.push('\n');
}

fn causes(record: &LoadRecord, out: &mut String) {
    for finding in &record.findings {
        let (mark, id) = (mark(finding.verdict), code(&finding.id));
        let _ = writeln!(out, "- {mark} {id}: {}", escaped(&finding.detail));
    }
    let kinds = [
        ("errors", &record.errors),
        ("disconnects", &record.disconnects),
        ("faults", &record.faults),
    ];
    for (name, causes) in kinds {
        let told = causes
            .iter()
            .map(|(cause, n)| format!("{} {}", count(*n), code(cause)));
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            let _ = writeln!(out, "- {name}: {}", told.join(", "));
        }
    }
}
