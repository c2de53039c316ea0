//! Baselines: which findings are accepted, why and until when.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::Error as _;
use ssekit_record::{BaselineEntry, CheckOutcome, CheckRecord, Finding, Verdict};
use toml::{Spanned, value::Datetime};

/// Largest baseline read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A file of accepted findings, one entry a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// In the order of the ids.
    pub entries: Vec<BaselineEntry>,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// Cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Larger than a baseline may be.
    #[error("{}: a baseline has at most {limit} bytes", path.display())]
    TooLarge {
        /// File.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not TOML, not of this shape, or a value that cannot work.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accept: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    verdict: Accepted,
    reason: Spanned<String>,
    until: Spanned<Datetime>,
}

/// The verdicts that can be accepted.
#[derive(Clone, Copy)]
struct Accepted(Verdict);

impl<'de> Deserialize<'de> for Accepted {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "fail" => Ok(Self(Verdict::Fail)),
            "warn" => Ok(Self(Verdict::Warn)),
            other => Err(D::Error::custom(format!(
                "{other:?} cannot be accepted: use \"fail\" or \"warn\""
            ))),
        }
    }
}

impl Baseline {
    /// Reads a baseline file of at most 1 MiB.
    ///
    /// # Errors
    /// [`BaselineError`] when it cannot be read or says something that cannot work.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        use crate::file::{ReadFault, read};
        let path_of = || path.to_owned();
        let text = read(path, MAX_BYTES).map_err(|fault| match fault {
            ReadFault::Io(source) => BaselineError::Unreadable {
                path: path_of(),
                source,
            },
            ReadFault::TooLarge => BaselineError::TooLarge {
                path: path_of(),
                limit: MAX_BYTES,
            },
        })?;
        Self::parse(&text, path)
    }

    /// Reads a baseline from text; `path` is named in errors.
    ///
    /// # Errors
    /// [`BaselineError::Malformed`] with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, BaselineError> {
        let fault = |at: usize, message: String| {
            let (line, column) = crate::file::position(text, at);
            BaselineError::Malformed {
                path: path.to_owned(),
                line,
                column,
                message,
            }
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            fault(at, error.message().replace('\n', ", "))
        })?;
        let mut entries = Vec::new();
        for (check, entry) in file.accept {
            if entry.reason.get_ref().trim().is_empty() {
                let at = entry.reason.span().start;
                return Err(fault(at, "a reason must say something".into()));
            }
            let until = entry.until.get_ref();
            let Some(day) = until.date.filter(|_| until.time.is_none()) else {
                let at = entry.until.span().start;
                return Err(fault(at, "expected a day such as 2027-01-31".into()));
            };
            entries.push(BaselineEntry {
                check,
                verdict: entry.verdict.0,
                reason: entry.reason.into_inner(),
                until: day.to_string(),
            });
        }
        Ok(Self { entries })
    }

    /// What accepts the findings of `record`: new ones until `until` with a reason that asks for a
    /// better one; of the old entries those still found, with their reasons, and those that were not
    /// judged. An entry that had expired or was too mild is renewed.
    ///
    /// New are the findings that turn the exit code red. `today` and `until` are `YYYY-MM-DD`.
    pub fn updated(&self, record: &CheckRecord, today: &str, until: &str) -> Self {
        debug_assert_ne!(record.outcome, CheckOutcome::Incomplete);
        let find = |id: &str| record.checks.iter().find(|f| f.id == id);
        let stays = |entry: &&BaselineEntry| {
            let unjudged = |f: &Finding| {
                matches!(
                    f.verdict,
                    Verdict::Unverified | Verdict::NotApplicable | Verdict::Error
                )
            };
            let gone = record
                .stale_entries
                .iter()
                .any(|stale| stale.check == entry.check);
            match find(&entry.check) {
                Some(finding) => unjudged(finding),
                None => !gone,
            }
        };
        let mut entries: Vec<BaselineEntry> = self.entries.iter().filter(stays).cloned().collect();
        for finding in &record.checks {
            let old = self.entries.iter().find(|entry| entry.check == finding.id);
            let found = matches!(finding.verdict, Verdict::Fail | Verdict::Warn);
            if !found || (old.is_none() && !CheckRecord::reddens(finding, record.gate)) {
                continue;
            }
            let day = old
                .map(|old| old.until.as_str())
                .filter(|day| *day >= today);
            entries.push(BaselineEntry {
                check: finding.id.clone(),
                verdict: finding.verdict,
                reason: old.map_or_else(
                    || format!("accepted on {today}; say here why"),
                    |old| old.reason.clone(),
                ),
                until: day.unwrap_or(until).to_owned(),
            });
        }
        entries.sort_by(|a, b| a.check.cmp(&b.check));
        Self { entries }
    }

    /// The file form.
    pub fn to_toml(&self) -> String {
        let mut out = String::from(
            "# Findings accepted by `ssekit check --baseline`: the worst verdict accepted, why, and \
             the last day.\n",
        );
        for entry in &self.entries {
            let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
            // Writing to a string cannot fail.
            let _ = write!(
                out,
                "\n[accept.{}]\nverdict = \"{}\"\nreason = {}\nuntil = {}\n",
                text(&entry.check),
                entry.verdict,
                text(&entry.reason),
                entry.until
            );
        }
        out
    }
}

#[cfg(test)]
mod tests;
