//! Runs the probes a selection needs and judges what they saw.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssekit_http::{Ask, Glimpse, Options, Seen, observe};
use ssekit_record::{Bulk, CheckRecord, EndKind, Observation, Skipped, Transcript};
use tokio::task::JoinSet;

use crate::plan::{self, Learnt};
use crate::probe::{Stall, Until, Watch};
use crate::stopping::{Stopped, stopping};
use crate::{
    CheckOptions, ConformanceError, EchoCase, Moment, Probe, Reading, Rule, bulk, chain, endpoint,
    judge, parting, session,
};

/// Connections open at once, at most.
const AT_ONCE: usize = 4;
/// Bytes of content stored of each exchange after main, at most.
const FOLLOW_UP_BODY: usize = 512 * 1024;
/// Longest wait for a head in the probes after main, unless main itself was slower.
const HEAD_WAIT: Duration = Duration::from_secs(2);
/// Time given to asking again, alone, what got no answer beside others.
const SECOND_TRIES: Duration = Duration::from_secs(8);

/// Bytes of content stored of an exchange that echoes a large value.
const LARGE_BODY: usize = 4 * 1024 * 1024;
/// Bytes of content stored of each of several connections in a row.
const CHAIN_BODY: usize = 2 * 1024 * 1024;
/// Bytes of content kept at least of a stream that was not read for a while.
const STALLED_BODY: usize = 24 * 1024 * 1024;
/// Bytes that ssekit's own kernel holds of it, about: some give a connection up to 32 MiB by
/// themselves, which would look like the server's queue.
const STALLED_BUFFER: u32 = 256 * 1024;

/// What a run reports while it goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The probes that will be made, main first.
    Planned(&'a [Probe]),
    /// A probe begins.
    Started(Probe),
    /// The main observation goes on.
    Observing {
        /// Since its head, or since it began.
        elapsed: Duration,
        /// Its whole window.
        window: Duration,
        /// Events dispatched so far.
        events: usize,
    },
    /// A probe ended.
    Finished(Probe, &'a Transcript),
    /// A probe is not made.
    Skipped(&'a Skipped),
}

/// The answer of a run.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What was found.
    pub record: CheckRecord,
    /// What was seen, to save or to judge again.
    pub observation: Observation,
}

/// Checks a live target.
///
/// Dropping the future closes every connection.
///
/// # Errors
/// For faults of the caller or the environment. Whatever the target does is in the record.
pub async fn check(
    options: &CheckOptions,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Checked, ConformanceError> {
    let began = Instant::now();
    let rules = options.selection.rules()?;
    let probes = plan::probes(options, &rules);
    sink(Progress::Planned(&probes));
    let mut observation = Observation::new(ssekit_record::redact_url(&options.target));
    observation.subject.clone_from(&options.subject);
    observation.skipped = unasked(options, &rules);
    let mut options = options.clone();
    let (document, probes) = find_endpoint(&mut options, probes, &mut observation).await?;
    let options = &options;
    let main = observe_main(options, sink).await?;
    let rest = probes.into_iter().filter(|probe| *probe != Probe::Main);
    let (asked, spared) = rest.partition::<Vec<_>, _>(|probe| plan::is_worth(*probe, &main));
    observation.transcripts.push(main);
    observation
        .skipped
        .extend(spared.iter().map(|probe| Skipped {
            probe: probe.name().into(),
            reason: "the main answer is no event stream".into(),
            not_applicable: true,
        }));
    if !options.stopped() && !asked.is_empty() {
        follow_up(options, &asked, &mut observation, sink).await?;
    }
    observation.transcripts.extend(document);
    if options.stopped() {
        observation.outcome = "interrupted".into();
    }
    let mut record = judge(&observation, &options.selection, options.gate)?;
    record.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Checked {
        record,
        observation,
    })
}

/// Finds the echo endpoint where the probes need one. Gives its document, and the probes that can be
/// made with what was found.
async fn find_endpoint(
    options: &mut CheckOptions,
    probes: Vec<Probe>,
    observation: &mut Observation,
) -> Result<(Option<Transcript>, Vec<Probe>), ConformanceError> {
    if options.echo.is_none() || options.passive {
        return Ok((None, probes));
    }
    let found = endpoint::find(options, &exchange(options, options.timeout.min(HEAD_WAIT))).await?;
    let is_found = found.is_ok();
    let document = match found {
        Ok((endpoint, document)) => {
            options.endpoint = Some(endpoint);
            endpoint::as_target(options);
            Some(document)
        }
        Err(reason) => {
            let skipped = endpoint::skipped(&probes, &reason);
            observation.skipped.extend(skipped);
            None
        }
    };
    let keeps = |probe: &Probe| match probe {
        Probe::Capabilities => false,
        Probe::Echo(_) | Probe::Scene(_) | Probe::Bulk(_) => is_found,
        _ => true,
    };
    Ok((document, probes.into_iter().filter(keeps).collect()))
}

fn unasked(options: &CheckOptions, rules: &[&'static Rule]) -> Vec<Skipped> {
    let mut probes: Vec<Probe> = rules.iter().flat_map(|rule| rule.probes).copied().collect();
    probes.sort_unstable();
    probes.dedup();
    probes
        .into_iter()
        .filter_map(|probe| plan::unasked(probe, options))
        .collect()
}

async fn observe_main(
    options: &CheckOptions,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Transcript, ConformanceError> {
    sink(Progress::Started(Probe::Main));
    let window = options.window();
    // Main depends on nothing learnt, so it is never skipped.
    let Ok(ask) = plan::ask(Probe::Main, options, None) else {
        return Err(ConformanceError::NothingSelected);
    };
    let mut watch = Watch::long(plan::until(Probe::Main, options));
    let mut head_us = 0;
    let mut observer = |glimpse: Glimpse<'_>| {
        let seen = watch.see(&glimpse);
        match glimpse {
            Glimpse::Head(head) => head_us = head.at_us,
            Glimpse::Content { at_us, .. } | Glimpse::Idle { at_us } => sink(Progress::Observing {
                elapsed: Duration::from_micros(at_us.saturating_sub(head_us)),
                window,
                events: watch.events(),
            }),
            _ => {}
        }
        unless_stopped(&options.stop, seen)
    };
    let transcript = observe(&ask, &exchange(options, options.timeout), &mut observer).await?;
    sink(Progress::Finished(Probe::Main, &transcript));
    Ok(transcript)
}

fn exchange(options: &CheckOptions, head_timeout: Duration) -> Options {
    Options {
        connect_timeout: options.timeout,
        head_timeout,
        trust: options.trust.clone(),
        limits: options.limits,
        ..Options::default()
    }
}

/// Every probe but main, a few at once; what got no answer is asked again alone, since a server
/// that serves one connection at a time is slow, not wrong.
async fn follow_up(
    options: &CheckOptions,
    probes: &[Probe],
    observation: &mut Observation,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(), ConformanceError> {
    // Lent to the probes that build on it, and put back: it may be large.
    let Some(main) = observation.transcripts.pop() else {
        return Ok(());
    };
    let reading = Reading::of(&main);
    let learnt = Learnt {
        transcript: &main,
        reading: &reading,
    };
    let head_us = main.head.as_ref().map_or(0, |head| head.at_us);
    let patience = HEAD_WAIT
        .max(Duration::from_micros(head_us) * 2)
        .min(options.timeout);
    let mut exchange = exchange(options, patience);
    exchange.limits.body = exchange.limits.body.min(FOLLOW_UP_BODY);
    let mut seen = canary(probes, options, learnt, &exchange, sink).await?;
    let works = seen
        .iter()
        .all(|(_, _, transcript)| transcript.is_event_stream());
    let mut waiting = Vec::new();
    let mut apart = Vec::new();
    for probe in probes.iter().copied() {
        if probe == Probe::Echo(EchoCase::CanaryData) {
            continue;
        }
        if probe.is_echo() && !works {
            let reason = "the echo endpoint did not send a plain event";
            observation
                .skipped
                .extend(endpoint::skipped(&[probe], reason));
            continue;
        }
        if probe.is_apart() {
            apart.push(probe);
            continue;
        }
        match plan::ask(probe, options, Some(learnt)) {
            Ok(ask) => waiting.push((probe, ask)),
            Err(skipped) => {
                sink(Progress::Skipped(&skipped));
                observation.skipped.push(skipped);
            }
        }
    }
    // What must run side by side begins side by side, while there is room for all of it; then what
    // takes longest, so that the rest is done meanwhile.
    waiting.sort_by_cached_key(|(probe, _)| (!probe.is_beside_others(), Reverse(probe.waits())));
    let session = waiting
        .iter()
        .position(|(probe, _)| *probe == Probe::Session);
    let session = session.map(|at| waiting.remove(at).1);
    if session.is_some() {
        sink(Progress::Started(Probe::Session));
    }
    let (several, session) = tokio::join!(
        several(waiting, options, &exchange, sink),
        session::observe(session, &exchange, &options.stop),
    );
    seen.extend(several?);
    let session = session?.filter(|_| !options.stopped());
    if let Some(stream) = session.iter().flat_map(|session| &session.streams).next() {
        sink(Progress::Finished(Probe::Session, &stream.transcript));
    }
    observation.sessions.extend(session);
    ask_again(&mut seen, options, &exchange, sink).await?;
    let (mut last, skipped) = one_by_one(&apart, options, learnt, &exchange, sink).await?;
    observation.skipped.extend(skipped);
    let (bulks, skipped) = large(&apart, options, learnt, &exchange, sink).await?;
    observation.bulks = bulks;
    observation.skipped.extend(skipped);
    if apart.contains(&Probe::Stop) {
        let stopped = stop(options, learnt, &exchange, sink).await?;
        last.extend(stopped.transcripts);
        observation.sessions.extend(stopped.session);
    }
    observation.transcripts.push(main);
    observation
        .transcripts
        .extend(seen.into_iter().map(|(_, _, transcript)| transcript));
    observation.transcripts.extend(last);
    Ok(())
}

/// Values of many megabytes, with nothing beside them.
async fn large(
    probes: &[Probe],
    options: &CheckOptions,
    learnt: Learnt<'_>,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(Vec<Bulk>, Vec<Skipped>), ConformanceError> {
    let ask = |probe| plan::ask(probe, options, Some(learnt));
    let told = |probe, bulk: Option<&Bulk>| match bulk {
        None => sink(Progress::Started(probe)),
        Some(bulk) => sink(Progress::Finished(probe, &bulk.transcript)),
    };
    bulk::bulks(probes, ask, options, exchange, told).await
}

/// What depends on the times of other exchanges, with nothing beside it.
async fn one_by_one(
    probes: &[Probe],
    options: &CheckOptions,
    learnt: Learnt<'_>,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<(Vec<Transcript>, Option<Skipped>), ConformanceError> {
    let mut seen = Vec::new();
    let mut skipped = None;
    let wants = |wanted: fn(&Probe) -> bool| probes.iter().copied().find(wanted);
    let witness = wants(|probe| matches!(probe, Probe::Chain(_)));
    if let Some(probe) = witness.filter(|_| !options.stopped()) {
        match chain::stay(learnt.reading, options) {
            Ok(stay) => {
                sink(Progress::Started(probe));
                let ask = plan::ask(probe, options, Some(learnt));
                let mut exchange = exchange.clone();
                exchange.limits.body = CHAIN_BODY;
                if let Ok(ask) = ask {
                    seen.extend(chain::chain(ask, options, &exchange, stay).await?);
                }
            }
            Err(reason) => skipped = Some(reason),
        }
    }
    let counts = options.endpoint.as_ref().is_some_and(|found| found.counts);
    let counter = wants(|probe| matches!(probe, Probe::Parting(..)));
    if let Some(probe) = counter.filter(|_| counts && !options.stopped()) {
        sink(Progress::Started(probe));
        let stream = |parting| {
            plan::ask(
                Probe::Parting(parting, Moment::Stream),
                options,
                Some(learnt),
            )
            .ok()
        };
        seen.extend(parting::partings(stream, options, exchange).await?);
    }
    for transcript in &seen {
        let made = probes.iter().find(|probe| probe.name() == transcript.probe);
        if let Some(probe) = made {
            sink(Progress::Finished(*probe, transcript));
        }
    }
    Ok((seen, skipped))
}

/// The last act: nothing can be asked of the server after it.
async fn stop(
    options: &CheckOptions,
    learnt: Learnt<'_>,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Stopped, ConformanceError> {
    let ask = plan::ask(Probe::Stop, options, Some(learnt));
    let (Ok(ask), Some(stopper), false) = (ask, &options.stopper, options.stopped()) else {
        return Ok(Stopped::default());
    };
    sink(Progress::Started(Probe::Stop));
    let mut exchange = exchange.clone();
    exchange.limits.body = LARGE_BODY;
    let stopped = stopping(ask, stopper, options, &exchange).await?;
    if options.stopped() {
        // Cut short, it would show less than the target has to show.
        return Ok(Stopped::default());
    }
    let on_session = stopped.session.iter().flat_map(|s| &s.streams);
    let mut seen = stopped
        .transcripts
        .iter()
        .chain(on_session.map(|s| &s.transcript));
    if let Some(first) = seen.next() {
        sink(Progress::Finished(Probe::Stop, first));
    }
    Ok(stopped)
}

type Exchanged = (Probe, Ask, Transcript);

/// The first exchange with the echo endpoint, alone: one that hangs or refuses everything is asked
/// nothing more.
async fn canary(
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

async fn several(
    waiting: Vec<(Probe, Ask)>,
    options: &CheckOptions,
    exchange: &Options,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<Exchanged>, ConformanceError> {
    let mut running = JoinSet::new();
    let mut seen = Vec::new();
    let mut waiting = waiting.into_iter();
    loop {
        while running.len() < AT_ONCE {
            let next = waiting.next().filter(|_| !options.stopped());
            let Some((probe, ask)) = next else {
                break;
            };
            sink(Progress::Started(probe));
            let until = plan::until(probe, options);
            let (stop, mut exchange) = (Arc::clone(&options.stop), exchange.clone());
            if matches!(probe, Probe::Echo(case) if case.is_large()) {
                exchange.limits.body = LARGE_BODY;
            }
            running.spawn(async move {
                let transcript = if probe == Probe::Stalled {
                    stalled(&ask, stop, &exchange, until).await
                } else {
                    one(&ask, &stop, &exchange, until).await
                };
                (probe, ask, transcript)
            });
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
        sink(Progress::Finished(probe, &transcript));
        seen.push((probe, ask, transcript));
    }
    seen.sort_by_key(|(probe, _, _)| *probe);
    Ok(seen)
}

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
fn unless_stopped(stop: &AtomicBool, seen: Seen) -> Seen {
    if stop.load(Ordering::Relaxed) {
        Seen::Enough
    } else {
        seen
    }
}

async fn ask_again(
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
