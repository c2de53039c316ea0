//! How long streams live, those that were still open counted for as long as they were seen.

use std::collections::BTreeMap;

use ssekit_record::{Distribution, LoadRecord, MetricValue};

/// The share of streams that live longer than a time, at each time that one ended, in microseconds, from
/// (0, 1) on (Kaplan and Meier 1958). A stream that was open when it was last seen counts among those at
/// risk until then. Empty where no stream ended.
pub(super) fn points(record: &LoadRecord) -> Vec<(u64, f64)> {
    let samples = |name: &str| record.metrics.get(name).and_then(MetricValue::samples);
    samples("stream_life").map_or(Vec::new(), |ended| {
        curve(ended, samples("stream_life_censored"))
    })
}

fn curve(ended: &Distribution, censored: Option<&Distribution>) -> Vec<(u64, f64)> {
    // At the same time ends come before those that were only not seen any more.
    let mut steps: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (time, count) in ended.steps() {
        steps.entry(time).or_default().0 += count;
    }
    for (time, count) in censored.into_iter().flat_map(Distribution::steps) {
        steps.entry(time).or_default().1 += count;
    }
    let mut at_risk: u64 = steps.values().map(|(ended, open)| ended + open).sum();
    let mut share = 1.0;
    let mut points = vec![(0, share)];
    for (time, (ended, open)) in steps {
        if ended > 0 {
            share *= 1.0 - ended as f64 / at_risk as f64;
            points.push((time, share));
        }
        at_risk -= ended + open;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[u64]) -> Distribution {
        let mut samples = Distribution::new(3);
        values.iter().for_each(|value| samples.record(*value));
        samples
    }

    #[test]
    fn streams_that_were_still_open_are_at_risk_as_long_as_they_were_seen() {
        // Of five: one ends at 10, one is last seen at 20, one ends at 30, two are seen until 40.
        let points = curve(&samples(&[10, 30]), Some(&samples(&[20, 40, 40])));
        let times: Vec<_> = points.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [0, 10, 30]);
        assert!((points[1].1 - 0.8).abs() < 1e-9);
        assert!((points[2].1 - 0.8 * 2.0 / 3.0).abs() < 1e-9, "{points:?}");
    }

    #[test]
    fn one_that_ends_when_another_is_last_seen_was_at_risk_beside_it() {
        let points = curve(&samples(&[10]), Some(&samples(&[10])));
        assert_eq!(points, [(0, 1.0), (10, 0.5)]);
        assert_eq!(curve(&samples(&[7]), None), [(0, 1.0), (7, 0.0)]);
    }
}
