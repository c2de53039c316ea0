//! The steps of a search for capacity as rows.

use ssekit_record::{Capacity, CapacityStep, Verdict};

use super::row::count;
use crate::text::bounded;

/// One step as people read it.
pub(super) struct StepRow {
    pub verdict: Verdict,
    pub streams: String,
    pub open: String,
    /// Each threshold with what was measured, and what did not hold besides.
    pub measured: Vec<String>,
}

/// Every step that was made to its end.
pub(super) fn rows(capacity: &Capacity) -> Vec<StepRow> {
    capacity.steps.iter().map(row).collect()
}

fn row(step: &CapacityStep) -> StepRow {
    let results = step.thresholds.iter();
    let mut measured: Vec<String> = results
        .map(|result| {
            let broken = if result.held { "" } else { " ✗" };
            let threshold = bounded(&result.threshold);
            format!("{threshold}: {}{broken}", bounded(&result.shown))
        })
        .collect();
    if step.unopened > 0 {
        measured.push(format!("{} never opened", count(step.unopened)));
    }
    if let Some(resource) = &step.saturated {
        measured.push(format!("generator at its limit: {}", bounded(resource)));
    }
    StepRow {
        verdict: if step.held {
            Verdict::Pass
        } else {
            Verdict::Fail
        },
        streams: count(step.streams),
        open: count(step.open),
        measured,
    }
}
