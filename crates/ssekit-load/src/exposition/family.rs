//! What Prometheus reads, as messages: those of `io/prometheus/client/metrics.proto` in
//! prometheus/client_model, as far as they are used here. Both formats are written from them.

use std::collections::BTreeMap;

use prost::{Enumeration, Message};

/// What stands before every name.
pub const PREFIX: &str = "ssekit_load_";

/// All samples of one name.
#[derive(Clone, PartialEq, Message)]
pub struct MetricFamily {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it means.
    #[prost(string, tag = "2")]
    pub help: String,
    /// Kind.
    #[prost(enumeration = "MetricType", tag = "3")]
    pub kind: i32,
    /// One for each set of labels.
    #[prost(message, repeated, tag = "4")]
    pub metrics: Vec<Metric>,
}

/// Kind of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub enum MetricType {
    /// Only rises.
    Counter = 0,
    /// Any number.
    Gauge = 1,
    /// Distribution of samples.
    Histogram = 4,
}

/// One set of labels with its value.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// Labels.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<LabelPair>,
    /// Of a gauge.
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Value>,
    /// Of a counter.
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Value>,
    /// Of a histogram.
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
}

/// A label.
#[derive(Clone, PartialEq, Message)]
pub struct LabelPair {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A number; the messages of counters and of gauges are alike.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Value {
    /// The number.
    #[prost(double, optional, tag = "1")]
    pub value: Option<f64>,
}

/// A histogram in both forms: with the buckets of the text format, and native.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// Samples.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// Their sum.
    #[prost(double, tag = "2")]
    pub sum: f64,
    /// Buckets of the classic form, in rising order; the last one, without a bound, is left out.
    #[prost(message, repeated, tag = "3")]
    pub buckets: Vec<Bucket>,
    /// Native: a bucket ends at a power of two to the power of minus this.
    #[prost(sint32, tag = "5")]
    pub schema: i32,
    /// The largest value in the bucket of zeros.
    #[prost(double, tag = "6")]
    pub zero_threshold: f64,
    /// Samples in the bucket of zeros.
    #[prost(uint64, tag = "7")]
    pub zero_count: u64,
    /// Where there are buckets.
    #[prost(message, repeated, tag = "12")]
    pub spans: Vec<Span>,
    /// Samples of each bucket less those of the one before.
    #[prost(sint64, repeated, tag = "13")]
    pub deltas: Vec<i64>,
}

/// A bucket of the classic form.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Bucket {
    /// Samples that are not larger than the bound.
    #[prost(uint64, tag = "1")]
    pub cumulative_count: u64,
    /// Bound, in it.
    #[prost(double, tag = "2")]
    pub upper_bound: f64,
}

/// Native buckets in a row.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Span {
    /// Empty buckets since the span before; of the first span, the number of its first bucket.
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    /// How many.
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

impl MetricFamily {
    fn new(name: &str, help: &str, kind: MetricType) -> Self {
        Self {
            name: format!("{PREFIX}{name}"),
            help: help.to_owned(),
            kind: kind.into(),
            metrics: Vec::new(),
        }
    }

    /// Of numbers that only rise.
    pub fn counter(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::Counter)
    }

    /// Of numbers.
    pub fn gauge(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::Gauge)
    }

    /// Of one histogram.
    pub fn histogram(name: &str, help: &str, histogram: Histogram) -> Self {
        let mut family = Self::new(name, help, MetricType::Histogram);
        family.metrics.push(Metric {
            histogram: Some(histogram),
            ..Metric::default()
        });
        family
    }

    /// The same with one number more.
    pub fn with(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        let value = Some(Value { value: Some(value) });
        let is_counter = self.kind() == MetricType::Counter;
        let (gauge, counter) = if is_counter {
            (None, value)
        } else {
            (value, None)
        };
        let labels = labels.iter().map(|(name, value)| LabelPair {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        self.metrics.push(Metric {
            labels: labels.collect(),
            gauge,
            counter,
            histogram: None,
        });
        self
    }

    /// The same with a number for each cause.
    pub fn by_cause(self, counts: &BTreeMap<String, u64>) -> Self {
        counts.iter().fold(self, |family, (cause, count)| {
            family.with(&[("cause", cause)], *count as f64)
        })
    }
}

/// The protobuf format: the messages, each behind its length (Prometheus documentation, "Exposition
/// formats").
pub fn delimited(families: &[MetricFamily]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for family in families {
        bytes.extend(family.encode_length_delimited_to_vec());
    }
    bytes
}
