//! Where the answer of a check goes: standard output and files.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum as _};
use ssekit_record::{CheckRecord, Observation};
use ssekit_report::{github, terminal};

use crate::command::report::{RecordFormat, written};
use crate::failure::Failure;
use crate::format::Format;
use crate::{input, output};

/// Where the answer goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answer")]
pub(super) struct AnswerArguments {
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value = "human")]
    pub(super) format: Format,
    /// Write the answer to a file too: html=FILE, junit=FILE, md=FILE or json=FILE; repeatable
    #[arg(long, value_name = "FORM=FILE", value_parser = report_file)]
    report: Vec<ReportFile>,
    /// Save what was seen, to judge it again with `ssekit check FILE`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Only problems and the verdict
    #[arg(long, short = 'q')]
    pub(super) quiet: bool,
    /// Every check by name
    #[arg(long, short = 'v', conflicts_with = "quiet")]
    verbose: bool,
}

#[derive(Debug, Clone)]
struct ReportFile {
    form: RecordFormat,
    path: PathBuf,
}

fn report_file(text: &str) -> Result<ReportFile, String> {
    let expected = || "expected html=FILE, junit=FILE, md=FILE or json=FILE".to_owned();
    let split = text.split_once('=').filter(|(_, path)| !path.is_empty());
    let (form, path) = split.ok_or_else(expected)?;
    let form = RecordFormat::from_str(form, false).map_err(|_| expected())?;
    if form == RecordFormat::Human {
        return Err(expected());
    }
    Ok(ReportFile {
        form,
        path: path.into(),
    })
}

impl AnswerArguments {
    /// Finds out before anything is asked that an answer could not be written.
    pub(super) fn writable(&self) -> Result<(), Failure> {
        let reports = self.report.iter().map(|report| report.path.as_path());
        for path in reports.chain(self.save.as_deref()) {
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            if !folder.is_dir() || path.is_dir() {
                let (path, folder) = (path.display(), folder.display());
                return Err(Failure::Usage(format!(
                    "cannot write {path}: it has to be a file in a folder that is there ({folder})"
                )));
            }
        }
        Ok(())
    }

    /// Gives the answer in every form asked for.
    pub(super) fn give(
        &self,
        record: &CheckRecord,
        seen: Option<&Observation>,
    ) -> Result<(), Failure> {
        self.write_files(record, seen)?;
        let text = match self.format {
            Format::Human => terminal::render(record, output::layout(self.verbose, self.quiet)),
            Format::Json => written(record)?,
        };
        if self.format == Format::Human && output::is_github() {
            output::say(github::render(record).trim_end());
            return Ok(output::print_inert(&text)?);
        }
        Ok(output::print(&text)?)
    }

    pub(super) fn write_files(
        &self,
        record: &CheckRecord,
        seen: Option<&Observation>,
    ) -> Result<(), Failure> {
        for report in &self.report {
            let text = report.form.render(record, true)?;
            write(&report.path, &text)?;
        }
        if let (Some(path), Some(seen)) = (&self.save, seen) {
            save(path, seen).map_err(|error| unwritable(path, &error))?;
        }
        Ok(())
    }
}

/// Writes what was seen as it becomes JSON, which may be many times ten MiB.
fn save(path: &Path, seen: &Observation) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer(&mut file, seen)?;
    file.write_all(b"\n")?;
    file.flush()
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let cause = input::cause(error);
    Failure::Usage(format!("cannot write {}: {cause}", path.display()))
}
