//! The run: with the server started for it or without, by one process or several.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, UNIX_EPOCH};

use ssekit_load::{Job, Joint, Order, Ruling, preflight, run};
use ssekit_record::{ExitCode, Launched, LoadRecord, Shard};
use ssekit_report::load::merge::merge_with;
use ssekit_report::text::harmless;
use ssekit_scenario::Subject;
use ssekit_scenario::load::LoadedScenario;

use super::{Arguments, report_set};
use crate::audience::Audience;
use crate::failure::Failure;
use crate::input::cause;
use crate::interrupt::Interrupt;
use crate::load_form::LoadForm;
use crate::local_shard::Task;
use crate::{crew, local_shard, output, runtime};

impl Arguments {
    /// Starts the server, makes the run and stops the server; that it would not stop is told apart, since
    /// there is a record all the same.
    pub(super) async fn started(
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
    pub(super) fn made(
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
    pub(super) fn part(
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
        // The others take as much.
        job.decoded_bytes /= u64::from(self.processes);
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
}

/// The scenario with the port of a server that was started.
pub(super) fn at_port(loaded: LoadedScenario, port: Option<u16>) -> LoadedScenario {
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
