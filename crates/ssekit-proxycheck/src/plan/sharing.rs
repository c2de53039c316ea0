//! Several clients of one URL.

use super::Probe;
use crate::ProxyOptions;
use crate::act::{Answer, Step};

pub(super) fn probes(options: &ProxyOptions) -> Vec<Probe> {
    let every = if options.quick { 150 } else { 250 };
    let (second, third) = (every * 2, every * 6);
    let stamped = || {
        let mut answer = Answer::stream();
        for _ in 0..4 {
            answer = answer.step(Step::Stamp).wait(every);
        }
        answer
    };
    let open = || stamped().without("Cache-Control");
    let kept = || stamped().field("Cache-Control", "no-store");
    vec![
        Probe::new(
            "shared-1",
            "a first client of a URL without Cache-Control",
            open(),
        )
        .at("shared", 0),
        Probe::new("shared-2", "a second one beside it", open()).at("shared", second),
        Probe::new("shared-3", "a third one after it", open()).at("shared", third),
        Probe::new(
            "private-1",
            "a first client of a URL marked no-store",
            kept(),
        )
        .at("private", 0),
        Probe::new("private-2", "a second one beside it", kept()).at("private", second),
        Probe::new("private-3", "a third one after it", kept()).at("private", third),
    ]
}
