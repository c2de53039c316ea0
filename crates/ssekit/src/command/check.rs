//! `ssekit check`: does a server keep the standard?

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, ValueEnum as _};
use ssekit_conformance::{CheckOptions, Checked, EchoTarget, Selection, check, judge, plan};
use ssekit_launch::{Running, launch, version};
use ssekit_record::{CheckRecord, ExitCode, Level, LoadError, Observation};
use ssekit_report::text::{columns, counted, duration as span, harmless};
use ssekit_report::{github, terminal};
use ssekit_scenario::Subject;

use crate::command::report::{RecordFormat, written};
use crate::failure::Failure;
use crate::format::Format;
use crate::interrupt::interrupted;
use crate::progress::Display;
use crate::request::{RequestArguments, url};
use crate::{duration, input, output, runtime};

/// Bytes read of a saved observation, at most.
const LARGEST: u64 = 1 << 30;
/// How long an interrupted run may take to close its connections and report.
const GRACE: Duration = Duration::from_secs(2);

/// Judge a server, or an observation saved earlier
///
/// Asks the server a few times, at most about six seconds long, and says check by check whether it
/// keeps the standard. Fails (exit 1) on a violated MUST; --level says what else fails.
#[derive(Debug, Args)]
pub struct Arguments {
    /// URL of the event stream, or a file written by --save
    #[arg(value_name = "URL|FILE", required_unless_present = "subject")]
    target: Option<String>,
    /// Start the server described in this folder's subject.toml, judge it, and stop it
    #[arg(long, value_name = "DIR", conflicts_with = "target")]
    subject: Option<PathBuf>,
    /// Only these checks: ids, groups or globs, such as framing.*; repeatable
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    only: Vec<String>,
    /// Not these checks; repeatable
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    skip: Vec<String>,
    /// Level from which a finding turns the exit code to 1
    #[arg(long, value_name = "LEVEL", default_value = "must", value_parser = gate)]
    level: Level,
    /// How long to watch the stream, 100ms to 1h [default: 3s, with --long 45s]
    #[arg(long, value_name = "TIME", value_parser = duration::observation)]
    observe: Option<Duration>,
    /// One request only
    #[arg(long)]
    passive: bool,
    /// Also the checks that need a long observation
    #[arg(long)]
    long: bool,
    /// The server implements the echo contract: send it chosen values and see what arrives. Without
    /// a URL the target itself, `echo` beside it and `/echo` are tried
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "passive"
    )]
    echo: Option<String>,
    /// Show what would be asked, and ask nothing
    #[arg(long, conflicts_with = "subject")]
    dry_run: bool,
    #[command(flatten)]
    request: RequestArguments,
    #[command(flatten)]
    answer: AnswerArguments,
}

/// Where the answer goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answer")]
struct AnswerArguments {
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Write the answer to a file too: html=FILE, junit=FILE, md=FILE or json=FILE; repeatable
    #[arg(long, value_name = "FORM=FILE", value_parser = report_file)]
    report: Vec<ReportFile>,
    /// Save what was seen, to judge it again with `ssekit check FILE`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Only problems and the verdict
    #[arg(long, short = 'q')]
    quiet: bool,
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

fn gate(text: &str) -> Result<Level, String> {
    match text.parse() {
        Ok(Level::Info) | Err(_) => Err("expected must, should or practice".into()),
        Ok(level) => Ok(level),
    }
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    arguments.answer.writable()?;
    if let Some(folder) = &arguments.subject {
        return runtime::block_on(arguments.started(folder));
    }
    let target = arguments.target.as_deref().unwrap_or_default();
    if is_file(target) {
        return arguments.saved(Path::new(target));
    }
    let options = arguments.options(url(target)?)?;
    if arguments.dry_run {
        output::print(&planned(&options)?)?;
        return Ok(ExitCode::AsExpected);
    }
    runtime::block_on(arguments.live(options))
}

/// Whether the target is meant as a file: it is there, or it is written like one.
fn is_file(target: &str) -> bool {
    let path = Path::new(target);
    let written = ["/", "./", "../"]
        .iter()
        .any(|start| target.starts_with(start));
    let named = path.extension().is_some_and(|e| e == "json") && !target.contains(':');
    !target.contains("://") && (path.is_file() || written || named || path.is_dir())
}

impl Arguments {
    fn selection(&self) -> Selection {
        let trimmed = |globs: &[String]| globs.iter().map(|glob| glob.trim().into()).collect();
        Selection {
            only: trimmed(&self.only),
            skip: trimmed(&self.skip),
        }
    }

    fn options(&self, target: url::Url) -> Result<CheckOptions, Failure> {
        let request = self.request.load()?;
        let mut options = CheckOptions::new(target);
        options.method = request.method;
        options.body = request.body;
        options.fields = request.fields;
        options.secret_fields = request.secret_fields;
        options.http = request.http;
        options.trust = request.trust;
        options.timeout = request.timeout;
        options.observe = self.observe;
        options.passive = self.passive;
        options.long = self.long;
        options.selection = self.selection();
        options.gate = self.level;
        options.echo = match self.echo.as_deref() {
            None => None,
            Some("") => Some(EchoTarget::Beside),
            Some(text) => Some(EchoTarget::At(url(text)?)),
        };
        Ok(options)
    }

    /// Asks a subject that was started also for what its echo endpoint shows, where it has one.
    fn options_for(&self, running: &Running) -> Result<CheckOptions, Failure> {
        let mut options = self.options(url(running.url())?)?;
        if let (None, false, Some(echo)) = (&options.echo, self.passive, running.echo()) {
            options.echo = Some(EchoTarget::At(url(echo)?));
        }
        Ok(options)
    }

    /// Judges an observation without a network.
    fn saved(&self, path: &Path) -> Result<ExitCode, Failure> {
        let text = input::text(path, LARGEST)?;
        let observation = Observation::from_json(&text).map_err(|error| {
            let shown = path.display();
            let hint = match &error {
                LoadError::WrongKind { kind, .. } if kind == "check" => {
                    "`ssekit report render` shows a record"
                }
                _ => "`ssekit check URL --save FILE` writes one",
            };
            Failure::Usage(format!("{shown}: {error}; {hint}"))
        })?;
        let record = judge(&observation, &self.selection(), self.level)?;
        self.answer.give(&record, Some(&observation))?;
        Ok(record.exit_code())
    }

    /// Asks the server, and reports what was seen even if interrupted.
    async fn live(&self, options: CheckOptions) -> Result<ExitCode, Failure> {
        let (mut checked, stopped) = self.observed(&options).await?;
        if stopped {
            let said = &mut checked.record.summary;
            *said = format!("Interrupted; what was seen until then: {said}");
        }
        let (record, observation) = (&checked.record, &checked.observation);
        if record.exit_code() == ExitCode::Unreachable {
            return self.unanswered(&checked, stopped);
        }
        self.answer.give(record, Some(observation))?;
        if stopped {
            return Ok(ExitCode::Interrupted);
        }
        Ok(record.exit_code())
    }

    async fn observed(&self, options: &CheckOptions) -> Result<(Checked, bool), Failure> {
        let mut display = Display::new(self.answer.quiet);
        let mut sink = |step: ssekit_conformance::Progress<'_>| display.show(&step);
        let mut run = std::pin::pin!(check(options, &mut sink));
        tokio::select! {
            checked = &mut run => return Ok((checked?, false)),
            stop = interrupted() => stop?,
        }
        options.stop.store(true, Ordering::Relaxed);
        match tokio::time::timeout(GRACE, run).await {
            Ok(checked) => Ok((checked?, true)),
            Err(_) => Err(Failure::Interrupted("nothing was seen yet".into())),
        }
    }

    /// Nothing could be measured: one line, and for programs the record.
    fn unanswered(&self, checked: &Checked, stopped: bool) -> Result<ExitCode, Failure> {
        if stopped {
            return Err(Failure::Interrupted("nothing was seen yet".into()));
        }
        self.answer
            .write_files(&checked.record, Some(&checked.observation))?;
        if self.answer.format == Format::Json {
            output::print(&written(&checked.record)?)?;
        }
        Err(Failure::Unreachable(why_unanswered(checked)))
    }

    /// Starts a subject, judges it and stops it.
    async fn started(&self, folder: &Path) -> Result<ExitCode, Failure> {
        let subject = Subject::load(folder).map_err(|error| Failure::Usage(error.to_string()))?;
        let scratch = tempfile::tempdir().map_err(|error| {
            Failure::Environment(format!(
                "cannot make a scratch folder: {}",
                input::cause(&error)
            ))
        })?;
        let log = scratch.path().join("subject.log");
        let running = tokio::select! {
            running = launch(&subject, &log) => running?,
            stop = interrupted() => {
                stop?;
                return Err(Failure::Interrupted("the subject was not ready yet".into()));
            }
        };
        let options = self.options_for(&running);
        let result = match options {
            Ok(mut options) => {
                options.subject = Some(match version(&subject).await {
                    Some(version) => format!("{} {version}", subject.name),
                    None => subject.name.clone(),
                });
                self.live(options).await
            }
            Err(failure) => Err(failure),
        };
        running.stop().await?;
        result
    }
}

/// Why there was no answer, and what to do about it.
fn why_unanswered(checked: &Checked) -> String {
    let record = &checked.record;
    let main = checked.observation.transcripts.first();
    let detail = main.map_or("", |main| main.end.detail.as_str());
    let detail = if detail.is_empty() {
        record.summary.trim_end_matches('.')
    } else {
        detail
    };
    format!("{}: {detail}", record.target)
}

impl AnswerArguments {
    /// Finds out before anything is asked that an answer could not be written.
    fn writable(&self) -> Result<(), Failure> {
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
    fn give(&self, record: &CheckRecord, seen: Option<&Observation>) -> Result<(), Failure> {
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

    fn write_files(&self, record: &CheckRecord, seen: Option<&Observation>) -> Result<(), Failure> {
        for report in &self.report {
            let text = report.form.render(record, true)?;
            write(&report.path, &text)?;
        }
        if let (Some(path), Some(seen)) = (&self.save, seen) {
            let text = seen.to_json();
            let text = text.map_err(|error| Failure::Internal(error.to_string()))?;
            write(path, &(text + "\n"))?;
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        let cause = input::cause(&error);
        Failure::Usage(format!("cannot write {}: {cause}", path.display()))
    })
}

/// The plan of requests, as a table.
fn planned(options: &CheckOptions) -> Result<String, Failure> {
    let plan = plan(options)?;
    let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(columns).max().unwrap_or(0);
    let names = widest(&mut plan.iter().map(|p| p.probe.name()));
    let abouts = widest(&mut plan.iter().map(|p| p.about));
    let mut out = format!(
        "Requests to {}:\n\n",
        plan.first().map_or("", |p| &p.request)
    );
    for probe in &plan {
        let us = u64::try_from(probe.at_most.as_micros()).unwrap_or(u64::MAX);
        out.push_str(&format!(
            "  {:names$}  {:abouts$}  at most {:>8}  {}\n",
            probe.probe.name(),
            probe.about,
            span(us),
            probe.condition,
        ));
    }
    let usual = plan.first().map_or("", |p| p.request.as_str());
    let mut others = plan.iter().filter(|p| p.request != usual).peekable();
    if others.peek().is_some() {
        out.push_str("\nwhere\n\n");
    }
    for other in others {
        let request = harmless(&other.request);
        out.push_str(&format!("  {:names$}  is {request}\n", other.probe.name()));
    }
    let total = counted(plan.len(), "request");
    out.push_str(&format!("\n{total} at most; nothing was asked\n"));
    Ok(out)
}
