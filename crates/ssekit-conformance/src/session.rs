//! Several streams on one HTTP/2 connection: what is asked of the server, step by step.
//!
//! One stream runs throughout, the *steady* one. When its pace is known, others begin beside it;
//! the first of these, the *held* one, gets no window for a while, then a large one, and is
//! cancelled in the end. PINGs between the steps show what the server has taken in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ssekit_http::{Ask, Multiplex, Options, Window};
use ssekit_record::{FrameKind, Session};

use crate::ConformanceError;

/// Streams opened on the connection, at most.
const STREAMS: u32 = 8;
/// Bytes of content stored of each stream.
const BODY: usize = 256 * 1024;
/// Longest wait for a pace to show, and for a step to have its effect.
const PACE: Duration = Duration::from_millis(1500);
const EFFECT: Duration = Duration::from_secs(2);
/// Shortest time a stream is held back, and the others are watched after a cancel.
const HOLD: Duration = Duration::from_millis(1000);
const AFTER: Duration = Duration::from_millis(700);
/// Longest wait for the answer to the first PING. A server that has not answered it is not waited
/// for again.
const PONG: Duration = Duration::from_secs(5);
/// Longest time all of it takes once the connection stands.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

/// The PINGs, by what was sent before them.
pub(crate) const PING_STREAMING: u64 = 0x7373_656b_6974_0001;
/// Right after the cancel.
pub(crate) const PING_CANCELLED: u64 = 0x7373_656b_6974_0002;
/// After the answer to that: frames which overtook it have left the server by then.
pub(crate) const PING_SETTLED: u64 = 0x7373_656b_6974_0003;
/// At the end.
pub(crate) const PING_LAST: u64 = 0x7373_656b_6974_0004;

/// Makes the session, where there is something to ask.
pub(crate) async fn observe(
    ask: Option<Ask>,
    exchange: &Options,
    stop: &AtomicBool,
) -> Result<Option<Session>, ConformanceError> {
    let Some(ask) = ask else {
        return Ok(None);
    };
    let mut options = exchange.clone();
    options.limits.body = options.limits.body.min(BODY);
    let mut play = Play {
        line: Multiplex::connect(&ask, &options).await?,
        patience: options.head_timeout,
        stop,
    };
    // Each step may find that there is no going on; then what was seen until there is judged.
    let _ = tokio::time::timeout(LONGEST, play.steps()).await;
    Ok(Some(play.line.close().await))
}

struct Play<'a> {
    line: Multiplex,
    patience: Duration,
    stop: &'a AtomicBool,
}

impl Play<'_> {
    async fn steps(&mut self) -> Option<()> {
        let steady = self.begin().await?;
        let (held, first) = self.beside(steady);
        self.hold(steady, held, first).await?;
        if let Some(held) = held {
            self.release(held, first).await?;
        }
        let answered = self.pong(PING_STREAMING, PONG).await?;
        if let Some(held) = held {
            self.cancel(held, steady, answered).await?;
        }
        self.line.ping(PING_LAST);
        if answered {
            self.pong(PING_LAST, EFFECT).await?;
        }
        Some(())
    }

    /// The first stream, until its pace shows.
    async fn begin(&mut self) -> Option<u32> {
        let patience = self.patience;
        let settled = self.wait(patience, |line| line.has_settled()).await?;
        if !settled || self.line.leaves() || self.line.most_streams() == Some(0) {
            return None;
        }
        let steady = self.line.open(Window::Open);
        let answered = |line: &Multiplex| line.has_head(steady) || line.has_ended(steady);
        self.wait(patience, answered).await?;
        if !self.line.is_event_stream(steady) {
            return None;
        }
        self.wait(PACE, |line| beats(line, steady) >= 4).await?;
        Some(steady)
    }

    /// The others: the one that is held back, and the first frame after it was asked for.
    fn beside(&mut self, steady: u32) -> (Option<u32>, usize) {
        let most = self.line.most_streams().unwrap_or(STREAMS).min(STREAMS);
        let first = self.line.frames().len();
        if most < 2 || self.line.leaves() || self.line.has_ended(steady) {
            return (None, first);
        }
        let held = self.line.open(Window::Closed);
        for _ in 2..most {
            self.line.open(Window::Open);
        }
        (Some(held), first)
    }

    /// Keeps the one stream without a window until the steady one has shown that it goes on.
    async fn hold(&mut self, steady: u32, held: Option<u32>, first: usize) -> Option<()> {
        self.line.ping(PING_STREAMING);
        self.wait(HOLD, |_| false).await?;
        let settled = |line: &Multiplex| {
            let held = held.is_none_or(|held| line.has_head(held) || line.has_ended(held));
            held && data(line, steady, first) >= 2
        };
        self.wait(EFFECT, settled).await?;
        Some(())
    }

    /// Gives the window, and waits for what it lets through.
    async fn release(&mut self, held: u32, first: usize) -> Option<()> {
        self.line.widen(held);
        let came = |line: &Multiplex| data(line, held, first) > 0 || line.has_ended(held);
        self.wait(EFFECT, came).await?;
        Some(())
    }

    /// Cancels the stream that was held, and watches the others go on.
    async fn cancel(&mut self, held: u32, steady: u32, answered: bool) -> Option<()> {
        if self.line.has_ended(held) {
            return Some(());
        }
        self.line.cancel(held);
        self.line.ping(PING_CANCELLED);
        if answered && self.pong(PING_CANCELLED, EFFECT).await? {
            self.line.ping(PING_SETTLED);
            self.pong(PING_SETTLED, EFFECT).await?;
        }
        let from = self.line.frames().len();
        self.wait(AFTER, |_| false).await?;
        self.wait(EFFECT, |line| data(line, steady, from) >= 2)
            .await?;
        Some(())
    }

    async fn pong(&mut self, payload: u64, limit: Duration) -> Option<bool> {
        let came = |line: &Multiplex| {
            let mut frames = line.frames().iter();
            let is_pong = |frame: &ssekit_record::FrameSeen| {
                frame.came(FrameKind::Ping, 0) && frame.is_ack() && frame.value == Some(payload)
            };
            frames.any(is_pong)
        };
        self.wait(limit, came).await
    }

    /// Whether it came to that; `None` when the connection, or the run, is over.
    async fn wait(
        &mut self,
        limit: Duration,
        enough: impl Fn(&Multiplex) -> bool + Send + Sync,
    ) -> Option<bool> {
        let stop = self.stop;
        let stopped = || stop.load(Ordering::Relaxed);
        let mut until = |line: &Multiplex| stopped() || enough(line);
        let came = self.line.wait(limit, &mut until).await;
        (!stopped() && !self.line.is_over()).then_some(came)
    }
}

/// DATA frames with content on a stream since this frame.
fn data(line: &Multiplex, stream: u32, since: usize) -> usize {
    let frames = line.frames().iter().skip(since);
    let data = frames.filter(|frame| frame.came(FrameKind::Data, stream) && frame.len > 0);
    data.count()
}

/// Times, clearly apart, at which content came on a stream.
fn beats(line: &Multiplex, stream: u32) -> usize {
    let data = line.frames().iter();
    let data = data.filter(|frame| frame.came(FrameKind::Data, stream) && frame.len > 0);
    beats_of(data.map(|frame| frame.at_us)).len()
}

/// The first of these times, and each that comes 50 ms or more after the one before.
pub(crate) fn beats_of(times: impl Iterator<Item = u64>) -> Vec<u64> {
    const APART_US: u64 = 50_000;
    let mut beats: Vec<u64> = Vec::new();
    let mut last = None;
    for at_us in times {
        if last.is_none_or(|last| at_us >= last + APART_US) {
            beats.push(at_us);
        }
        last = Some(at_us);
    }
    beats
}
