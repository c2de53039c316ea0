//! `ssekit load`: many streams at once, and what they measured.

mod baseline;
mod plan;
mod report_set;
mod run;
mod short_form;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use ssekit_load::{LoadError, Order};
use ssekit_record::{ExitCode, LoadRecord, Shard, Threshold};
use ssekit_scenario::load::{LoadPlan, LoadScenario, LoadedScenario};

use crate::audience;
use crate::failure::Failure;
use crate::format::Format;
use crate::load_form::{LoadFile, LoadForm, load_file, write_all};
use crate::request::RequestArguments;
use crate::start::StartArguments;
use crate::{duration, limit, local_shard, output, runtime};
use baseline::Yardstick;
use run::at_port;

/// Hold many streams open and measure them
///
/// Opens the streams evenly over the ramp, whether or not the server keeps up, and counts every
/// event. Each latency is taken from the planned instant. Exit 1 when a threshold does not hold, 4
/// when no event came, 6 when the generator itself was too slow to be believed.
#[derive(Debug, Args)]
pub struct Arguments {
    /// URL of the event streams, or a scenario file; options of the short form are for URLs only
    #[arg(value_name = "URL|FILE.toml", required_unless_present = "subject")]
    target: Option<String>,
    #[command(flatten)]
    start: StartArguments,
    /// Replace a value of the scenario, such as target.url=http://127.0.0.1:8080/events; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Streams to hold
    #[arg(long, short = 'c', value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    connections: u64,
    /// How long to hold them after the ramp; a bare number is seconds
    #[arg(long, short = 'd', value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    duration: Duration,
    /// Over how long to open them
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    ramp: Duration,
    /// Streams on one HTTP/2 connection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    streams_per_connection: Option<u64>,
    /// What must hold, such as 'gap p99 < 250ms' or 'lost count == 0'; repeatable
    #[arg(long, value_name = "EXPR", value_parser = threshold)]
    threshold: Vec<Threshold>,
    /// The time between two events of a stream that the server promises
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    interval: Option<Duration>,
    /// Where each event has a number that rises by one: `id`, or a JSON pointer into its data
    #[arg(long, value_name = "id|/POINTER", value_parser = place)]
    seq: Option<String>,
    /// Where each event has the time it was published at, in s, ms, us or ns since 1970: `id`, or a JSON
    /// pointer into its data, such as /time:ms; us where no unit is given
    #[arg(long, value_name = "id|/POINTER[:UNIT]", value_parser = stamp)]
    published_at: Option<(String, String)>,
    /// Do not open a stream again when it ends
    #[arg(long)]
    no_reconnect: bool,
    /// Local address to connect from; repeatable, streams take turns
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Vec<IpAddr>,
    /// Threads that read streams
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Run only this part of the plan, such as 0/4
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Make the run with this many processes, each with a limit of open files of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    processes: u32,
    /// Print what would be done, and what this machine needs for it, without any network
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    request: RequestArguments,
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value = "human", help_heading = "Answer")]
    format: Format,
    /// Write the record to a file too, in the form json, html, md, junit, csv, hgrm or hlog; repeatable
    #[arg(long, value_name = "FORM=FILE", value_parser = load_file, help_heading = "Answer")]
    report: Vec<LoadFile>,
    /// Every metric
    #[arg(long, short = 'v', help_heading = "Answer", conflicts_with = "quiet")]
    verbose: bool,
    /// Serve what is measured to Prometheus at http://ADDRESS:PORT/metrics while it runs; a bare port
    /// is on 127.0.0.1
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = audience::address, help_heading = "Answer")]
    prometheus: Option<SocketAddr>,
    /// Only problems and the verdict, and nothing while it runs
    #[arg(long, short = 'q', help_heading = "Answer")]
    quiet: bool,
}

fn threshold(text: &str) -> Result<Threshold, String> {
    Threshold::parse(text).map_err(|error| error.to_string())
}

/// A place and a unit.
fn stamp(text: &str) -> Result<(String, String), String> {
    let parted = text.rsplit_once(':');
    let (at, unit) = parted
        .filter(|(_, unit)| ["s", "ms", "us", "ns"].contains(unit))
        .unwrap_or((text, "us"));
    Ok((place(at)?, unit.into()))
}

fn place(text: &str) -> Result<String, String> {
    match text {
        "id" => Ok("id".into()),
        pointer if pointer.is_empty() || pointer.starts_with('/') => Ok(pointer.into()),
        _ => Err("expected id, or a JSON pointer such as /seq".into()),
    }
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/');
    let numbers = parts.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match numbers {
        Some((index, count)) if index < count => Ok(Shard {
            index,
            count,
            ..Shard::default()
        }),
        _ => Err("expected a shard and their number, such as 0/4 for the first of four".into()),
    }
}

/// Runs the command.
pub fn run_load(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let (loaded, subject) = arguments.scenario()?;
    if arguments.plan {
        return arguments.planned(&loaded);
    }
    limit::raise_open_files();
    let stop = Arc::new(AtomicBool::new(false));
    if let Some(task) = local_shard::task() {
        return arguments.part(at_port(loaded, task.port), task, &stop);
    }
    if subject.is_none() && loaded.scenario.needs_port() {
        return Err(Failure::Usage(PORTLESS.into()));
    }
    let after = arguments.aftermath(&loaded)?;
    let (record, stopped) = match subject {
        Some(subject) => runtime::block_on(arguments.started(loaded, &subject, &stop))?,
        None => (arguments.made(loaded, None, &stop)?, Ok(())),
    };
    let code = arguments.answer(record, &after)?;
    stopped.map(|()| code)
}

/// What becomes of the record of a run, made ready before it.
struct Aftermath {
    yardstick: Option<Yardstick>,
    files: Vec<LoadFile>,
}

/// Why a scenario cannot be run as it is.
const PORTLESS: &str = "the scenario has {port}: name the server to start by \
                        --subject DIR or --start COMMAND, or give addresses, such as --set target.url=…";

impl Arguments {
    /// The scenario file, where the target is meant as one.
    fn file(&self) -> Option<&Path> {
        let target = self.target.as_deref()?;
        let path = Path::new(target);
        (target.ends_with(".toml") || !target.contains("://") && path.exists()).then_some(path)
    }

    fn shard(&self, scenario: &LoadScenario) -> Shard {
        self.shard.unwrap_or(Shard {
            index: scenario.shard.index,
            count: scenario.shard.count,
            ..Shard::default()
        })
    }

    fn planned(&self, loaded: &LoadedScenario) -> Result<ExitCode, Failure> {
        let plan = LoadPlan::new(&loaded.scenario).map_err(Failure::Usage)?;
        let shard = self.shard(&loaded.scenario);
        output::print(&match self.format {
            Format::Human => plan::human(&loaded.scenario, &plan, shard, self.processes),
            Format::Json => plan::json(loaded, &plan, shard)?,
        })?;
        Ok(ExitCode::AsExpected)
    }

    /// Folder that the files of the scenario are relative to.
    fn folder(&self) -> PathBuf {
        let folder = self.file().and_then(Path::parent);
        folder.unwrap_or(Path::new("")).to_owned()
    }

    fn order(&self, loaded: LoadedScenario) -> Order {
        Order {
            shard: self.shard(&loaded.scenario),
            folder: self.folder(),
            toml: loaded.toml,
            scenario: loaded.scenario,
            workers: self.workers.map(usize::from),
            processes: self.processes,
            ruling: None,
        }
    }

    fn aftermath(&self, loaded: &LoadedScenario) -> Result<Aftermath, Failure> {
        let scenario = &loaded.scenario;
        let baseline = scenario.baseline.as_ref();
        let mut files = report_set::prepare(&scenario.output, self.shard(scenario))?;
        files.extend(self.report.iter().cloned());
        Ok(Aftermath {
            yardstick: baseline
                .map(|baseline| Yardstick::read(baseline, &self.folder()))
                .transpose()?,
            files,
        })
    }

    /// Judges the record by what was before, writes it to its files and shows it.
    fn answer(&self, mut record: LoadRecord, after: &Aftermath) -> Result<ExitCode, Failure> {
        if let Some(yardstick) = &after.yardstick {
            yardstick.judge(&mut record);
        }
        let written = write_all(&record, &after.files);
        let form = match self.format {
            Format::Json => LoadForm::Json,
            Format::Human => LoadForm::Human,
        };
        output::print(&form.render(&record, self.verbose, self.quiet)?)?;
        written.map(|()| record.exit_code())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Http(error) => error.into(),
            LoadError::Scenario(_) => Self::Usage(error.to_string()),
            LoadError::Unresolved { .. } => Self::Unreachable(error.to_string()),
            LoadError::Worker => Self::Internal(error.to_string()),
            _ => Self::Environment(error.to_string()),
        }
    }
}
