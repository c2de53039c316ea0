//! The probes of a run: what the origin does, what the client asks, and when it leaves.

mod delivery;
mod ending;
mod head;
mod idleness;
mod probe;
mod sharing;
mod status;

use ssekit_http::HttpChoice;

use crate::ProxyOptions;
use crate::act::{Answer, Step};

pub(crate) use delivery::SIZES;
pub(crate) use ending::{FLOOD, mourning};
pub(crate) use head::{ODD, ids};
pub(crate) use probe::{Probe, Wave};
pub(crate) use status::{MOVED, RETRY_AFTER};

/// Every probe of a run with these options.
pub(crate) fn probes(options: &ProxyOptions) -> Vec<Probe> {
    let mut probes = delivery::probes(options);
    for probe in &mut probes {
        probe.wave = Wave::Timed;
    }
    probes.extend(head::probes());
    probes.extend(ending::probes(options));
    probes.extend(sharing::probes(options));
    probes.extend(status::probes());
    probes.extend(idleness::probes(options));
    if options.via.scheme() == "https" && options.http == HttpChoice::Auto {
        probes.extend(delivery::over_http2(options));
    }
    probes
}

/// The first exchange: short, and whole even through a hop that holds everything to the end.
pub(crate) fn canary() -> Probe {
    let answer = Answer::stream().step(Step::Stamp);
    Probe::new("canary", "whether the hop forwards to this origin", answer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::act::Act;
    use crate::client::Leave;

    #[test]
    fn names_are_unique_and_quick_runs_are_short() {
        let mut options = ProxyOptions::new(
            url::Url::parse("https://h.example/").unwrap_or_else(|e| panic!("{e}")),
        );
        options.lifetime = Some(Duration::from_secs(30));
        let all = probes(&options);
        let names: BTreeSet<_> = all.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), all.len());
        options.lifetime = None;
        options.quick = true;
        for probe in probes(&options) {
            assert_ne!(probe.wave, Wave::Alone, "{}", probe.name);
            let begun = probe.begin + script(&probe);
            let most = match probe.wave {
                Wave::Timed => 2_300,
                _ => 2_600,
            };
            assert!(
                begun < Duration::from_millis(most),
                "{}: {begun:?}",
                probe.name
            );
        }
    }

    /// How long the origin takes, or the client stays.
    fn script(probe: &Probe) -> Duration {
        let waits = match &probe.act {
            Act::Answer(answer) => answer.steps.iter().map(|step| match step {
                Step::Wait(time) => *time,
                _ => Duration::ZERO,
            }),
            _ => return Duration::ZERO,
        };
        match probe.leave {
            Leave::AtEnd => waits.sum(),
            _ => Duration::from_secs(1),
        }
    }
}
