//! Exchanges made at the same time, and what is asked again alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssekit_http::{Ask, Glimpse, Options, Seen, observe};
use ssekit_record::{EndKind, Skipped, Transcript};
use tokio::task::JoinSet;

use crate::follow_up::LARGE_BODY;
use crate::plan::{self, Learnt};
use crate::probe::{Stall, Until, Watch};
use crate::runner::HEAD_WAIT;
use crate::{CheckOptions, ConformanceError, EchoCase, Probe, Progress};

/// Connections open at once, at most.
const AT_ONCE: usize = 4;
/// Time given to asking again, alone, what got no answer beside others.
const SECOND_TRIES: Duration = Duration::from_secs(8);
/// Time spent on slow heads, counted for each exchange, after which no more exchanges begin: so many
/// times the longest wait for one.
const SLOW_HEADS: u32 = 2 * AT_ONCE as u32;

/// Bytes of content kept at least of a stream that was not read for a while: a backlog of 10 MiB that comes
/// at four times the pace of the stream shows within 13.4 MiB.
const STALLED_BODY: usize = 16 * 1024 * 1024;
/// Bytes that ssekit's own kernel holds of it, about: some give a connection up to 32 MiB by
/// themselves, which would look like the server's queue.
const STALLED_BUFFER: u32 = 256 * 1024;

/// A probe, what it asked and what came.
pub(crate) type Exchanged = (Probe, Ask, Transcript);

/// The first exchange with the echo endpoint, alone: one that hangs or refuses everything is asked
/// nothing more.
pub(crate) async fn canary(
    probes: &[Probe],
    options: &CheckOptions,
    learnt: Learnt<'_>,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<Exchanged>, ConformanceError> {
    let probe = Probe::Echo(EchoCase::CanaryData);
    let Some(ask) = plan::ask(probe, options, Some(learnt))
        .ok()
        .filter(|_| probes.contains(&probe))
    else {
        return Ok(Vec::new());
    };
    sink(Progress::Started(probe));
    let transcript = one(&ask, &options.stop, exchange, plan::until(probe, options)).await?;
    sink(Progress::Finished(probe, &transcript));
    Ok(vec![(probe, ask, transcript)])
}

/// Several at once. A target that takes long for each head is not asked everything: what is left then
/// comes back as skipped.
pub(crate) async fn several(
    waiting: Vec<(Probe, Ask)>,
    options: &CheckOptions,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(Vec<Exchanged>, Vec<Skipped>), ConformanceError> {
    let mut waits = Waits::up_to(options.timeout * SLOW_HEADS);
    let mut running = JoinSet::new();
    let mut seen = Vec::new();
    let mut waiting = waiting.into_iter();
    loop {
        while running.len() < AT_ONCE {
            if options.stopped() || waits.are_over() {
                break;
            }
            let Some((probe, ask)) = waiting.next() else {
                break;
            };
            sink(Progress::Started(probe));
            running.spawn(asked(probe, ask, options, exchange));
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (probe, ask, transcript) = match done {
            Ok(done) => done,
            // A panic in a probe is ours: let it surface as one.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => continue,
        };
        let transcript = transcript?;
        if options.stopped() {
            // Cut short, it would show less than the target has to show.
            continue;
        }
        waits.add(&transcript);
        sink(Progress::Finished(probe, &transcript));
        seen.push((probe, ask, transcript));
    }
    seen.sort_by_key(|(probe, _, _)| *probe);
    let left = waiting.filter(|_| !options.stopped());
    let skipped: Vec<Skipped> = left.map(|(probe, _)| waits.skipped(probe)).collect();
    for one in &skipped {
        sink(Progress::Skipped(one));
    }
    Ok((seen, skipped))
}

/// One of several.
fn asked(
    probe: Probe,
    ask: Ask,
    options: &CheckOptions,
    exchange: &Options,
) -> impl Future<Output = (Probe, Ask, Result<Transcript, ConformanceError>)> + Send + 'static {
    let until = plan::until(probe, options);
    let (stop, mut exchange) = (Arc::clone(&options.stop), exchange.clone());
    if matches!(probe, Probe::Echo(case) if case.is_large()) {
        exchange.limits.body = LARGE_BODY;
    }
    async move {
        let transcript = if probe == Probe::Stalled {
            stalled(&ask, stop, &exchange, until).await
        } else {
            one(&ask, &stop, &exchange, until).await
        };
        (probe, ask, transcript)
    }
}

/// How long the target has let us wait for heads that are slow.
struct Waits {
    most: Duration,
    spent: Duration,
    longest: Duration,
}

impl Waits {
    fn up_to(most: Duration) -> Self {
        Self {
            most,
            spent: Duration::ZERO,
            longest: Duration::ZERO,
        }
    }

    fn add(&mut self, transcript: &Transcript) {
        let head = transcript.head.as_ref().map(|head| head.at_us);
        let waited = Duration::from_micros(head.unwrap_or(transcript.end.at_us));
        if waited >= HEAD_WAIT {
            self.spent += waited;
            self.longest = self.longest.max(waited);
        }
    }

    fn are_over(&self) -> bool {
        self.spent >= self.most
    }

    fn skipped(&self, probe: Probe) -> Skipped {
        Skipped {
            probe: probe.name().into(),
            reason: format!(
                "not asked, to come to an end: heads take up to {:.1} s here",
                self.longest.as_secs_f64()
            ),
            not_applicable: false,
        }
    }
}

/// One exchange.
pub(crate) async fn one(
    ask: &Ask,
    stop: &AtomicBool,
    exchange: &Options,
    until: Until,
) -> Result<Transcript, ConformanceError> {
    let mut watch = Watch::new(until);
    let mut observer = |glimpse: Glimpse<'_>| unless_stopped(stop, watch.see(&glimpse));
    Ok(observe(ask, exchange, &mut observer).await?)
}

/// As [`one`], on a thread and runtime of its own, which stops reading for a while.
async fn stalled(
    ask: &Ask,
    stop: Arc<AtomicBool>,
    exchange: &Options,
    until: Until,
) -> Result<Transcript, ConformanceError> {
    let (ask, mut exchange) = (ask.clone(), exchange.clone());
    // Room to see a backlog that is more than kernels hold.
    exchange.limits.body = exchange.limits.body.max(STALLED_BODY);
    exchange.receive_buffer = Some(STALLED_BUFFER);
    let exchanged = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut watch = Watch::whole(until);
        let mut stall = Stall::new();
        let mut observer = |glimpse: Glimpse<'_>| {
            stall.see(&glimpse, || stop.load(Ordering::Relaxed));
            unless_stopped(&stop, watch.see(&glimpse))
        };
        Ok(runtime.block_on(observe(&ask, &exchange, &mut observer))?)
    });
    match exchanged.await {
        Ok(transcript) => transcript,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(ConformanceError::Thread(std::io::Error::other(error))),
    }
}

/// Leaves when the run was asked to end.
pub(crate) fn unless_stopped(stop: &AtomicBool, seen: Seen) -> Seen {
    if stop.load(Ordering::Relaxed) {
        Seen::Enough
    } else {
        seen
    }
}

/// Asks again, alone, what may have got no answer because of what was beside it.
pub(crate) async fn ask_again(
    seen: &mut [Exchanged],
    options: &CheckOptions,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(), ConformanceError> {
    let began = Instant::now();
    let doubtful: Vec<bool> = seen
        .iter()
        .map(|(probe, _, transcript)| {
            // Those ask exactly whether several streams work at once.
            let beside_others = probe.is_beside_others();
            let unanswered = matches!(
                transcript.end.kind,
                EndKind::TimedOut | EndKind::Unreachable
            );
            let mut others = seen.iter().map(|(_, _, other)| other);
            !beside_others && unanswered && !others.any(|other| overtook(other, transcript))
        })
        .collect();
    for ((probe, ask, transcript), doubtful) in seen.iter_mut().zip(doubtful) {
        if !doubtful || began.elapsed() > SECOND_TRIES || options.stopped() {
            continue;
        }
        sink(Progress::Started(*probe));
        *transcript = one(ask, &options.stop, exchange, plan::until(*probe, options)).await?;
        sink(Progress::Finished(*probe, transcript));
    }
    Ok(())
}

/// Whether `other` began after `waiting` and was answered while that still waited: then the server
/// serves several connections, and the wait is its answer.
fn overtook(other: &Transcript, waiting: &Transcript) -> bool {
    let at = |transcript: &Transcript, us: u64| transcript.started_unix_ms + us / 1000;
    let Some(head) = &other.head else {
        return false;
    };
    other.started_unix_ms > waiting.started_unix_ms
        && at(other, head.at_us) < at(waiting, waiting.end.at_us)
}
