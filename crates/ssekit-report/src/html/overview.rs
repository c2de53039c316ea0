//! The counts, the groups, and what was not told in full.

use ssekit_record::{CheckRecord, Finding, Verdict};

use super::finding::anchor;
use crate::group::{Group, by_reason, groups};
use crate::text::{bounded, counted};

/// The verdicts in the order their counts are told.
const TOLD: [(Verdict, &str); 7] = [
    (Verdict::Fail, "failed"),
    (Verdict::Error, "in error"),
    (Verdict::Warn, "warned"),
    (Verdict::Pass, "passed"),
    (Verdict::Info, "noted"),
    (Verdict::Unverified, "not verified"),
    (Verdict::NotApplicable, "not applicable"),
];

/// How many checks ended in a verdict.
pub(super) struct Count {
    pub class: &'static str,
    pub n: usize,
    pub word: &'static str,
}

/// The checks of a group, each as a small tile.
pub(super) struct TileRow {
    pub name: String,
    pub tiles: Vec<Tile>,
    pub counts: String,
}

/// One check.
pub(super) struct Tile {
    pub class: &'static str,
    pub mark: char,
    pub says: String,
    /// Where the check is told, empty for one that is told only in a list.
    pub anchor: String,
}

/// Why checks were not judged.
pub(super) struct Reasons {
    pub class: &'static str,
    pub title: String,
    pub about: &'static str,
    pub reasons: Vec<Reason>,
}

/// Checks that share a reason.
pub(super) struct Reason {
    pub reason: String,
    /// Id and title of each.
    pub checks: Vec<(String, String)>,
}

/// The checks of a group that passed.
pub(super) struct Passed {
    pub group: String,
    /// Id, title and what was seen.
    pub checks: Vec<(String, String, String)>,
}

/// The style class of a verdict.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotApplicable => "na",
        verdict => verdict.as_str(),
    }
}

fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => '✓',
        Verdict::Fail => '✗',
        Verdict::Warn => '!',
        Verdict::Info => 'i',
        Verdict::NotApplicable => '–',
        Verdict::Unverified => '?',
        Verdict::Error => 'E',
    }
}

/// The verdicts that occurred.
pub(super) fn counts(record: &CheckRecord) -> Vec<Count> {
    let counts = TOLD.map(|(verdict, word)| Count {
        class: class(verdict),
        n: record.counts.get(verdict),
        word,
    });
    counts.into_iter().filter(|count| count.n > 0).collect()
}

/// Every group with its checks.
pub(super) fn tiles(record: &CheckRecord) -> Vec<TileRow> {
    let row = |group: &Group<'_>| TileRow {
        name: bounded(group.name),
        tiles: group.checks.iter().map(|finding| tile(finding)).collect(),
        counts: outline(group),
    };
    groups(record).iter().map(row).collect()
}

/// `1 failed, 11 passed, 6 other`.
fn outline(group: &Group<'_>) -> String {
    let counts = TOLD[..4].iter().map(|(v, word)| (group.count(*v), *word));
    let counts: Vec<_> = counts.filter(|(n, _)| *n > 0).collect();
    let other = group.checks.len() - counts.iter().map(|(n, _)| n).sum::<usize>();
    let other = (other > 0).then_some((other, "other"));
    let counts = counts.into_iter().chain(other);
    let counts: Vec<String> = counts.map(|(n, word)| format!("{n} {word}")).collect();
    counts.join(", ")
}

fn tile(finding: &Finding) -> Tile {
    use Verdict::{Error, Fail, Info, Warn};
    let verdict = finding.verdict;
    let is_told = matches!(verdict, Fail | Error | Warn | Info);
    Tile {
        class: class(verdict),
        mark: mark(verdict),
        says: format!("{}: {verdict}", bounded(&finding.id)),
        anchor: if is_told {
            anchor(finding)
        } else {
            String::new()
        },
    }
}

/// What was not verified and what did not apply, by reason.
pub(super) fn reasons(record: &CheckRecord) -> Vec<Reasons> {
    let told = [
        (
            Verdict::Unverified,
            "not verified",
            "These rules apply, and something was missing to judge them.",
        ),
        (
            Verdict::NotApplicable,
            "not applicable",
            "These rules say nothing about this target.",
        ),
    ];
    let reasons = told.into_iter().map(|(verdict, word, about)| Reasons {
        class: class(verdict),
        title: format!("{} {word}", counted(record.counts.get(verdict), "check")),
        about,
        reasons: by_reason(record, verdict)
            .into_iter()
            .map(|(reason, findings)| Reason {
                reason: bounded(reason),
                checks: findings
                    .iter()
                    .map(|f| (bounded(&f.id), bounded(&f.title)))
                    .collect(),
            })
            .collect(),
    });
    reasons.filter(|r| !r.reasons.is_empty()).collect()
}

/// What passed, by group.
pub(super) fn passed(record: &CheckRecord) -> Vec<Passed> {
    let of_group = |group: Group<'_>| {
        let passed = group.checks.iter().filter(|f| f.verdict == Verdict::Pass);
        Passed {
            group: bounded(group.name),
            checks: passed
                .map(|f| (bounded(&f.id), bounded(&f.title), bounded(&f.actual)))
                .collect(),
        }
    };
    let passed = groups(record).into_iter().map(of_group);
    passed.filter(|p| !p.checks.is_empty()).collect()
}
