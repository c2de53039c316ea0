//! `ssekit check`: does a server keep the standard?

mod answer;
mod baseline;
mod plan;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use ssekit_conformance::{CheckOptions, Checked, EchoTarget, Selection, Stopper, check, judge};
use ssekit_record::{CheckOutcome, CheckRecord, ExitCode, Level, LoadError, Observation};
use ssekit_scenario::Subject;

use crate::command::report::written;
use crate::failure::Failure;
use crate::format::Format;
use crate::interrupt::Interrupt;
use crate::progress::Display;
use crate::request::{RequestArguments, url};
use crate::start::{StartArguments, Started};
use crate::{duration, input, output, runtime};

use answer::AnswerArguments;
use baseline::{Accepted, BaselineArguments};
use plan::planned;

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
    #[arg(value_name = "URL|FILE", required_unless_present_any = ["subject", "start"], conflicts_with = "subject")]
    target: Option<String>,
    #[command(flatten)]
    start: StartArguments,
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
    #[arg(long, conflicts_with_all = ["subject", "start"])]
    dry_run: bool,
    /// Make the whole check so many times; a check that does not always agree is shown as flaky, with
    /// the worst of its verdicts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,
    #[command(flatten)]
    baseline: BaselineArguments,
    #[command(flatten)]
    request: RequestArguments,
    #[command(flatten)]
    answer: AnswerArguments,
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
    let baseline = arguments.baseline.load()?;
    let target = arguments.target.as_deref().unwrap_or_default();
    if let Some(subject) = arguments.start.subject(arguments.target.as_deref())? {
        return runtime::block_on(
            arguments.repeated(&Target::Started(Box::new(subject)), &baseline),
        );
    }
    if is_file(target) {
        return arguments.saved(Path::new(target), &baseline);
    }
    let url = url(target)?;
    if arguments.dry_run {
        output::print(&planned(&arguments.options(url)?)?)?;
        return Ok(ExitCode::AsExpected);
    }
    runtime::block_on(arguments.repeated(&Target::Running(url), &baseline))
}

/// What is judged.
enum Target {
    /// A server that runs already.
    Running(url::Url),
    /// A server that is started for each run.
    Started(Box<Subject>),
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

    /// Judges an observation without a network.
    fn saved(&self, path: &Path, baseline: &Accepted) -> Result<ExitCode, Failure> {
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
        if self.repeat > 1 {
            return Err(Failure::Usage(
                "a saved observation is judged the same every time; --repeat needs a server".into(),
            ));
        }
        let mut record = judge(&observation, &self.selection(), self.level)?;
        self.concluded(&mut record, Some(&observation), baseline)
    }

    /// Makes the check as often as asked, and reports what was seen even if interrupted.
    async fn repeated(&self, target: &Target, baseline: &Accepted) -> Result<ExitCode, Failure> {
        let mut runs = Runs::default();
        let mut stopped = false;
        // One for all runs: a signal between two waits must not be lost.
        let mut interrupt = Interrupt::listen()?;
        while runs.records.len() < usize::from(self.repeat) && !stopped {
            let run = match target {
                Target::Running(url) => {
                    let options = self.options(url.clone())?;
                    self.observed(&options, &mut interrupt).await
                }
                Target::Started(subject) => self.started(subject, &mut interrupt).await,
            };
            match run {
                Ok((checked, was_stopped)) => {
                    stopped = was_stopped;
                    // A run that was cut short shows less than the target has to show.
                    if !stopped || runs.records.is_empty() {
                        runs.push(checked);
                    }
                }
                Err(Failure::Interrupted(_)) if !runs.records.is_empty() => stopped = true,
                Err(failure) => return Err(failure),
            }
        }
        // A run is made at least once.
        let (Some(mut record), Some(observation)) = (CheckRecord::of_runs(runs.records), runs.seen)
        else {
            return Err(Failure::Internal("no run was made".into()));
        };
        if stopped {
            let said = &mut record.summary;
            *said = format!("Interrupted; what was seen until then: {said}");
        }
        if record.exit_code() == ExitCode::Unreachable {
            return self.unanswered(&record, &observation, stopped);
        }
        if stopped {
            self.answer.give(&record, Some(&observation))?;
            return Ok(ExitCode::Interrupted);
        }
        self.concluded(&mut record, Some(&observation), baseline)
    }

    /// Applies the baseline, gives the answer, and writes the baseline anew where that was asked.
    fn concluded(
        &self,
        record: &mut CheckRecord,
        seen: Option<&Observation>,
        baseline: &Accepted,
    ) -> Result<ExitCode, Failure> {
        let updated = self.baseline.apply(baseline, record)?;
        self.answer.give(record, seen)?;
        if let Some(told) = updated {
            output::say(&told);
        }
        Ok(record.exit_code())
    }

    /// Starts the server, judges it and stops it.
    async fn started(
        &self,
        subject: &Subject,
        interrupt: &mut Interrupt,
    ) -> Result<(Checked, bool), Failure> {
        let started = self.start.launch(subject, interrupt).await?;
        let result = self.judged(subject, &started, interrupt).await;
        let launched = started.stop().await?;
        let (mut checked, interrupted) = result?;
        checked.record.launched = Some(launched);
        Ok((checked, interrupted))
    }

    async fn judged(
        &self,
        subject: &Subject,
        started: &Started,
        interrupt: &mut Interrupt,
    ) -> Result<(Checked, bool), Failure> {
        let running = started.running();
        let mut options = self.options(url(running.url())?)?;
        // A subject that has an echo endpoint is also asked for what that shows.
        if let (None, false, Some(echo)) = (&options.echo, self.passive, running.echo()) {
            options.echo = Some(EchoTarget::At(url(echo)?));
        }
        options.stopper = Some(Stopper::new(running.terminator()));
        options.subject = self.start.name(subject).await;
        self.observed(&options, interrupt).await
    }

    async fn observed(
        &self,
        options: &CheckOptions,
        interrupt: &mut Interrupt,
    ) -> Result<(Checked, bool), Failure> {
        let mut display = Display::new(self.answer.quiet);
        let mut sink = |step: ssekit_conformance::Progress<'_>| display.show(&step);
        let mut run = std::pin::pin!(check(options, &mut sink));
        tokio::select! {
            checked = &mut run => return Ok((checked?, false)),
            stop = interrupt.came() => stop?,
        }
        options.stop.store(true, Ordering::Relaxed);
        match tokio::time::timeout(GRACE, run).await {
            Ok(checked) => Ok((checked?, true)),
            Err(_) => Err(Failure::Interrupted("nothing was seen yet".into())),
        }
    }

    /// Nothing could be measured: one line, and for programs the record.
    fn unanswered(
        &self,
        record: &CheckRecord,
        observation: &Observation,
        stopped: bool,
    ) -> Result<ExitCode, Failure> {
        if stopped {
            return Err(Failure::Interrupted("nothing was seen yet".into()));
        }
        self.answer.write_files(record, Some(observation))?;
        if self.answer.format == Format::Json {
            output::print(&written(record)?)?;
        }
        Err(Failure::Unreachable(why_unanswered(record, observation)))
    }
}

/// Why there was no answer, and what to do about it.
fn why_unanswered(record: &CheckRecord, observation: &Observation) -> String {
    let main = observation.transcripts.first();
    let detail = main.map_or("", |main| main.end.detail.as_str());
    let detail = if detail.is_empty() {
        record.summary.trim_end_matches('.')
    } else {
        detail
    };
    format!("{}: {detail}", record.target)
}

/// The runs made so far.
#[derive(Default)]
struct Runs {
    records: Vec<CheckRecord>,
    /// What is worth saving: seen by the first run in which something was found, or by the first. The
    /// others may be tens of MiB each, and are let go.
    seen: Option<Observation>,
    found: bool,
}

impl Runs {
    fn push(&mut self, checked: Checked) {
        let found = checked.record.outcome == CheckOutcome::Nonconformant;
        if self.seen.is_none() || found && !self.found {
            self.seen = Some(checked.observation);
        }
        self.found |= found;
        self.records.push(checked.record);
    }
}
