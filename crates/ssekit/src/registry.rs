//! The checks of every command, told in one form.

use ssekit_conformance::Needs;
use ssekit_record::Level;

/// What is told of a check.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Permanent id.
    pub id: &'static str,
    /// How binding the rule is.
    pub level: Level,
    /// What it takes to judge it, in one word.
    pub needs: &'static str,
    /// The same in a few words.
    pub takes: &'static str,
    /// The rule in one line.
    pub title: &'static str,
    /// What a conforming target shows.
    pub expected: &'static str,
    /// Where the rule comes from: name and link.
    pub sources: &'static [(&'static str, &'static str)],
    /// What a violation does to users.
    pub impact: &'static str,
    /// What to change.
    pub remedy: &'static str,
    /// A good example.
    pub good: &'static str,
    /// A bad example.
    pub bad: &'static str,
}

impl Entry {
    /// The first word of the id.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// Every check: those of servers, then those of hops.
pub fn all() -> impl Iterator<Item = Entry> {
    let servers = ssekit_conformance::registry().iter().map(of_server);
    servers.chain(ssekit_proxycheck::registry().iter().map(of_hop))
}

fn of_server(rule: &'static ssekit_conformance::Rule) -> Entry {
    Entry {
        id: rule.id,
        level: rule.level,
        needs: rule.needs.as_str(),
        takes: match rule.needs {
            Needs::Passive => "one observation",
            Needs::Active => "further requests",
            Needs::Reconnect => "closing and coming back",
            Needs::Long => "a long observation (--long)",
            Needs::Echo => "an endpoint that implements the echo contract",
            Needs::Stop => "a server that ssekit started and may stop (--start, --subject)",
        },
        title: rule.title,
        expected: rule.expected,
        sources: rule.sources,
        impact: rule.impact,
        remedy: rule.remedy,
        good: rule.good,
        bad: rule.bad,
    }
}

fn of_hop(rule: &'static ssekit_proxycheck::Rule) -> Entry {
    Entry {
        id: rule.id,
        level: rule.level,
        needs: "proxy",
        takes: "a hop between ssekit's own origin and client (ssekit proxy)",
        title: rule.title,
        expected: rule.expected,
        sources: rule.sources,
        impact: rule.impact,
        remedy: rule.remedy,
        good: rule.good,
        bad: rule.bad,
    }
}
