//! Accepted findings: the file, what it makes of a record, and writing it anew.

use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Days, NaiveDate, Utc};
use clap::Args;
use ssekit_conformance::rule;
use ssekit_record::{CheckOutcome, CheckRecord};
use ssekit_report::text::counted;
use ssekit_scenario::Baseline;

use super::answer::write;
use crate::failure::Failure;

/// How long a new entry accepts a finding, in days.
const NEW_ENTRY_DAYS: u64 = 90;

/// Which findings are accepted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Baseline")]
pub(super) struct BaselineArguments {
    /// Findings accepted in this file do not fail the run; an entry that is stale does, with exit 5
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write that file anew: accept what was found, keep the reasons, drop what is found no longer
    #[arg(long, requires = "baseline")]
    update_baseline: bool,
}

/// What was accepted before the run.
pub(super) type Accepted = Option<Baseline>;

impl BaselineArguments {
    /// Reads the file, before anything is asked.
    pub(super) fn load(&self) -> Result<Accepted, Failure> {
        let Some(path) = &self.baseline else {
            return Ok(None);
        };
        if self.update_baseline && !path.exists() {
            return Ok(Some(Baseline::default()));
        }
        let baseline = Baseline::load(path).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Some(baseline))
    }

    /// Marks what is accepted; writes the file anew where that was asked, and says so.
    pub(super) fn apply(
        &self,
        accepted: &Accepted,
        record: &mut CheckRecord,
    ) -> Result<Option<String>, Failure> {
        let (Some(path), Some(baseline)) = (&self.baseline, accepted) else {
            return Ok(None);
        };
        let is_known = |id: &str| rule(id).is_some();
        let today = today()?;
        let day = today.to_string();
        if !self.update_baseline || record.outcome == CheckOutcome::Incomplete {
            record.apply_baseline(&baseline.entries, is_known, &day);
            return Ok(None);
        }
        let mut judged = record.clone();
        judged.apply_baseline(&baseline.entries, is_known, &day);
        let until = today + Days::new(NEW_ENTRY_DAYS);
        let updated = baseline.updated(&judged, &day, &until.to_string());
        write(path, &updated.to_toml())?;
        record.apply_baseline(&updated.entries, is_known, &day);
        let count = match updated.entries.len() {
            1 => "1 entry".into(),
            n => format!("{n} entries"),
        };
        let new = updated.entries.iter().filter(|entry| {
            let known = &baseline.entries;
            !known.iter().any(|old| old.check == entry.check)
        });
        let new = counted(new.count(), "reason");
        let path = path.display();
        Ok(Some(format!("{path}: {count}, {new} to be written")))
    }
}

/// The day it is, in UTC.
fn today() -> Result<NaiveDate, Failure> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.ok().and_then(|s| i64::try_from(s.as_secs()).ok());
    let now = seconds.and_then(|s| DateTime::<Utc>::from_timestamp(s, 0));
    now.map(|now| now.date_naive()).ok_or_else(|| {
        Failure::Environment("the clock of this machine tells no day a calendar holds".into())
    })
}
