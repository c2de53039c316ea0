//! `ssekit report`: saved records, rendered again or side by side.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use ssekit_record::{CheckRecord, ExitCode, LoadRecord, ProxyRecord, record_kind, record_kinds};
use ssekit_report::load::compare::{Change, Compared};
use ssekit_report::load::{self, merge::MergeError};
use ssekit_report::{Column, RecordError, html, json, junit, markdown, matrix, proxy, terminal};

use crate::command::proxy::rendered;
use crate::failure::Failure;
use crate::load_form::{LoadFile, LoadForm, load_file, write_all};
use crate::{input, output};

/// Bytes read of a record, at most.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Render saved records, or compare several
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    view: View,
}

#[derive(Debug, Subcommand)]
enum View {
    /// One record, as text, Markdown, HTML, JUnit XML or JSON
    Render {
        /// Record written by `ssekit check --report json=FILE`; - for standard input
        record: PathBuf,
        /// Form of the output
        #[arg(long, value_enum, default_value = "human")]
        format: RecordFormat,
        /// List every check
        #[arg(long)]
        verbose: bool,
    },
    /// Several records side by side, as Markdown: subjects are columns, checks are rows
    Matrix {
        /// Records; the name of each file is the heading of its column
        #[arg(required = true)]
        records: Vec<PathBuf>,
    },
    /// Two load records: what became worse beyond the noise; exit 1 when something did, 4 when something
    /// was not measured any more, 6 when a run is invalid
    Compare {
        /// Record of `ssekit load` before
        before: PathBuf,
        /// Record after
        after: PathBuf,
        /// Share of a figure within which a difference is none
        #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = noise)]
        noise: f64,
    },
    /// The shards of one load run as one record, its thresholds judged again on the union
    Merge {
        /// Records written by `ssekit load --shard I/N --report json=FILE`
        #[arg(required = true)]
        records: Vec<PathBuf>,
        /// So many shards may be missing
        #[arg(long, value_name = "N", default_value_t = 0)]
        allow_missing: usize,
        /// Form of the output
        #[arg(long, value_enum, default_value = "human")]
        format: LoadForm,
        /// Write the merged record to a file too; repeatable
        #[arg(long, value_name = "FORM=FILE", value_parser = load_file)]
        report: Vec<LoadFile>,
    },
    /// The JSON Schema of a kind of record
    Schema {
        /// Kind of record, the value of its member `kind`
        #[arg(value_parser = PossibleValuesParser::new(record_kinds().iter().map(|kind| kind.name)))]
        kind: String,
    },
}

/// A form in which a record can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// Text for a person at a terminal.
    Human,
    /// Markdown for a pull request or a step summary.
    Md,
    /// A page that needs nothing else.
    Html,
    /// JUnit XML for the test view of a CI server.
    Junit,
    /// The record itself.
    Json,
}

impl RecordFormat {
    /// The record in this form.
    pub fn render(self, record: &CheckRecord, verbose: bool) -> Result<String, Failure> {
        Ok(match self {
            Self::Human => terminal::render(record, output::layout(verbose, false)),
            Self::Md => markdown::render(record),
            Self::Html => html::render(record),
            Self::Junit => junit::render(record),
            Self::Json => written(record)?,
        })
    }
}

/// The same form of a load record.
fn of_load(form: RecordFormat) -> LoadForm {
    match form {
        RecordFormat::Human => LoadForm::Human,
        RecordFormat::Md => LoadForm::Md,
        RecordFormat::Html => LoadForm::Html,
        RecordFormat::Junit => LoadForm::Junit,
        RecordFormat::Json => LoadForm::Json,
    }
}

/// The record as JSON.
pub fn written(record: &CheckRecord) -> Result<String, Failure> {
    json::render(record).map_err(|error| Failure::Internal(error.to_string()))
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let text = match arguments.view {
        View::Render {
            record,
            format,
            verbose,
        } => shown(&record, format, verbose)?,
        View::Matrix { records } => compared(&records)?,
        View::Schema { kind } => schema(&kind)?,
        View::Compare {
            before,
            after,
            noise,
        } => return compare(&before, &after, noise),
        View::Merge {
            records,
            allow_missing,
            format,
            report,
        } => {
            let whole = merge(&records, allow_missing)?;
            let written = write_all(&whole, &report);
            output::print(&format.render(&whole, false, false)?)?;
            return written.map(|()| whole.exit_code());
        }
    };
    output::print(&text)?;
    Ok(ExitCode::AsExpected)
}

fn schema(kind: &str) -> Result<String, Failure> {
    let kind = record_kind(kind).ok_or_else(|| Failure::Usage(format!("no kind {kind:?}")))?;
    let text = serde_json::to_string_pretty(&kind.schema());
    Ok(text.map_err(|error| Failure::Internal(error.to_string()))? + "\n")
}

fn shown(path: &Path, format: RecordFormat, verbose: bool) -> Result<String, Failure> {
    let text = input::text(path, LARGEST)?;
    if json::kind(&text).as_deref() == Some("proxy") {
        return rendered(&hop(path, &text)?, format);
    }
    if json::kind(&text).as_deref() == Some("load") {
        return of_load(format).render(&load_record(path)?, verbose, false);
    }
    format.render(&check(path, &text)?, verbose)
}

/// A load record.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn load_record(path: &Path) -> Result<LoadRecord, Failure> {
    let text = input::text(path, LARGEST)?;
    load::json::parse(&text).map_err(|error| {
        let path = path.display();
        Failure::Usage(format!(
            "{path}: {error}; `ssekit load URL --report json={path}` writes one"
        ))
    })
}

fn compare(before: &Path, after: &Path, noise: f64) -> Result<ExitCode, Failure> {
    let (before, after) = (load_record(before)?, load_record(after)?);
    let rows = load::compare::compare(&before, &after, noise);
    if !rows.iter().any(|row| row.change.is_of_both()) {
        return Err(Failure::NoData(
            "the two records have no figure in common".into(),
        ));
    }
    let caveats = load::compare::caveats(&before, &after);
    output::print(&load::compare::render(&rows, noise, &caveats))?;
    let any = |change| rows.iter().any(|row| row.change == change);
    let is_unclear = |row: &Compared| matches!(row.change, Change::Unclear | Change::New);
    Ok(match () {
        () if load::compare::is_invalid(&before, &after) => ExitCode::Invalid,
        () if any(Change::Worse) => ExitCode::Findings,
        () if any(Change::Missing) || rows.iter().all(is_unclear) => ExitCode::NoData,
        () => ExitCode::AsExpected,
    })
}

fn merge(paths: &[PathBuf], allowed: usize) -> Result<LoadRecord, Failure> {
    let shards = paths.iter().map(|path| load_record(path));
    let shards = shards.collect::<Result<_, _>>()?;
    load::merge::merge(shards, allowed).map_err(|error| match error {
        MergeError::Missing { .. } => Failure::Environment(error.to_string()),
        _ => Failure::Usage(error.to_string()),
    })
}

fn noise(text: &str) -> Result<f64, String> {
    ssekit_record::quantity::share(text).map_err(|error| error.to_string())
}

fn hop(path: &Path, text: &str) -> Result<ProxyRecord, Failure> {
    proxy::parse(text).map_err(|error| {
        let path = path.display();
        Failure::Usage(format!("{path}: {error}"))
    })
}

fn check(path: &Path, text: &str) -> Result<CheckRecord, Failure> {
    json::parse(text).map_err(|error: RecordError| {
        let path = path.display();
        Failure::Usage(format!(
            "{path}: {error}; `ssekit check URL --report json={path}` writes one"
        ))
    })
}

/// Records of one kind side by side.
fn compared(paths: &[PathBuf]) -> Result<String, Failure> {
    let (mut checks, mut hops) = (Vec::new(), Vec::new());
    for path in paths {
        let label = path.file_stem().unwrap_or(path.as_os_str());
        let label = label.to_string_lossy().into_owned();
        let text = input::text(path, LARGEST)?;
        if json::kind(&text).as_deref() == Some("proxy") {
            hops.push((label, hop(path, &text)?));
        } else {
            checks.push((label, check(path, &text)?));
        }
    }
    if !hops.is_empty() && !checks.is_empty() {
        return Err(Failure::Usage(
            "records of servers and of hops have no checks in common: compare one kind at a time"
                .into(),
        ));
    }
    if !hops.is_empty() {
        return Ok(proxy::matrix(&hops));
    }
    let columns: Vec<Column<'_>> = checks
        .iter()
        .map(|(label, record)| Column { label, record })
        .collect();
    Ok(matrix::render(&columns))
}
