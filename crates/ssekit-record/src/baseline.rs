//! What a baseline makes of a record: findings that are accepted, and entries that are stale.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckOutcome, CheckRecord, Finding, Verdict};

/// One entry of a baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineEntry {
    /// Id of the check whose finding is accepted.
    pub check: String,
    /// The worst verdict accepted: `fail`, or `warn`, which a `fail` goes beyond.
    pub verdict: Verdict,
    /// Why it is accepted.
    pub reason: String,
    /// Last day on which it is accepted, `YYYY-MM-DD`.
    pub until: String,
}

/// Why and how long a finding is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    /// Why.
    pub reason: String,
    /// Last day on which it is accepted, `YYYY-MM-DD`; absent where it is accepted for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// An entry of a baseline that accepts nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StaleEntry {
    /// Id of the check.
    pub check: String,
    /// Why it is stale.
    pub why: String,
}

impl BaselineEntry {
    /// Whether it covers this finding on this day.
    fn accepts(&self, finding: &Finding, today: &str) -> bool {
        let covered = match finding.verdict {
            Verdict::Fail => self.verdict == Verdict::Fail,
            Verdict::Warn => true,
            _ => false,
        };
        finding.id == self.check && covered && !self.is_expired(today)
    }

    fn is_expired(&self, today: &str) -> bool {
        // Dates of this form are in the order of their days.
        self.until.as_str() < today
    }

    /// Why it is stale; `None` also where the check was not judged in this run.
    fn stale(
        &self,
        finding: Option<&Finding>,
        is_known: impl Fn(&str) -> bool,
        today: &str,
    ) -> Option<String> {
        if !is_known(&self.check) {
            return Some("no check has this id".into());
        }
        if self.is_expired(today) {
            return Some(format!("it expired on {}", self.until));
        }
        match finding?.verdict {
            Verdict::Pass | Verdict::Info => Some("the check finds nothing any more".into()),
            _ => None,
        }
    }
}

impl CheckRecord {
    /// Marks what the entries accept and notes those that are stale, and settles the outcome anew.
    ///
    /// `today` is `YYYY-MM-DD`. Nothing is said of a record that is `incomplete`.
    pub fn apply_baseline(
        &mut self,
        entries: &[BaselineEntry],
        is_known: impl Fn(&str) -> bool,
        today: &str,
    ) {
        if self.outcome == CheckOutcome::Incomplete {
            return;
        }
        for finding in &mut self.checks {
            let entry = entries.iter().find(|entry| entry.accepts(finding, today));
            finding.accepted = entry.map(|entry| Acceptance {
                reason: entry.reason.clone(),
                until: Some(entry.until.clone()),
            });
        }
        let stale = entries.iter().filter_map(|entry| {
            let finding = self.checks.iter().find(|f| f.id == entry.check);
            let why = entry.stale(finding, &is_known, today)?;
            Some(StaleEntry {
                check: entry.check.clone(),
                why,
            })
        });
        self.stale_entries = stale.collect();
        let red = self.red().count();
        self.outcome = CheckOutcome::of_red(red);
        self.tell_baseline(red);
    }

    fn tell_baseline(&mut self, red: usize) {
        let plural =
            |n: usize, one: &str, more: &str| format!("{n} {}", if n == 1 { one } else { more });
        let accepted = self.checks.iter().filter(|f| f.accepted.is_some()).count();
        if accepted > 0 {
            let left = match red {
                0 => " and nothing else was found that fails the run".to_owned(),
                n => format!("; {n} beyond that"),
            };
            let told = plural(accepted, "finding", "findings");
            self.summary += &format!(" The baseline accepts {told}{left}.");
        }
        if !self.stale_entries.is_empty() {
            let told = plural(self.stale_entries.len(), "stale entry", "stale entries");
            self.summary += &format!(" The baseline has {told}.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{finding, record};
    use crate::{ExitCode, Level};

    fn entry(check: &str, verdict: Verdict, until: &str) -> BaselineEntry {
        BaselineEntry {
            check: check.into(),
            verdict,
            reason: "known".into(),
            until: until.into(),
        }
    }

    fn judged(
        verdict: Verdict,
        entries: &[BaselineEntry],
    ) -> (ExitCode, Option<String>, Vec<String>) {
        let mut record = record(vec![finding("a.b", Level::Must, verdict)]);
        record.apply_baseline(entries, |id| id == "a.b" || id == "c.d", "2026-11-25");
        let accepted = record.checks[0].accepted.as_ref();
        (
            record.exit_code(),
            accepted.map(|a| a.reason.clone()),
            record.stale_entries.iter().map(|s| s.why.clone()).collect(),
        )
    }

    #[test]
    fn an_accepted_finding_does_not_redden() {
        let known = entry("a.b", Verdict::Fail, "2026-11-25");
        assert_eq!(
            judged(Verdict::Fail, std::slice::from_ref(&known)),
            (ExitCode::AsExpected, Some("known".into()), vec![])
        );
        assert_eq!(judged(Verdict::Warn, &[known]).1.as_deref(), Some("known"));
    }

    #[test]
    fn worse_than_accepted_is_not_accepted() {
        let milder = entry("a.b", Verdict::Warn, "2027-01-01");
        assert_eq!(
            judged(Verdict::Fail, &[milder]),
            (ExitCode::Findings, None, vec![])
        );
    }

    #[test]
    fn an_expired_entry_accepts_nothing_and_is_stale() {
        let old = entry("a.b", Verdict::Fail, "2026-11-24");
        let expired = vec!["it expired on 2026-11-24".to_owned()];
        assert_eq!(
            judged(Verdict::Fail, std::slice::from_ref(&old)),
            (ExitCode::Findings, None, expired.clone())
        );
        assert_eq!(
            judged(Verdict::Pass, &[old]),
            (ExitCode::StaleBaseline, None, expired)
        );
    }

    #[test]
    fn what_is_found_no_longer_or_never_was_is_stale() {
        let gone = entry("a.b", Verdict::Fail, "2027-01-01");
        assert_eq!(judged(Verdict::Pass, &[gone]).0, ExitCode::StaleBaseline);
        let unknown = entry("a.z", Verdict::Fail, "2027-01-01");
        let (code, _, stale) = judged(Verdict::Pass, &[unknown]);
        assert_eq!(code, ExitCode::StaleBaseline);
        assert_eq!(stale, ["no check has this id"]);
    }

    #[test]
    fn what_was_not_judged_says_nothing_of_its_entry() {
        let other = entry("c.d", Verdict::Fail, "2027-01-01");
        assert_eq!(judged(Verdict::Pass, &[other]).0, ExitCode::AsExpected);
        for unseen in [Verdict::Unverified, Verdict::Error, Verdict::NotApplicable] {
            let same = entry("a.b", Verdict::Fail, "2027-01-01");
            assert_eq!(judged(unseen, &[same]).0, ExitCode::AsExpected, "{unseen}");
        }
    }
}
