//! One metric as HdrHistogram's own tools print it: the percentile distribution format.

use std::fmt::Write as _;

use ssekit_record::Distribution;

/// Lines for each halving of the distance to 100 %.
const TICKS_PER_HALF: u32 = 5;

/// The samples in `.hgrm` form. Values are divided by `scale`: 1000 gives milliseconds for samples
/// in microseconds.
pub fn render(samples: &Distribution, scale: f64) -> String {
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let histogram = samples.histogram();
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        let value = step.value_iterated_to() as f64 / scale;
        let share = step.quantile_iterated_to();
        let seen = histogram.count_between(0, step.value_iterated_to());
        let _ = write!(out, "{value:12.3} {share:14.12} {seen:10}");
        if share < 1.0 {
            let _ = write!(out, " {:14.2}", 1.0 / (1.0 - share));
        }
        out.push('\n');
    }
    let (mean, deviation) = (histogram.mean() / scale, histogram.stdev() / scale);
    let _ = writeln!(
        out,
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]"
    );
    let (max, total) = (histogram.max() as f64 / scale, histogram.len());
    let _ = writeln!(out, "#[Max     = {max:12.3}, Total count    = {total:12}]");
    let buckets = histogram.buckets();
    let sub = (histogram.distinct_values() / usize::from(buckets).max(1)).next_power_of_two();
    let _ = writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {sub:12}]");
    out
}
