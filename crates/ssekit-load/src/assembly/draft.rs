//! The record of what came so far, before it is judged.

use std::collections::BTreeMap;

use ssekit_record::{
    EventCounts, FanoutSketch, Generator, LoadCounts, LoadOutcome, LoadRecord, Phase,
    PopulationScope, SCHEMA, Scope, StreamCounts,
};

use super::Assembly;
use crate::fanout::{Fanout, Spread};
use crate::health;
use crate::job::Job;
use crate::knee::Lateness;
use crate::metric::Metric;
use crate::scope::{formulas, named, scope};
use crate::tally::Tally;

impl Assembly<'_> {
    /// The record of what came so far, not judged, and the sum of all counts. It has the metrics that
    /// are wanted, and the series, taken out of here.
    pub(super) fn draft(
        &mut self,
        peak: u64,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> (LoadRecord, Tally) {
        let job = self.job;
        let spreads = self.spreads();
        let phases = self.phases(&spreads, is_wanted);
        let (mut run, mut recorded) = (Tally::new(job.precision), Tally::new(job.precision));
        let nothing = (LoadCounts::default(), Tally::new(job.precision));
        let mut populations = vec![nothing; job.populations.len()];
        let now = job.phase_of(self.end_us);
        let waiting =
            Some((&job.phases[now], &self.waiting)).filter(|(_, waiting)| !waiting.is_empty());
        let phases_with_rest = job
            .phases
            .iter()
            .zip(&self.tallies)
            .chain(waiting)
            .chain(job.phases.iter().zip(&spreads));
        for (phase, tallies) in phases_with_rest {
            for (tally, (counts, population)) in tallies.iter().zip(&mut populations) {
                run.add(tally);
                counts.add(&tally.count);
                if phase.record {
                    recorded.add(tally);
                    population.add(tally);
                }
            }
        }
        let own = self.lateness(&run);
        let scope = scope(&recorded, is_wanted);
        let started_ratio = match job.planned {
            0 => 1.0,
            planned => run.count.started as f64 / planned as f64,
        };
        let mut record = LoadRecord {
            subject: None,
            launched: None,
            schema: SCHEMA.to_owned(),
            kind: "load".to_owned(),
            target: job.target.clone(),
            outcome: LoadOutcome::Pass,
            summary: String::new(),
            ssekit: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: self.clock.wall_us(0) / 1000,
            elapsed_us: self.end_us,
            http: spoken(run.heads),
            scenario: job.scenario.clone(),
            shard: job.shard,
            streams: StreamCounts::of(&run.count, job.planned, peak),
            events: EventCounts::from(&run.count),
            counts: run.count,
            formulas: formulas(&scope.metrics),
            metrics: scope.metrics,
            populations: match populations.as_slice() {
                [_] => Vec::new(),
                several => whole(job, several, is_wanted),
            },
            phases,
            series: std::mem::take(&mut self.rows),
            errors: by_name(&run.errors),
            disconnects: by_name(&run.disconnects),
            faults: faults(&run),
            storms: job
                .storms
                .iter()
                .filter_map(|storm| Some(run.storms.get(&storm.begin_us)?.record(storm)))
                .collect(),
            capacity: None,
            aborted: None,
            fanout: self.sketches(),
            generator: Generator {
                cpu_seconds: health::process_cpu_us() as f64 / 1e6,
                busiest_worker: self.busiest.min(1.0),
                max_rss_bytes: health::max_rss_bytes(),
                workers: u32::try_from(self.workers).unwrap_or(u32::MAX),
                processes: 1,
                loop_lag_p999_us: own.of_loops(0.999),
                loop_lag_max_us: own.of_loops(1.0),
                schedule_lag_p99_us: own.of_starts(0.99),
                backlog: run.count.backlog,
                started_ratio,
                clock: clock_words(job),
                negative: run.count.negative,
                ahead_us: run.ahead_us,
                clock_step_us: self.clock_step_us,
            },
            thresholds: Vec::new(),
            findings: Vec::new(),
        };
        record.capacity = self.capacity(&record.series, is_wanted);
        (record, run)
    }

    /// How late the generator was: where a search ended at its limits, before that.
    fn lateness(&self, run: &Tally) -> Lateness {
        let mut sum = Lateness::default();
        if !self.add_lateness(&mut sum) {
            sum.add_tally(run);
            return sum;
        }
        let search = self.job.search.as_ref().map(|search| search.phase);
        let phases = self.tallies.iter().enumerate();
        let others = phases.filter(|(phase, _)| Some(*phase) != search);
        others.for_each(|(_, tallies)| tallies.iter().for_each(|tally| sum.add_tally(tally)));
        sum
    }

    fn phases(&self, spreads: &[Vec<Tally>], is_wanted: &dyn Fn(&str) -> bool) -> Vec<Phase> {
        let mut start = 0;
        let mut phases = Vec::new();
        for (index, (phase, tallies)) in self.job.phases.iter().zip(&self.tallies).enumerate() {
            if start >= self.end_us && !phases.is_empty() {
                break;
            }
            let with_spreads = spreads.get(index).map(|spreads| {
                let both = tallies.iter().zip(spreads);
                let both =
                    both.map(|(tally, spread)| Tally::sum([tally, spread], self.job.precision));
                both.collect::<Vec<_>>()
            });
            let tallies = with_spreads.as_ref().unwrap_or(tallies);
            phases.push(Phase {
                name: phase.name.clone(),
                kind: phase.kind.clone(),
                label: phase.label.clone(),
                start_us: start,
                end_us: phase.end_us.min(self.end_us),
                record: phase.record,
                all: scope(&Tally::sum(tallies, self.job.precision), is_wanted),
                populations: match tallies.as_slice() {
                    [_] => Vec::new(),
                    several => named(self.job, several, is_wanted),
                },
            });
            start = phase.end_us;
        }
        phases
    }

    /// How sampled events spread over the streams: by the phase in which they were published, and by
    /// population. Nothing where none was sampled.
    fn spreads(&self) -> Vec<Vec<Tally>> {
        if self.fanouts.iter().all(Fanout::is_empty) {
            return Vec::new();
        }
        let job = self.job;
        let empty = || job.populations.iter().map(|_| Tally::new(job.precision));
        let mut spreads: Vec<Vec<Tally>> = job.phases.iter().map(|_| empty().collect()).collect();
        for (population, fanout) in self.fanouts.iter().enumerate() {
            for spread in fanout.spreads() {
                let tally = &mut spreads[job.phase_at(spread.begin_us())][population];
                measure(spread, fanout.reach(spread, self.end_us), tally);
            }
        }
        spreads
    }

    /// The samples of events, where this is a shard whose streams are not all that share them.
    fn sketches(&self) -> Vec<FanoutSketch> {
        if self.job.shard.count <= 1 {
            return Vec::new();
        }
        let named = self.job.populations.iter().zip(&self.fanouts);
        named
            .map(|(population, fanout)| {
                fanout.sketch(
                    &population.name,
                    |us| self.clock.wall_us(us),
                    |us| self.job.phase_at(us),
                )
            })
            .filter(|sketch| !sketch.events.is_empty())
            .collect()
    }
}

/// Each population of the run: what was counted in all of it, and the samples of what is recorded.
fn whole(
    job: &Job,
    populations: &[(LoadCounts, Tally)],
    is_wanted: &dyn Fn(&str) -> bool,
) -> Vec<PopulationScope> {
    let all = job.populations.iter().zip(populations);
    all.map(|(population, (counts, recorded))| PopulationScope {
        population: population.name.clone(),
        kind: Some(population.kind.clone()),
        scope: Scope {
            counts: *counts,
            ..scope(recorded, is_wanted)
        },
    })
    .collect()
}

/// How one event spread, and at how many streams it arrived and was due, if that is known.
fn measure(spread: &Spread, reach: Option<(u64, u64)>, tally: &mut Tally) {
    tally.record(Metric::FanoutSkew, spread.last_us - spread.first_us);
    let published = spread.published_us.and_then(|us| u64::try_from(us).ok());
    if let Some(published) = published {
        let since = |us: u64| us.saturating_sub(published);
        tally.record(Metric::FanoutFirst, since(spread.first_us));
        tally.record(Metric::FanoutLast, since(spread.last_us));
    }
    if let Some((arrived, due)) = reach {
        tally.count.fanout_arrived += arrived;
        tally.count.fanout_due += due;
    }
}

/// The versions of HTTP in which heads came, if any did.
fn spoken(heads: [u64; 2]) -> Option<String> {
    let spoken = ["1.1", "2"].into_iter().zip(heads);
    let spoken: Vec<_> = spoken
        .filter_map(|(version, heads)| (heads > 0).then_some(version))
        .collect();
    (!spoken.is_empty()).then(|| spoken.join(" and "))
}

pub(crate) fn by_name<K: ToString>(counts: &BTreeMap<K, u64>) -> BTreeMap<String, u64> {
    counts
        .iter()
        .map(|(cause, count)| (cause.to_string(), *count))
        .collect()
}

fn faults(tally: &Tally) -> BTreeMap<String, u64> {
    let name = |kind| match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "other".to_owned(),
    };
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, count) in &tally.faults {
        *faults.entry(name(kind)).or_default() += count;
    }
    if tally.count.discarded_tails > 0 {
        faults.insert("discarded-tail".to_owned(), tally.count.discarded_tails);
    }
    faults
}

fn clock_words(job: &Job) -> String {
    let published = job
        .populations
        .iter()
        .find_map(|population| population.role.expect.published.as_ref());
    match published {
        None => String::new(),
        Some(published) if published.is_kept => "ntp".to_owned(),
        Some(published) if published.offset_us == 0 => "same-host".to_owned(),
        Some(published) => format!("offset:{}us", published.offset_us),
    }
}
