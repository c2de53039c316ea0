//! The earlier record that `[baseline]` names.

use std::path::Path;

use ssekit_record::{LoadFinding, LoadRecord, Verdict};
use ssekit_report::load::baseline::{Terms, judge};
use ssekit_scenario::load::{Baseline, FailOn};

use crate::command::report::load_record;
use crate::failure::Failure;

/// Share of a figure within which a difference is none, where the scenario names none.
const NOISE: f64 = 0.1;

/// A record to compare with, read before the run: a file that is not there costs no run.
pub struct Yardstick {
    before: LoadRecord,
    terms: Terms,
}

impl Yardstick {
    /// Reads the record; its path is relative to the folder of the scenario.
    ///
    /// # Errors
    /// When it cannot be read or is no load record.
    pub fn read(baseline: &Baseline, folder: &Path) -> Result<Self, Failure> {
        let before = load_record(&folder.join(&baseline.file))?;
        let terms = Terms {
            name: baseline.file.display().to_string(),
            noise: baseline.noise.map_or(NOISE, |share| share.0),
            metrics: baseline.metrics.clone(),
            fails: baseline.fail_on == FailOn::Regression,
        };
        Ok(Self { before, terms })
    }

    /// Judges a record by it. A shard is not the run that the earlier record tells of.
    pub fn judge(&self, record: &mut LoadRecord) {
        if record.shard.count > record.shard.merged {
            let file = &self.terms.name;
            record.findings.push(LoadFinding {
                id: "baseline.shard".into(),
                verdict: Verdict::Info,
                detail: format!(
                    "One shard of several is not compared: merge all of them, then `ssekit report compare {file}` with the whole."
                ),
            });
            return;
        }
        judge(record, &self.before, &self.terms);
    }
}
