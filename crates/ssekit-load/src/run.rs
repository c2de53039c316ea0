//! A run: workers on threads, and the record of what they counted.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use ssekit_record::{
    LoadFinding, LoadRecord, PopulationScope, Snapshot, StepShare, ThresholdResult, Verdict,
};

use crate::assembly::Assembly;
use crate::clock::Clock;
use crate::error::LoadError;
use crate::halt::Halt;
use crate::health;
use crate::job::{Job, Storm};
use crate::room::Room;
use crate::shift::{Interval, Peeks, Shift};
use crate::trace::Tracer;
use crate::worker::{Census, Worker};

/// How long workers have to get ready before the first act.
const LEAD: Duration = Duration::from_millis(50);
/// How often a run looks whether it is to be given up.
const LOOK: Duration = Duration::from_millis(100);

/// What whoever watches a run is shown, once for each interval.
#[non_exhaustive]
pub struct Progress<'a> {
    /// The newest interval, alone and with all digits; its metrics are those of the series.
    pub row: &'a ssekit_record::Interval,
    /// Connections and requests that failed so far, by cause.
    pub errors: BTreeMap<String, u64>,
    /// Streams that ended so far other than by the plan, by cause.
    pub disconnects: BTreeMap<String, u64>,
    /// Memory that the generator holds now, in bytes; the most it held where that is not known.
    pub rss_bytes: u64,
    /// Time since the beginning of the plan.
    pub elapsed: Duration,
    /// Length of the plan.
    pub length: Duration,
    /// The step of a search that ended with it, if one did.
    pub step: Option<StepShare>,
    /// What streams have waited for in vain so far, where this is a part of a run that a threshold may end.
    pub waiting: Vec<PopulationScope>,
    pub(crate) judge: &'a mut dyn FnMut() -> Vec<ThresholdResult>,
}

impl Progress<'_> {
    /// The same for a process that shows it: what it counted, without a judgement.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            row: self.row.clone(),
            errors: self.errors.clone(),
            disconnects: self.disconnects.clone(),
            rss_bytes: self.rss_bytes,
            step: self.step.clone(),
            waiting: self.waiting.clone(),
        }
    }

    /// The thresholds, judged on what was measured so far. Some work: ask once.
    pub fn thresholds(&mut self) -> Vec<ThresholdResult> {
        (self.judge)()
    }
}

/// Makes the run and gives its record. `stop` ends it early, with what was measured until then;
/// `sink` is called for each interval.
///
/// # Errors
/// When this machine cannot run it. What the target does wrong is in the record.
pub fn run(
    job: &Job,
    stop: &Arc<AtomicBool>,
    sink: &mut dyn FnMut(Progress<'_>),
) -> Result<LoadRecord, LoadError> {
    let mut tracer = Tracer::open(job)?;
    let (clock, late) = beginning(job)?;
    let shared = (
        Arc::new(Census::default()),
        Arc::new(Room::new(job.decoded_bytes)),
    );
    let halt = Halt::by(stop, job.ruling.clone());
    let (out, intervals) = channel();
    let mut workers = Vec::new();
    for index in 0..job.workers.max(1) {
        workers.push(hire(job, index, clock, shared.clone(), &halt, out.clone())?);
    }
    drop(out);
    for storm in &job.storms {
        raise(storm.clone(), clock, halt.clone())?;
    }
    let mut assembly = Assembly::new(job, clock);
    let mut take = |assembly: &mut Assembly<'_>, mut parts: Vec<Interval>| {
        if let Some(tracer) = &mut tracer {
            tracer.write(job, &mut parts);
        }
        show(job, assembly, parts, sink);
    };
    collect(job, &intervals, &mut assembly, &halt, &mut take)?;
    for worker in workers {
        worker.join().map_err(|_| LoadError::Worker)??;
    }
    let mut record = assembly.record(shared.0.peak(), halt.by_user());
    record.findings.extend(told(late));
    record.findings.extend(tracer.and_then(Tracer::end));
    Ok(record)
}

/// The clock of the run, and how long ago it began where this part was not ready then. What is due by
/// then comes at once; the rest comes when it does everywhere.
fn beginning(job: &Job) -> Result<(Clock, Duration), LoadError> {
    let Some(at) = job.start_at else {
        return Ok((Clock::starting_in(LEAD), Duration::ZERO));
    };
    let by = match at.duration_since(SystemTime::now()) {
        Ok(lead) => return Ok((Clock::starting_in(lead), Duration::ZERO)),
        Err(past) => past.duration(),
    };
    let tolerance = job.late_tolerance;
    let clock = Clock::started(by).filter(|_| by <= tolerance);
    let clock = clock.ok_or(LoadError::Late { by, tolerance })?;
    Ok((clock, by))
}

fn told(late: Duration) -> Option<LoadFinding> {
    (late > Duration::ZERO).then(|| LoadFinding {
        id: "shard.late".into(),
        verdict: Verdict::Info,
        detail: format!(
            "This part of the run was ready {:.3} s after its start, which shard.late_tolerance allows: \
             what was due before then came late.",
            late.as_secs_f64()
        ),
    })
}

fn hire(
    job: &Job,
    index: usize,
    clock: Clock,
    shared: (Arc<Census>, Arc<Room>),
    halt: &Halt,
    out: Sender<Interval>,
) -> Result<JoinHandle<Result<(), LoadError>>, LoadError> {
    let shift = Shift {
        worker: index,
        publishers: if index == 0 {
            job.publishers.clone()
        } else {
            Vec::new()
        },
        script: (job.plan)(index as u64, job.workers.max(1) as u64),
        cuts: job.cuts(),
        halt: halt.clone(),
        peeks: peeks(job),
        out,
    };
    let roles: Vec<_> = job
        .populations
        .iter()
        .map(|population| population.role.clone())
        .collect();
    let precision = job.precision;
    let storms: Vec<_> = job
        .storms
        .iter()
        .filter(|storm| storm.external)
        .map(|storm| (storm.begin_us, storm.end_us))
        .collect();
    let seed = chance(job.scenario.seed, job.shard.index, index);
    Builder::new()
        .name(format!("worker {index}"))
        .spawn(move || {
            let worker = Worker::new(clock, roles, storms, precision, shared, seed);
            shift.work(worker.map_err(LoadError::Runtime)?)
        })
        .map_err(LoadError::Runtime)
}

/// The seed of a worker's own chance, another one for each worker of each part: streams that come back after
/// times that jitter spreads must not do so in step with those of another part.
fn chance(seed: u64, shard: u32, worker: usize) -> u64 {
    let number = (u64::from(shard) << 32) + worker as u64 + 1;
    seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// When workers tell how long streams have waited in vain so far: at the end of each step of a search,
/// or in each interval where a threshold may end the run.
fn peeks(job: &Job) -> Peeks {
    let search = job.search.clone();
    let always = job.may_abort();
    Arc::new(move |at_us| always || search.as_ref().is_some_and(|search| search.is_end(at_us)))
}

/// Runs the command of a storm when it is due, on a thread of its own: a restart may take its time.
fn raise(storm: Storm, clock: Clock, halt: Halt) -> Result<(), LoadError> {
    let Some(command) = storm.command else {
        return Ok(());
    };
    let wait = move || {
        let due = clock.instant(storm.begin_us);
        while let Some(left) = due.checked_duration_since(Instant::now()) {
            if halt.is_asked() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
        // What it does shows in the streams; that it could not be started, in their not ending.
        let _ = Command::new("sh")
            .args(["-c", &command])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
    };
    let storm = Builder::new().name("storm".into()).spawn(wait);
    storm.map(|_| ()).map_err(LoadError::Runtime)
}

/// Takes intervals until all workers have given their last one. An interval is complete when each of
/// them has handed in its part.
fn collect(
    job: &Job,
    intervals: &Receiver<Interval>,
    assembly: &mut Assembly<'_>,
    halt: &Halt,
    take: &mut dyn FnMut(&mut Assembly<'_>, Vec<Interval>),
) -> Result<(), LoadError> {
    let mut parts: BTreeMap<usize, Vec<Interval>> = BTreeMap::new();
    loop {
        match intervals.recv_timeout(LOOK) {
            Ok(part) => parts.entry(part.index).or_default().push(part),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while parts
            .first_key_value()
            .is_some_and(|(_, all)| all.len() == job.workers.max(1))
        {
            let Some((_, all)) = parts.pop_first() else {
                break;
            };
            take(assembly, all);
            if assembly.is_over() {
                halt.end();
            }
        }
    }
    // A run that was ended early may have cut workers off in different intervals.
    while let Some((_, all)) = parts.pop_first() {
        take(assembly, all);
    }
    if assembly.is_empty() {
        return Err(LoadError::Worker);
    }
    Ok(())
}

fn show(
    job: &Job,
    assembly: &mut Assembly<'_>,
    parts: Vec<Interval>,
    sink: &mut dyn FnMut(Progress<'_>),
) {
    let Some((row, step)) = assembly.take(parts) else {
        return;
    };
    let (errors, disconnects) = assembly.causes();
    sink(Progress {
        row: &row,
        errors,
        disconnects,
        rss_bytes: health::rss_bytes(),
        elapsed: Duration::from_micros(row.end_us),
        length: job.length(),
        step,
        waiting: assembly.waited(),
        judge: &mut || assembly.judged(),
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_workers_of_a_run_share_their_chance() {
        let parts = (0..64).flat_map(|shard| (0..8).map(move |worker| (shard, worker)));
        let seeds: BTreeSet<_> = parts
            .map(|(shard, worker)| chance(7, shard, worker) | 1)
            .collect();
        assert_eq!(seeds.len(), 64 * 8);
    }
}
