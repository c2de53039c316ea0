//! What the standards say, clause by clause, and which checks hold it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use ssekit_conformance::{Clause, Section, registry};
use ssekit_record::SCHEMA;
use ssekit_report::text::{counted, wrap};

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Serialize)]
struct Coverage<'a> {
    schema: &'a str,
    kind: &'a str,
    sections: Vec<Told<'a>>,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    source: &'a str,
    url: &'a str,
    clauses: Vec<ToldClause<'a>>,
}

#[derive(Debug, Serialize)]
struct ToldClause<'a> {
    says: &'a str,
    checks: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    left_out: &'a str,
}

/// The table as text.
pub fn told(sections: &[Section]) -> String {
    let bold = Style::new().bold();
    let link = AnsiColor::Cyan.on_default();
    let width = output::width().clamp(40, 110);
    let mut out = String::new();
    for section in sections {
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{bold}{}{bold:#}", section.name);
        if !section.url.is_empty() {
            let _ = writeln!(out, "{link}{}{link:#}", section.url);
        }
        for clause in &section.clauses {
            tell(&mut out, clause, width);
        }
    }
    let clauses: Vec<&Clause> = sections.iter().flat_map(|s| &s.clauses).collect();
    let held = clauses.iter().filter(|c| c.left_out.is_empty()).count();
    let _ = writeln!(
        out,
        "\n{} of {}: {held} held by {}, {} left out with a reason",
        counted(clauses.len(), "clause"),
        counted(sections.len(), "section"),
        counted(registry().len(), "check"),
        clauses.len() - held
    );
    out
}

fn tell(out: &mut String, clause: &Clause, width: usize) {
    let dim = Style::new().dimmed();
    for line in wrap(&clause.says, width - 2) {
        let _ = writeln!(out, "  {line}");
    }
    let (text, style) = if clause.left_out.is_empty() {
        (clause.checks.join(", "), Style::new())
    } else {
        (format!("left out: {}", clause.left_out), dim)
    };
    for line in wrap(&text, width - 6) {
        let _ = writeln!(out, "      {style}{line}{style:#}");
    }
}

/// The table as JSON.
pub fn json(sections: &[Section]) -> Result<String, Failure> {
    let coverage = Coverage {
        schema: SCHEMA,
        kind: "coverage",
        sections: sections.iter().map(Told::of).collect(),
    };
    let text = serde_json::to_string_pretty(&coverage);
    Ok(text.map_err(|error| Failure::Internal(error.to_string()))? + "\n")
}

impl<'a> Told<'a> {
    fn of(section: &'a Section) -> Self {
        let clauses = section.clauses.iter().map(|clause| ToldClause {
            says: &clause.says,
            checks: &clause.checks,
            left_out: &clause.left_out,
        });
        Self {
            source: &section.name,
            url: &section.url,
            clauses: clauses.collect(),
        }
    }
}
