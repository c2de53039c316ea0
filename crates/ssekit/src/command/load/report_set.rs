//! The reports that `[output]` asks for, as files of one folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ssekit_record::Shard;
use ssekit_scenario::load::{Output, OutputFormat};

use crate::failure::Failure;
use crate::input::cause;
use crate::load_form::{LoadFile, LoadForm};

/// The files, in a folder that is there and can be written: better refused now than after the run.
/// None where the scenario asks for none.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn prepare(output: &Output, shard: Shard) -> Result<Vec<LoadFile>, Failure> {
    let Some(folder) = folder(output) else {
        return Ok(Vec::new());
    };
    writable(&folder).map_err(|error| {
        let cause = cause(&error);
        let folder = folder.display();
        Failure::Environment(format!("cannot write reports to {folder}: {cause}"))
    })?;
    let formats = match output.formats.as_slice() {
        [] => &[OutputFormat::Json],
        formats => formats,
    };
    let stem = stem(shard);
    let files = formats.iter().map(|format| {
        let (form, ending) = form(*format);
        let path = folder.join(format!("{stem}.{ending}"));
        LoadFile { form, path }
    });
    Ok(files.collect())
}

/// Where the reports go; the current folder where only formats are named.
pub fn folder(output: &Output) -> Option<PathBuf> {
    let is_asked = !output.formats.is_empty() || output.trace_sample.is_some();
    let here = || is_asked.then(|| PathBuf::from("."));
    output.dir.clone().or_else(here)
}

/// The file of the trace, where the scenario asks for one.
pub fn trace(output: &Output, shard: Shard) -> Option<PathBuf> {
    output.trace_sample?;
    Some(folder(output)?.join(format!("{}.trace.jsonl", stem(shard))))
}

/// Name of the files of a run, before the dot: shards of one run may share a folder.
pub fn stem(shard: Shard) -> String {
    match shard.count {
        0 | 1 => "load".into(),
        count => format!("load-{}-of-{count}", shard.index),
    }
}

fn form(format: OutputFormat) -> (LoadForm, &'static str) {
    match format {
        OutputFormat::Json => (LoadForm::Json, "json"),
        OutputFormat::Html => (LoadForm::Html, "html"),
        OutputFormat::Junit => (LoadForm::Junit, "xml"),
        OutputFormat::Csv => (LoadForm::Csv, "csv"),
        OutputFormat::Hlog => (LoadForm::Hlog, "hlog"),
        OutputFormat::Hgrm => (LoadForm::Hgrm, "hgrm"),
        OutputFormat::Md => (LoadForm::Md, "md"),
    }
}

fn writable(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".ssekit-{}", std::process::id()));
    File::create(&probe)?;
    fs::remove_file(&probe)
}
