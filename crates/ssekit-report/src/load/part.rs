//! The parts of a run side by side: its populations, and its phases.

use ssekit_record::{Live, LoadCounts, LoadRecord, Phase, Scope};

use super::row::{count, row};
use super::slow;
use super::table::Table;
use crate::text::{bounded, duration};

/// Metrics that parts are compared by.
const COMPARED: [&str; 7] = [
    "first_event",
    "delivery",
    "tick_lateness",
    "gap",
    "ttft",
    "icl",
    "reconnect_time",
];
/// Which of the figures of a row are shown: median, 99th percentile and maximum.
const FIGURES: [usize; 3] = [2, 4, 6];
/// Headings of what is counted in a part of either kind.
const COUNTED: [&str; 7] = [
    "opened",
    "failed",
    "ended",
    "reconnects",
    "events",
    "lost",
    "duplicated",
];
/// Headings of counters that are left out where they are 0 in each part; the first one only where nothing
/// is known of it.
const OPTIONAL: [&str; 7] = [
    "lost",
    "failed",
    "ended",
    "reconnects",
    "duplicated",
    "due",
    "published",
];

/// Parts of one kind.
#[derive(Debug)]
pub(super) struct Parts {
    pub title: &'static str,
    /// What was counted in each, and the metrics that several have, part by part.
    pub tables: Vec<Table>,
    /// What tables do not say, a sentence each.
    pub notes: Vec<String>,
    /// Whether there is more to tell apart than how the run begins and ends.
    pub is_chief: bool,
}

/// The populations and the phases, where there are several.
pub(super) fn all(record: &LoadRecord) -> Vec<Parts> {
    let parts = [populations(record), phases(record)];
    parts.into_iter().flatten().collect()
}

fn populations(record: &LoadRecord) -> Option<Parts> {
    let all = &record.populations;
    if all.len() < 2 {
        return None;
    }
    let mut counts = Table {
        head: [
            &["population", "kind", "started"],
            &COUNTED[..],
            &["due", "published"],
        ]
        .concat(),
        words: 2,
        rows: Vec::new(),
    };
    for one in all {
        let c = &one.scope.counts;
        let kind = one.kind.as_deref().unwrap_or_default();
        let mut cells = vec![count(c.started)];
        cells.extend(counted(c, record));
        cells.extend([count(c.published_due), count(c.published)]);
        counts.push([bounded(&one.population), bounded(kind)], cells);
    }
    let scopes = all.iter().map(|one| (bounded(&one.population), &one.scope));
    let metrics = metrics("population", &scopes.collect::<Vec<_>>(), &reads);
    Some(Parts {
        title: "Populations",
        tables: tables(counts, metrics, record),
        notes: slow::told(record),
        is_chief: true,
    })
}

fn phases(record: &LoadRecord) -> Option<Parts> {
    let all = &record.phases;
    if all.len() < 2 {
        return None;
    }
    let mut counts = Table {
        head: [&["phase", "length", "planned", "open"], &COUNTED[..]].concat(),
        words: 1,
        rows: Vec::new(),
    };
    for phase in all {
        let c = &phase.all.counts;
        let mut rows = record.series.iter();
        let last = rows.rfind(|row| row.phase == phase.name);
        let streams = |of: fn(&Live) -> u64| {
            last.map_or_else(|| "–".to_owned(), |row| count(of(&row.streams)))
        };
        let length = duration(phase.end_us.saturating_sub(phase.start_us));
        let (planned, open) = (streams(|live| live.planned), streams(Live::open_in_all));
        let mut cells = vec![length, planned, open];
        cells.extend(counted(c, record));
        counts.push([titled(phase)], cells);
    }
    let scopes = all.iter().map(|phase| (titled(phase), &phase.all));
    let all = all.iter().enumerate();
    let chief = all.filter(|(at, phase)| {
        let begins = *at == 0 && phase.kind == "ramp";
        !begins && !matches!(phase.kind.as_str(), "drain" | "wait")
    });
    let metrics = metrics("phase", &scopes.collect::<Vec<_>>(), &|_| false);
    Some(Parts {
        title: "Phases",
        tables: tables(counts, metrics, record),
        notes: Vec::new(),
        is_chief: chief.count() > 1,
    })
}

/// The name of a phase with what it does not say itself.
fn titled(phase: &Phase) -> String {
    let name = bounded(&phase.name);
    let kind = bounded(&phase.kind);
    let says_kind = name == kind || name.starts_with(&format!("{kind}-"));
    match (says_kind, phase.record) {
        (true, true) => name,
        (true, false) => format!("{name} (not recorded)"),
        (false, true) => format!("{name} ({kind})"),
        (false, false) => format!("{name} ({kind}, not recorded)"),
    }
}

/// Numbers lost and numbers seen again, where the run has any to know them by.
fn by_numbers(counts: &LoadCounts, record: &LoadRecord) -> [String; 2] {
    if record.events.numbered > 0 && counts.received > 0 && counts.numbered == 0 {
        return ["–".into(), "–".into()];
    }
    [count(counts.lost()), count(counts.duplicated)]
}

/// What was counted in a part, as [`COUNTED`] says.
fn counted(counts: &LoadCounts, record: &LoadRecord) -> [String; 7] {
    let [lost, duplicated] = by_numbers(counts, record);
    [
        count(counts.opened),
        count(counts.failed),
        count(counts.disconnects),
        count(counts.reconnects),
        count(counts.received),
        lost,
        duplicated,
    ]
}

fn tables(counts: Table, metrics: Table, record: &LoadRecord) -> Vec<Table> {
    let first = usize::from(record.events.numbered > 0);
    let tables = [counts.without_zeros(&OPTIONAL[first..]), metrics];
    let tables = tables.into_iter().filter(|table| !table.rows.is_empty());
    tables.collect()
}

fn reads(scope: &Scope) -> bool {
    scope.counts.started > 0
}

/// The metrics that at least two parts have. A part that is to have samples, and has none where others
/// do, says so.
fn metrics(
    noun: &'static str,
    parts: &[(String, &Scope)],
    is_due: &dyn Fn(&Scope) -> bool,
) -> Table {
    let mut table = Table {
        head: vec!["metric", noun, "samples", "p50", "p99", "max"],
        words: 2,
        rows: Vec::new(),
    };
    for metric in COMPARED {
        let of = |scope: &Scope| row(metric, scope.metrics.get(metric)?);
        if !parts.iter().any(|(_, scope)| of(scope).is_some()) {
            continue;
        }
        let told: Vec<_> = parts
            .iter()
            .map(|(name, scope)| (name, of(scope), is_due(scope)))
            .filter(|(_, row, is_due)| row.is_some() || *is_due)
            .collect();
        if told.len() < 2 {
            continue;
        }
        for (name, row, _) in told {
            let words = [metric.to_owned(), name.clone()];
            match &row {
                Some(row) => {
                    let [p50, p99, max] = FIGURES.map(|at| row.figures[at].as_str());
                    table.push(words, [row.count.as_str(), p50, p99, max]);
                }
                None => table.push(words, ["0", "–", "–", "–"]),
            }
        }
    }
    table
}
