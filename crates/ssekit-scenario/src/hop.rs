//! Proxy scenarios: how to start a hop, what is demanded of it and what is known of it.
mod manifest;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ssekit_record::Release;

use crate::subject::{Subject, SubjectError, load_text};

/// Name of the file inside a hop's folder.
const FILE: &str = "proxy.toml";

/// `scenarios/proxies/NAME/proxy.toml`: a hop, what is demanded of it, and what is known of it.
///
/// In [`HopScenario::start`], [`HopScenario::via`] and the environment, `{listen}` stands for the
/// address the hop listens at, `{origin}` for the one it forwards to, `{listen_port}` for the port
/// alone and `{dir}` for an empty scratch folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopScenario {
    /// Name shown in reports: lower-case letters, digits, `-`, `.` and `_`.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// Shell commands that install it, run in its folder, in order. Nothing in ssekit runs them.
    pub install: Vec<String>,
    /// What must be there before it can start: a program of the search path, or a path with a `/`.
    pub needs: Vec<String>,
    /// Shell command that prints the version of the product.
    pub version: Option<String>,
    /// Shell command that starts it in the foreground, in its folder; without one the hop runs
    /// already.
    pub start: Option<String>,
    /// URL through the hop; `http://{listen}/` where it is started and none is given.
    pub via: String,
    /// Address the origin listens at; needed where the hop runs already.
    pub listen: Option<SocketAddr>,
    /// Seconds to wait for readiness, from 1 to 3600.
    pub ready_within_s: u64,
    /// Environment added for `start`.
    pub env: BTreeMap<String, String>,
    /// What is demanded.
    pub demand: Demand,
    /// What is known.
    pub expect: HopExpectation,
    /// Folder of the file, absolute; not in the file.
    pub dir: PathBuf,
}

/// What is demanded of a hop; `None` is the default of `ssekit proxy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// Later than this after it was sent, an event is late.
    pub max_added_latency: Option<Duration>,
    /// Silence a stream should survive.
    pub idle: Option<Duration>,
    /// Age a busy stream should reach.
    pub lifetime: Option<Duration>,
}

/// What is known of a hop: findings that turn nothing red, each with the reason why it is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HopExpectation {
    /// What it does to small events; another kind turns the run red.
    pub release: Option<Release>,
    /// Checks that end in `fail`.
    pub fail: BTreeMap<String, String>,
    /// Checks that end in `warn`.
    pub warn: BTreeMap<String, String>,
}

impl HopScenario {
    /// Reads the scenario of a folder, or the file itself.
    ///
    /// # Errors
    /// [`SubjectError`] when the file cannot be read or says something that cannot work.
    pub fn load(path: &Path) -> Result<Self, SubjectError> {
        let (mut scenario, dir) = load_text(path, FILE, Self::parse)?;
        scenario.dir = dir;
        Ok(scenario)
    }

    /// Reads a scenario from text; `path` is named in errors, and `dir` stays empty.
    ///
    /// # Errors
    /// [`SubjectError::Malformed`] with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, SubjectError> {
        manifest::read(text).map_err(|fault| fault.in_file(text, path))
    }

    /// The hop as something that can be started, forwarding to `origin`; `None` where it runs
    /// already.
    pub fn subject(&self, origin: SocketAddr) -> Option<Subject> {
        let origin = origin.to_string();
        let put = |text: &str| {
            let text = text.replace("{listen_port}", "{port}");
            let text = text.replace("{listen}", "127.0.0.1:{port}");
            text.replace("{origin}", &origin)
        };
        let url = put(&self.via);
        Some(Subject {
            name: self.name.clone(),
            about: self.about.clone(),
            install: self.install.clone(),
            needs: self.needs.clone(),
            version: self.version.clone(),
            start: put(self.start.as_deref()?),
            ready: url.clone(),
            url,
            echo: None,
            ready_within_s: self.ready_within_s,
            env: self.env.iter().map(|(n, v)| (n.clone(), put(v))).collect(),
            expect: None,
            dir: self.dir.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
