//! What a scenario comes to: when each stream starts, leaves and is broken off. A pure function of
//! scenario and seed; nothing here reads a clock or opens a socket.

mod course;
mod demand;
mod lane;
mod publication;
mod segment;
mod timing;

pub use demand::Demand;
pub use lane::{Act, Break, Deed};
pub use publication::Publication;

use std::sync::Arc;

use ssekit_record::Shard;

use super::phase::{PhaseAction, PhaseSpec};
use super::random::{random, unit};
use super::reader::{Fault, Step};
use super::scenario::{LoadScenario, Population, PopulationKind};
use super::value::Lifetime;
use course::segment;
use lane::Lane;
use publication::Publisher;

/// Streams of a plan at most, in all.
const MAX_STREAMS: u64 = 20_000_000;
/// Steps of a search for capacity that names no last one.
const MAX_STEPS: u64 = 100;
/// Numbers of streams of a lane; the lane stands above them.
const LANE_BITS: u32 = 40;

/// The plan of a run.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    seed: u64,
    lanes: Vec<Arc<Lane>>,
    publishers: Vec<Publisher>,
    populations: Vec<PlannedPopulation>,
    end_us: u64,
}

/// A population of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPopulation {
    /// Name.
    pub name: String,
    /// What it does.
    pub kind: PopulationKind,
    /// Its index in the scenario; `None` for the one that is there where the scenario names none.
    pub index: Option<usize>,
    lifetime: Lifetime,
}

/// A phase with its times.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPhase {
    /// Unique name.
    pub name: String,
    /// Label of the author.
    pub label: Option<String>,
    /// Whether its samples are in the metrics of the run.
    pub record: bool,
    /// What happens.
    pub action: PhaseAction,
    /// Begin, in microseconds.
    pub start_us: u64,
    /// End.
    pub end_us: u64,
    /// Index of the population whose own phase it is.
    pub population: Option<usize>,
}

impl LoadPlan {
    /// The plan of a scenario that was read.
    ///
    /// # Errors
    /// Says what cannot be planned; a scenario that was read from a file has been planned already.
    pub fn new(scenario: &LoadScenario) -> Result<Self, String> {
        Self::checked(scenario).map_err(|fault| fault.message)
    }

    pub(super) fn checked(scenario: &LoadScenario) -> Result<Self, Fault> {
        let populations = populations(scenario);
        let mut plan = Self {
            seed: scenario.seed,
            lanes: Vec::new(),
            publishers: Vec::new(),
            populations,
            end_us: 0,
        };
        let mut names = Vec::new();
        for (owner, phases) in scenario.phase_lists() {
            let members = plan.members(scenario, owner);
            if members.is_empty() && owner.is_none() {
                let message =
                    "every population has phases of its own, so nobody takes part in these";
                return Err(at_phase(None, 0, message));
            }
            let is_publisher = owner
                .is_some_and(|index| scenario.populations[index].kind == PopulationKind::Publisher);
            let lane = plan.lane(owner, phases, members, is_publisher, &mut names)?;
            plan.end_us = plan.end_us.max(lane.end_us());
            plan.lanes.push(Arc::new(lane));
        }
        plan.complain_of_nothing(scenario)?;
        plan.publishers = plan.publishers(scenario);
        Ok(plan)
    }

    /// Indices of the populations that take part in a list of phases, with their weights.
    fn members(&self, scenario: &LoadScenario, owner: Option<usize>) -> Vec<(usize, f64)> {
        if let Some(owner) = owner {
            return vec![(owner, 1.0)];
        }
        if scenario.populations.is_empty() {
            return vec![(0, 1.0)];
        }
        let all = scenario.populations.iter().enumerate();
        let common = all.filter(|(_, population)| is_common(population));
        common
            .map(|(index, population)| (index, population.weight.unwrap_or(1.0)))
            .collect()
    }

    fn lane(
        &self,
        owner: Option<usize>,
        phases: &[PhaseSpec],
        members: Vec<(usize, f64)>,
        is_publisher: bool,
        names: &mut Vec<String>,
    ) -> Result<Lane, Fault> {
        let mut lane = Lane::new(self.lanes.len() as u64, self.seed, members);
        for (index, spec) in phases.iter().enumerate() {
            let start_us = lane.end_us();
            let planned = |end_us| PlannedPhase {
                name: String::new(),
                label: spec.label.clone(),
                record: spec.record,
                action: spec.action.clone(),
                start_us,
                end_us,
                population: owner,
            };
            let segment = segment(&lane, index, spec, is_publisher)
                .map_err(|message| at_phase(owner, index, &message))?;
            let mut phase = planned(segment.end_us);
            phase.name =
                name_of(spec, names).map_err(|message| at_phase(owner, index, &message))?;
            let is_search = matches!(
                spec.action,
                PhaseAction::Steps {
                    stop_on: Some(_),
                    ..
                }
            );
            let ends = |next: &PhaseSpec| matches!(next.action, PhaseAction::Drain { .. });
            if is_search && !phases[index + 1..].iter().all(ends) {
                let message = "a search for capacity ends the run: only `drain` may follow";
                return Err(at_phase(owner, index, message));
            }
            lane.push(phase, segment);
            if lane.total() > MAX_STREAMS {
                return Err(at_phase(
                    owner,
                    index,
                    "a plan has 20,000,000 streams at most",
                ));
            }
        }
        Ok(lane)
    }

    fn complain_of_nothing(&self, scenario: &LoadScenario) -> Result<(), Fault> {
        let message = if self.lanes.is_empty() {
            "there is nothing to do: add a [[phase]], such as kind = \"ramp\""
        } else if self.lanes.iter().all(|lane| lane.total() == 0) {
            "no stream is ever opened: begin with a `ramp`, `arrive` or `spike`"
        } else {
            let all = scenario.populations.iter();
            let left_out = all
                .enumerate()
                .find(|(_, population)| is_common(population) && scenario.phases.is_empty());
            let Some((index, _)) = left_out else {
                return Ok(());
            };
            return Err(Fault {
                path: vec![Step::Key("population".into()), Step::Index(index)],
                message:
                    "this population takes part in no phase: add [[phase]] or [[population.phase]]"
                        .into(),
            });
        };
        let path = vec![Step::Key("phase".into()), Step::Index(0)];
        Err(Fault {
            path,
            message: message.into(),
        })
    }

    fn publishers(&self, scenario: &LoadScenario) -> Vec<Publisher> {
        let all = scenario.populations.iter().enumerate();
        let publishers = all.filter(|(_, population)| population.kind == PopulationKind::Publisher);
        let planned = publishers.map(|(index, population)| {
            let own = self
                .phases()
                .filter(|phase| phase.population == Some(index));
            let mut times: Vec<_> = own
                .filter(|phase| matches!(phase.action, PhaseAction::Hold { .. }))
                .map(|phase| (phase.start_us, phase.end_us))
                .collect();
            if population.phases.is_empty() {
                times.push((0, self.end_us));
            }
            Publisher::new(index, population, self.seed, times)
        });
        planned.collect()
    }

    /// When it ends, in microseconds since it began.
    pub fn end_us(&self) -> u64 {
        self.end_us
    }

    /// All phases: the common ones in order, then those of populations.
    pub fn phases(&self) -> impl Iterator<Item = &PlannedPhase> {
        self.lanes.iter().flat_map(|lane| lane.phases())
    }

    /// The phases that divide the run's time: the common ones, or those of the first population that
    /// has some.
    pub fn timeline(&self) -> &[PlannedPhase] {
        self.lanes.first().map_or(&[], |lane| lane.phases())
    }

    /// All populations; the index of one is the `population` of an [`Act`].
    pub fn populations(&self) -> &[PlannedPopulation] {
        &self.populations
    }

    pub(super) fn population_names(&self) -> Vec<String> {
        self.populations
            .iter()
            .map(|population| population.name.clone())
            .collect()
    }

    /// Streams that this shard starts.
    pub fn planned(&self, shard: Shard) -> u64 {
        self.lanes.iter().map(|lane| lane.planned(shard)).sum()
    }

    /// Most streams open at one time by the plan, all shards together.
    pub fn peak(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.peak()).sum()
    }

    /// What the streams of this shard do, in order of time. The shards of a plan together do what
    /// the whole does, each at the same instants.
    pub fn acts(&self, shard: Shard) -> Box<dyn Iterator<Item = Act> + Send> {
        let lanes = self.lanes.iter().map(|lane| lane.clone().acts());
        let merged = lane::Merge::new(lanes.collect());
        let count = u64::from(shard.count.max(1));
        let is_ours = move |act: &Act| Self::ordinal(act.stream) % count == u64::from(shard.index);
        Box::new(merged.filter(is_ours))
    }

    /// The number of a stream within its list of phases, from 0: what `{stream}` stands for.
    pub fn ordinal(stream: u64) -> u64 {
        stream & ((1 << LANE_BITS) - 1)
    }

    /// How long a stream stays, in microseconds; `None` until the plan ends it. The streams that
    /// follow each other at one place have `generation` 0, 1 and so on.
    pub fn lifetime_us(&self, population: usize, stream: u64, generation: u64) -> Option<u64> {
        const PURPOSE: u64 = 101;
        match self.populations.get(population)?.lifetime {
            Lifetime::Forever => None,
            Lifetime::Drawn(spread) => {
                let draw = |purpose| unit(self.seed, purpose, stream, generation);
                Some(spread.draw(draw(PURPOSE), draw(PURPOSE + 1)))
            }
        }
    }

    /// 64 random bits of a stream for a purpose of the engine's own, such as jitter.
    pub fn random(&self, stream: u64, purpose: u64) -> u64 {
        const PURPOSE: u64 = 201;
        random(self.seed, PURPOSE, stream, purpose)
    }

    /// Publications of a population in order of time. All are of shard 0, so that each sequence has
    /// one sender and its order means something.
    pub fn publications(
        &self,
        population: usize,
        shard: Shard,
    ) -> Box<dyn Iterator<Item = Publication> + Send> {
        let mut all = self.publishers.iter();
        match all.find(|publisher| publisher.population == population) {
            Some(publisher) if shard.index == 0 => Box::new(publisher.clone().publications()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Streams open by the plan at these rising instants, all shards together.
    pub fn levels(&self, at_us: &[u64]) -> Vec<u64> {
        let mut acts = self.acts(Shard::default()).peekable();
        let mut open = 0_u64;
        let level = |at_us: &u64| {
            while let Some(act) = acts.next_if(|act| act.at_us <= *at_us) {
                match act.deed {
                    Deed::Start { .. } => open += 1,
                    Deed::Leave | Deed::Drop { leaves: true, .. } => open -= 1,
                    Deed::Drop { .. } => {}
                }
            }
            open
        };
        at_us.iter().map(level).collect()
    }
}

fn is_common(population: &Population) -> bool {
    population.phases.is_empty() && population.kind != PopulationKind::Publisher
}

fn populations(scenario: &LoadScenario) -> Vec<PlannedPopulation> {
    if scenario.populations.is_empty() {
        return vec![PlannedPopulation {
            name: "subscribers".into(),
            kind: PopulationKind::Subscriber,
            index: None,
            lifetime: Lifetime::Forever,
        }];
    }
    let all = scenario.populations.iter().enumerate();
    let planned = all.map(|(index, population)| PlannedPopulation {
        name: population.name.clone(),
        kind: population.kind,
        index: Some(index),
        lifetime: population.lifetime,
    });
    planned.collect()
}

fn at_phase(owner: Option<usize>, index: usize, message: &str) -> Fault {
    let mut path = match owner {
        Some(owner) => vec![Step::Key("population".into()), Step::Index(owner)],
        None => Vec::new(),
    };
    path.extend([Step::Key("phase".into()), Step::Index(index)]);
    Fault {
        path,
        message: message.to_owned(),
    }
}

/// A name that no other phase has.
fn name_of(spec: &PhaseSpec, names: &mut Vec<String>) -> Result<String, String> {
    let name = match &spec.name {
        Some(name) if names.contains(name) => {
            return Err(format!("`name`: another phase is named {name:?}"));
        }
        Some(name)
            if name.trim().is_empty()
                || name.contains(|c: char| c.is_control() || "{},=".contains(c)) =>
        {
            return Err("`name` is one line of text without {, }, , and =".into());
        }
        Some(name) => name.clone(),
        None => {
            let kind = spec.action.kind();
            let mut numbered = (2..).map(|number| format!("{kind}-{number}"));
            let first = Some(kind.to_owned()).filter(|name| !names.contains(name));
            first
                .or_else(|| numbered.find(|name| !names.contains(name)))
                .unwrap_or_default()
        }
    };
    names.push(name.clone());
    Ok(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
