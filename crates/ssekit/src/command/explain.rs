//! `ssekit explain`: one rule or metric in full.

mod metric;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde::Serialize;
use ssekit_record::{ExitCode, Level, Metric, SCHEMA, Source};
use ssekit_report::text::wrap;

use crate::command::list::colour;
use crate::failure::Failure;
use crate::format::Format;
use crate::output;
use crate::registry::{self, Entry};
use crate::suggestion::did_you_mean;

/// Explain a check (source, examples, impact, remedy) or a metric of load runs (its formula)
#[derive(Debug, Args)]
pub struct Arguments {
    /// Id of the check, such as framing.well-formed, or name of the metric, such as tick_lateness
    id: String,
    /// Form of the output
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Explanation<'a> {
    schema: &'a str,
    kind: &'a str,
    id: &'a str,
    level: Level,
    needs: &'a str,
    title: &'a str,
    expected: &'a str,
    source: String,
    sources: Vec<Source>,
    impact: &'a str,
    remedy: &'a str,
    good: &'a str,
    bad: &'a str,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let id = arguments.id.as_str();
    let Some(rule) = registry::all().find(|rule| rule.id == id) else {
        if let Some(metric) = Metric::named(id) {
            output::print(&match arguments.format {
                Format::Human => metric::told(metric),
                Format::Json => metric::json(metric)?,
            })?;
            return Ok(ExitCode::AsExpected);
        }
        let ids = registry::all().map(|rule| rule.id).chain(metric::names());
        let hint = did_you_mean(
            id,
            ids,
            "`ssekit list` shows the checks, a load report its metrics",
        );
        return Err(Failure::Usage(format!("no check or metric {id:?}{hint}")));
    };
    output::print(&match arguments.format {
        Format::Human => told(&rule),
        Format::Json => json(&rule)?,
    })?;
    Ok(ExitCode::AsExpected)
}

fn told(rule: &Entry) -> String {
    let bold = Style::new().bold();
    let link = AnsiColor::Cyan.on_default();
    let colour = colour(rule.level);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{bold}{}{bold:#}  {colour}{}{colour:#}  needs {}",
        rule.id, rule.level, rule.takes
    );
    let width = output::width().clamp(40, 100);
    for line in wrap(rule.title, width) {
        let _ = writeln!(out, "{line}");
    }
    let mut said = |label: &str, text: &str| {
        if text.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{bold}{label}{bold:#}");
        for line in text.lines().flat_map(|line| wrap(line, width - 2)) {
            let _ = writeln!(out, "  {line}");
        }
    };
    said("Expected", rule.expected);
    said("Impact", rule.impact);
    said("Remedy", rule.remedy);
    for (label, example) in [("Good", rule.good), ("Bad", rule.bad)] {
        if !example.is_empty() {
            let _ = writeln!(out, "\n{bold}{label}{bold:#}");
            for line in example.lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    if !rule.sources.is_empty() {
        let _ = writeln!(out, "\n{bold}Source{bold:#}");
    }
    for (name, url) in rule.sources {
        let _ = writeln!(out, "  {name}");
        if !url.is_empty() {
            let _ = writeln!(out, "  {link}{url}{link:#}");
        }
    }
    out
}

fn json(rule: &Entry) -> Result<String, Failure> {
    let sources = rule.sources.iter().map(|(name, url)| Source {
        name: (*name).into(),
        url: (*url).into(),
    });
    let names: Vec<&str> = rule.sources.iter().map(|(name, _)| *name).collect();
    let explanation = Explanation {
        schema: SCHEMA,
        kind: "explain",
        id: rule.id,
        level: rule.level,
        needs: rule.needs,
        title: rule.title,
        expected: rule.expected,
        source: names.join("; "),
        sources: sources.collect(),
        impact: rule.impact,
        remedy: rule.remedy,
        good: rule.good,
        bad: rule.bad,
    };
    let text = serde_json::to_string_pretty(&explanation);
    Ok(text.map_err(|error| Failure::Internal(error.to_string()))? + "\n")
}
