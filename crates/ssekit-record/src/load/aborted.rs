//! A run that a threshold ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadFinding, LoadRecord};
use crate::{ThresholdResult, Verdict};

/// Which threshold with `abort` ended a run, and when. Such a run fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aborted {
    /// The threshold as people write it.
    pub threshold: String,
    /// When it was found broken, in microseconds since the begin of the plan.
    pub at_us: u64,
    /// What was measured until then.
    pub detail: String,
}

impl LoadRecord {
    /// Says that this threshold ended the run, judged so at that time. What came between that and the end
    /// does not mend it. The record has been judged before.
    pub fn abort(&mut self, aborted: Aborted, result: ThresholdResult) {
        let mut results = self.thresholds.iter_mut();
        let known = results.find(|known| known.threshold == result.threshold);
        if let Some(known) = known.filter(|known| known.verdict == Verdict::Pass) {
            *known = result;
        }
        self.findings.push(LoadFinding {
            id: "run.aborted".into(),
            verdict: Verdict::Fail,
            detail: format!(
                "{} did not hold after {:.1} s ({}), and ended the run.",
                aborted.threshold,
                aborted.at_us as f64 / 1e6,
                aborted.detail
            ),
        });
        self.aborted = Some(aborted);
    }
}
