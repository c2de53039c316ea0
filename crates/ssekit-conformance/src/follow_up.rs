//! The probes after main: in which order they are made, and what is beside what.

use std::cmp::Reverse;
use std::time::Duration;

use ssekit_http::{Ask, Options};
use ssekit_record::{Bulk, Observation, Skipped, Transcript};

use crate::plan::{self, Learnt};
use crate::round::{ask_again, canary, several};
use crate::runner::{HEAD_WAIT, exchange};
use crate::stopping::{Stopped, stopping};
use crate::{
    CheckOptions, ConformanceError, EchoCase, Moment, Probe, Progress, Reading, bulk, chain,
    endpoint, parting, session,
};

/// Bytes of content stored of each exchange after main, at most.
const FOLLOW_UP_BODY: usize = 512 * 1024;
/// Bytes of content stored of an exchange that echoes a large value.
pub(crate) const LARGE_BODY: usize = 4 * 1024 * 1024;
/// Bytes of content stored of each of several connections in a row.
const CHAIN_BODY: usize = 2 * 1024 * 1024;

/// Every probe but main, a few at once; what got no answer is asked again alone, since a server
/// that serves one connection at a time is slow, not wrong.
pub(crate) async fn follow_up(
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
    let exchange = after_main(&main, options);
    let mut seen = canary(probes, options, learnt, &exchange, sink).await?;
    let works = seen
        .iter()
        .all(|(_, _, transcript)| transcript.is_event_stream());
    let mut sorted = sort_out(probes, works, options, learnt, observation, sink);
    if sorted.session.is_some() {
        sink(Progress::Started(Probe::Session));
    }
    let (several, session) = tokio::join!(
        several(sorted.waiting, options, &exchange, sink),
        session::observe(sorted.session.take(), &exchange, &options.stop),
    );
    let (answered, skipped) = several?;
    seen.extend(answered);
    observation.skipped.extend(skipped);
    let session = session?.filter(|_| !options.stopped());
    if let Some(stream) = session.iter().flat_map(|session| &session.streams).next() {
        sink(Progress::Finished(Probe::Session, &stream.transcript));
    }
    observation.sessions.extend(session);
    ask_again(&mut seen, options, &exchange, sink).await?;
    let last = apart(&sorted.apart, options, learnt, &exchange, observation, sink).await?;
    observation.transcripts.push(main);
    observation
        .transcripts
        .extend(seen.into_iter().map(|(_, _, transcript)| transcript));
    observation.transcripts.extend(last);
    Ok(())
}

/// How the exchanges after main are made: with more patience where main needed it.
fn after_main(main: &Transcript, options: &CheckOptions) -> Options {
    let head_us = main.head.as_ref().map_or(0, |head| head.at_us);
    let patience = HEAD_WAIT
        .max(Duration::from_micros(head_us) * 2)
        .min(options.timeout);
    let mut exchange = exchange(options, patience);
    exchange.limits.body = exchange.limits.body.min(FOLLOW_UP_BODY);
    exchange
}

/// The probes after main, by how they are made.
struct Sorted {
    /// Several at once, in this order.
    waiting: Vec<(Probe, Ask)>,
    /// Beside those.
    session: Option<Ask>,
    /// After those, with nothing beside them.
    apart: Vec<Probe>,
}

/// Sorts out what can be asked; `works` says whether the echo endpoint sent a plain event.
fn sort_out(
    probes: &[Probe],
    works: bool,
    options: &CheckOptions,
    learnt: Learnt<'_>,
    observation: &mut Observation,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Sorted {
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
    Sorted {
        waiting,
        session,
        apart,
    }
}

/// What has nothing beside it, in turn; the end of the server last.
async fn apart(
    probes: &[Probe],
    options: &CheckOptions,
    learnt: Learnt<'_>,
    exchange: &Options,
    observation: &mut Observation,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<Transcript>, ConformanceError> {
    let (mut seen, skipped) = one_by_one(probes, options, learnt, exchange, sink).await?;
    observation.skipped.extend(skipped);
    let (bulks, skipped) = large(probes, options, learnt, exchange, sink).await?;
    observation.bulks = bulks;
    observation.skipped.extend(skipped);
    if probes.contains(&Probe::Stop) {
        let stopped = stop(options, learnt, exchange, sink).await?;
        seen.extend(stopped.transcripts);
        observation.sessions.extend(stopped.session);
    }
    Ok(seen)
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
