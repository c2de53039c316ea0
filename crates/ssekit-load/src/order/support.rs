//! What cannot be divided.

use ssekit_scenario::load::{PhaseAction, PhaseSpec};

use super::{Order, refuse};
use crate::error::LoadError;

impl Order {
    /// How many processes make the run, on all machines.
    fn parts(&self) -> u32 {
        let parts = self.shard.count.max(1);
        parts.saturating_mul(self.processes.max(1))
    }

    /// Whether the run can be divided as it is to be.
    ///
    /// # Errors
    /// [`LoadError::Scenario`] where all parts would have to agree on something while they run, or one
    /// would get nothing of what they share.
    pub(super) fn divisible(&self) -> Result<(), LoadError> {
        let parts = self.parts();
        let units = self.scenario.shard.unit_ips.len();
        if units > 0 && units < parts as usize {
            return refuse(format!(
                "shard.unit_ips has {units} entries, and the run has {parts} parts (--processes, \
                 --shard), each of which needs one"
            ));
        }
        if parts < 2 {
            return Ok(());
        }
        let is_shared = self.shard.count > 1 && self.ruling.is_none();
        if is_shared && self.phases().any(|phase| is_search(&phase.action)) {
            return refuse(
                "a search for capacity (stop_on) is made by one machine, for its steps are judged while it \
                 goes on: leave --shard out (--processes may stay), or set `until` in the place of `stop_on`",
            );
        }
        if self.shard.count > 1 && self.ruling.is_none() {
            self.ends_alike()?;
        }
        match self.phases().filter_map(most_pending).min() {
            Some(most) if most < u64::from(parts) => refuse(format!(
                "max_pending is {most}, and the run has {parts} parts (--processes, --shard), each of \
                 which needs at least 1 of it"
            )),
            _ => Ok(()),
        }
    }

    /// Whether a threshold that ends a shard would not hold of the whole run either.
    fn ends_alike(&self) -> Result<(), LoadError> {
        let thresholds = self.scenario.thresholds().into_iter().enumerate();
        let mut aborting = thresholds.filter(|(_, threshold)| threshold.abort);
        match aborting.find(|(_, threshold)| !threshold.expression.breaks_with_a_part()) {
            Some((index, threshold)) => refuse(format!(
                "threshold[{index}] ({threshold}) has `abort`, and what a shard measures of it may break \
                 though the whole run keeps it: leave --shard out (--processes may stay), or `abort`; \
                 counts, `max <`, `min >` and `rate <` may end a shard"
            )),
            None => Ok(()),
        }
    }

    /// The source addresses of this part, as the scenario writes them.
    pub(super) fn source_texts(&self) -> Vec<&str> {
        let units = &self.scenario.shard.unit_ips;
        if units.is_empty() {
            let all = self.scenario.target.source_ips.iter();
            return all.map(String::as_str).collect();
        }
        // Processes of this part are numbered as parts of the whole run are.
        let mine = (0..self.processes.max(1)).map(|one| self.shard.index + self.shard.count * one);
        mine.filter_map(|unit| units.get(unit as usize).map(String::as_str))
            .collect()
    }

    fn phases(&self) -> impl Iterator<Item = &PhaseSpec> {
        let populations = self.scenario.populations.iter();
        let own = populations.flat_map(|population| &population.phases);
        self.scenario.phases.iter().chain(own)
    }
}

fn is_search(action: &PhaseAction) -> bool {
    let PhaseAction::Steps { stop_on, .. } = action else {
        return false;
    };
    stop_on.is_some()
}

fn most_pending(phase: &PhaseSpec) -> Option<u64> {
    match phase.action {
        PhaseAction::Arrive { max_pending, .. } | PhaseAction::Ramp { max_pending, .. } => {
            max_pending
        }
        _ => None,
    }
}
