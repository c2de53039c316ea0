//! How streams came back after storms.

use ssekit_record::quantity::show_number;
use ssekit_record::{LoadRecord, Storm};

use super::{Drawing, after, drawing, seconds};
use crate::load::chart::Line;
use crate::text::bounded;

/// Storms that are drawn, at most.
const STORMS: usize = 4;

/// How streams came back after each storm, and how they tried to.
pub(super) fn recovery(record: &LoadRecord) -> Vec<Drawing> {
    let storms = record.storms.iter().take(STORMS);
    storms
        .flat_map(|storm| [returned(storm), tried(storm)])
        .flatten()
        .collect()
}

fn returned(storm: &Storm) -> Option<Drawing> {
    let samples = storm.recovery.as_ref()?.samples()?;
    let all = storm.dropped.max(samples.count()).max(1) as f64;
    let mut seen = 0;
    let mut points = vec![(0.0, Some(0.0))];
    for (value, count) in samples.steps() {
        points.push((seconds(value), Some(seen as f64 * 100.0 / all)));
        seen += count;
        points.push((seconds(value), Some(seen as f64 * 100.0 / all)));
    }
    let chart = after(
        "Share of streams that had an event again",
        Line {
            name: "recovered",
            class: "a",
            filled: true,
            points,
        },
        seconds(samples.max()),
        |value| format!("{} %", show_number(value)),
    );
    Some(drawing(
        format!("Recovery after {}", bounded(&storm.phase)),
        "From the beginning of the storm to the next event of each stream that it broke off.",
        chart,
    ))
}

fn tried(storm: &Storm) -> Option<Drawing> {
    const RATE: f64 = 1e6 / Storm::STEP_US as f64;
    let last = storm.curve.last()?;
    let (begin, end) = (|us: u64| seconds(us), |us| seconds(us + Storm::STEP_US));
    let mut points = Vec::new();
    let mut at = 0;
    for step in &storm.curve {
        if step.after_us > at {
            points.extend([(begin(at), Some(0.0)), (begin(step.after_us), Some(0.0))]);
        }
        let rate = Some(step.attempts as f64 * RATE);
        points.extend([(begin(step.after_us), rate), (end(step.after_us), rate)]);
        at = step.after_us + Storm::STEP_US;
    }
    let chart = after(
        "Connections tried a second",
        Line {
            name: "attempts a second",
            class: "b",
            filled: true,
            points,
        },
        end(last.after_us),
        show_number,
    );
    Some(drawing(
        format!("Attempts after {}", bounded(&storm.phase)),
        "Connections that the streams broken off tried, as a rate over a tenth of a second each.",
        chart,
    ))
}
