//! What a check is: its texts and the function that judges.

use ssekit_record::Level;

use crate::case::Case;
use crate::check;
use crate::judgement::Judgement;

/// A check of what a hop does.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// Permanent id, `proxy.` first.
    pub id: &'static str,
    /// How binding the rule is.
    pub level: Level,
    /// The rule in one line.
    pub title: &'static str,
    /// What a transparent hop shows.
    pub expected: &'static str,
    /// Where the rule comes from: name and link.
    pub sources: &'static [(&'static str, &'static str)],
    /// What a violation does to users.
    pub impact: &'static str,
    /// What to change, whatever the product.
    pub remedy: &'static str,
    /// What it looks like when it is right.
    pub good: &'static str,
    /// What it looks like when it is wrong.
    pub bad: &'static str,
    pub(crate) judge: fn(&Case<'_>) -> Judgement,
}

/// Every check, in the order of reports.
pub fn registry() -> &'static [Rule] {
    &check::RULES
}

/// The check with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    registry().iter().find(|rule| rule.id == id)
}
