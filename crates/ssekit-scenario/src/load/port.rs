//! `{port}`: the port of a server that is started for the run.

use super::phase::PhaseAction;
use super::scenario::LoadScenario;

/// What stands for the port until it is known.
pub(super) const PLACE: &str = "{port}";

impl LoadScenario {
    /// Whether the scenario has `{port}`: then its server is started for the run.
    pub fn needs_port(&self) -> bool {
        let mut needs = false;
        self.clone()
            .each_place(&mut |text| needs |= text.contains(PLACE));
        needs
    }

    /// The same scenario with the port put in wherever `{port}` may stand: in templates, in
    /// `connect_to`, and in the commands of storms.
    #[must_use]
    pub fn at_port(mut self, port: u16) -> Self {
        let port = port.to_string();
        self.each_place(&mut |text| *text = text.replace(PLACE, &port));
        self
    }

    fn each_place(&mut self, each: &mut impl FnMut(&mut String)) {
        let target = &mut self.target;
        each(&mut target.url);
        target.connect_to.iter_mut().for_each(&mut *each);
        target.headers.values_mut().for_each(&mut *each);
        target.body.iter_mut().for_each(&mut *each);
        for population in &mut self.populations {
            let own = population.url.iter_mut().chain(&mut population.payload);
            own.chain(population.headers.values_mut())
                .for_each(&mut *each);
        }
        let own = self.populations.iter_mut().flat_map(|p| &mut p.phases);
        own.chain(&mut self.phases)
            .filter_map(|phase| match &mut phase.action {
                PhaseAction::Storm { command, .. } => command.as_mut(),
                _ => None,
            })
            .for_each(each);
    }
}
