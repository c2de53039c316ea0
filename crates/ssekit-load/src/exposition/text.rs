//! Text format 0.0.4 (Prometheus documentation, "Exposition formats").

use std::fmt::Write as _;

use super::family::{LabelPair, Metric, MetricFamily, MetricType};

/// The text of these families.
pub fn text(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    for family in families {
        let kind = match family.kind() {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        let name = &family.name;
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for metric in &family.metrics {
            samples(name, metric, &mut out);
        }
    }
    out
}

fn samples(name: &str, metric: &Metric, out: &mut String) {
    let value = metric.gauge.or(metric.counter).and_then(|one| one.value);
    if let Some(value) = value {
        line(name, "", &metric.labels, value, out);
    }
    let Some(histogram) = &metric.histogram else {
        return;
    };
    let bounded = histogram.buckets.iter();
    let bounded = bounded.map(|bucket| (bucket.upper_bound.to_string(), bucket.cumulative_count));
    for (bound, count) in bounded.chain([("+Inf".to_owned(), histogram.count)]) {
        let mut labels = metric.labels.clone();
        labels.push(LabelPair {
            name: "le".to_owned(),
            value: bound,
        });
        line(name, "_bucket", &labels, count as f64, out);
    }
    line(name, "_sum", &metric.labels, histogram.sum, out);
    line(name, "_count", &metric.labels, histogram.count as f64, out);
}

fn line(name: &str, suffix: &str, labels: &[LabelPair], value: f64, out: &mut String) {
    let _ = write!(out, "{name}{suffix}");
    for (index, label) in labels.iter().enumerate() {
        let value = label
            .value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let begin = if index == 0 { '{' } else { ',' };
        let _ = write!(out, "{begin}{}=\"{value}\"", label.name);
    }
    let end = if labels.is_empty() { "" } else { "}" };
    let _ = writeln!(out, "{end} {value}");
}
