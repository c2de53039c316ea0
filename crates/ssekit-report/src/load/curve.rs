//! A distribution by percentile, as far as its samples reach.

use ssekit_record::Distribution;

/// Percentiles that are told, in percent.
const STEPS: [f64; 13] = [
    0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 99.999, 99.9999,
];

/// Percentiles and their values: no percentile that fewer than one sample lies above but the last
/// one, which is the maximum.
pub(super) fn points(samples: &Distribution) -> Vec<(f64, u64)> {
    let count = samples.count() as f64;
    let told = |percent: &f64| count * (100.0 - percent) / 100.0 >= 1.0;
    let mut points: Vec<(f64, u64)> = STEPS
        .into_iter()
        .filter(told)
        .map(|percent| (percent, samples.quantile(percent / 100.0)))
        .collect();
    points.push((100.0, samples.max()));
    points
}

/// `p50`, `p99.9`, `max`.
pub(super) fn name(percent: f64) -> String {
    if percent >= 100.0 {
        "max".into()
    } else if percent == 0.0 {
        "min".into()
    } else {
        format!("p{percent}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_as_far_as_its_samples() {
        let mut samples = Distribution::new(3);
        (1..=200).for_each(|n| samples.record(n));
        let percents: Vec<f64> = points(&samples).into_iter().map(|(p, _)| p).collect();
        assert_eq!(
            percents,
            [0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 100.0]
        );
        assert_eq!(points(&Distribution::new(3)), [(100.0, 0)]);
    }
}
