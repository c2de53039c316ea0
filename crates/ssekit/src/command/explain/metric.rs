//! A metric of load runs in full.

use std::fmt::Write as _;

use anstyle::Style;
use serde::Serialize;
use ssekit_record::{METRICS, Metric, SCHEMA, Series, Shape};
use ssekit_report::text::wrap;

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Serialize)]
struct Explanation<'a> {
    schema: &'a str,
    kind: &'a str,
    metric: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Series>,
    formula: &'a str,
}

/// Names that can be explained.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|metric| metric.name)
}

pub(super) fn told(metric: &Metric) -> String {
    let bold = Style::new().bold();
    let kind = match metric.shape {
        Shape::Distribution => "percentiles".to_owned(),
        Shape::Counter { over } if over == metric.name => "a counter".to_owned(),
        Shape::Counter { over } => format!("a counter; its ratio is over {over}"),
        Shape::Ratio { part, whole } => format!("{part} over {whole}"),
    };
    let series = metric
        .series
        .map_or(String::new(), |series| format!("  {}", series.as_str()));
    let mut out = format!(
        "{bold}{}{bold:#}  in {}{series}  {kind}\n",
        metric.name,
        metric.unit.as_str()
    );
    for line in wrap(metric.formula, output::width().clamp(40, 100)) {
        let _ = writeln!(out, "{line}");
    }
    let begins = format!("{}_", metric.name);
    let more: Vec<_> = names().filter(|name| name.starts_with(&begins)).collect();
    if !more.is_empty() {
        let _ = writeln!(out, "\nSee also {}.", more.join(", "));
    }
    out
}

pub(super) fn json(metric: &Metric) -> Result<String, Failure> {
    let explanation = Explanation {
        schema: SCHEMA,
        kind: "explain",
        metric: metric.name,
        unit: metric.unit.as_str(),
        series: metric.series,
        formula: metric.formula,
    };
    let text = serde_json::to_string_pretty(&explanation);
    Ok(text.map_err(|error| Failure::Internal(error.to_string()))? + "\n")
}
