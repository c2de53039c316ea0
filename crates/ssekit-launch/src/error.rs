//! Why a subject is not running.
use ssekit_scenario::Subject;
use std::{fmt::Write as _, io, process::ExitStatus};

/// Why a subject could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// What its manifest needs is not there (the caller's part to mend).
    #[error("{name} is not installed: {missing} missing{install}")]
    NotInstalled {
        /// Subject.
        name: String,
        /// The entries of `needs` that are not there.
        missing: String,
        /// Which commands install it, and where to run them; empty when the manifest has none.
        install: String,
    },
    /// Something of this machine failed.
    #[error("cannot {doing}: {source}")]
    Environment {
        /// What was tried.
        doing: &'static str,
        /// Cause.
        source: io::Error,
    },
    /// The subject's command ended before it answered.
    #[error(
        "{name} ended before it was ready ({}); it has to stay in the foreground{}",
        in_words(status),
        quote(tail)
    )]
    EndedEarly {
        /// Subject.
        name: String,
        /// How its command ended.
        status: ExitStatus,
        /// Last lines of its log.
        tail: String,
    },
    /// The subject's command ended while it was looked at.
    #[error("{name} ended during the run ({}){}", in_words(status), quote(tail))]
    EndedDuring {
        /// Subject.
        name: String,
        /// How its command ended.
        status: ExitStatus,
        /// Last lines of its log.
        tail: String,
    },
    /// The subject runs, but did not answer in time.
    #[error(
        "{name} was not ready at {url} within {waited_s} s: {last}{}",
        quote(tail)
    )]
    NotReady {
        /// Subject.
        name: String,
        /// Where it was asked.
        url: String,
        /// Seconds waited.
        waited_s: u64,
        /// The last answer or failure.
        last: String,
        /// Last lines of its log.
        tail: String,
    },
    /// Something listened at the port that is written in the subject's address, before it was started.
    #[error(
        "port {port} is taken by another process already; stop that, or use {{port}} for a free port"
    )]
    PortTaken {
        /// Port.
        port: u16,
    },
    /// Something else answers at the port.
    #[error(
        "port {port} is held by a process that {name} did not start; try again{}",
        quote(tail)
    )]
    ForeignListener {
        /// Subject.
        name: String,
        /// Port it was told.
        port: u16,
        /// Last lines of its log.
        tail: String,
    },
    /// Something survived being killed.
    #[error("{name} did not stop; still running: {processes:?}")]
    Unstopped {
        /// Subject.
        name: String,
        /// Process ids, as far as this system tells.
        processes: Vec<i32>,
    },
}

impl LaunchError {
    pub(crate) fn not_installed(subject: &Subject, missing: &[&str]) -> Self {
        let install = if subject.install.is_empty() {
            String::new()
        } else {
            let commands = subject.install.join(" && ");
            format!("; in {} run: {commands}", subject.dir.display())
        };
        Self::NotInstalled {
            name: subject.name.clone(),
            missing: missing.join(", "),
            install,
        }
    }
}

/// How a command ended; a shell's status for a command that is not there says so.
fn in_words(status: &ExitStatus) -> String {
    match status.code() {
        Some(127) => format!("{status}: command not found"),
        Some(126) => format!("{status}: the command cannot be run"),
        _ => status.to_string(),
    }
}

/// Log lines below a message, or nothing.
fn quote(tail: &str) -> String {
    let mut text = String::new();
    for line in tail.lines() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  | {line}");
    }
    if text.is_empty() {
        text
    } else {
        format!("; its last output:{text}")
    }
}
