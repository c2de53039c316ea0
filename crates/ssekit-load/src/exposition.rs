//! A run as Prometheus reads it: text format 0.0.4 (Prometheus documentation, "Exposition formats").

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use ssekit_record::{Distribution, Interval, Live, LoadCounts, Metric, MetricValue};
use ssekit_record::{ThresholdResult, Verdict};

use crate::job::Job;
use crate::run::Progress;

/// What stands before every name.
const PREFIX: &str = "ssekit_load_";

/// Upper bounds of the buckets of histograms, in microseconds.
const BOUNDS_US: [u64; 17] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// The distributions that are shown, by their names in the dictionary; all are times.
const HISTOGRAMS: [&str; 7] = [
    "delivery",
    "tick_lateness",
    "gap",
    "first_event",
    "headers",
    "reconnect_time",
    "loop_lag",
];

/// Counters: their names here, in the dictionary of counts, and what they count.
const COUNTERS: [(&str, &str, &str); 22] = [
    (
        "streams_started",
        "started",
        "Streams whose planned start came.",
    ),
    (
        "streams_opened",
        "opened",
        "Streams that opened at least once.",
    ),
    (
        "streams_failed",
        "failed",
        "Streams that never opened, or ended for good before the plan said so.",
    ),
    (
        "streams_finished",
        "finished",
        "Streams that ended as the plan or the scenario said.",
    ),
    (
        "dropped_starts",
        "dropped_starts",
        "Planned starts left out because too many connections were pending.",
    ),
    ("connection_attempts", "attempts", "Connections tried."),
    ("reconnects", "reconnects", "Connections opened again."),
    (
        "events",
        "received",
        "Events dispatched, duplicates and replays included.",
    ),
    ("comments", "comments", "Comments."),
    ("stream_bytes", "bytes", "Bytes of the event streams."),
    (
        "wire_bytes",
        "wire_bytes",
        "Bytes read from connections, framing included.",
    ),
    (
        "events_numbered",
        "numbered",
        "Events with the declared sequence number; without any, nothing is known of loss, duplicates and order.",
    ),
    (
        "events_duplicated",
        "duplicated",
        "Events seen before, without a resume to explain them.",
    ),
    (
        "events_replayed",
        "replayed",
        "Events seen before, sent again after a resume.",
    ),
    (
        "events_reordered",
        "reordered",
        "Events that came after a higher number of the same stream.",
    ),
    (
        "events_negative",
        "negative",
        "Events whose stamp lies after their arrival: the clocks disagree.",
    ),
    (
        "ticks_due",
        "ticks_due",
        "Ticks that were due by the declared interval.",
    ),
    ("ticks_missed", "ticks_missed", "Ticks that never came."),
    ("faults", "faults", "Faults of HTTP or of the event stream."),
    (
        "published",
        "published",
        "Publications answered with success.",
    ),
    (
        "publish_failed",
        "publish_failed",
        "Publications that failed.",
    ),
    (
        "backlog",
        "backlog",
        "Times that more was waiting in a socket than one turn may take.",
    ),
];

/// What was seen of a run so far. Counters and histograms are of the whole run, warm-up included.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    info: Vec<(&'static str, String)>,
    phases: Vec<String>,
    planned: u64,
    length_us: u64,
    elapsed_us: u64,
    phase: String,
    streams: Live,
    counts: LoadCounts,
    histograms: BTreeMap<&'static str, Buckets>,
    errors: BTreeMap<String, u64>,
    disconnects: BTreeMap<String, u64>,
    cpu_seconds: f64,
    rss_bytes: u64,
    thresholds: Vec<ThresholdResult>,
}

/// A classic histogram.
#[derive(Debug, Clone, Default, PartialEq)]
struct Buckets {
    /// Samples that are not larger than the bound, for each bound.
    counts: [u64; BOUNDS_US.len()],
    count: u64,
    sum_us: f64,
}

impl Buckets {
    fn add(&mut self, samples: &Distribution) {
        for (count, bound) in self.counts.iter_mut().zip(BOUNDS_US) {
            *count += samples.count() - samples.count_above(bound);
        }
        self.count += samples.count();
        self.sum_us += samples.mean() * samples.count() as f64;
    }
}

impl Exposition {
    /// Of a run that has not begun.
    pub fn new(job: &Job) -> Self {
        Self {
            info: vec![
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("scenario", job.scenario.name.clone()),
                ("target", job.target.clone()),
                ("shard", format!("{}/{}", job.shard.index, job.shard.count)),
            ],
            phases: job.phases.iter().map(|phase| phase.name.clone()).collect(),
            phase: job
                .phases
                .first()
                .map_or_else(String::new, |phase| phase.name.clone()),
            planned: job.planned,
            length_us: u64::try_from(job.length().as_micros()).unwrap_or(u64::MAX),
            ..Self::default()
        }
    }

    /// Takes the newest interval.
    pub fn take(&mut self, progress: &mut Progress<'_>) {
        self.take_row(progress.row);
        self.errors.clone_from(&progress.errors);
        self.disconnects.clone_from(&progress.disconnects);
        self.rss_bytes = progress.rss_bytes;
        self.thresholds = progress.thresholds();
    }

    fn take_row(&mut self, row: &Interval) {
        self.elapsed_us = self.elapsed_us.max(row.end_us);
        self.phase.clone_from(&row.phase);
        self.streams = row.streams;
        self.counts.add(&row.counts);
        self.cpu_seconds += row.cpu_seconds;
        for name in HISTOGRAMS {
            if let Some(samples) = row.metrics.get(name).and_then(MetricValue::samples) {
                self.histograms.entry(name).or_default().add(samples);
            }
        }
    }

    /// The text of one scrape.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        self.run(&mut text);
        self.streams(&mut text);
        for (name, count, help) in COUNTERS {
            let value = self.counts.get(count).unwrap_or(0);
            text.family(&format!("{name}_total"), "counter", help);
            text.sample(&[], value);
        }
        text.family(
            "events_lost",
            "gauge",
            "Numbers of the declared sequence that were skipped and have not come since.",
        );
        text.sample(&[], self.counts.lost());
        self.causes(&mut text);
        for name in HISTOGRAMS {
            self.histogram(name, &mut text);
        }
        self.thresholds(&mut text);
        self.generator(&mut text);
        text.out
    }

    fn run(&self, text: &mut Text) {
        let info: Vec<_> = self
            .info
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        text.family("info", "gauge", "What is run; always 1.");
        text.sample(&info, 1);
        text.family(
            "elapsed_seconds",
            "gauge",
            "Time since the beginning of the plan.",
        );
        text.sample(&[], self.elapsed_us as f64 / 1e6);
        text.family("length_seconds", "gauge", "Length of the plan.");
        text.sample(&[], self.length_us as f64 / 1e6);
        text.family(
            "phase",
            "gauge",
            "1 for the phase of the plan that runs, 0 for others.",
        );
        for phase in &self.phases {
            text.sample(&[("phase", phase)], u8::from(*phase == self.phase));
        }
    }

    fn streams(&self, text: &mut Text) {
        let Live {
            planned,
            connecting,
            open,
            live,
            backoff,
            failed,
        } = self.streams;
        text.family(
            "streams",
            "gauge",
            "Where streams stand: connecting, open without an event so far, live, waiting before the next attempt, failed for good.",
        );
        for (state, count) in [
            ("connecting", connecting),
            ("open", open),
            ("live", live),
            ("backoff", backoff),
            ("failed", failed),
        ] {
            text.sample(&[("state", state)], count);
        }
        text.family(
            "streams_wanted",
            "gauge",
            "Streams that the plan wants open now.",
        );
        text.sample(&[], planned);
        text.family("streams_planned", "gauge", "Streams of the whole plan.");
        text.sample(&[], self.planned);
    }

    fn causes(&self, text: &mut Text) {
        for (name, help, counts) in [
            (
                "errors_total",
                "Connections and requests that failed, by cause.",
                &self.errors,
            ),
            (
                "disconnects_total",
                "Streams that ended after they had opened, other than by the plan, by cause.",
                &self.disconnects,
            ),
        ] {
            text.family(name, "counter", help);
            for (cause, count) in counts {
                text.sample(&[("cause", cause)], count);
            }
        }
    }

    fn histogram(&self, name: &'static str, text: &mut Text) {
        let none = Buckets::default();
        let buckets = self.histograms.get(name).unwrap_or(&none);
        let formula = Metric::named(name).map_or("", |metric| metric.formula);
        let family = format!("{name}_seconds");
        text.family(&family, "histogram", formula);
        for (bound, count) in BOUNDS_US.into_iter().zip(buckets.counts) {
            let bound = (bound as f64 / 1e6).to_string();
            text.part("_bucket", &[("le", &bound)], count);
        }
        text.part("_bucket", &[("le", "+Inf")], buckets.count);
        text.part("_sum", &[], buckets.sum_us / 1e6);
        text.part("_count", &[], buckets.count);
    }

    fn thresholds(&self, text: &mut Text) {
        if self.thresholds.is_empty() {
            return;
        }
        // Two thresholds may read the same, and a sample may be there only once.
        let numbered = || {
            self.thresholds
                .iter()
                .enumerate()
                .map(|(number, result)| (number.to_string(), result.threshold.to_string(), result))
        };
        text.family(
            "threshold_state",
            "gauge",
            "1 for the state of a threshold, judged on what was measured so far, 0 for the others; no_data never passes.",
        );
        for (number, words, result) in numbered() {
            for state in ["pass", "fail", "warn", "no_data"] {
                let labels = [
                    ("threshold", &*words),
                    ("number", &*number),
                    ("state", state),
                ];
                text.sample(&labels, u8::from(state == state_of(result)));
            }
        }
        text.family(
            "threshold_value",
            "gauge",
            "What a threshold compares, so far and in its unit; absent without data.",
        );
        for (number, words, result) in numbered() {
            if let Some(value) = result.value {
                let labels = [
                    ("threshold", &*words),
                    ("number", &*number),
                    ("unit", &*result.unit),
                ];
                text.sample(&labels, value);
            }
        }
    }

    fn generator(&self, text: &mut Text) {
        text.family(
            "generator_cpu_seconds_total",
            "counter",
            "CPU time, user and system, of this process since the beginning of the plan.",
        );
        text.sample(&[], self.cpu_seconds);
        text.family(
            "generator_resident_memory_bytes",
            "gauge",
            "Memory that this process holds.",
        );
        text.sample(&[], self.rss_bytes);
    }
}

fn state_of(result: &ThresholdResult) -> &'static str {
    match result.verdict {
        Verdict::Pass => "pass",
        _ if result.no_data => "no_data",
        Verdict::Warn => "warn",
        _ => "fail",
    }
}

/// The text format.
#[derive(Debug, Default)]
struct Text {
    out: String,
    name: String,
}

impl Text {
    /// Begins a metric family.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.name = format!("{PREFIX}{name}");
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let (name, out) = (&self.name, &mut self.out);
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part("", labels, value);
    }

    /// A sample of a family whose samples have names of their own.
    fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.out, "{}{suffix}", self.name);
        for (index, (key, value)) in labels.iter().enumerate() {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(
                self.out,
                "{}{key}=\"{value}\"",
                if index == 0 { '{' } else { ',' }
            );
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.out, "{end} {value}");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
