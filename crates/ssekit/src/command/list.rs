//! `ssekit list`: the registry of checks.

mod traced;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde::Serialize;
use ssekit_conformance::coverage;
use ssekit_record::{ExitCode, Level, SCHEMA};

use crate::failure::Failure;
use crate::format::Format;
use crate::output;
use crate::registry::{self, Entry};
use crate::suggestion::did_you_mean;

/// List the checks
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this group, such as framing
    #[arg(long)]
    group: Option<String>,
    /// Clause by clause, what the standards say and which checks hold it, or why none does
    #[arg(long, conflicts_with = "group")]
    coverage: bool,
    /// Form of the output
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Listing<'a> {
    schema: &'a str,
    kind: &'a str,
    checks: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    level: Level,
    needs: &'a str,
    title: &'a str,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.coverage {
        output::print(&match arguments.format {
            Format::Human => traced::told(coverage()),
            Format::Json => traced::json(coverage())?,
        })?;
        return Ok(ExitCode::AsExpected);
    }
    let wanted = arguments.group.as_deref();
    let rules: Vec<Entry> = registry::all()
        .filter(|rule| wanted.is_none_or(|group| rule.group() == group))
        .collect();
    if let (Some(group), true) = (wanted, rules.is_empty()) {
        let groups = registry::all().map(|rule| rule.group());
        let hint = did_you_mean(group, groups, "`ssekit list` shows them all");
        return Err(Failure::Usage(format!("no group {group:?}{hint}")));
    }
    output::print(&match arguments.format {
        Format::Human => table(&rules),
        Format::Json => json(&rules)?,
    })?;
    Ok(ExitCode::AsExpected)
}

fn table(rules: &[Entry]) -> String {
    let bold = Style::new().bold();
    let mut out = String::new();
    let widest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut group = "";
    for rule in rules {
        if rule.group() != group {
            group = rule.group();
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}{bold}{group}{bold:#}");
        }
        let colour = colour(rule.level);
        let _ = writeln!(
            out,
            "  {:widest$}  {colour}{:8}{colour:#}  {:9}  {}",
            rule.id, rule.level, rule.needs, rule.title
        );
    }
    let _ = writeln!(
        out,
        "\n{} checks; `ssekit explain ID` tells one in full",
        rules.len()
    );
    out
}

/// The colour of a level.
pub fn colour(level: Level) -> Style {
    match level {
        Level::Must => AnsiColor::Red.on_default(),
        Level::Should => AnsiColor::Yellow.on_default(),
        Level::Practice => AnsiColor::Cyan.on_default(),
        Level::Info => Style::new().dimmed(),
    }
}

fn json(rules: &[Entry]) -> Result<String, Failure> {
    let listing = Listing {
        schema: SCHEMA,
        kind: "list",
        checks: rules
            .iter()
            .map(|rule| Line {
                id: rule.id,
                level: rule.level,
                needs: rule.needs,
                title: rule.title,
            })
            .collect(),
    };
    let text = serde_json::to_string_pretty(&listing);
    Ok(text.map_err(|error| Failure::Internal(error.to_string()))? + "\n")
}
