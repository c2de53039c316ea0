//! The text for Prometheus, read back: sums, buckets, and states of thresholds.

use std::collections::BTreeMap;

use prost::Message as _;
use ssekit_record::{Distribution, Threshold, Unit};

use super::family::{MetricType, PREFIX};
use super::*;

/// A sample: name, labels, value.
type Sample = (String, Vec<(String, String)>, f64);

/// Reads the text format by its grammar; fails on what does not keep it.
fn parse(text: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    assert!(text.ends_with('\n'));
    let (mut types, mut samples) = (BTreeMap::new(), Vec::new());
    let mut helped = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty(), "{name}");
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(helped.as_deref(), Some(name));
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None);
        } else {
            let sample = sample(line);
            let family = helped.as_deref().unwrap();
            let suffix = sample.0.strip_prefix(family).unwrap();
            let expected: &[&str] = match types[family].as_str() {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(expected.contains(&suffix), "{line}");
            samples.push(sample);
        }
    }
    for (index, (name, labels, _)) in samples.iter().enumerate() {
        let again = samples[..index]
            .iter()
            .any(|other| other.0 == *name && other.1 == *labels);
        assert!(!again, "{name} {labels:?} is there twice");
    }
    (types, samples)
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap();
    let (name, mut rest) = head.split_once('{').unwrap_or((head, "}"));
    assert!(
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    );
    let mut labels = Vec::new();
    while rest != "}" {
        rest = rest.trim_start_matches(',');
        let (key, after) = rest.split_once("=\"").unwrap();
        let (mut told, mut chars) = (String::new(), after.char_indices());
        loop {
            match chars.next().unwrap() {
                (end, '"') => {
                    rest = &after[end + 1..];
                    break;
                }
                (_, '\\') => told.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("escaped {c:?}"),
                }),
                (_, c) => told.push(c),
            }
        }
        labels.push((key.to_owned(), told));
    }
    (name.to_owned(), labels, value.parse().unwrap())
}

fn row(end_us: u64, gaps: &[u64]) -> Interval {
    let mut samples = Distribution::new(3);
    gaps.iter().for_each(|gap| samples.record(*gap));
    let unit = Unit::Us;
    let value = MetricValue::Distribution {
        unit,
        samples,
        synthetic: 0,
    };
    Interval {
        start_us: end_us - 1_000_000,
        end_us,
        phase: "hold".into(),
        streams: Live {
            planned: 3,
            live: 2,
            failed: 1,
            ..Live::default()
        },
        counts: LoadCounts {
            received: gaps.len() as u64,
            skipped: 2,
            refilled: 1,
            ..LoadCounts::default()
        },
        metrics: BTreeMap::from([("gap".to_owned(), value)]),
        cpu_seconds: 0.25,
        ..Interval::default()
    }
}

fn result(words: &str, value: Option<f64>, verdict: Verdict) -> ThresholdResult {
    ThresholdResult {
        threshold: Threshold::parse(words).unwrap(),
        value,
        unit: "us".into(),
        samples: 1,
        verdict,
        no_data: value.is_none(),
        detail: String::new(),
    }
}

fn some() -> Exposition {
    let mut some = Exposition {
        info: vec![("target", "http://a/\"\\\n é\u{202e}".into())],
        phases: vec!["ramp".into(), "hold".into()],
        errors: BTreeMap::from([("status_503".into(), 4), ("refused".into(), 1)]),
        thresholds: vec![
            result("gap p99 < 1s", Some(999.5), Verdict::Pass),
            result("gap p99 < 1s", Some(999.5), Verdict::Warn),
            result("delivery p99 < 1s", None, Verdict::Fail),
        ],
        ..Exposition::default()
    };
    some.take_row(&row(1_000_000, &[400, 500, 501, 2_000_000]));
    some.take_row(&row(2_000_000, &[250_000, 400_000_000]));
    some
}

fn value(samples: &[Sample], name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
    let found = samples.iter().find(|(full, labels, _)| {
        let has = |(key, value): &(&str, &str)| labels.iter().any(|(k, v)| k == key && v == value);
        full.strip_prefix(PREFIX) == Some(name) && wanted.iter().all(has)
    });
    found.map(|sample| sample.2)
}

#[test]
fn intervals_add_up_and_every_line_can_be_read() {
    let (types, samples) = parse(&some().text());
    let of = |name, labels: &[(&str, &str)]| value(&samples, name, labels);
    assert_eq!(of("events_total", &[]), Some(6.0));
    assert_eq!(of("events_lost", &[]), Some(2.0));
    assert_eq!(of("streams", &[("state", "live")]), Some(2.0));
    assert_eq!(of("streams", &[("state", "failed")]), Some(1.0));
    assert_eq!(of("streams_wanted", &[]), Some(3.0));
    assert_eq!(of("elapsed_seconds", &[]), Some(2.0));
    assert_eq!(of("generator_cpu_seconds_total", &[]), Some(0.5));
    assert_eq!(of("phase", &[("phase", "ramp")]), Some(0.0));
    assert_eq!(of("phase", &[("phase", "hold")]), Some(1.0));
    assert_eq!(of("errors_total", &[("cause", "status_503")]), Some(4.0));
    assert_eq!(
        of("info", &[("target", "http://a/\"\\\n é\u{202e}")]),
        Some(1.0)
    );
    for (name, kind) in types {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    }
}

#[test]
fn buckets_hold_what_is_not_larger_and_rise_to_the_count() {
    let (_, samples) = parse(&some().text());
    let of = |name, labels: &[(&str, &str)]| value(&samples, name, labels);
    for (bound, count) in [
        ("0.0005", 2.0),
        ("0.001", 3.0),
        ("0.1", 3.0),
        ("0.25", 4.0),
        ("1", 4.0),
        ("2.5", 5.0),
        ("300", 5.0),
        ("+Inf", 6.0),
    ] {
        assert_eq!(
            of("gap_seconds_bucket", &[("le", bound)]),
            Some(count),
            "{bound}"
        );
    }
    assert_eq!(of("gap_seconds_count", &[]), Some(6.0));
    let sum = of("gap_seconds_sum", &[]).unwrap();
    assert!((sum / 402.251_401 - 1.0).abs() < 0.001, "{sum}");
    assert_eq!(of("delivery_seconds_count", &[]), Some(0.0));
}

#[test]
fn a_threshold_is_in_one_state_and_without_data_in_none_that_passes() {
    let (_, samples) = parse(&some().text());
    for (number, wanted) in [("0", "pass"), ("1", "warn"), ("2", "no_data")] {
        for state in ["pass", "fail", "warn", "no_data"] {
            let labels = [("number", number), ("state", state)];
            let is = value(&samples, "threshold_state", &labels);
            assert_eq!(
                is,
                Some(f64::from(u8::from(state == wanted))),
                "{number} {state}"
            );
        }
    }
    assert_eq!(
        value(&samples, "threshold_value", &[("number", "0")]),
        Some(999.5)
    );
    assert_eq!(value(&samples, "threshold_value", &[("number", "2")]), None);
}

#[test]
fn every_name_is_one_of_the_dictionary() {
    let counts = LoadCounts::default();
    assert!(
        COUNTERS
            .iter()
            .all(|(_, count, _)| counts.get(count).is_some())
    );
    let is_time = |name: &&str| Metric::named(name).is_some_and(|metric| metric.unit == Unit::Us);
    assert!(HISTOGRAMS.iter().all(is_time));
}

#[test]
fn protobuf_says_what_the_text_says_and_has_native_histograms() {
    let bytes = some().protobuf();
    let (mut rest, mut families) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    // Without their native parts they are the text.
    let mut classic = families.clone();
    let metrics = classic.iter_mut().flat_map(|family| &mut family.metrics);
    for histogram in metrics.filter_map(|metric| metric.histogram.as_mut()) {
        assert_eq!(histogram.schema, 4);
        assert!(histogram.zero_threshold > 0.0);
    }
    assert_eq!(text::text(&classic), some().text());
    let gap = families
        .iter()
        .find(|one| one.name == "ssekit_load_gap_seconds");
    let gap = gap.unwrap();
    assert_eq!(gap.kind(), MetricType::Histogram);
    let histogram = gap.metrics[0].histogram.as_ref().unwrap();
    let (mut count, mut sum) = (0, 0);
    for delta in &histogram.deltas {
        count += delta;
        sum += count;
    }
    assert_eq!((histogram.count, sum), (6, 6));
    assert_eq!(text::text(&families), some().text());
}
