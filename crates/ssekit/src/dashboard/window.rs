//! A stretch of a run: rows added up.

use ssekit_record::{Distribution, Interval, LoadCounts, MetricValue};

/// The distributions that are looked at, with the words for them.
pub const METRICS: [(&str, &str); 5] = [
    ("delivery", "delivery"),
    ("tick_lateness", "tick lateness"),
    ("gap", "gap"),
    ("first_event", "first event"),
    ("loop_lag", "loop lag"),
];

/// Rows added up.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Their length.
    pub length_us: u64,
    /// What was counted.
    pub counts: LoadCounts,
    /// CPU time of the generator.
    pub cpu_seconds: f64,
    samples: [Option<Distribution>; METRICS.len()],
}

impl Window {
    /// Adds a row.
    pub fn add_row(&mut self, row: &Interval) {
        self.length_us += row.end_us.saturating_sub(row.start_us);
        self.counts.add(&row.counts);
        self.cpu_seconds += row.cpu_seconds;
        for ((name, _), mine) in METRICS.iter().zip(&mut self.samples) {
            if let Some(samples) = row.metrics.get(*name).and_then(MetricValue::samples) {
                add(mine, samples);
            }
        }
    }

    /// Adds another stretch.
    pub fn add(&mut self, other: &Self) {
        self.length_us += other.length_us;
        self.counts.add(&other.counts);
        self.cpu_seconds += other.cpu_seconds;
        for (mine, theirs) in self.samples.iter_mut().zip(&other.samples) {
            if let Some(theirs) = theirs {
                add(mine, theirs);
            }
        }
    }

    /// The samples of a metric, where there are any.
    pub fn samples(&self, name: &str) -> Option<&Distribution> {
        let place = METRICS.iter().position(|(metric, _)| *metric == name)?;
        self.samples[place].as_ref().filter(|all| !all.is_empty())
    }

    /// So many a second; 0 where no time has passed.
    pub fn per_second(&self, count: u64) -> f64 {
        match self.length_us {
            0 => 0.0,
            us => count as f64 * 1e6 / us as f64,
        }
    }

    /// Share of one processor that the generator used, in percent.
    pub fn cpu_percent(&self) -> f64 {
        match self.length_us {
            0 => 0.0,
            us => self.cpu_seconds * 1e8 / us as f64,
        }
    }
}

fn add(mine: &mut Option<Distribution>, samples: &Distribution) {
    match mine {
        Some(mine) => mine.add(samples),
        None => *mine = Some(samples.clone()),
    }
}
