//! Starting the server that a command is about, and stopping it.

use std::path::{Path, PathBuf};

use clap::Args;
use ssekit_launch::{Running, Usage, launch};
use ssekit_record::Launched;
use ssekit_report::text::harmless;
use ssekit_scenario::Subject;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::input;
use crate::interrupt::Interrupt;

/// Which server is started.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct StartArguments {
    /// Start the server with this shell command, and stop it and all it started at the end. A free
    /// port stands for `{port}` here, in --ready and in the URL, and is PORT in its environment
    #[arg(long, value_name = "COMMAND", conflicts_with = "subject")]
    start: Option<String>,
    /// Wait until this URL answers with a status below 500 [default: the URL of the stream]
    #[arg(long, value_name = "URL", requires = "start")]
    ready: Option<String>,
    /// Seconds to wait for that, 1 to 3600
    #[arg(long, value_name = "SECONDS", requires = "start", value_parser = clap::value_parser!(u64).range(1..=3600))]
    ready_within: Option<u64>,
    /// Start the server described in this folder's subject.toml, and stop it at the end
    #[arg(long, value_name = "DIR")]
    subject: Option<PathBuf>,
    /// Keep what the started server prints in this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl StartArguments {
    /// The server to start, where one is asked for; a command without --ready is asked at `url`.
    ///
    /// # Errors
    /// When it cannot be one, or --log has nothing to keep.
    pub fn subject(&self, url: Option<&str>) -> Result<Option<Subject>, Failure> {
        let subject = match (&self.start, &self.subject) {
            (Some(command), _) => Subject::of_command(command, self.ready.as_deref(), url),
            (None, Some(folder)) => Subject::load(folder),
            (None, None) if self.log.is_some() => {
                let told =
                    "--log keeps what a started server prints; it needs --start or --subject";
                return Err(Failure::Usage(told.into()));
            }
            (None, None) => return Ok(None),
        };
        let mut subject = subject.map_err(|error| Failure::Usage(error.to_string()))?;
        if let Some(seconds) = self.ready_within {
            subject.ready_within_s = seconds;
        }
        Ok(Some(subject))
    }

    /// What reports call the server: a subject by its name and version, a command not at all.
    pub async fn name(&self, subject: &Subject) -> Option<String> {
        self.subject.as_ref()?;
        Some(match ssekit_launch::version(subject).await {
            Some(version) => format!("{} {version}", subject.name),
            None => subject.name.clone(),
        })
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, or is interrupted before it answers; nothing is left running then.
    pub async fn launch(
        &self,
        subject: &Subject,
        interrupt: &mut Interrupt,
    ) -> Result<Started, Failure> {
        let scratch = tempfile::tempdir().map_err(|error| {
            Failure::Environment(format!(
                "cannot make a scratch folder: {}",
                input::cause(&error)
            ))
        })?;
        let kept = self.log.clone();
        let log = kept
            .clone()
            .unwrap_or_else(|| scratch.path().join("server.log"));
        let running = tokio::select! {
            running = launch(subject, &log) => running?,
            stop = interrupt.came() => {
                stop?;
                return Err(Failure::Interrupted("the server was not ready yet".into()));
            }
        };
        Ok(Started {
            before: running.usage(),
            running,
            log: kept,
            _scratch: scratch,
        })
    }
}

/// A server that was started and answers.
#[derive(Debug)]
pub struct Started {
    running: Running,
    before: Option<Usage>,
    log: Option<PathBuf>,
    /// Removed with the server.
    _scratch: TempDir,
}

impl Started {
    /// The server itself.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// What the server spent since it was ready: CPU time in milliseconds, and the most memory its
    /// processes held, in bytes. Nothing where the system does not tell.
    pub fn spent(&self) -> Option<(u64, u64)> {
        let (before, now) = (self.before?, self.running.usage()?);
        let cpu = now.cpu.saturating_sub(before.cpu);
        let cpu_ms = u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX);
        Some((cpu_ms, now.max_rss_bytes))
    }

    /// Stops it with all it started; what reports say of it.
    ///
    /// # Errors
    /// When something of it survives.
    pub async fn stop(self) -> Result<Launched, Failure> {
        let unproved = self.running.unproved().map(str::to_owned);
        let shown = |file: &Path| harmless(&file.display().to_string()).into_owned();
        let log = self.log.as_deref().map(shown);
        let tail = self.running.stop().await?;
        Ok(Launched {
            log,
            tail,
            unproved,
            ..Launched::default()
        })
    }
}
