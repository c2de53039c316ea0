//! When the bytes of an exchange arrived, as strokes on a line.

use std::fmt::Write as _;

use ssekit_record::{Evidence, ProbeSummary};

use crate::text::{counted, duration};

/// Units of the line: tenths of a percent.
const WHOLE: u64 = 1_000;

/// The arrivals of one exchange.
pub(super) struct Timeline {
    /// A path with one stroke for each arrival, on a line of [`WHOLE`] units.
    pub strokes: String,
    /// Where the head stood, in percent.
    pub head: Option<String>,
    /// What the line shows, in words.
    pub says: String,
}

impl Timeline {
    /// The arrivals on a line that is `longest` microseconds long.
    pub fn of(probe: &ProbeSummary, longest: u64) -> Self {
        let mut strokes = String::new();
        let mut last = None;
        for arrival in &probe.arrivals {
            let at = share(arrival.at_us, longest);
            // What falls on the same place is one stroke.
            if last.replace(at) != Some(at) {
                let _ = write!(strokes, "M{at} 0v10");
            }
        }
        Self {
            strokes,
            head: probe.head_us.map(|us| percent(us, longest)),
            says: says(probe),
        }
    }
}

fn says(probe: &ProbeSummary) -> String {
    let Some(head) = probe.head_us else {
        return "no head came".into();
    };
    let head = format!("head after {}", duration(head));
    match (probe.arrivals.first(), probe.arrivals.last()) {
        (Some(first), Some(last)) => format!(
            "{head}, {} from {} to {}",
            counted(probe.arrivals.len(), "arrival"),
            duration(first.at_us),
            duration(last.at_us)
        ),
        _ => head,
    }
}

/// A place in time beside all that arrived in its exchange.
pub(super) struct Moment {
    pub timeline: Timeline,
    /// The place, in percent of the exchange.
    pub share: String,
    /// Duration of the exchange.
    pub took: String,
}

impl Moment {
    /// Of evidence with a time in an exchange whose arrivals are known.
    pub fn of(evidence: &Evidence, probes: &[ProbeSummary]) -> Option<Self> {
        let probe = probes.iter().find(|probe| probe.probe == evidence.probe)?;
        let at = evidence.at_us?;
        if probe.arrivals.is_empty() {
            return None;
        }
        let whole = probe.elapsed_us.max(1);
        Some(Self {
            timeline: Timeline::of(probe, whole),
            share: percent(at, whole),
            took: duration(probe.elapsed_us),
        })
    }
}

/// With one decimal; what lies beyond the whole is at its end.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let permille = share(part, whole);
    format!("{}.{}", permille / 10, permille % 10)
}

fn share(part: u64, whole: u64) -> u64 {
    let whole = whole.max(1);
    u64::try_from(u128::from(part.min(whole)) * u128::from(WHOLE) / u128::from(whole))
        .unwrap_or(WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stay_on_the_line() {
        assert_eq!(percent(0, 0), "0.0");
        assert_eq!(percent(1, 3), "33.3");
        assert_eq!(percent(9, 3), "100.0");
        assert_eq!(percent(u64::MAX - 1, u64::MAX), "99.9");
    }
}
