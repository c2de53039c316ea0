//! Scripts about when and how the echo endpoint answers, not about the values it sends.

use ssekit_scenario::{Script, Step};

/// A wait in a scene, long beside what a loaded machine delays, in milliseconds.
pub(crate) const WAIT_MS: u64 = 600;
/// The wait before the first event of [`EchoScene::LateFirst`], in milliseconds.
pub(crate) const LATE_MS: u64 = 1_500;

/// One script, one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EchoScene {
    /// Status 204.
    NoContent,
    /// Three events with a wait after each.
    Spaced,
    /// A wait, then an event.
    LateFirst,
}

impl EchoScene {
    /// Name of the probe that sends it, permanent.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoContent => "echo-no-content",
            Self::Spaced => "echo-spaced",
            Self::LateFirst => "echo-late-first",
        }
    }

    /// What is asked for, in words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::NoContent => "the status 204",
            Self::Spaced => "three events, 600 ms after each",
            Self::LateFirst => "an event after 1.5 s",
        }
    }

    /// The capability it needs.
    pub(crate) fn capability(self) -> &'static str {
        match self {
            Self::NoContent => "status",
            Self::Spaced | Self::LateFirst => "wait",
        }
    }

    /// The steps.
    pub(crate) fn script(self) -> Script {
        Script::new(match self {
            Self::NoContent => vec![Step::Status { code: 204 }],
            Self::Spaced => {
                let each = ["1", "2", "3"].map(|text| [event(text), wait(WAIT_MS)]);
                each.into_iter().flatten().chain([Step::Close {}]).collect()
            }
            Self::LateFirst => vec![wait(LATE_MS), event("1"), Step::Close {}],
        })
    }
}

fn wait(ms: u64) -> Step {
    Step::Wait { ms }
}

fn event(text: &str) -> Step {
    Step::Event {
        data: Some(text.into()),
        event: None,
        id: None,
        retry: None,
    }
}
