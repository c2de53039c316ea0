//! A run as Prometheus reads it.

mod buckets;
mod family;
mod text;

use std::collections::BTreeMap;

use ssekit_record::{Interval, Live, LoadCounts, Metric, MetricValue, ThresholdResult, Verdict};

use self::buckets::Buckets;
use self::family::MetricFamily;
use crate::job::Job;
use crate::run::Progress;

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

    /// One scrape in the text format.
    pub fn text(&self) -> String {
        text::text(&self.families(false))
    }

    /// The same in the protobuf format, with native histograms.
    pub fn protobuf(&self) -> Vec<u8> {
        family::delimited(&self.families(true))
    }

    fn families(&self, is_native: bool) -> Vec<MetricFamily> {
        let mut all = self.run();
        all.extend(self.streams());
        for (name, count, help) in COUNTERS {
            let value = self.counts.get(count).unwrap_or(0);
            let family = MetricFamily::counter(&format!("{name}_total"), help);
            all.push(family.with(&[], value as f64));
        }
        let help = "Numbers of the declared sequence that were skipped and have not come since.";
        let lost = self.counts.lost() as f64;
        all.push(MetricFamily::gauge("events_lost", help).with(&[], lost));
        all.extend(self.causes());
        all.extend(HISTOGRAMS.map(|name| self.histogram(name, is_native)));
        all.extend(self.states());
        all.extend(self.generator());
        all
    }

    fn run(&self) -> Vec<MetricFamily> {
        let info: Vec<_> = self
            .info
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let help = "1 for the phase of the plan that runs, 0 for others.";
        let phase = MetricFamily::gauge("phase", help);
        let phase = self.phases.iter().fold(phase, |family, phase| {
            family.with(&[("phase", phase)], is(*phase == self.phase))
        });
        let elapsed = "Time since the beginning of the plan.";
        vec![
            MetricFamily::gauge("info", "What is run; always 1.").with(&info, 1.0),
            MetricFamily::gauge("elapsed_seconds", elapsed).with(&[], self.elapsed_us as f64 / 1e6),
            MetricFamily::gauge("length_seconds", "Length of the plan.")
                .with(&[], self.length_us as f64 / 1e6),
            phase,
        ]
    }

    fn streams(&self) -> Vec<MetricFamily> {
        let Live {
            planned,
            connecting,
            open,
            live,
            backoff,
            failed,
        } = self.streams;
        let help = "Where streams stand: connecting, open without an event so far, live, waiting before the next attempt, failed for good.";
        let states = [
            ("connecting", connecting),
            ("open", open),
            ("live", live),
            ("backoff", backoff),
            ("failed", failed),
        ];
        let streams = MetricFamily::gauge("streams", help);
        let streams = states.into_iter().fold(streams, |family, (state, count)| {
            family.with(&[("state", state)], count as f64)
        });
        vec![
            streams,
            MetricFamily::gauge("streams_wanted", "Streams that the plan wants open now.")
                .with(&[], planned as f64),
            MetricFamily::gauge("streams_planned", "Streams of the whole plan.")
                .with(&[], self.planned as f64),
        ]
    }

    fn causes(&self) -> [MetricFamily; 2] {
        let errors = "Connections and requests that failed, by cause.";
        let disconnects =
            "Streams that ended after they had opened, other than by the plan, by cause.";
        [
            MetricFamily::counter("errors_total", errors).by_cause(&self.errors),
            MetricFamily::counter("disconnects_total", disconnects).by_cause(&self.disconnects),
        ]
    }

    fn histogram(&self, name: &'static str, is_native: bool) -> MetricFamily {
        let none = Buckets::default();
        let buckets = self.histograms.get(name).unwrap_or(&none);
        let formula = Metric::named(name).map_or("", |metric| metric.formula);
        let histogram = buckets.histogram(is_native);
        MetricFamily::histogram(&format!("{name}_seconds"), formula, histogram)
    }

    /// Of thresholds. Two may read alike, so each has a number.
    fn states(&self) -> [MetricFamily; 2] {
        let help = "1 for the state of a threshold, judged on what was measured so far, 0 for the others; no_data never passes.";
        let mut states = MetricFamily::gauge("threshold_state", help);
        let help = "What a threshold compares, so far and in its unit; absent without data.";
        let mut values = MetricFamily::gauge("threshold_value", help);
        for (number, result) in self.thresholds.iter().enumerate() {
            let (number, words) = (number.to_string(), result.threshold.to_string());
            let of = |key, value| [("threshold", &*words), ("number", &*number), (key, value)];
            for state in ["pass", "fail", "warn", "no_data"] {
                states = states.with(&of("state", state), is(state == state_of(result)));
            }
            if let Some(value) = result.value {
                values = values.with(&of("unit", &result.unit), value);
            }
        }
        [states, values]
    }

    fn generator(&self) -> [MetricFamily; 2] {
        let cpu = "CPU time, user and system, of this process since the beginning of the plan.";
        let memory = "Memory that this process holds.";
        [
            MetricFamily::counter("generator_cpu_seconds_total", cpu).with(&[], self.cpu_seconds),
            MetricFamily::gauge("generator_resident_memory_bytes", memory)
                .with(&[], self.rss_bytes as f64),
        ]
    }
}

fn is(so: bool) -> f64 {
    f64::from(u8::from(so))
}

fn state_of(result: &ThresholdResult) -> &'static str {
    match result.verdict {
        Verdict::Pass => "pass",
        _ if result.no_data => "no_data",
        Verdict::Warn => "warn",
        _ => "fail",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
