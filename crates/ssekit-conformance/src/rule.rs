//! A rule of the catalogue, as data.

use ssekit_record::Level;

use crate::{Case, Judgement, Probe, check};

/// One rule: what `ssekit list` and `ssekit explain` show and what a run judges.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Permanent id, `group.name`.
    pub id: &'static str,
    /// The rule in one line.
    pub title: &'static str,
    /// How binding it is. A finding about a lesser part of the rule may carry a lower level.
    pub level: Level,
    /// What it needs of a run.
    pub needs: Needs,
    /// What the target must be for the rule to apply.
    pub applies: Applies,
    /// Probes whose transcripts it reads, besides [`Probe::Main`].
    pub probes: &'static [Probe],
    /// Sources: name and link.
    pub sources: &'static [(&'static str, &'static str)],
    /// What a conforming target shows.
    pub expected: &'static str,
    /// What a violation does to users.
    pub impact: &'static str,
    /// What to change.
    pub remedy: &'static str,
    /// A good example, as bytes or fields a person can read.
    pub good: &'static str,
    /// A bad example.
    pub bad: &'static str,
    /// Judges; pure.
    pub judge: fn(&Case<'_>) -> Judgement,
}

/// What a check needs of a run, by the letters of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Needs {
    /// One passive observation.
    Passive,
    /// Further requests.
    Active,
    /// Closing and coming back.
    Reconnect,
    /// A long observation.
    Long,
    /// An endpoint that implements the echo contract.
    Echo,
    /// A server that may be stopped.
    Stop,
}

impl Needs {
    /// The word shown in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Active => "active",
            Self::Reconnect => "reconnect",
            Self::Long => "long",
            Self::Echo => "echo",
            Self::Stop => "stop",
        }
    }
}

/// What the target must be for a rule to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applies {
    /// Anything that answered.
    Answer,
    /// An answer that a client reads as an event stream: status 200 and the media type.
    Stream,
}

impl Rule {
    /// The part of the id before the dot.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// Every rule, in the order of the catalogue.
pub fn registry() -> &'static [Rule] {
    static ALL: std::sync::LazyLock<Vec<Rule>> =
        std::sync::LazyLock::new(|| check::GROUPS.iter().copied().flatten().copied().collect());
    &ALL
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    registry().iter().find(|rule| rule.id == id)
}
