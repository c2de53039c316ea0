//! The record of a run through an intermediary: the views of a check's record, with what was
//! measured and drawn added.

pub(crate) mod fact;
pub(crate) mod figure;
mod matrix;

pub use matrix::render as matrix;

use std::fmt::Write as _;

use ssekit_record::{ProxyRecord, Timeline, Verdict};

use crate::json::inert;
use crate::markdown::escaped;
use crate::{RecordError, junit};

/// The timelines of a check, where its finding is a problem: what passed needs no drawing.
pub(crate) fn drawn<'a>(
    record: &'a ProxyRecord,
    id: &'a str,
) -> impl Iterator<Item = &'a Timeline> + 'a {
    let is_problem = |verdict| matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Error);
    let finding = record.run.checks.iter().find(|f| f.id == id);
    let told = finding.is_some_and(|f| is_problem(f.verdict));
    let timelines = record.timelines.iter();
    timelines.filter(move |timeline| told && timeline.check == id)
}

/// The record as GitHub-flavoured Markdown, with a line feed at the end.
pub fn markdown(record: &ProxyRecord) -> String {
    let mut out = crate::markdown::render(&record.run);
    out.push_str("\n### Measured\n\n| | |\n|---|---|\n");
    for (name, value) in fact::of(&record.measurements) {
        let _ = writeln!(out, "| {name} | {} |", escaped(&value));
    }
    for finding in &record.run.checks {
        for timeline in drawn(record, &finding.id) {
            let rows = figure::rows(timeline, 72);
            let about = escaped(&timeline.about);
            let _ = write!(out, "\n{about}:\n\n```text\n");
            for (label, row) in rows {
                let _ = writeln!(out, "{label:<9} {row}");
            }
            out.push_str("```\n");
        }
    }
    out
}

/// The record as JUnit XML: one case a check.
pub fn junit(record: &ProxyRecord) -> String {
    junit::render(&record.run)
}

/// The record as indented JSON, `schema`, `kind`, `target` and `outcome` first.
///
/// # Errors
/// Only when serialisation itself fails.
pub fn json(record: &ProxyRecord) -> Result<String, RecordError> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    Ok(inert(text))
}

/// Reads a record that [`json`] wrote.
///
/// # Errors
/// When the text is not JSON of this form.
pub fn parse(text: &str) -> Result<ProxyRecord, RecordError> {
    Ok(serde_json::from_str(text)?)
}
