//! A record as workflow commands, which GitHub Actions shows as annotations of the run.
//!
//! The syntax and its escapes are those of the "Workflow commands for GitHub Actions" page of the
//! GitHub documentation.

use std::fmt::Write as _;

use ssekit_record::{CheckOutcome, CheckRecord, Finding, Verdict};

use crate::text::bounded;

/// Annotations of one kind that GitHub shows of one step; it drops the rest.
const SHOWN: usize = 10;

/// One `::error` for each finding that turns the exit code red and one `::warning` for each other
/// that someone should look at, at most ten of each; empty where there is nothing to say.
pub fn render(record: &CheckRecord) -> String {
    let mut errors = Vec::new();
    if record.outcome == CheckOutcome::Incomplete {
        let target = format!("Target: {}", bounded(&record.target));
        errors.push(Annotation {
            title: "ssekit: incomplete, nothing can be concluded".into(),
            message: [bounded(&record.summary), target].join("\n"),
        });
    }
    errors.extend(record.stale_entries.iter().map(|stale| Annotation {
        title: format!("stale baseline entry: {}", bounded(&stale.check)),
        message: bounded(&stale.why),
    }));
    let mut warnings = Vec::new();
    for finding in &record.checks {
        if CheckRecord::reddens(finding, record.gate) {
            errors.push(Annotation::of(finding, record));
        } else if finding.accepted.is_some()
            || matches!(finding.verdict, Verdict::Warn | Verdict::Error)
        {
            warnings.push(Annotation::of(finding, record));
        }
    }
    let mut out = String::new();
    write("error", errors, &mut out);
    write("warning", warnings, &mut out);
    out
}

struct Annotation {
    title: String,
    message: String,
}

impl Annotation {
    fn of(finding: &Finding, record: &CheckRecord) -> Self {
        let id = bounded(&finding.id);
        let mut lines = vec![bounded(&finding.title)];
        let remarks = finding.remarks().into_iter();
        lines.extend(remarks.map(|(label, text)| format!("{label}: {}", bounded(&text))));
        let said = [
            ("Actual", &finding.actual),
            ("Expected", &finding.expected),
            ("Impact", &finding.impact),
            ("Remedy", &finding.remedy),
        ];
        let said = said.into_iter().filter(|(_, text)| !text.is_empty());
        lines.extend(said.map(|(label, text)| format!("{label}: {}", bounded(text))));
        for source in &finding.source {
            let named = format!("Source: {} {}", source.name, source.url);
            lines.push(bounded(named.trim_end()));
        }
        lines.push(format!("Target: {}", bounded(&record.target)));
        Self {
            title: format!("{id}: {} ({})", finding.verdict, finding.level),
            message: lines.join("\n"),
        }
    }
}

/// The last of ten stands for all that would not be shown.
fn write(command: &str, mut annotations: Vec<Annotation>, out: &mut String) {
    if annotations.len() > SHOWN {
        let rest = annotations.split_off(SHOWN - 1);
        let titles: Vec<&str> = rest.iter().map(|one| one.title.as_str()).collect();
        annotations.push(Annotation {
            title: format!("and {} more", rest.len()),
            message: bounded(&titles.join(", ")),
        });
    }
    for Annotation { title, message } in annotations {
        let (title, message) = (property(&title), data(&message));
        let _ = writeln!(out, "::{command} title={title}::{message}");
    }
}

/// The message of a command, on one line.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command: it ends at `,`, and the properties at `::`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_property_or_a_command_early() {
        assert_eq!(property("a,b::c%\r\n"), "a%2Cb%3A%3Ac%25%0D%0A");
        assert_eq!(data("50%\n::error::x,y"), "50%25%0A::error::x,y");
    }
}
