//! The clock of an exchange: tells the observer that time passes, and ends what takes too long.

use std::time::{Duration, Instant};

use ssekit_record::EndKind;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::Options;
use crate::recorder::Recorder;

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Ticks, and the limits on the head and the body.
#[derive(Debug)]
pub(crate) struct Deadlines {
    ticks: Interval,
    head_timeout: Duration,
    body_timeout: Option<Duration>,
    head_from: Option<Instant>,
    head_bytes: usize,
    body_from: Option<Instant>,
}

impl Deadlines {
    pub fn new(options: &Options) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ticks,
            head_timeout: options.head_timeout,
            body_timeout: options.body_timeout,
            head_from: None,
            head_bytes: 0,
            body_from: None,
        }
    }

    /// Waits for the next tick. May be dropped and called again.
    pub async fn tick(&mut self) {
        self.ticks.tick().await;
    }

    /// Waits for a step before the head; `None` when the observer left meanwhile.
    pub async fn wait<T>(
        &mut self,
        step: impl Future<Output = T>,
        rec: &mut Recorder<'_>,
    ) -> Option<T> {
        tokio::pin!(step);
        loop {
            tokio::select! {
                biased;
                () = self.tick() => self.check(rec),
                done = &mut step => return Some(done),
            }
            if rec.is_over() {
                return None;
            }
        }
    }

    /// The request is on its way.
    pub fn begin_head(&mut self, now: Instant) {
        self.head_from = Some(now);
    }

    /// So many bytes of a head have come, and it is not complete.
    pub fn head_goes_on(&mut self, bytes: usize) {
        self.head_bytes = bytes;
    }

    /// The head is complete; later calls change nothing.
    pub fn begin_body(&mut self, now: Instant) {
        self.body_from.get_or_insert(now);
    }

    /// Shows the passing of time to the observer and ends the exchange when a limit is reached.
    pub fn check(&self, rec: &mut Recorder<'_>) {
        rec.idle();
        let over = |from: Option<Instant>, limit: Duration| {
            from.is_some_and(|from| from.elapsed() >= limit)
        };
        let detail = match (self.body_from, self.body_timeout) {
            (None, _) if over(self.head_from, self.head_timeout) => {
                let came = match self.head_bytes {
                    0 => String::new(),
                    bytes => format!(", {bytes} bytes of one"),
                };
                let limit = in_seconds(self.head_timeout);
                format!("no complete head within {limit}{came}")
            }
            (Some(_), Some(limit)) if over(self.body_from, limit) => {
                format!("not at its end {} after the head", in_seconds(limit))
            }
            _ => return,
        };
        rec.end(EndKind::TimedOut, rec.now_us(), &detail);
    }
}

/// A duration in words.
pub(crate) fn in_seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
