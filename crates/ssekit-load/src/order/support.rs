//! What this version cannot do, and what cannot be divided.

use ssekit_scenario::load::{PhaseAction, PhaseSpec, Resolve};

use super::{Order, refuse};
use crate::error::LoadError;

impl Order {
    /// Refuses what would silently be something else.
    pub(super) fn supported(&self) -> Result<(), LoadError> {
        let scenario = &self.scenario;
        let (target, output) = (&scenario.target, &scenario.output);
        let (shard, validity) = (&scenario.shard, &scenario.validity);
        let unsupported = [
            (target.compression, "target.compression"),
            (target.source_ports.is_some(), "target.source_ports"),
            (target.resolve == Resolve::Each, "target.resolve = \"each\""),
            (output.trace_sample.is_some(), "output.trace_sample"),
            (
                output.prometheus.as_ref().is_some_and(|asked| asked.native),
                "output.prometheus.native",
            ),
            (!shard.unit_ips.is_empty(), "shard.unit_ips"),
            (shard.late_tolerance.is_some(), "shard.late_tolerance"),
            (
                validity.max_clock_offset.is_some(),
                "validity.max_clock_offset",
            ),
        ];
        match unsupported.iter().find(|(is_asked, _)| *is_asked) {
            Some((_, what)) => refuse(format!(
                "{what} is understood, and not done by this version"
            )),
            None => Ok(()),
        }
    }

    /// Whether this part of the plan can be divided among so many processes.
    ///
    /// # Errors
    /// [`LoadError::Scenario`] where the scenario asks for what all parts would have to agree on while
    /// they run.
    pub fn divisible(&self, processes: u32) -> Result<(), LoadError> {
        let parts = u64::from(self.shard.count.max(1)) * u64::from(processes.max(1));
        if parts < 2 {
            return Ok(());
        }
        if self.phases().any(|phase| is_search(&phase.action)) {
            return refuse(
                "a search for capacity (stop_on) is made by one process: leave --processes and \
                 --shard out, or set `until` in the place of `stop_on`",
            );
        }
        match self.phases().filter_map(most_pending).min() {
            Some(most) if most < parts => refuse(format!(
                "max_pending is {most}, and the run has {parts} parts (--processes, --shard), each of \
                 which needs at least 1 of it"
            )),
            _ => Ok(()),
        }
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
