//! Starting the server under test, judging it and stopping it.

use std::path::{Path, PathBuf};

use clap::Args;
use ssekit_conformance::{Checked, EchoTarget, Stopper};
use ssekit_launch::{Running, launch, version};
use ssekit_record::Launched;
use ssekit_report::text::harmless;
use ssekit_scenario::Subject;

use super::Arguments;
use crate::failure::Failure;
use crate::input;
use crate::interrupt::interrupted;
use crate::request::url;

/// Which server is started.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct StartArguments {
    /// Start the server with this shell command, judge it, and stop it and all it started. A free
    /// port stands for `{port}` here, in --ready and in the URL, and is PORT in its environment
    #[arg(long, value_name = "COMMAND", conflicts_with = "subject")]
    start: Option<String>,
    /// Wait until this URL answers with a status below 500 [default: the URL of the stream]
    #[arg(long, value_name = "URL", requires = "start")]
    ready: Option<String>,
    /// Seconds to wait for that, 1 to 3600
    #[arg(long, value_name = "SECONDS", requires = "start", value_parser = clap::value_parser!(u64).range(1..=3600))]
    ready_within: Option<u64>,
    /// Start the server described in this folder's subject.toml, judge it, and stop it
    #[arg(long, value_name = "DIR", conflicts_with = "target")]
    subject: Option<PathBuf>,
    /// Keep what the started server prints in this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl StartArguments {
    /// The server to start, where one is asked for.
    pub(super) fn subject(&self, target: Option<&str>) -> Result<Option<Subject>, Failure> {
        let subject = match (&self.start, &self.subject) {
            (Some(command), _) => Subject::of_command(command, self.ready.as_deref(), target),
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
}

impl Arguments {
    /// Starts the server, judges it and stops it.
    pub(super) async fn started(&self, subject: &Subject) -> Result<(Checked, bool), Failure> {
        let scratch = tempfile::tempdir().map_err(|error| {
            Failure::Environment(format!(
                "cannot make a scratch folder: {}",
                input::cause(&error)
            ))
        })?;
        let kept = self.start.log.as_deref();
        let log = kept.map_or_else(|| scratch.path().join("server.log"), Path::to_owned);
        let running = tokio::select! {
            running = launch(subject, &log) => running?,
            stop = interrupted() => {
                stop?;
                return Err(Failure::Interrupted("the server was not ready yet".into()));
            }
        };
        let result = self.judged(subject, &running).await;
        let unproved = running.unproved().map(str::to_owned);
        let tail = running.stop().await?;
        let (mut checked, interrupted) = result?;
        checked.record.launched = Some(Launched {
            log: kept.map(|file| harmless(&file.display().to_string()).into_owned()),
            tail,
            unproved,
        });
        Ok((checked, interrupted))
    }

    async fn judged(
        &self,
        subject: &Subject,
        running: &Running,
    ) -> Result<(Checked, bool), Failure> {
        let mut options = self.options(url(running.url())?)?;
        // A subject that has an echo endpoint is also asked for what that shows.
        if let (None, false, Some(echo)) = (&options.echo, self.passive, running.echo()) {
            options.echo = Some(EchoTarget::At(url(echo)?));
        }
        options.stopper = Some(Stopper::new(running.terminator()));
        let version = version(subject).await;
        options.subject = self.start.subject.is_some().then(|| match version {
            Some(version) => format!("{} {version}", subject.name),
            None => subject.name.clone(),
        });
        self.observed(&options).await
    }
}
