//! A load record for a person at a terminal.

use std::fmt::Write as _;

use ssekit_record::quantity::{show_bytes, show_number, show_us};
use ssekit_record::{Capacity, Generator, LoadOutcome, LoadRecord, MetricValue, Verdict};

use super::row::{chief, count, rows, server, shares, shown};
use super::table::Table;
use super::{capacity, curve, part, storm};
use crate::terminal::Layout;
use crate::terminal::style::{self, BOLD, DIM, Painted};
use crate::text::{bounded, columns, duration, packed, wrap};

/// A step of the wall clock that is told; less is the time between two looks at clocks.
const STEP_SHOWN_US: u64 = 1000;
/// Columns of the name that a line begins with.
const NAME: usize = 10;
/// Rows of a table of populations or phases, at most.
const PART_ROWS: usize = 24;
/// Width of the bars of the percentile plot.
const BAR: usize = 32;

/// The record as text for a terminal, with a line feed at the end.
pub fn render(record: &LoadRecord, layout: Layout) -> String {
    let mut out = String::new();
    if !layout.quiet {
        header(record, layout, &mut out);
        totals(record, layout, &mut out);
        table(record, layout, &mut out);
        parts(record, layout, &mut out);
        plot(record, &mut out);
        storms(record, layout, &mut out);
        generator(record, layout, &mut out);
    }
    causes(record, layout, &mut out);
    findings(record, layout, &mut out);
    thresholds(record, layout, &mut out);
    verdict(record, layout, &mut out);
    out
}

fn header(record: &LoadRecord, layout: Layout, out: &mut String) {
    let _ = writeln!(out, "{}", Painted(BOLD, bounded(&record.target)));
    let mut facts = Vec::new();
    if !record.scenario.name.is_empty() {
        facts.push(bounded(&record.scenario.name));
    }
    facts.extend(
        record
            .http
            .as_deref()
            .map(|http| format!("HTTP/{}", bounded(http))),
    );
    facts.push(format!("{} in all", duration(record.elapsed_us)));
    if record.shard.merged > 1 {
        facts.push(format!("{} shards merged", record.shard.merged));
    } else if record.shard.count > 1 {
        facts.push(format!(
            "shard {} of {}",
            record.shard.index, record.shard.count
        ));
    }
    facts.push(format!("ssekit {}", bounded(&record.ssekit)));
    for line in packed(&facts, " ·", layout.columns()) {
        let _ = writeln!(out, "{}", Painted(DIM, line));
    }
    out.push('\n');
}

fn totals(record: &LoadRecord, layout: Layout, out: &mut String) {
    let s = &record.streams;
    let mut streams = vec![
        format!("{} planned", count(s.planned)),
        format!("{} opened", count(s.opened)),
        format!("{} at once", count(s.peak)),
    ];
    let more = [
        (s.failed, "failed"),
        (s.finished, "finished"),
        (s.eventless, "without an event"),
        (s.dropped_starts, "not started"),
        (s.reconnects, "reconnects"),
    ];
    streams.extend(told(&more));
    line("streams", &streams, layout, out);
    let e = &record.events;
    let seconds = record.elapsed_us as f64 / 1e6;
    let mut events = vec![
        format!("{} received", count(e.received)),
        format!(
            "{}/s",
            show_number((e.received as f64 / seconds.max(1e-6)).round())
        ),
        show_bytes(e.bytes as f64),
    ];
    if e.numbered > 0 {
        events.push(format!("{} lost", count(e.lost)));
        events.push(format!("{} duplicated", count(e.duplicated)));
        events.push(format!("{} reordered", count(e.reordered)));
    }
    events.extend(told(&[(e.replayed, "replayed after a resume")]));
    line("events", &events, layout, out);
    if e.numbered == 0 {
        let note = "no sequence was declared: loss, duplicates and order are not known";
        line("", &[note.into()], layout, out);
    }
    for (name, value) in shares(record) {
        line(&name, &[value], layout, out);
    }
    out.push('\n');
}

fn told(counts: &[(u64, &str)]) -> Vec<String> {
    let counts = counts.iter().filter(|(n, _)| *n > 0);
    counts
        .map(|(n, what)| format!("{} {what}", count(*n)))
        .collect()
}

/// Parts of a list behind their name, wrapped beside it.
fn line(name: &str, parts: &[String], layout: Layout, out: &mut String) {
    let lines = packed(parts, ",", layout.columns() - NAME - 2);
    for (at, text) in lines.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        let _ = writeln!(out, "{}  {text}", Painted(DIM, format!("{name:<NAME$}")));
    }
}

fn table(record: &LoadRecord, layout: Layout, out: &mut String) {
    let rows = rows(record, layout.verbose);
    if rows.is_empty() {
        return;
    }
    let mut table = Table {
        head: vec!["metric", "samples", "p50", "p90", "p99", "p99.9", "max"],
        words: 1,
        rows: Vec::new(),
    };
    for row in rows {
        let [_, _, figures @ ..] = row.figures;
        table
            .rows
            .push([vec![row.name, row.count], figures.into()].concat());
    }
    table.write(usize::MAX, usize::MAX, out);
}

/// Populations and phases, where there is something to tell apart.
fn parts(record: &LoadRecord, layout: Layout, out: &mut String) {
    let all = part::all(record).into_iter();
    for parts in all.filter(|parts| parts.is_chief || layout.verbose) {
        for table in &parts.tables {
            table.write(layout.columns(), PART_ROWS, out);
        }
        for note in &parts.notes {
            for line in wrap(note, layout.columns()) {
                let _ = writeln!(out, "{line}");
            }
        }
        if !parts.notes.is_empty() {
            out.push('\n');
        }
    }
}

/// The chief metric by percentile, each bar as long as its value on a logarithmic scale.
fn plot(record: &LoadRecord, out: &mut String) {
    let Some((name, MetricValue::Distribution { unit, samples, .. })) = chief(record) else {
        return;
    };
    let points = curve::points(samples);
    if points.len() < 3 {
        return;
    }
    let log = |value: u64| (value.max(1) as f64).ln();
    let (least, most) = (log(points[0].1), log(samples.max()));
    let _ = writeln!(out, "{} by percentile", Painted(BOLD, name));
    for (percent, value) in points {
        let share = (log(value) - least) / (most - least).max(f64::EPSILON);
        let bar = "█".repeat(1 + (share * (BAR - 1) as f64).round() as usize);
        let value = shown(value as f64, *unit);
        let name = curve::name(percent);
        let _ = writeln!(
            out,
            "  {name:>8}  {}{:pad$} {value}",
            Painted(style::FACT, &bar),
            "",
            pad = BAR - columns(&bar)
        );
    }
    out.push('\n');
}

fn storms(record: &LoadRecord, layout: Layout, out: &mut String) {
    for one in &record.storms {
        let text = format!("storm {}: {}", bounded(&one.phase), storm::told(one));
        for line in wrap(&text, layout.columns()) {
            let _ = writeln!(out, "{line}");
        }
    }
    if let Some(capacity) = &record.capacity {
        steps(capacity, layout, out);
    }
    if !record.storms.is_empty() || record.capacity.is_some() {
        out.push('\n');
    }
}

fn steps(capacity: &Capacity, layout: Layout, out: &mut String) {
    let text = format!("capacity: {}", bounded(&capacity.detail));
    for line in wrap(&text, layout.columns()) {
        let _ = writeln!(out, "{line}");
    }
    for row in capacity::rows(capacity) {
        let text = format!("{} streams, {} open", row.streams, row.open);
        let text = [vec![text], row.measured].concat().join("; ");
        let mut lines = wrap(&text, layout.columns() - 4).into_iter();
        let mark = Painted(style::of(row.verdict), style::mark(row.verdict));
        let _ = writeln!(out, "  {mark} {}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(out, "    {line}");
        }
    }
}

fn generator(record: &LoadRecord, layout: Layout, out: &mut String) {
    let g = &record.generator;
    let each = record.cpu_per_100_000();
    let each = each.map_or_else(String::new, |cost| {
        format!(" ({cost:.3} per 100,000 events)")
    });
    let parts = [
        format!("{:.2} CPU-s{each}", g.cpu_seconds),
        show_bytes(g.max_rss_bytes as f64),
        format!("loop lag p99.9 {}", show_us(g.loop_lag_p999_us as f64)),
        format!("schedule lag p99 {}", show_us(g.schedule_lag_p99_us as f64)),
        format!("busiest worker {:.0} %", g.busiest_worker * 100.0),
    ];
    line("generator", &parts, layout, out);
    line("clocks", &clocks(g), layout, out);
    for (at, text) in server(record).into_iter().enumerate() {
        line(if at == 0 { "server" } else { "" }, &[text], layout, out);
    }
    out.push('\n');
}

/// How stamps were read, and what was seen of clocks that are apart.
fn clocks(generator: &Generator) -> Vec<String> {
    let g = generator;
    if g.clock.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![bounded(&g.clock)];
    if g.negative > 0 {
        let (events, by) = (count(g.negative), show_us(g.ahead_us as f64));
        parts.push(format!("{events} events before their stamp by up to {by}"));
    }
    if g.clock_step_us > STEP_SHOWN_US {
        let step = show_us(g.clock_step_us as f64);
        parts.push(format!("clock set by {step} meanwhile"));
    }
    parts
}

fn causes(record: &LoadRecord, layout: Layout, out: &mut String) {
    let kinds = [
        ("errors", &record.errors),
        ("ended", &record.disconnects),
        ("faults", &record.faults),
    ];
    for (name, causes) in kinds {
        let causes = causes
            .iter()
            .map(|(cause, n)| format!("{} {}", count(*n), bounded(cause)));
        line(name, &causes.collect::<Vec<_>>(), layout, out);
    }
}

fn findings(record: &LoadRecord, layout: Layout, out: &mut String) {
    for finding in &record.findings {
        let mark = style::mark(finding.verdict);
        let style = style::of(finding.verdict);
        let _ = writeln!(
            out,
            "{} {}",
            Painted(style, mark),
            Painted(BOLD, bounded(&finding.id))
        );
        for line in wrap(&bounded(&finding.detail), layout.columns() - 2) {
            let _ = writeln!(out, "  {line}");
        }
    }
}

fn thresholds(record: &LoadRecord, layout: Layout, out: &mut String) {
    for result in &record.thresholds {
        if layout.quiet && result.verdict == Verdict::Pass {
            continue;
        }
        let mark = style::mark(result.verdict);
        let text = format!(
            "{}: {}",
            bounded(&result.threshold.to_string()),
            bounded(&result.detail)
        );
        let mut lines = wrap(&text, layout.columns() - 2).into_iter();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(out, "{} {first}", Painted(style::of(result.verdict), mark));
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
}

fn verdict(record: &LoadRecord, layout: Layout, out: &mut String) {
    let (style, mark) = match record.outcome {
        LoadOutcome::Pass => (style::GOOD, '✓'),
        LoadOutcome::Fail => (style::BAD, '✗'),
        LoadOutcome::Invalid => (style::UNKNOWN, '?'),
        LoadOutcome::Interrupted => (style::FAIR, '·'),
    };
    let text = format!(
        "{mark} {}: {}",
        record.outcome.as_str(),
        bounded(&record.summary)
    );
    for line in wrap(&text, layout.columns()) {
        let _ = writeln!(out, "{}", Painted(style, line));
    }
}
