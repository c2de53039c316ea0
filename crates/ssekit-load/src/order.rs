//! From a scenario and its plan to a run.

mod contract;
mod dialing;
mod file;
mod form;
mod schedule;
mod source;
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ssekit_record::{ScenarioSummary, Shard};
use ssekit_scenario::load::{self, LoadPlan, LoadScenario, PopulationKind};

use self::contract::{expectation, reconnect, validity};
use self::schedule::{acts, phases, search, storms};
use crate::error::LoadError;
use crate::expectation::Expectation;
use crate::job::{Job, Population};
use crate::precision::Precision;
use crate::preflight::free_bytes;
use crate::ruling::Ruling;
use crate::subscriber::Pace;
use crate::worker::{Lifetimes, Role};

/// Wait for a connection and for a head where the scenario names none.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a scenario is run with.
#[derive(Debug, Clone)]
pub struct Order {
    /// The scenario.
    pub scenario: LoadScenario,
    /// The same as TOML, secrets left out.
    pub toml: String,
    /// Folder that its files are relative to.
    pub folder: PathBuf,
    /// Part of the plan.
    pub shard: Shard,
    /// Threads; chosen by the number of streams where none are given.
    pub workers: Option<usize>,
    /// Processes that share this part; 1 where this one makes it alone.
    pub processes: u32,
    /// Where this part of a run learns that it is over, if other processes make parts of it too and whoever
    /// started them judges what may end it.
    pub ruling: Option<Ruling>,
}

fn refuse<T>(what: impl Into<String>) -> Result<T, LoadError> {
    Err(LoadError::Scenario(what.into()))
}

impl Order {
    /// The run that this asks for. Reads the files that the scenario names, and looks host names up.
    ///
    /// # Errors
    /// When a file cannot be read, a name has no address, or the run cannot be divided as is asked for.
    pub fn job(&self) -> Result<Job, LoadError> {
        let scenario = &self.scenario;
        self.divisible()?;
        let plan = Arc::new(LoadPlan::new(scenario).map_err(LoadError::Scenario)?);
        let planned = plan.planned(self.shard);
        let connections = plan.demand(scenario, Shard::default()).peak_connections;
        let all = plan.populations().iter().enumerate();
        let search = search(&plan);
        let populations: Result<Vec<_>, LoadError> = all
            .map(|(index, population)| {
                Ok(Population {
                    name: population.name.clone(),
                    kind: population.kind.as_str().to_owned(),
                    role: self.role(&plan, index, connections)?,
                })
            })
            .collect();
        Ok(Job {
            target: scenario.target_shown(),
            scenario: self.summary(),
            shard: self.shard,
            populations: populations?,
            plan: acts(&plan, self.shard),
            planned,
            demand: plan.demand(scenario, self.shard),
            phases: phases(&plan),
            thresholds: plan.thresholds(scenario),
            validity: validity(scenario),
            precision: Precision {
                digits: scenario.histogram.digits,
                min_us: scenario.histogram.min.us(),
                max_us: scenario.histogram.max.us(),
            },
            row_us: scenario.histogram.interval.us(),
            workers: self
                .workers
                .unwrap_or_else(|| Job::workers_for(plan.peak())),
            storms: storms(&plan, self.shard),
            ruling: self.ruling.clone(),
            search,
            publishers: self.publishers(&plan)?,
            start_at: scenario
                .shard
                .start_at
                .map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
            trace: None,
            decoded_bytes: free_bytes() / 2 / u64::from(self.processes.max(1)),
            late_tolerance: scenario.shard.late_tolerance.unwrap_or_default().0,
        })
    }

    fn summary(&self) -> ScenarioSummary {
        ScenarioSummary {
            name: self.scenario.name.clone(),
            digest: digest(&load::essence(&self.toml)),
            seed: self.scenario.seed,
            meta: self.scenario.meta.clone(),
            toml: self.toml.clone(),
        }
    }

    fn timeout(&self) -> Duration {
        self.scenario.target.timeout.map_or(TIMEOUT, |time| time.0)
    }

    /// What the streams of a population have in common; `connections` at once are those of all
    /// populations and shards.
    fn role(
        &self,
        plan: &Arc<LoadPlan>,
        index: usize,
        connections: u64,
    ) -> Result<Role, LoadError> {
        let planned = &plan.populations()[index];
        let population = planned.index.map(|index| &self.scenario.populations[index]);
        let (requests, url) = self.requests(planned.index)?;
        let lifetimes = plan.clone();
        let read = population.and_then(|population| population.read);
        let is_publisher = planned.kind == PopulationKind::Publisher;
        Ok(Role {
            expect: if is_publisher {
                Expectation::default()
            } else {
                expectation(&self.scenario)
            },
            dialer: self
                .dialer(&url, self.sharing(planned.kind))?
                .with_ports(connections, self.shard),
            requests,
            reconnect: reconnect(&self.scenario.reconnect),
            head_timeout: self.timeout(),
            pace: read.map(|read| Pace {
                bytes_per_s: read.rate.map(|rate| rate.0 as u64),
                pause: read
                    .pause
                    .zip(read.every)
                    .map(|(pause, every)| (pause.0, every.0)),
            }),
            lifetime: Some(Lifetimes(Arc::new(move |stream, generation| {
                lifetimes.lifetime_us(index, stream, generation)
            }))),
            topics: population.map_or(1, |population| population.topics.len().max(1)),
        })
    }
}

/// FNV-1a, 64 bits: the same everywhere.
fn digest(text: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}
