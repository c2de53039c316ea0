//! What a load record has of samples, read by HdrHistogram's own Python library: the same counts and the
//! same percentiles. Where the library is missing the tests show as ignored; with
//! `SSEKIT_REQUIRE_PEERS=1` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use ssekit_record::{
    Distribution, EventCounts, Interval, LoadRecord, MetricValue, StreamCounts, Unit,
};
use ssekit_report::load::{hlog, json};

const MISSING: &str = "the Python package hdrhistogram is not installed: \
                       python3 -m venv target/hdrhistogram && target/hdrhistogram/bin/pip install hdrhistogram";
/// Shares of so many samples that are whole numbers of them: ranks are rounded in different ways.
const SAMPLES: u64 = 10_000;
const PERCENTILES: [f64; 6] = [50.0, 75.0, 90.0, 99.0, 99.9, 100.0];

/// Prints, for each line `NAME PAYLOAD`, a JSON array: name, count, least, largest and the percentiles.
const READ: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
for line in sys.stdin:
    name, payload = line.split()
    h = HdrHistogram.decode(payload)
    at = [h.get_value_at_percentile(p) for p in json.loads(sys.argv[1])]
    print(json.dumps([name, h.get_total_count(), h.get_min_value(), h.get_max_value(), at]))
";

/// Adds up the intervals of a log by tag, and prints the same of each sum.
const READ_LOG: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
sums = {}
like = HdrHistogram(1, 2, 3)
reader = HistogramLogReader(sys.argv[2], like)
while True:
    h = reader.get_next_interval_histogram()
    if h is None:
        break
    tag = h.get_tag()
    if tag not in sums:
        sums[tag] = HdrHistogram(1, 1 << 41, 3)
    sums[tag].add(h)
for tag in sorted(sums):
    h = sums[tag]
    at = [h.get_value_at_percentile(p) for p in json.loads(sys.argv[1])]
    print(json.dumps([tag, h.get_total_count(), h.get_min_value(), h.get_max_value(), at]))
";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let required = std::env::var_os("SSEKIT_REQUIRE_PEERS").is_some_and(|value| value == "1");
    let python = python();
    let tests: [(&str, Test); 2] = [("payloads of a record", payloads), ("interval log", log)];
    let trials = tests.into_iter().map(|(name, test)| {
        let is_ignored = python.is_none() && !required;
        let name = match is_ignored {
            true => format!("{name} ({MISSING})"),
            false => name.to_owned(),
        };
        let python = python.clone();
        Trial::test(name, move || match python {
            Some(python) => test(&python),
            None => Err(MISSING.into()),
        })
        .with_ignored_flag(is_ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A Python that has the library.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [
        root.join("target/hdrhistogram/bin/python3"),
        "python3".into(),
    ];
    let has_it = |python: &PathBuf| {
        let asked = Command::new(python).args(["-c", "import hdrh"]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    places.into_iter().find(has_it)
}

/// Samples over nine orders of magnitude, always the same.
fn samples(digits: u8, seed: u64) -> MetricValue {
    let mut samples = Distribution::new(digits);
    let mut state = seed;
    for _ in 0..SAMPLES {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let magnitude = 10_u64.pow((state >> 60) as u32 % 10);
        samples.record((state >> 20) % magnitude);
    }
    MetricValue::Distribution {
        unit: Unit::Us,
        samples,
        synthetic: 0,
    }
}

/// Count, least, largest and percentiles.
type Figures = (u64, u64, u64, Vec<u64>);
/// What the library says of each name.
type Answer = BTreeMap<String, Figures>;
type Test = fn(&Path) -> Result<(), Failed>;

fn ask(python: &Path, script: &str, more: Option<&Path>, input: &str) -> Result<Answer, Failed> {
    use std::io::Write as _;
    use std::process::Stdio;
    let shares = serde_json::to_string(&PERCENTILES).unwrap();
    let mut child = Command::new(python)
        .args(["-c", script, &shares])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().map(|line| {
        let (name, count, least, largest, at): (String, u64, u64, u64, Vec<u64>) =
            serde_json::from_str(line)?;
        Ok((name, (count, least, largest, at)))
    });
    lines.collect()
}

fn expected(samples: &Distribution) -> Figures {
    let at = PERCENTILES
        .iter()
        .map(|share| samples.quantile(share / 100.0));
    (samples.count(), samples.min(), samples.max(), at.collect())
}

/// A record with these metrics, and nothing else.
fn record(metrics: BTreeMap<String, MetricValue>) -> LoadRecord {
    let shard = serde_json::json!({"index": 0, "count": 1});
    let none = serde_json::json!({});
    let record = serde_json::json!({
        "schema": ssekit_record::SCHEMA, "kind": "load", "target": "http://h.test/", "outcome": "pass",
        "summary": "", "ssekit": "0", "started_unix_ms": 1_700_000_000_000_u64, "elapsed_us": 4_000_000,
        "scenario": {"name": "", "digest": "", "seed": 0}, "shard": shard,
        "streams": StreamCounts::default(), "events": EventCounts::default(), "counts": none,
        "metrics": none, "phases": [], "series": [], "errors": none, "disconnects": none, "faults": none,
        "generator": none, "thresholds": [], "findings": [], "formulas": none,
    });
    LoadRecord {
        metrics,
        ..serde_json::from_value(record).unwrap()
    }
}

fn payloads(python: &Path) -> Result<(), Failed> {
    let metrics: BTreeMap<_, _> = (1..=5)
        .map(|digits| (format!("digits_{digits}"), samples(digits, digits.into())))
        .collect();
    let expected: Answer = metrics
        .iter()
        .map(|(name, value)| (name.clone(), expected(value.samples().unwrap())))
        .collect();
    // What stands in the file, not what we would read from it.
    let text = json::render(&record(metrics))?;
    let written: Value = serde_json::from_str(&text)?;
    let mut input = String::new();
    for (name, value) in written["metrics"].as_object().unwrap() {
        let payload = value["histogram"].as_str().unwrap();
        input.push_str(&format!("{name} {payload}\n"));
        let told = &expected[name];
        let own = ["count", "min_us", "max_us", "p50_us", "p99_us"].map(|key| value[key].as_u64());
        let same = [told.0, told.1, told.2, told.3[0], told.3[3]].map(Some);
        assert_eq!(own, same, "{name}: statistics beside the payload");
    }
    assert_eq!(ask(python, READ, None, &input)?, expected);
    Ok(())
}

fn log(python: &Path) -> Result<(), Failed> {
    let mut whole = record(BTreeMap::new());
    let mut sum = Distribution::new(3);
    for second in 0..4 {
        let value = samples(3, second + 10);
        sum.add(value.samples().unwrap());
        whole.series.push(Interval {
            start_us: second * 1_000_000,
            end_us: (second + 1) * 1_000_000,
            metrics: [("gap".to_owned(), value)].into(),
            ..Interval::default()
        });
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("load.hlog");
    std::fs::write(&path, hlog::render(&whole))?;
    let answer = ask(python, READ_LOG, Some(&path), "")?;
    assert_eq!(answer, [("gap".to_owned(), expected(&sum))].into());
    Ok(())
}
