//! Several runs as one record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckOutcome, CheckRecord, CheckSummary, Finding, Verdict};

/// How often the whole check was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repetition {
    /// Runs made.
    pub runs: usize,
    /// Runs that were incomplete: their findings count for nothing.
    pub incomplete: usize,
    /// Ids of the checks that did not agree in all runs.
    pub flaky: Vec<String>,
}

/// The verdicts of a check that did not agree in all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flakiness {
    /// The run the rest of the finding is of, from 1.
    pub run: usize,
    /// How many runs ended in each verdict, the one that wins first.
    pub verdicts: Vec<VerdictCount>,
}

/// A verdict and in how many runs it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictCount {
    /// Verdict.
    pub verdict: Verdict,
    /// Runs.
    pub runs: usize,
}

/// Which verdict wins where runs disagree: a rule broken once is broken, and what was seen says
/// more than what could not be looked at.
const WINS: [Verdict; 7] = [
    Verdict::Fail,
    Verdict::Warn,
    Verdict::Error,
    Verdict::Info,
    Verdict::Pass,
    Verdict::Unverified,
    Verdict::NotApplicable,
];

fn rank(verdict: Verdict) -> usize {
    WINS.iter().position(|known| *known == verdict).unwrap_or(0)
}

impl CheckRecord {
    /// One record of several runs of the same check against the same target, in the order made;
    /// `None` for no run at all.
    ///
    /// A check has the worst verdict of all runs, with what that run saw. The outcome is
    /// `nonconformant` if anything is red, else `incomplete` if a run was.
    pub fn of_runs(mut runs: Vec<Self>) -> Option<Self> {
        if runs.len() < 2 {
            return runs.pop();
        }
        let is_complete = |run: &&Self| run.outcome != CheckOutcome::Incomplete;
        let complete: Vec<(usize, &Self)> = runs
            .iter()
            .enumerate()
            .filter(|(_, run)| is_complete(run))
            .collect();
        let incomplete = runs.len() - complete.len();
        let Some((_, first)) = complete.first() else {
            let mut record = runs.swap_remove(0);
            record.repeat = Some(Repetition {
                runs: incomplete,
                incomplete,
                flaky: Vec::new(),
            });
            record.summary += &format!(" The same in all {incomplete} runs.");
            return Some(record);
        };
        let mut record = Self::clone(first);
        record.checks = first
            .checks
            .iter()
            .map(|finding| worst(&finding.id, &complete, record.gate))
            .collect();
        record.counts = CheckSummary::of(&record.checks);
        record.elapsed_ms = runs.iter().map(|run| run.elapsed_ms).sum();
        let flaky = record.checks.iter().filter(|f| f.flaky.is_some());
        let flaky: Vec<String> = flaky.map(|f| f.id.clone()).collect();
        let red: Vec<&str> = record.red().map(|f| f.id.as_str()).collect();
        let (outcome, summary) = concluded(&red, &complete, incomplete, &flaky, runs.len());
        record.outcome = outcome;
        record.summary = summary;
        record.repeat = Some(Repetition {
            runs: runs.len(),
            incomplete,
            flaky,
        });
        Some(record)
    }
}

/// The finding that wins, with the counts where the runs disagree.
fn worst(id: &str, runs: &[(usize, &CheckRecord)], gate: crate::Level) -> Finding {
    let all = || {
        runs.iter().filter_map(|(run, record)| {
            let finding = record.checks.iter().find(|f| f.id == id)?;
            Some((*run, finding))
        })
    };
    let order = |finding: &Finding| {
        let red = CheckRecord::reddens(finding, gate);
        (
            !red,
            rank(finding.verdict),
            std::cmp::Reverse(finding.level),
        )
    };
    let winner = all().min_by_key(|(_, finding)| order(finding));
    // The id was taken from one of these runs.
    let (run, winner) = winner.unwrap_or((0, &runs[0].1.checks[0]));
    let mut finding = winner.clone();
    let mut verdicts: Vec<VerdictCount> = WINS
        .into_iter()
        .map(|verdict| VerdictCount {
            verdict,
            runs: all().filter(|(_, f)| f.verdict == verdict).count(),
        })
        .filter(|count| count.runs > 0)
        .collect();
    verdicts.sort_by_key(|count| count.verdict != finding.verdict);
    finding.flaky = (verdicts.len() > 1).then(|| Flakiness {
        run: run + 1,
        verdicts,
    });
    finding
}

fn concluded(
    red: &[&str],
    complete: &[(usize, &CheckRecord)],
    incomplete: usize,
    flaky: &[String],
    runs: usize,
) -> (CheckOutcome, String) {
    let outcome = match red.len() {
        0 if incomplete > 0 => CheckOutcome::Incomplete,
        n => CheckOutcome::of_red(n),
    };
    let same = complete
        .iter()
        .find(|(_, run)| run.red().map(|f| f.id.as_str()).eq(red.iter().copied()));
    let mut summary = match (same, red) {
        (Some((_, run)), _) => run.summary.clone(),
        (None, [first, ..]) => format!(
            "The runs together break {} rules, {first} first.",
            red.len()
        ),
        (None, []) => String::new(),
    };
    summary += &match flaky {
        [] => format!(" Every check agreed in {} runs.", complete.len()),
        [one] => format!(" In {runs} runs {one} did not always agree."),
        more => format!(
            " In {runs} runs {} checks did not always agree.",
            more.len()
        ),
    };
    if incomplete > 0 {
        summary += &format!(" {incomplete} of {runs} runs got no answer that could be judged.");
    }
    (outcome, summary)
}

impl Flakiness {
    /// `fail in 1 of 5 runs, pass in 4; shown is run 3`.
    pub fn told(&self) -> String {
        let runs: usize = self.verdicts.iter().map(|count| count.runs).sum();
        let mut out = String::new();
        for (i, count) in self.verdicts.iter().enumerate() {
            let VerdictCount { verdict, runs: n } = count;
            out += &match i {
                0 => format!("{verdict} in {n} of {runs} runs"),
                _ => format!(", {verdict} in {n}"),
            };
        }
        format!("{out}; shown is run {}", self.run)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::check::tests::{finding, record};
    use crate::{ExitCode, Level};

    fn run(verdict: Verdict) -> CheckRecord {
        record(vec![
            finding("a.b", Level::Must, verdict),
            finding("c.d", Level::Should, Verdict::Pass),
        ])
    }

    #[test]
    fn one_run_is_itself() {
        assert_eq!(CheckRecord::of_runs(vec![]), None);
        let one = CheckRecord::of_runs(vec![run(Verdict::Fail)]).unwrap();
        assert_eq!(one, run(Verdict::Fail));
    }

    #[test]
    fn broken_once_is_broken_and_flaky() {
        let runs = [Verdict::Pass, Verdict::Pass, Verdict::Fail, Verdict::Pass];
        let record = CheckRecord::of_runs(runs.map(run).to_vec()).unwrap();
        assert_eq!(record.exit_code(), ExitCode::Findings);
        assert_eq!(record.checks[0].verdict, Verdict::Fail);
        let told = record.checks[0].flaky.as_ref().unwrap().told();
        assert_eq!(told, "fail in 1 of 4 runs, pass in 3; shown is run 3");
        assert_eq!(record.checks[1].flaky, None);
        let repeat = record.repeat.unwrap();
        assert_eq!((repeat.runs, repeat.incomplete), (4, 0));
        assert_eq!(repeat.flaky, ["a.b"]);
        assert_eq!((record.counts.fail, record.counts.pass), (1, 1));
    }

    #[test]
    fn what_was_seen_wins_over_what_could_not_be_looked_at() {
        let runs = [Verdict::Unverified, Verdict::Pass];
        let record = CheckRecord::of_runs(runs.map(run).to_vec()).unwrap();
        assert_eq!(record.checks[0].verdict, Verdict::Pass);
        assert!(record.checks[0].flaky.is_some());
    }

    #[test]
    fn runs_that_agree_are_not_flaky() {
        let record = CheckRecord::of_runs(vec![run(Verdict::Fail); 3]).unwrap();
        assert!(record.checks.iter().all(|f| f.flaky.is_none()));
        assert_eq!(record.exit_code(), ExitCode::Findings);
    }

    #[test]
    fn an_incomplete_run_is_no_conformance_and_hides_no_failure() {
        let mut lost = run(Verdict::Unverified);
        lost.outcome = CheckOutcome::Incomplete;
        let mixed = CheckRecord::of_runs(vec![run(Verdict::Pass), lost.clone()]).unwrap();
        assert_eq!(mixed.outcome, CheckOutcome::Incomplete);
        assert_eq!(mixed.checks[0].flaky, None);
        let failed = CheckRecord::of_runs(vec![lost.clone(), run(Verdict::Fail)]).unwrap();
        assert_eq!(failed.outcome, CheckOutcome::Nonconformant);
        let none = CheckRecord::of_runs(vec![lost.clone(), lost]).unwrap();
        assert_eq!(none.outcome, CheckOutcome::Incomplete);
    }
}
