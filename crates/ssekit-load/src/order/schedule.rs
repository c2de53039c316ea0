//! What happens when, in the words of the engine.

use std::sync::Arc;

use ssekit_record::Shard;
use ssekit_scenario::load::{Break as PlannedBreak, Deed, LoadPlan, PhaseAction, StormMode};

use crate::job::{JobPhase, Plan, Search, Storm};
use crate::seat::Break;
use crate::shift::Act;

/// The acts of a plan, shared out over workers.
pub(super) fn acts(plan: &Arc<LoadPlan>, shard: Shard) -> Plan {
    let plan = plan.clone();
    let count = u64::from(shard.count.max(1));
    Arc::new(move |worker, workers| {
        let acts = plan.acts(shard);
        let mine =
            acts.filter(move |act| LoadPlan::ordinal(act.stream) / count % workers == worker);
        Box::new(mine.map(move |act| {
            let number = act.stream;
            let deed = match act.deed {
                Deed::Start {
                    renews,
                    most_pending,
                } => Act::Start {
                    number,
                    role: act.population,
                    renews,
                    most_pending: most_pending.map(|most| share(most, shard)),
                },
                Deed::Leave => Act::Leave { number },
                Deed::Drop { how, leaves } => Act::Drop {
                    number,
                    how: match how {
                        PlannedBreak::Fin => Break::Fin,
                        PlannedBreak::Rst => Break::Rst,
                        PlannedBreak::HalfOpen => Break::HalfOpen,
                    },
                    leaves,
                },
            };
            (act.at_us, deed)
        }))
    })
}

/// How many of so many are those of a shard; all shards together have all of them.
fn share(all: u64, shard: Shard) -> u64 {
    let (index, count) = (u64::from(shard.index), u64::from(shard.count.max(1)));
    all.saturating_sub(index).div_ceil(count)
}

/// Its phases, without gaps.
pub(super) fn phases(plan: &LoadPlan) -> Vec<JobPhase> {
    let mut phases: Vec<_> = plan
        .timeline()
        .iter()
        .map(|phase| JobPhase {
            name: phase.name.clone(),
            kind: phase.action.kind().to_owned(),
            label: phase.label.clone(),
            end_us: phase.end_us,
            record: phase.record,
        })
        .collect();
    // Where another list of phases lasts longer, its last phase goes on.
    if let Some(last) = phases.last_mut() {
        last.end_us = last.end_us.max(plan.end_us());
    }
    phases
}

/// Its storms in order. What they command is done once, whatever number of parts the run has: by the first.
pub(super) fn storms(plan: &LoadPlan, shard: Shard) -> Vec<Storm> {
    let storms = plan.phases().filter_map(|phase| match &phase.action {
        PhaseAction::Storm { mode, command, .. } => Some(Storm {
            phase: phase.name.clone(),
            mode: mode.as_str().to_owned(),
            begin_us: phase.start_us,
            end_us: phase.end_us,
            external: *mode == StormMode::External,
            command: command.clone().filter(|_| shard.index == 0),
        }),
        _ => None,
    });
    storms.collect()
}

/// The search of the plan: its first phase of steps.
pub(super) fn search(plan: &LoadPlan) -> Option<Search> {
    let mut phases = plan.timeline().iter().enumerate();
    phases.find_map(|(index, phase)| match &phase.action {
        PhaseAction::Steps {
            start,
            add,
            every,
            stop_on,
            ..
        } => Some(Search {
            phase: index,
            span_us: (phase.start_us, phase.end_us),
            every_us: every.us(),
            streams: (*start, *add),
            stop_on: stop_on.map(|stop_on| stop_on.as_str().to_owned()),
        }),
        _ => None,
    })
}
