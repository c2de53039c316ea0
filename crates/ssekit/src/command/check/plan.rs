//! `--dry-run`: what would be asked.

use ssekit_conformance::{CheckOptions, plan};
use ssekit_report::text::{columns, counted, duration as span, harmless};

use crate::failure::Failure;

/// The plan of requests, as a table.
pub(super) fn planned(options: &CheckOptions) -> Result<String, Failure> {
    let plan = plan(options)?;
    let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(columns).max().unwrap_or(0);
    let names = widest(&mut plan.iter().map(|p| p.probe.name()));
    let abouts = widest(&mut plan.iter().map(|p| p.about));
    let mut out = format!(
        "Requests to {}:\n\n",
        plan.first().map_or("", |p| &p.request)
    );
    for probe in &plan {
        let us = u64::try_from(probe.at_most.as_micros()).unwrap_or(u64::MAX);
        out.push_str(&format!(
            "  {:names$}  {:abouts$}  at most {:>8}  {}\n",
            probe.probe.name(),
            probe.about,
            span(us),
            probe.condition,
        ));
    }
    let usual = plan.first().map_or("", |p| p.request.as_str());
    let mut others = plan.iter().filter(|p| p.request != usual).peekable();
    if others.peek().is_some() {
        out.push_str("\nwhere\n\n");
    }
    for other in others {
        let request = harmless(&other.request);
        out.push_str(&format!("  {:names$}  is {request}\n", other.probe.name()));
    }
    let total = counted(plan.len(), "request");
    out.push_str(&format!("\n{total} at most; nothing was asked\n"));
    Ok(out)
}
