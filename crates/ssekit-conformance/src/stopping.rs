//! The last act of a run: the server is asked to stop while several of its streams are open.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ssekit_http::{Ask, Glimpse, HttpChoice, Multiplex, Options, Seen, Window, observe};
use ssekit_record::{Session, Transcript};
use tokio::task::JoinSet;

use crate::{CheckOptions, ConformanceError, Stopper};

/// Streams that are open when the server is asked to stop.
const STREAMS: usize = 3;
/// Longest wait for the first content of a stream, once its head has come.
const FIRST: Duration = Duration::from_millis(1500);
/// How long the streams go on before the server is asked to stop.
const OPEN: Duration = Duration::from_millis(250);
/// Longest time streams are watched after that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection is watched once all its streams have ended.
const FAREWELL: Duration = Duration::from_secs(1);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// What was seen: exchanges over HTTP/1, or one HTTP/2 connection.
#[derive(Debug, Default)]
pub(crate) struct Stopped {
    pub(crate) transcripts: Vec<Transcript>,
    pub(crate) session: Option<Session>,
}

/// Opens the streams, asks the server to stop, and watches.
pub(crate) async fn stopping(
    ask: Ask,
    stopper: &Stopper,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Stopped, ConformanceError> {
    if ask.http == HttpChoice::Http2 {
        let session = on_one_connection(&ask, stopper, options, exchange).await?;
        return Ok(Stopped {
            session: Some(session),
            ..Stopped::default()
        });
    }
    Ok(Stopped {
        transcripts: on_connections(&ask, stopper, options, exchange).await?,
        session: None,
    })
}

/// What the exchanges and who stops the server tell each other.
#[derive(Debug, Default)]
struct Cue {
    /// Streams that have shown content, or that will not.
    ready: AtomicUsize,
    /// Streams that have ended.
    ended: AtomicUsize,
    stopped: OnceLock<Instant>,
    leave: AtomicBool,
}

impl Cue {
    fn is_over(&self) -> bool {
        let waited = |at: &Instant| at.elapsed() >= PATIENCE;
        self.leave.load(Ordering::Relaxed) || self.stopped.get().is_some_and(waited)
    }
}

async fn on_connections(
    ask: &Ask,
    stopper: &Stopper,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Vec<Transcript>, ConformanceError> {
    let cue = Arc::new(Cue::default());
    let mut streams = JoinSet::new();
    for number in 1..=STREAMS {
        let mut ask = ask.clone();
        ask.probe = format!("{}-{number}", ask.probe);
        let (cue, exchange) = (Arc::clone(&cue), exchange.clone());
        let stop = Arc::clone(&options.stop);
        streams.spawn(async move { stream(&ask, &exchange, &cue, &stop).await });
    }
    let began = Instant::now();
    let patience = exchange.connect_timeout + exchange.head_timeout + FIRST;
    while cue.ready.load(Ordering::Relaxed) < STREAMS
        && began.elapsed() < patience
        && !options.stopped()
    {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(OPEN).await;
    if cue.ended.load(Ordering::Relaxed) == STREAMS || options.stopped() {
        cue.leave.store(true, Ordering::Relaxed);
    } else {
        let _ = cue.stopped.set(Instant::now());
        call(stopper).await;
    }
    let mut seen = Vec::new();
    while let Some(done) = streams.join_next().await {
        match done {
            Ok(transcript) => seen.push(transcript?),
            // A panic in a probe is ours: let it surface as one.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }
    seen.sort_by(|one, other| one.probe.cmp(&other.probe));
    Ok(seen)
}

/// Asks the server to stop, on a thread of its own: to find its processes takes a while, in which
/// nothing would be read here.
async fn call(stopper: &Stopper) {
    let stopper = stopper.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || stopper.stop()).await
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// One stream over HTTP/1, from its beginning until it ends or the wait is over.
async fn stream(
    ask: &Ask,
    exchange: &Options,
    cue: &Cue,
    stop: &AtomicBool,
) -> Result<Transcript, ConformanceError> {
    let mut began = None;
    let mut head_us = None;
    let mut is_ready = false;
    let mut observer = |glimpse: Glimpse<'_>| {
        let ready = match glimpse {
            Glimpse::Head(head) => {
                head_us = Some(head.at_us);
                false
            }
            Glimpse::Content { .. } => true,
            Glimpse::Idle { at_us } => {
                began = Instant::now().checked_sub(Duration::from_micros(at_us));
                let silent = |head: u64| u128::from(at_us - head) >= FIRST.as_micros();
                head_us.is_some_and(silent)
            }
            _ => false,
        };
        if ready && !is_ready {
            is_ready = true;
            cue.ready.fetch_add(1, Ordering::Relaxed);
        }
        if stop.load(Ordering::Relaxed) || cue.is_over() {
            Seen::Enough
        } else {
            Seen::More
        }
    };
    let observed = observe(ask, exchange, &mut observer).await;
    cue.ended.fetch_add(1, Ordering::Relaxed);
    if !is_ready {
        cue.ready.fetch_add(1, Ordering::Relaxed);
    }
    let mut transcript = observed?;
    if let (Some(began), Some(at)) = (began, cue.stopped.get()) {
        mark(&mut transcript, micros(at.saturating_duration_since(began)));
    }
    Ok(transcript)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Notes when the server was asked to stop, where the exchange was still going on.
fn mark(transcript: &mut Transcript, stop_us: u64) {
    let is_open = transcript
        .head
        .as_ref()
        .is_some_and(|head| head.at_us <= stop_us);
    transcript.stop_us = (is_open && stop_us <= transcript.end.at_us).then_some(stop_us);
}

async fn on_one_connection(
    ask: &Ask,
    stopper: &Stopper,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Session, ConformanceError> {
    let mut line = Multiplex::connect(ask, exchange).await?;
    let stop_us = open(&mut line, options, exchange).await;
    if stop_us.is_some() {
        call(stopper).await;
        watch(&mut line, options).await;
    }
    let mut session = line.close().await;
    if let Some(stop_us) = stop_us {
        for stream in &mut session.streams {
            mark(&mut stream.transcript, stop_us);
        }
    }
    Ok(session)
}

/// Opens the streams and waits for their first content; when the server is to be stopped, if one of
/// them is open.
async fn open(line: &mut Multiplex, options: &CheckOptions, exchange: &Options) -> Option<u64> {
    let settled = &mut |line: &Multiplex| options.stopped() || line.has_settled();
    line.wait(exchange.head_timeout, settled).await;
    let most = line.most_streams().map_or(STREAMS, |most| most as usize);
    if !line.has_settled() || line.leaves() || options.stopped() {
        return None;
    }
    let streams: Vec<u32> = (0..most.min(STREAMS))
        .map(|_| line.open(Window::Open))
        .collect();
    let all = |line: &Multiplex, shows: &dyn Fn(u32) -> bool| {
        options.stopped() || streams.iter().all(|id| line.has_ended(*id) || shows(*id))
    };
    let heads = &mut |line: &Multiplex| all(line, &|id| line.has_head(id));
    line.wait(exchange.head_timeout, heads).await;
    let content = &mut |line: &Multiplex| all(line, &|id| has_content(line, id));
    line.wait(FIRST, content).await;
    line.wait(OPEN, &mut |_| options.stopped()).await;
    let is_open = |id: &u32| line.is_event_stream(*id) && !line.has_ended(*id);
    (!options.stopped() && streams.iter().any(is_open)).then(|| line.now_us())
}

fn has_content(line: &Multiplex, stream: u32) -> bool {
    let mut frames = line.frames().iter();
    frames.any(|frame| frame.came(ssekit_record::FrameKind::Data, stream) && frame.len > 0)
}

/// Until the connection is over; a little longer than its streams.
async fn watch(line: &mut Multiplex, options: &CheckOptions) {
    let streams = STREAMS as u32;
    let ended = |line: &Multiplex| {
        let mut opened = (0..streams).map(|number| 2 * number + 1);
        opened.all(|id| line.has_ended(id) || !line.has_head(id))
    };
    line.wait(PATIENCE, &mut |line| options.stopped() || ended(line))
        .await;
    line.wait(FAREWELL, &mut |_| options.stopped()).await;
}
