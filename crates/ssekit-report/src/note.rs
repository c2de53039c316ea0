//! What a record says of the run as a whole, beside its findings.

use ssekit_record::{CheckOutcome, CheckRecord};

/// A heading and its lines, neither of them bounded nor escaped yet.
pub(crate) struct Note {
    pub title: &'static str,
    pub lines: Vec<String>,
}

/// Checks that did not always agree, stale entries of the baseline, the server that was started;
/// only what there is.
pub(crate) fn notes(record: &CheckRecord) -> Vec<Note> {
    let flaky = record.checks.iter().filter_map(|finding| {
        let flaky = finding.flaky.as_ref()?;
        Some(format!("{}: {}", finding.id, flaky.told()))
    });
    let stale = record.stale_entries.iter();
    let all = [
        Note {
            title: "Flaky",
            lines: flaky.collect(),
        },
        Note {
            title: "Stale baseline entries",
            lines: stale.map(|s| format!("{}: {}", s.check, s.why)).collect(),
        },
        Note {
            title: "Server",
            lines: server(record),
        },
        Note {
            title: "Last output of the server",
            lines: output(record),
        },
    ];
    all.into_iter().filter(|n| !n.lines.is_empty()).collect()
}

fn server(record: &CheckRecord) -> Vec<String> {
    let Some(launched) = &record.launched else {
        return Vec::new();
    };
    let unproved = launched.unproved.iter();
    let unproved = unproved.map(|why| format!("not proved to be the one started: {why}"));
    let log = launched.log.iter().map(|file| format!("log: {file}"));
    unproved.chain(log).collect()
}

/// The end of the log, where something was found.
fn output(record: &CheckRecord) -> Vec<String> {
    match &record.launched {
        Some(launched) if record.outcome != CheckOutcome::Conformant => launched.tail.clone(),
        _ => Vec::new(),
    }
}
