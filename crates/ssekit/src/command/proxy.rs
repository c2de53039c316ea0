//! `ssekit proxy`: what does a hop do to an event stream?

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, ValueEnum as _};
use indicatif::{ProgressBar, ProgressStyle};
use ssekit_launch::{launch, version};
use ssekit_proxycheck::{Family, Progress, ProxyError, ProxyOptions, Stand, compare};
use ssekit_record::{ExitCode, Level, ProxyRecord};
use ssekit_report::{github, html, proxy, terminal};
use ssekit_scenario::{Demand, HopExpectation, HopScenario};

use crate::command::report::RecordFormat;
use crate::command::serve::address;
use crate::failure::Failure;
use crate::format::Format;
use crate::interrupt::Interrupt;
use crate::request::{RequestArguments, url};
use crate::{duration, input, output, runtime};

/// How long an interrupted run may take to close its connections and report.
const GRACE: Duration = Duration::from_secs(2);

/// See what a proxy, load balancer or CDN does to an event stream
///
/// Plays both ends: an origin at --listen that the hop has to forward to, and clients through
/// --via. Says whether events are held back, changed or cut, and which directive changes that. With
/// --start it runs the hop itself. Fails (exit 1) on any finding; --level says what is one.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A proxy scenario, kind = "proxy", or its folder: which hop to start, what is demanded and
    /// what is known of it
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    /// URL through the hop, of any path that it forwards. With --start it may hold {listen}, and is
    /// http://{listen}/ if not given
    #[arg(long, value_name = "URL", required_unless_present_any = ["start", "scenario"], conflicts_with = "scenario")]
    via: Option<String>,
    /// Echo endpoint behind the hop, where ssekit cannot be the origin: compares what it gives with
    /// what --via gives of it, and says what that cannot tell
    #[arg(long, value_name = "URL", requires = "via", conflicts_with_all = ["listen", "start", "scenario"])]
    origin: Option<String>,
    /// Address and port, or a port of this machine alone, that the hop forwards to; port 0 takes a
    /// free one
    #[arg(long, value_name = "ADDRESS", value_parser = address, required_unless_present_any = ["start", "scenario", "origin"])]
    listen: Option<SocketAddr>,
    /// Start the hop with this shell command and stop it afterwards. {listen} is where it must
    /// listen, {origin} where it must forward to, {dir} an empty scratch folder
    #[arg(long, value_name = "COMMAND", conflicts_with = "scenario")]
    start: Option<String>,
    /// An event later than this after it was sent is late [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = duration::timeout)]
    max_added_latency: Option<Duration>,
    /// Silence that a stream should survive, 100ms to 1h [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration::observation)]
    idle: Option<Duration>,
    /// Age that a busy stream should reach, 100ms to 1h; not looked at by default
    #[arg(long, value_name = "TIME", value_parser = duration::observation)]
    lifetime: Option<Duration>,
    /// Only what takes no longer than five seconds
    #[arg(long)]
    quick: bool,
    /// Level from which a finding turns the exit code to 1
    #[arg(long, value_name = "LEVEL", default_value = "practice", value_parser = gate)]
    level: Level,
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
    report: Vec<(RecordFormat, PathBuf)>,
    /// Only problems and the verdict
    #[arg(long, short = 'q')]
    quiet: bool,
}

fn report_file(text: &str) -> Result<(RecordFormat, PathBuf), String> {
    let expected = || "expected html=FILE, junit=FILE, md=FILE or json=FILE".to_owned();
    let split = text.split_once('=').filter(|(_, path)| !path.is_empty());
    let (form, path) = split.ok_or_else(expected)?;
    let form = RecordFormat::from_str(form, false).map_err(|_| expected())?;
    if form == RecordFormat::Human {
        return Err(expected());
    }
    Ok((form, path.into()))
}

fn gate(text: &str) -> Result<Level, String> {
    match text.parse() {
        Ok(Level::Info) | Err(_) => Err("expected must, should or practice".into()),
        Ok(level) => Ok(level),
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    arguments.answer.writable()?;
    runtime::block_on(arguments.looked_at())
}

impl Arguments {
    async fn looked_at(&self) -> Result<ExitCode, Failure> {
        let scenario = self.scenario()?;
        if let Some(origin) = &self.origin {
            let origin = url(origin)?;
            let options = self.options(&scenario.via, &scenario, None)?;
            let display = Display::new(self.answer.quiet);
            let mut sink = |step: Progress| display.show(step);
            let run = compare(&origin, &options, &mut sink);
            let mut interrupt = Interrupt::listen()?;
            return self.given(run, &options, &display, &mut interrupt).await;
        }
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen = self.listen.or(scenario.listen).unwrap_or(any);
        let stand = Stand::listen(listen).await?;
        // One for the whole run: a signal between two waits must not be lost.
        let mut interrupt = Interrupt::listen()?;
        let Some(subject) = scenario.subject(stand.addr()) else {
            let options = self.options(&scenario.via, &scenario, None)?;
            return self.judged(&stand, options, &mut interrupt).await;
        };
        let scratch = tempfile::tempdir().map_err(|error| {
            let cause = input::cause(&error);
            Failure::Environment(format!("cannot make a scratch folder: {cause}"))
        })?;
        let log = scratch.path().join("hop.log");
        let mut running = tokio::select! {
            running = launch(&subject, &log) => running?,
            stopped = interrupt.came() => {
                stopped?;
                return Err(Failure::Interrupted("the hop was not ready yet".into()));
            }
        };
        let name = match version(&subject).await {
            Some(version) => format!("{} {version}", scenario.name),
            None => scenario.name.clone(),
        };
        let result = match self.options(running.url(), &scenario, Some(name)) {
            Ok(options) => self.judged(&stand, options, &mut interrupt).await,
            Err(failure) => Err(failure),
        };
        let alive = running.alive();
        running.stop().await?;
        // Why a hop does not forward any more is better known here.
        if result.is_err() {
            alive?;
        }
        result
    }

    /// The scenario given, or what the arguments come to.
    fn scenario(&self) -> Result<HopScenario, Failure> {
        if let Some(path) = &self.scenario {
            return HopScenario::load(path).map_err(|error| Failure::Usage(error.to_string()));
        }
        let command = self.start.as_deref();
        let mut words = command.unwrap_or_default().split_whitespace();
        let program = words.find(|word| *word != "exec");
        let folder = std::env::current_dir().map_err(|error| {
            let cause = input::cause(&error);
            Failure::Environment(format!("there is no current folder: {cause}"))
        })?;
        let via = self.via.clone().unwrap_or("http://{listen}/".into());
        if let Some(command) = command {
            told_addresses(command)?;
        }
        Ok(HopScenario {
            name: program.unwrap_or("the hop").to_owned(),
            about: String::new(),
            install: Vec::new(),
            needs: Vec::new(),
            version: None,
            start: self.start.clone(),
            via,
            listen: self.listen,
            ready_within_s: 30,
            env: BTreeMap::new(),
            demand: Demand::default(),
            expect: HopExpectation::default(),
            dir: folder,
        })
    }

    fn options(
        &self,
        via: &str,
        scenario: &HopScenario,
        subject: Option<String>,
    ) -> Result<ProxyOptions, Failure> {
        let demand = &scenario.demand;
        let request = self.request.load()?;
        let mut options = ProxyOptions::new(url(via)?);
        options.fields = request.fields;
        options.secret_fields = request.secret_fields;
        options.http = request.http;
        options.trust = request.trust;
        options.timeout = request.timeout;
        let bar = self.max_added_latency.or(demand.max_added_latency);
        options.max_added_latency = bar.unwrap_or(options.max_added_latency);
        options.idle = self.idle.or(demand.idle).unwrap_or(options.idle);
        options.lifetime = self.lifetime.or(demand.lifetime);
        options.known = scenario.expect.clone();
        options.quick = self.quick;
        options.gate = self.level;
        options.subject = subject;
        options.family = scenario.start.as_deref().and_then(Family::mentioned);
        Ok(options)
    }

    /// Looks at the hop, and reports what was seen even if interrupted.
    async fn judged(
        &self,
        stand: &Stand,
        options: ProxyOptions,
        interrupt: &mut Interrupt,
    ) -> Result<ExitCode, Failure> {
        if self.listen.is_some_and(|listen| listen.port() == 0) {
            output::say(&format!("the origin listens on {}", stand.addr()));
        }
        let display = Display::new(self.answer.quiet);
        let mut sink = |step: Progress| display.show(step);
        let run = stand.check(&options, &mut sink);
        self.given(run, &options, &display, interrupt).await
    }

    /// Waits for a run and gives its answer, also where it is interrupted.
    async fn given(
        &self,
        run: impl Future<Output = Result<ProxyRecord, ProxyError>>,
        options: &ProxyOptions,
        display: &Display,
        interrupt: &mut Interrupt,
    ) -> Result<ExitCode, Failure> {
        let mut run = std::pin::pin!(run);
        let mut stopped = false;
        let looked = tokio::select! {
            record = &mut run => record,
            signalled = interrupt.came() => {
                signalled?;
                stopped = true;
                options.stop.store(true, Ordering::Relaxed);
                let ended = tokio::time::timeout(GRACE, run).await;
                ended.unwrap_or(Err(ProxyError::Interrupted))
            }
        };
        display.clear();
        let mut record = looked?;
        if stopped {
            let said = &mut record.run.summary;
            *said = format!("Interrupted; what was seen until then: {said}");
        }
        self.answer.give(&record)?;
        if stopped {
            return Ok(ExitCode::Interrupted);
        }
        Ok(record.run.exit_code())
    }
}

/// A hop that is not told where to listen and to forward to could not be told apart from another.
fn told_addresses(command: &str) -> Result<(), Failure> {
    let has = |what: &str| command.contains(what);
    if !has("{listen}") && !has("{listen_port}") {
        return Err(Failure::Usage(
            "--start needs {listen} (or {listen_port}): where the hop has to listen".into(),
        ));
    }
    if !has("{origin}") {
        return Err(Failure::Usage(
            "--start needs {origin}: the address and port that the hop has to forward to".into(),
        ));
    }
    Ok(())
}

impl AnswerArguments {
    /// Finds out before anything is asked that an answer could not be written.
    fn writable(&self) -> Result<(), Failure> {
        for (_, path) in &self.report {
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
    fn give(&self, record: &ProxyRecord) -> Result<(), Failure> {
        for (form, path) in &self.report {
            std::fs::write(path, rendered(record, *form)?).map_err(|error| {
                let cause = input::cause(&error);
                Failure::Usage(format!("cannot write {}: {cause}", path.display()))
            })?;
        }
        let text = match self.format {
            Format::Human => terminal::proxy(record, output::layout(false, self.quiet)),
            Format::Json => rendered(record, RecordFormat::Json)?,
        };
        if self.format == Format::Human && output::is_github() {
            output::say(github::render(&record.run).trim_end());
            return Ok(output::print_inert(&text)?);
        }
        Ok(output::print(&text)?)
    }
}

/// The record in this form.
pub fn rendered(record: &ProxyRecord, form: RecordFormat) -> Result<String, Failure> {
    Ok(match form {
        RecordFormat::Human => terminal::proxy(record, output::layout(false, false)),
        RecordFormat::Md => proxy::markdown(record),
        RecordFormat::Html => html::proxy(record),
        RecordFormat::Junit => proxy::junit(record),
        RecordFormat::Json => {
            let json = proxy::json(record);
            json.map_err(|error| Failure::Internal(error.to_string()))?
        }
    })
}

/// A progress line on standard error, only where a person looks at it.
struct Display {
    bar: Option<ProgressBar>,
}

impl Display {
    fn new(quiet: bool) -> Self {
        use std::io::IsTerminal as _;
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            let style = "{spinner:.cyan} {msg} {pos} of {len} probes, {elapsed}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    fn show(&self, step: Progress) {
        let Some(bar) = &self.bar else { return };
        match step {
            Progress::Reaching => bar.set_message("asking the hop:"),
            Progress::Planned(probes) => {
                bar.set_length(probes as u64);
                bar.set_message("looking at the hop:");
            }
            Progress::Finished(_) => bar.inc(1),
            _ => {}
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.clear();
    }
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        match &error {
            ProxyError::Unreachable(_) => Self::Unreachable(error.to_string()),
            ProxyError::Listen { address, source } => Self::Usage(format!(
                "cannot listen on {address}: {}; --listen takes another address or port",
                input::cause(source)
            )),
            ProxyError::Interrupted => Self::Interrupted("nothing was measured yet".into()),
            ProxyError::Request(_) => Self::Usage(error.to_string()),
            _ => Self::Environment(error.to_string()),
        }
    }
}
