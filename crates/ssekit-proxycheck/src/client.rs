//! The client side of a probe: one exchange through the hop, on the clock of the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssekit_http::{Ask, Glimpse, HttpError, Options, Seen, observe};
use ssekit_record::Transcript;

use crate::clock::Clock;

/// How long content is waited for by a client that would leave after it.
const CONTENT_WAIT: Duration = Duration::from_secs(1);

/// When the client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// At the end of the content.
    AtEnd,
    /// This long after the first content, or 1 s later still where none comes.
    AfterContent(Duration),
    /// This long after the exchange began, whatever came.
    After(Duration),
    /// Once it has read nothing for this long after the head.
    Unread(Duration),
}

/// What the client saw.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub transcript: Transcript,
    /// When the exchange began, on the clock of the run.
    pub began_us: u64,
}

impl Sight {
    /// A time of the transcript on the clock of the run.
    pub(crate) fn us(&self, of_exchange: u64) -> u64 {
        self.began_us + of_exchange
    }

    /// When the exchange ended.
    pub(crate) fn ended_us(&self) -> u64 {
        self.us(self.transcript.end.at_us)
    }

    /// Status of the answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.transcript.head.as_ref().map(|head| head.status)
    }
}

/// Makes one exchange. It lasts `most` at the longest.
pub(crate) async fn exchange(
    ask: &Ask,
    options: &Options,
    leave: Leave,
    most: Duration,
    clock: Clock,
    stop: &AtomicBool,
) -> Result<Sight, HttpError> {
    let began = Instant::now();
    let mut watch = Watch {
        began,
        offset: None,
        content_us: None,
        rested: false,
        leave,
        most,
    };
    let mut observer = |glimpse: Glimpse<'_>| {
        if stop.load(Ordering::Relaxed) {
            return Seen::Enough;
        }
        watch.see(&glimpse, || stop.load(Ordering::Relaxed))
    };
    let options = Options {
        head_timeout: most,
        body_timeout: None,
        redirects: 0,
        ..options.clone()
    };
    let transcript = observe(ask, &options, &mut observer).await?;
    let offset = watch.offset.unwrap_or(Duration::ZERO);
    Ok(Sight {
        transcript,
        began_us: clock.us(began + offset),
    })
}

/// As [`exchange`], on a thread and runtime of its own, which may stop reading.
pub(crate) async fn exchange_apart(
    ask: Ask,
    options: Options,
    leave: Leave,
    most: Duration,
    clock: Clock,
    stop: Arc<AtomicBool>,
) -> Result<Sight, HttpError> {
    let run = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| HttpError::Request(error.to_string()))?;
        runtime.block_on(exchange(&ask, &options, leave, most, clock, &stop))
    });
    match run.await {
        Ok(sight) => sight,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(HttpError::Request(error.to_string())),
    }
}

struct Watch {
    began: Instant,
    /// From `began` to the beginning of the transcript: the least that any glimpse allows. Loading
    /// certificates lies between the two.
    offset: Option<Duration>,
    content_us: Option<u64>,
    rested: bool,
    leave: Leave,
    most: Duration,
}

impl Watch {
    fn see(&mut self, glimpse: &Glimpse<'_>, stopped: impl Fn() -> bool) -> Seen {
        let at_us = match glimpse {
            Glimpse::Head(head) => head.at_us,
            Glimpse::Content { at_us, .. } | Glimpse::Idle { at_us } => *at_us,
            _ => return Seen::More,
        };
        let allowed = self.began.elapsed();
        let allowed = allowed.saturating_sub(Duration::from_micros(at_us));
        self.offset = Some(self.offset.map_or(allowed, |offset| offset.min(allowed)));
        if matches!(glimpse, Glimpse::Content { .. }) {
            self.content_us.get_or_insert(at_us);
        }
        if let (Leave::Unread(time), Glimpse::Head(_)) = (self.leave, glimpse) {
            rest(time, stopped);
            self.rested = true;
        }
        if self.enough(at_us) {
            Seen::Enough
        } else {
            Seen::More
        }
    }

    fn enough(&self, at_us: u64) -> bool {
        let since = |from: u64| Duration::from_micros(at_us.saturating_sub(from));
        let due = match self.leave {
            Leave::AtEnd => false,
            Leave::AfterContent(time) => match self.content_us {
                Some(from) => since(from) >= time,
                None => since(0) >= time + CONTENT_WAIT,
            },
            Leave::After(time) => since(0) >= time,
            Leave::Unread(_) => self.rested,
        };
        due || since(0) >= self.most
    }
}

/// Keeps the thread, and with it the runtime on it, from reading.
fn rest(time: Duration, stopped: impl Fn() -> bool) {
    let began = Instant::now();
    while began.elapsed() < time && !stopped() {
        std::thread::sleep(Duration::from_millis(20));
    }
}
