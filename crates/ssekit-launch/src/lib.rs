//! Starting a subject, waiting until it answers, and stopping everything it started.
//!
//! Process groups and signals are POSIX; on other systems this crate is empty.
#![cfg(unix)]

mod error;
mod family;
mod readiness;

pub use error::LaunchError;

use family::Family;
use rustix::process::Signal;
use ssekit_scenario::{ResolvedSubject, Subject};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::process::{Child, ChildStdin, Command};

/// Between two looks at a condition that nothing announces.
const POLL: Duration = Duration::from_millis(25);
/// From the request to stop to the forced end.
const GRACE: Duration = Duration::from_secs(5);
/// From the forced end until it is given up.
const FORCED: Duration = Duration::from_secs(5);
/// For the command that prints a version.
const VERSION_WITHIN: Duration = Duration::from_secs(30);
/// Longest version kept, in characters.
const VERSION_CHARS: usize = 80;
/// How much of the log's end an error quotes.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 12;

/// Runs `$1` in a shell. Its standard input is the lifeline: it ends when ssekit ends, however
/// ssekit ends, and then the whole process group is killed. `$1` itself reads nothing.
const SUPERVISOR: &str = "exec 3<&0 </dev/null; { cat <&3 >/dev/null; kill -s KILL 0; } & \
                          exec 3<&-; exec sh -c \"$1\"";

/// A subject that has been started and answers.
///
/// [`stop`](Self::stop) ends it politely. Dropping it, or the end of this process, kills it:
/// nothing it started is left behind.
#[derive(Debug)]
pub struct Running {
    name: String,
    url: String,
    echo: Option<String>,
    port: u16,
    /// Where its stream and its readiness are asked.
    ports: Vec<u16>,
    unproved: Option<&'static str>,
    log: PathBuf,
    child: Child,
    family: Arc<Family>,
    lifeline: Option<ChildStdin>,
    stopped: bool,
    /// Removed with the subject.
    _scratch: TempDir,
}

/// What the processes of a subject have used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// The most memory that each of them held, together, in bytes.
    pub max_rss_bytes: u64,
}

/// Starts a subject on a free port of the loopback interface and waits until it answers.
///
/// What it prints goes to the file `log`, which is written anew. Installs nothing.
///
/// # Errors
/// [`LaunchError`]: what it needs is missing, it ended early, it did not answer in time, or what
/// answered is not what was started. Nothing is left running then.
pub async fn launch(subject: &Subject, log: &Path) -> Result<Running, LaunchError> {
    let missing = subject.missing();
    if !missing.is_empty() {
        return Err(LaunchError::not_installed(subject, &missing));
    }
    let scratch = tempfile::Builder::new()
        .prefix("ssekit-")
        .tempdir()
        .map_err(environment("make a scratch folder"))?;
    let port = free_port(subject).map_err(environment("find a free port"))?;
    let resolved = subject.resolved(port, &scratch.path().to_string_lossy());
    for url in [&resolved.ready, &resolved.url] {
        if readiness::is_taken(url).await {
            return Err(LaunchError::PortTaken {
                port: port_of(url, port),
            });
        }
    }
    let mut running = spawn(subject, &resolved, port, log, scratch)?;
    running.until_ready(subject, &resolved.ready).await?;
    Ok(running)
}

/// What the subject's `version` command prints: the first line, or nothing when there is no such
/// command or it does not succeed within 30 s.
pub async fn version(subject: &Subject) -> Option<String> {
    let output = Command::new("sh")
        .args(["-c", subject.version.as_deref()?])
        .current_dir(&subject.dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(VERSION_WITHIN, output)
        .await
        .ok()?
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: String = text
        .lines()
        .next()?
        .trim()
        .chars()
        .take(VERSION_CHARS)
        .collect();
    (output.status.success() && !line.is_empty()).then_some(line)
}

fn spawn(
    subject: &Subject,
    resolved: &ResolvedSubject,
    port: u16,
    log: &Path,
    scratch: TempDir,
) -> Result<Running, LaunchError> {
    let output = File::create(log).map_err(environment("write the log"))?;
    let errors = output.try_clone().map_err(environment("write the log"))?;
    let mark = Family::new_mark();
    let mut child = Command::new("sh")
        .args(["-c", SUPERVISOR, "sh", &resolved.start])
        .current_dir(&subject.dir)
        .envs(&resolved.env)
        .env(family::MARK, &mark)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(environment("start a shell"))?;
    let lifeline = child.stdin.take();
    let family = child.id().and_then(|leader| Family::new(leader, mark));
    let family = family
        .ok_or_else(|| environment("start a shell")(io::Error::other("it has no process id")))?;
    Ok(Running {
        name: subject.name.clone(),
        url: resolved.url.clone(),
        echo: resolved.echo.clone(),
        port,
        ports: vec![port_of(&resolved.ready, port), port_of(&resolved.url, port)],
        unproved: None,
        log: log.to_owned(),
        child,
        family: Arc::new(family),
        lifeline,
        stopped: false,
        _scratch: scratch,
    })
}

impl Running {
    /// URL of the event stream.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// URL of its echo endpoint, where its manifest names one.
    pub fn echo(&self) -> Option<&str> {
        self.echo.as_deref()
    }

    /// Port it was told to listen at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What its processes have used so far; nothing where the system does not tell.
    pub fn usage(&self) -> Option<Usage> {
        self.family.usage()
    }

    /// Why it could not be proved that what answers is what was started; `None` where the listening
    /// socket was found among its processes.
    pub fn unproved(&self) -> Option<&'static str> {
        self.unproved
    }

    /// Something that asks every process of the subject to end, as [`stop`](Self::stop) does first,
    /// and does not wait; nothing once this is dropped.
    pub fn terminator(&self) -> impl Fn() + Send + Sync + 'static {
        let family = Arc::downgrade(&self.family);
        move || {
            if let Some(family) = family.upgrade() {
                family.signal(Signal::TERM);
            }
        }
    }

    /// File with everything it printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether its command still runs.
    ///
    /// # Errors
    /// [`LaunchError::EndedDuring`] when it has ended.
    pub fn alive(&mut self) -> Result<(), LaunchError> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(LaunchError::EndedDuring {
                name: self.name.clone(),
                status,
                tail: tail(&self.log),
            }),
            _ => Ok(()),
        }
    }

    /// Asks everything the subject started to end, and kills what has not ended after 5 s. Gives the
    /// last lines it printed, twelve at most.
    ///
    /// # Errors
    /// [`LaunchError::Unstopped`] when something survives even that.
    pub async fn stop(self) -> Result<Vec<String>, LaunchError> {
        self.stop_within(GRACE).await
    }

    async fn stop_within(mut self, grace: Duration) -> Result<Vec<String>, LaunchError> {
        self.family.signal(Signal::TERM);
        if !self.gone_within(grace).await {
            self.family.signal(Signal::KILL);
            if !self.gone_within(FORCED).await {
                return Err(LaunchError::Unstopped {
                    name: self.name.clone(),
                    processes: self.family.processes(),
                });
            }
        }
        self.stopped = true;
        Ok(tail(&self.log).lines().map(str::to_owned).collect())
    }

    async fn gone_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            // Reaps the shell, which would otherwise stay in the process table.
            let reaped = !matches!(self.child.try_wait(), Ok(None));
            if reaped && !self.family.is_alive() {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn until_ready(&mut self, subject: &Subject, url: &str) -> Result<(), LaunchError> {
        let begin = Instant::now();
        let limit = Duration::from_secs(subject.ready_within_s);
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.ended_early(status));
            }
            let Err(last) = readiness::ask(url).await else {
                return self.owned_listener();
            };
            if begin.elapsed() >= limit {
                return Err(LaunchError::NotReady {
                    name: self.name.clone(),
                    url: url.to_owned(),
                    waited_s: subject.ready_within_s,
                    last: last.to_string(),
                    tail: tail(&self.log),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What answered must be what was started: the port was free a moment ago, but anyone may
    /// have taken it since.
    fn owned_listener(&mut self) -> Result<(), LaunchError> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(self.ended_early(status));
        }
        for port in self.ports.clone() {
            match self.family.listens_at(port) {
                Ok(true) => {}
                Ok(false) => {
                    return Err(LaunchError::ForeignListener {
                        name: self.name.clone(),
                        port,
                        tail: tail(&self.log),
                    });
                }
                Err(why) => self.unproved = Some(why),
            }
        }
        Ok(())
    }

    fn ended_early(&self, status: ExitStatus) -> LaunchError {
        LaunchError::EndedEarly {
            name: self.name.clone(),
            status,
            tail: tail(&self.log),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.stopped {
            self.family.kill_now();
        }
        // The supervisor is dead by now, and its end of the lifeline with it.
        self.lifeline = None;
    }
}

fn environment(doing: &'static str) -> impl FnOnce(io::Error) -> LaunchError {
    move |source| LaunchError::Environment { doing, source }
}

/// The port of an address, or `other` where it names none.
fn port_of(url: &str, other: u16) -> u16 {
    let url = url::Url::parse(url).ok();
    url.and_then(|url| url.port_or_known_default())
        .unwrap_or(other)
}

/// A port that was free a moment ago, at the address the subject is asked at.
fn free_port(subject: &Subject) -> io::Result<u16> {
    let host = if subject.ready.contains("[::1]") {
        "::1"
    } else {
        "127.0.0.1"
    };
    Ok(TcpListener::bind((host, 0))?.local_addr()?.port())
}

/// The last lines of a log, as far as they can be read.
fn tail(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests;
