//! `ssekit load`: many streams at once, and what they measured.

mod baseline;
mod plan;
mod report_set;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use ssekit_http::HttpChoice;
use ssekit_load::{Job, Joint, LoadError, Order, Ruling, preflight, run};
use ssekit_record::{ExitCode, Launched, LoadRecord, Shard, Threshold};
use ssekit_report::load::merge::merge_with;
use ssekit_report::text::harmless;
use ssekit_scenario::Subject;
use ssekit_scenario::load::{LoadPlan, LoadScenario, LoadedScenario, Quick, ScenarioError};

use crate::audience::{self, Audience};
use crate::failure::Failure;
use crate::format::Format;
use crate::input::cause;
use crate::interrupt::Interrupt;
use crate::load_form::{LoadFile, LoadForm, load_file, write_all};
use crate::local_shard::Task;
use crate::request::{RequestArguments, url};
use crate::start::StartArguments;
use crate::{crew, duration, limit, local_shard, output, runtime};
use baseline::Yardstick;

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
    /// Say nothing while it runs
    #[arg(long, short = 'q', help_heading = "Answer")]
    quiet: bool,
}

fn threshold(text: &str) -> Result<Threshold, String> {
    Threshold::parse(text).map_err(|error| error.to_string())
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

fn at_port(loaded: LoadedScenario, port: Option<u16>) -> LoadedScenario {
    match port {
        Some(port) => LoadedScenario {
            scenario: loaded.scenario.at_port(port),
            toml: loaded.toml,
        },
        None => loaded,
    }
}

/// Ends the run when the user or the system asks for it from now on.
fn listen(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let stop = stop.clone();
    let (begun, begins) = channel();
    let listen = async move {
        let mut interrupt = match Interrupt::listen() {
            Ok(interrupt) => interrupt,
            Err(failure) => {
                let _ = begun.send(Err(failure));
                return Ok(());
            }
        };
        // The other side waits for this.
        let _ = begun.send(Ok(()));
        if interrupt.came().await.is_ok() {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime::block_on(listen))
        .map_err(|error| Failure::Environment(format!("cannot start: {}", cause(&error))))?;
    begins
        .recv()
        .unwrap_or_else(|error| Err(Failure::Internal(error.to_string())))
}

impl Arguments {
    /// The scenario file, where the target is meant as one.
    fn file(&self) -> Option<&Path> {
        let target = self.target.as_deref()?;
        let path = Path::new(target);
        (target.ends_with(".toml") || !target.contains("://") && path.exists()).then_some(path)
    }

    /// Starts the server, makes the run and stops the server; that it would not stop is told apart, since
    /// there is a record all the same.
    async fn started(
        &self,
        loaded: LoadedScenario,
        subject: &Subject,
        stop: &Arc<AtomicBool>,
    ) -> Result<(LoadRecord, Result<(), Failure>), Failure> {
        let name = self.start.name(subject).await;
        // Before the server is there, so that nothing is lost between its start and the run.
        listen(stop)?;
        let started = self
            .start
            .launch(subject, &mut Interrupt::listen()?)
            .await?;
        let made = self.made(loaded, Some(started.running().port()), stop);
        let spent = started.spent();
        let stopped = started.stop().await;
        let mut record = made?;
        record.subject = name;
        let stopped = stopped.map(|launched| {
            record.launched = Some(Launched {
                cpu_ms: spent.map(|(cpu_ms, _)| cpu_ms),
                max_rss_bytes: spent.map(|(_, most)| most),
                ..launched
            });
        });
        Ok((record, stopped))
    }

    /// Makes the run. Where its server was started, it has this port.
    fn made(
        &self,
        loaded: LoadedScenario,
        port: Option<u16>,
        stop: &Arc<AtomicBool>,
    ) -> Result<LoadRecord, Failure> {
        let loaded = at_port(loaded, port);
        if self.processes > 1 {
            return self.together(loaded, port, stop);
        }
        let order = self.order(loaded);
        let mut job = order.job()?;
        job.trace = report_set::trace(&order.scenario.output, order.shard);
        preflight(&job, 1)?;
        if port.is_none() {
            listen(stop)?;
        }
        self.forewarn(&job);
        let output = &order.scenario.output;
        let mut audience = Audience::new(&job, output, self.prometheus, self.quiet)?;
        Ok(run(&job, stop, &mut |progress| audience.show(progress))?)
    }

    /// Says at once which thresholds the run cannot give any data to: it may be long.
    fn forewarn(&self, job: &Job) {
        let told = job.thresholds.iter().filter(|_| !self.quiet);
        for threshold in told {
            if let Some(why) = &threshold.unmeasured {
                let threshold = threshold.to_string();
                output::say(&format!(
                    "{} will have no data: {why}",
                    harmless(&threshold)
                ));
            }
        }
    }

    /// Makes one part for the process that started this one, which is told of each interval and then
    /// given the record.
    fn part(
        &self,
        loaded: LoadedScenario,
        task: Task,
        stop: &Arc<AtomicBool>,
    ) -> Result<ExitCode, Failure> {
        let ruling = Ruling::default();
        let order = Order {
            shard: task.shard,
            processes: 1,
            ruling: Some(ruling.clone()),
            ..self.order(loaded)
        };
        let mut job = order.job()?;
        job.start_at = Some(task.start_at);
        job.trace = report_set::trace(&order.scenario.output, task.shard);
        preflight(&job, 1)?;
        listen(stop)?;
        local_shard::obey(ruling, stop.clone())?;
        // Whoever started this process may be gone: then the run ends.
        let record = run(&job, stop, &mut |progress| {
            let _ = local_shard::tell(&progress.snapshot());
        })?;
        output::print(&LoadForm::Json.render(&record, false, false)?)?;
        Ok(record.exit_code())
    }

    /// Makes the run with several processes.
    fn together(
        &self,
        loaded: LoadedScenario,
        port: Option<u16>,
        stop: &Arc<AtomicBool>,
    ) -> Result<LoadRecord, Failure> {
        let order = self.order(loaded);
        // What the processes share is judged once, before any of them is started.
        let job = order.job()?;
        preflight(&job, self.processes)?;
        if port.is_none() {
            listen(stop)?;
        }
        self.forewarn(&job);
        let output = &order.scenario.output;
        let mut audience = Audience::new(&job, output, self.prometheus, self.quiet)?;
        let mut joint = Joint::new(&job, self.processes);
        if !self.quiet {
            output::say(&format!("{} processes make the run", self.processes));
        }
        let start_at = order.scenario.shard.start_at;
        let start_at = start_at.map(|ms| UNIX_EPOCH + Duration::from_millis(ms));
        let start_at = start_at.unwrap_or_else(|| local_shard::soon(self.processes));
        let records = crew::run(
            self.processes,
            order.shard,
            (start_at, port),
            stop,
            &mut |process, told| {
                joint.take(process, told, &mut |progress| audience.show(progress));
                joint.end()
            },
        )?;
        // Of a plan shared with other machines, their shards are missing here.
        let elsewhere = (order.shard.count - 1) * self.processes;
        let merged = merge_with(records, elsewhere as usize, &mut |whole| {
            joint.conclude(whole)
        });
        let mut whole = merged.map_err(|error| Failure::Internal(error.to_string()))?;
        whole.shard = Shard {
            index: order.shard.index,
            count: order.shard.count,
            ..Shard::default()
        };
        Ok(whole)
    }

    /// The scenario of the file, or the one that the arguments stand for; and the server to start.
    fn scenario(&self) -> Result<(LoadedScenario, Option<Subject>), Failure> {
        let wrong = |error: ScenarioError| Failure::Usage(error.to_string());
        if let Some(file) = self.file() {
            self.refuse_short_form()?;
            let loaded = LoadScenario::load(file, &self.set).map_err(wrong)?;
            let subject = self.start.subject(Some(&loaded.scenario.target.url))?;
            return Ok((loaded, subject));
        }
        let subject = self.start.subject(self.target.as_deref())?;
        let own = subject.as_ref().map(|subject| subject.url.as_str());
        let target = self.target.as_deref().or(own).unwrap_or_default();
        let quick = self.quick(target, subject.is_some())?;
        Ok((quick.scenario(&self.set).map_err(wrong)?, subject))
    }

    /// A file says what these arguments would say: two places that disagree help nobody.
    fn refuse_short_form(&self) -> Result<(), Failure> {
        let request = self.request.load()?;
        let given = request.body.is_some()
            || !request.fields.is_empty()
            || request.method != "GET"
            || request.http != HttpChoice::Auto
            || request.trust.insecure
            || request.trust.ca_pem.is_some()
            || !self.threshold.is_empty()
            || self.interval.is_some()
            || self.seq.is_some()
            || self.no_reconnect
            || !self.source_ip.is_empty()
            || self.streams_per_connection.is_some();
        if given {
            return Err(Failure::Usage(
                "a scenario file says this itself: change the file, or use --set KEY=VALUE, such as --set target.http=2"
                    .into(),
            ));
        }
        Ok(())
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

    /// The short form, of streams at `target`; that of a server that is started may have `{port}`.
    fn quick(&self, target: &str, is_started: bool) -> Result<Quick, Failure> {
        let sample = if is_started {
            target.replace("{port}", "1")
        } else {
            target.into()
        };
        url(&sample)?;
        if self.processes > 1 && self.request.reads_input() {
            let why =
                "standard input cannot be shared by --processes; use a file, such as --body @FILE";
            return Err(Failure::Usage(why.into()));
        }
        let request = self.request.load()?;
        let text = |bytes: Vec<u8>, what: &str| {
            String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{what} must be UTF-8")))
        };
        let http = match request.http {
            HttpChoice::Auto => "auto",
            HttpChoice::Http11 => "1.1",
            HttpChoice::Http2 => "2",
            HttpChoice::Http10 => {
                let why = "HTTP/1.0 is for `ssekit check`; a load run uses 1.1 or 2";
                return Err(Failure::Usage(why.into()));
            }
        };
        if self.streams_per_connection.is_some()
            && request.http == HttpChoice::Auto
            && !target.starts_with("https:")
        {
            let why = "--streams-per-connection is for HTTP/2, which a server cannot be asked for over http://: add --http 2";
            return Err(Failure::Usage(why.into()));
        }
        let headers = request.fields.into_iter().map(|(name, value)| {
            let value = text(value, &format!("the value of {name}"))?;
            Ok((name, value))
        });
        Ok(Quick {
            url: target.to_owned(),
            streams: self.connections,
            hold: self.duration,
            ramp: self.ramp,
            http: http.into(),
            streams_per_connection: self.streams_per_connection,
            method: request.method,
            headers: headers.collect::<Result<_, Failure>>()?,
            body: request
                .body
                .map(|body| text(body, "the body"))
                .transpose()?,
            ca: self.request.cacert()?,
            insecure: request.trust.insecure,
            timeout: request.timeout,
            sources: self.source_ip.iter().map(IpAddr::to_string).collect(),
            interval: self.interval,
            seq: self.seq.clone(),
            reconnects: !self.no_reconnect,
            thresholds: self.threshold.clone(),
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
