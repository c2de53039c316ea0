//! A storm in words.

use ssekit_record::Storm;
use ssekit_record::quantity::{show_number, show_us};

use super::row::count;
use crate::text::bounded;

/// How many were broken off, who came back when, and at which rate they tried.
pub(super) fn told(storm: &Storm) -> String {
    let mut text = format!(
        "{} streams broken off ({})",
        count(storm.dropped),
        bounded(&storm.mode)
    );
    if storm.left > 0 {
        text += &format!(", {} of them to stay away", count(storm.left));
    }
    text += &format!(", {} recovered", count(storm.recovered));
    let shares = storm.shares.iter().map(|recovered| {
        let share = show_number(recovered.share * 100.0);
        match recovered.after_us {
            Some(after) => format!("{share} % after {}", show_us(after as f64)),
            None => format!("{share} % never"),
        }
    });
    let shares: Vec<String> = shares.collect();
    if !shares.is_empty() {
        text += &format!(": {}", shares.join(", "));
    }
    text += &format!("; at most {} attempts a second", count(storm.peak_attempts));
    let errors = storm.errors.iter();
    let errors: Vec<String> = errors
        .map(|(cause, n)| format!("{} {}", count(*n), bounded(cause)))
        .collect();
    if !errors.is_empty() {
        text += &format!("; attempts that failed: {}", errors.join(", "));
    }
    text
}
