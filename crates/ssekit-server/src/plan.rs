//! What a stream is asked to be, from the query of its URL.
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use url::form_urlencoded;

/// Milliseconds between events where the URL does not say.
const DEFAULT_INTERVAL_MS: u64 = 100;
const INTERVAL_MS: std::ops::RangeInclusive<u64> = 1..=3_600_000;
const SIZE: std::ops::RangeInclusive<u64> = 0..=1024 * 1024;
const COUNT: std::ops::RangeInclusive<u64> = 1..=1_000_000;
const HEARTBEAT_MS: std::ops::RangeInclusive<u64> = 10..=15_000;
const PHASE: std::ops::RangeInclusive<u64> = 0..=3_600_000;
const CUT_S: std::ops::RangeInclusive<u64> = 1..=3600;

/// What a stream is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    /// Milliseconds between events.
    pub(crate) interval_ms: u64,
    /// Bytes the data of an event is filled up to.
    pub(crate) size: usize,
    /// Number of events after which the stream ends; endless without.
    pub(crate) count: Option<u64>,
    /// No events at all.
    pub(crate) silent: bool,
    /// Longest silence.
    pub(crate) heartbeat: Duration,
    /// Age at which the defect of that name ends the stream.
    pub(crate) cut: Duration,
    /// Milliseconds after a multiple of the interval at which events are due.
    pub(crate) phase_ms: u64,
    /// Whether the events are of the private stream.
    pub(crate) private: bool,
    /// Whether the stream is coded where the client accepts that.
    pub(crate) compress: bool,
}

/// Events are not due on round times, so that the times in their data show their resolution.
const PHASE_MS: u64 = 7;
/// Groups that streams are spread over with `phase=spread`.
const PHASES: u64 = 100;

/// Counts the streams that are spread.
static SPREAD: AtomicU64 = AtomicU64::new(0);

impl Plan {
    /// When the event of this number of an endless stream is due, in milliseconds since the Unix
    /// epoch.
    pub(crate) fn due_ms(&self, number: u64) -> u64 {
        number
            .saturating_mul(self.interval_ms)
            .saturating_add(self.phase_ms)
    }

    /// The last event of an endless stream that was due by then.
    pub(crate) fn latest(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.phase_ms) / self.interval_ms
    }

    /// Reads a query; parameters of other names are left to whoever added them.
    ///
    /// # Errors
    /// With a line saying which value is out of bounds.
    pub(crate) fn read(query: &str, heartbeat: Duration) -> Result<Self, String> {
        let mut spread = false;
        let mut plan = Self {
            interval_ms: DEFAULT_INTERVAL_MS,
            size: 0,
            count: None,
            silent: false,
            heartbeat,
            cut: Duration::from_secs(10),
            phase_ms: PHASE_MS,
            private: false,
            compress: false,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "interval" => plan.interval_ms = number(&name, &value, INTERVAL_MS)?,
                "size" => {
                    let size = number(&name, &value, SIZE)?;
                    plan.size = usize::try_from(size).unwrap_or(0);
                }
                "count" => plan.count = Some(number(&name, &value, COUNT)?),
                "silent" => plan.silent = true,
                "compress" => plan.compress = true,
                "heartbeat" => {
                    plan.heartbeat = Duration::from_millis(number(&name, &value, HEARTBEAT_MS)?);
                }
                "phase" if value == "spread" => spread = true,
                "phase" => plan.phase_ms = number(&name, &value, PHASE)?,
                "cut" => plan.cut = Duration::from_secs(number(&name, &value, CUT_S)?),
                _ => {}
            }
        }
        if plan.silent && plan.count.is_some() {
            return Err("silent and count exclude each other".into());
        }
        if spread {
            let turn = SPREAD.fetch_add(1, Ordering::Relaxed) % PHASES;
            plan.phase_ms = turn * plan.interval_ms / PHASES;
        }
        Ok(plan)
    }
}

fn number(name: &str, value: &str, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    value
        .parse()
        .ok()
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            format!("{name} is a whole number from {least} to {most}")
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn read(query: &str) -> Result<Plan, String> {
        Plan::read(query, Duration::from_secs(10))
    }

    #[test]
    fn values_within_bounds_are_taken() {
        let plan = read("interval=20&size=400&count=5&_=1733&heartbeat=400").unwrap();
        assert_eq!(
            (plan.interval_ms, plan.size, plan.count),
            (20, 400, Some(5))
        );
        assert_eq!(plan.heartbeat, Duration::from_millis(400));
        assert_eq!(read("").unwrap().interval_ms, DEFAULT_INTERVAL_MS);
        assert!(read("silent").unwrap().silent);
    }

    #[test]
    fn values_out_of_bounds_are_refused_by_name() {
        for query in [
            "interval=0",
            "interval=-1",
            "interval=",
            "interval=99999999999999999999",
            "size=1048577",
            "count=0",
            "count=x",
            "heartbeat=15001",
            "silent&count=3",
        ] {
            let name = query.split(['=', '&']).next().unwrap();
            assert!(read(query).unwrap_err().contains(name), "{query}");
        }
    }
}
