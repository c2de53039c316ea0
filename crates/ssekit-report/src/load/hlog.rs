//! The run over time as an HdrHistogram interval log, version 1.3, which HdrHistogram's own tools
//! read. Each metric is a tag.

use std::fmt::Write as _;

use ssekit_record::{LoadRecord, MetricValue};

/// The interval log. Maxima are in microseconds, as the samples are.
pub fn render(record: &LoadRecord) -> String {
    let start = record.started_unix_ms as f64 / 1e3;
    let mut out = String::from("#[Histogram log format version 1.3]\n");
    let _ = writeln!(out, "#[BaseTime: {start:.3} (seconds since epoch)]");
    let _ = writeln!(out, "#[StartTime: {start:.3} (seconds since epoch)]");
    out.push_str("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n");
    for row in &record.series {
        let (from, length) = (
            row.start_us as f64 / 1e6,
            (row.end_us - row.start_us) as f64 / 1e6,
        );
        for (name, value) in &row.metrics {
            let Some(samples) = value.samples().filter(|samples| !samples.is_empty()) else {
                continue;
            };
            let max = samples.max();
            let _ = writeln!(
                out,
                "Tag={name},{from:.3},{length:.3},{max}.000,{}",
                samples.encode()
            );
        }
    }
    if record.series.is_empty() {
        let length = record.elapsed_us as f64 / 1e6;
        for (name, value) in &record.metrics {
            if let MetricValue::Distribution { samples, .. } = value {
                let _ = writeln!(
                    out,
                    "Tag={name},0.000,{length:.3},{}.000,{}",
                    samples.max(),
                    samples.encode()
                );
            }
        }
    }
    out
}
