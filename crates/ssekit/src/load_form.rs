//! The forms of a load record, and the files they go to.

use std::path::PathBuf;

use clap::ValueEnum;
use ssekit_record::{LoadRecord, MetricValue, Unit};
use ssekit_report::load;

use crate::failure::Failure;
use crate::input::cause;
use crate::output;

/// A form in which a load record can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoadForm {
    /// Text for a person at a terminal.
    Human,
    /// The record itself.
    Json,
    /// A page that needs nothing else.
    Html,
    /// Markdown for a pull request or a step summary.
    Md,
    /// JUnit XML for the test view of a CI server.
    Junit,
    /// The run over time, a row for each step.
    Csv,
    /// Percentile distributions, as HdrHistogram's tools print them.
    Hgrm,
    /// The interval log of HdrHistogram's tools.
    Hlog,
}

impl LoadForm {
    /// The record in this form.
    ///
    /// # Errors
    /// Only when serialisation itself fails.
    pub fn render(
        self,
        record: &LoadRecord,
        verbose: bool,
        quiet: bool,
    ) -> Result<String, Failure> {
        Ok(match self {
            Self::Human => load::terminal::render(record, output::layout(verbose, quiet)),
            Self::Json => {
                load::json::render(record).map_err(|error| Failure::Internal(error.to_string()))?
            }
            Self::Html => load::html::render(record),
            Self::Md => load::markdown::render(record),
            Self::Junit => load::junit::render(record),
            Self::Csv => load::csv::render(record),
            Self::Hgrm => distributions(record),
            Self::Hlog => load::hlog::render(record),
        })
    }
}

/// Every metric of a time, in milliseconds, the most telling first.
fn distributions(record: &LoadRecord) -> String {
    let mut out = String::new();
    for metric in ssekit_record::METRICS {
        let Some(MetricValue::Distribution { unit, samples, .. }) = record.metrics.get(metric.name)
        else {
            continue;
        };
        let (scale, of) = match unit {
            Unit::Us => (1000.0, "ms"),
            _ => (1.0, unit.as_str()),
        };
        out.push_str(&format!("# {} in {of}\n", metric.name));
        out.push_str(&load::hgrm::render(samples, scale));
        out.push('\n');
    }
    out
}

/// A file that a record is written to.
#[derive(Debug, Clone)]
pub struct LoadFile {
    /// Form.
    pub form: LoadForm,
    /// Place.
    pub path: PathBuf,
}

/// Reads `FORM=FILE`.
///
/// # Errors
/// Says which forms there are.
pub fn load_file(text: &str) -> Result<LoadFile, String> {
    let expected = || {
        "expected json=FILE, html=FILE, md=FILE, junit=FILE, csv=FILE, hgrm=FILE or hlog=FILE"
            .to_owned()
    };
    let split = text.split_once('=').filter(|(_, path)| !path.is_empty());
    let (form, path) = split.ok_or_else(expected)?;
    let form = LoadForm::from_str(form, false).map_err(|_| expected())?;
    if form == LoadForm::Human {
        return Err(expected());
    }
    Ok(LoadFile {
        form,
        path: path.into(),
    })
}

/// Writes a record to every file. All are tried, so that one full disk costs one report, and of what
/// could only be written in part nothing is left.
///
/// # Errors
/// Names every file that could not be written.
pub fn write_all(record: &LoadRecord, files: &[LoadFile]) -> Result<(), Failure> {
    let failed: Vec<_> = files
        .iter()
        .filter_map(|file| Some(format!("{}: {}", file.path.display(), write(record, file)?)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let failed = failed.join("; ");
    Err(Failure::Environment(format!("cannot write {failed}")))
}

/// Why a record could not be written to a file.
fn write(record: &LoadRecord, file: &LoadFile) -> Option<String> {
    let text = match file.form.render(record, true, false) {
        Ok(text) => text,
        Err(failure) => return Some(failure.to_string()),
    };
    let error = std::fs::write(&file.path, text).err()?;
    // Half a report would be taken for a whole one.
    if std::fs::metadata(&file.path).is_ok_and(|found| found.is_file()) {
        let _ = std::fs::remove_file(&file.path);
    }
    Some(cause(&error))
}
