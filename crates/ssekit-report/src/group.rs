//! Findings arranged for reading.

use ssekit_record::{CheckRecord, Finding, Verdict};

/// The checks of one group: those whose id begins with the same word.
pub(crate) struct Group<'a> {
    /// That word, such as `framing`.
    pub name: &'a str,
    /// Its checks, in the order of the record.
    pub checks: Vec<&'a Finding>,
}

impl Group<'_> {
    /// How many of them ended in this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|f| f.verdict == verdict).count()
    }
}

/// The group a check id belongs to.
pub(crate) fn group_of(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// The groups in the order of their first check.
pub(crate) fn groups(record: &CheckRecord) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in &record.checks {
        let name = group_of(&finding.id);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.checks.push(finding),
            None => groups.push(Group {
                name,
                checks: vec![finding],
            }),
        }
    }
    groups
}

/// The findings with this verdict.
pub(crate) fn with_verdict(
    record: &CheckRecord,
    verdict: Verdict,
) -> impl Iterator<Item = &Finding> {
    record.checks.iter().filter(move |f| f.verdict == verdict)
}

/// Those with this verdict, arranged by identical reason, in the order of the first of each.
pub(crate) fn by_reason(record: &CheckRecord, verdict: Verdict) -> Vec<(&str, Vec<&Finding>)> {
    let mut reasons: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in with_verdict(record, verdict) {
        let reason = finding.actual.as_str();
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, findings)) => findings.push(finding),
            None => reasons.push((reason, vec![finding])),
        }
    }
    reasons
}

/// The verdict of the whole with its counts, in one line without styles:
/// `conformant: 52 passed, 3 warnings`.
pub(crate) fn headline(record: &CheckRecord) -> String {
    use ssekit_record::CheckOutcome::{Conformant, Incomplete, Nonconformant};
    let word = match record.outcome {
        Conformant => "conformant",
        Nonconformant => "NOT conformant",
        Incomplete => "incomplete",
    };
    let counts = &record.counts;
    let warnings = if counts.warn == 1 {
        "warning"
    } else {
        "warnings"
    };
    let errors = if counts.error == 1 { "error" } else { "errors" };
    let passed = (counts.pass, "passed");
    let warned = (counts.warn, warnings);
    let mut parts = vec![(counts.fail, "failed"), (counts.error, errors)];
    if record.outcome == Conformant {
        parts.extend([passed, warned]);
    } else {
        parts.extend([warned, passed]);
    }
    parts.extend([
        (counts.unverified, "unverified"),
        (counts.not_applicable, "n/a"),
        (counts.info, "info"),
    ]);
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if parts.is_empty() {
        return format!("{word}: nothing was checked");
    }
    format!("{word}: {}", parts.join(", "))
}
