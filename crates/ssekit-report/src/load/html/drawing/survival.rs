//! How long streams live.

use ssekit_record::LoadRecord;
use ssekit_record::quantity::show_number;

use super::{Drawing, after, drawing, seconds};
use crate::load::chart::Line;
use crate::load::survival;

/// The share of streams that live longer than a time.
pub(super) fn drawn(record: &LoadRecord) -> Option<Drawing> {
    let known = survival::points(record);
    let end = known.last()?.0;
    let mut points = Vec::new();
    let mut before = 100.0;
    for (time, share) in known {
        points.push((seconds(time), Some(before)));
        before = share * 100.0;
        points.push((seconds(time), Some(before)));
    }
    let chart = after(
        "Share of streams that live longer",
        Line {
            name: "still open",
            class: "a",
            filled: true,
            points,
        },
        seconds(end),
        |value| format!("{} %", show_number(value)),
    );
    Some(drawing(
        "How long streams live",
        "From the head to the end (Kaplan-Meier: one that was still open counts as long as it was seen).",
        chart,
    ))
}
