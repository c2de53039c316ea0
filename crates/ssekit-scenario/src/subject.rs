//! Subject manifests: how to install, start and reach a server under test.
mod command;
pub(crate) mod manifest;

use crate::file::{ReadFault, position, read};
use ssekit_record::CheckOutcome;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

/// Name of the manifest inside a subject's folder.
const FILE: &str = "subject.toml";
/// Largest manifest read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// `scenarios/servers/NAME/subject.toml`: a server that can be started and judged.
///
/// `{port}` and `{dir}` stand for the port and the scratch folder chosen at run time, see
/// [`Subject::resolved`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Name shown in reports, such as `better-sse`: lower-case letters, digits, `-`, `.` and `_`.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// Shell commands that install it, run in its folder, in order. Nothing in ssekit runs them.
    pub install: Vec<String>,
    /// What must be there before it can start: a program of the search path, or a path with a `/`
    /// relative to the folder.
    pub needs: Vec<String>,
    /// Shell command that prints the version of the product under test.
    pub version: Option<String>,
    /// Shell command that starts it in the foreground, in its folder.
    pub start: String,
    /// URL that is asked until it answers.
    pub ready: String,
    /// URL of the event stream.
    pub url: String,
    /// URL of its echo endpoint (echo contract, version 1), where it has one.
    pub echo: Option<String>,
    /// Seconds to wait for readiness, from 1 to 3600.
    pub ready_within_s: u64,
    /// Environment added for `start`.
    pub env: BTreeMap<String, String>,
    /// What a check of it finds, where that is known.
    pub expect: Option<Expectation>,
    /// Folder of the manifest, absolute; not in the file.
    pub dir: PathBuf,
}

/// What a check of a subject is known to find: every entry is a check id and the reason why the
/// finding is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The one word of its record.
    pub outcome: CheckOutcome,
    /// Checks that end in `fail`.
    pub fail: BTreeMap<String, String>,
    /// Checks that end in `warn`.
    pub warn: BTreeMap<String, String>,
    /// Checks that end in `warn` in some runs only, because what they show is a race of the subject's.
    pub sometimes: BTreeMap<String, String>,
}

/// A subject's commands and addresses with port and scratch folder put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSubject {
    /// Shell command.
    pub start: String,
    /// URL that is asked until it answers.
    pub ready: String,
    /// URL of the event stream.
    pub url: String,
    /// URL of its echo endpoint, where it has one.
    pub echo: Option<String>,
    /// Environment to add.
    pub env: BTreeMap<String, String>,
}

/// Why a manifest or a command cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// Cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// An address that a server started on this machine cannot have, or nothing to start.
    #[error("{0}")]
    Command(String),
    /// Larger than a manifest may be.
    #[error("{}: a manifest has at most {limit} bytes", path.display())]
    TooLarge {
        /// File.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not TOML, not of this shape, or a value that cannot work.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}

impl Subject {
    /// Reads the manifest of a folder, or the manifest file itself.
    ///
    /// # Errors
    /// [`SubjectError`] when the file cannot be read or says something that cannot work.
    pub fn load(path: &Path) -> Result<Self, SubjectError> {
        let (mut subject, dir) = load_text(path, FILE, Self::parse)?;
        subject.dir = dir;
        Ok(subject)
    }

    /// Reads a manifest from text; `path` is named in errors, and `dir` stays empty.
    ///
    /// # Errors
    /// [`SubjectError::Malformed`] with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, SubjectError> {
        manifest::read(text).map_err(|fault| fault.in_file(text, path))
    }

    /// The entries of `needs` that are not there now.
    pub fn missing(&self) -> Vec<&str> {
        let path = env::var_os("PATH").unwrap_or_default();
        self.needs
            .iter()
            .map(String::as_str)
            .filter(|need| {
                if need.contains('/') {
                    !self.dir.join(need).exists()
                } else {
                    !env::split_paths(&path).any(|folder| is_program(&folder.join(need)))
                }
            })
            .collect()
    }

    /// Puts the port and the scratch folder in: `{port}` everywhere, `{dir}` in `start` (quoted for
    /// the shell where it has to be) and in the environment.
    pub fn resolved(&self, port: u16, scratch: &str) -> ResolvedSubject {
        let with_port = |text: &str| text.replace("{port}", &port.to_string());
        ResolvedSubject {
            start: with_port(&self.start).replace("{dir}", &quoted(scratch)),
            ready: with_port(&self.ready),
            url: with_port(&self.url),
            echo: self.echo.as_deref().map(with_port),
            env: self
                .env
                .iter()
                .map(|(name, value)| (name.clone(), with_port(value).replace("{dir}", scratch)))
                .collect(),
        }
    }
}

/// Reads the file `name` of a folder, or the file itself, and gives the folder as well, absolute.
pub(crate) fn load_text<T>(
    path: &Path,
    name: &str,
    parse: impl FnOnce(&str, &Path) -> Result<T, SubjectError>,
) -> Result<(T, PathBuf), SubjectError> {
    let file = if path.is_dir() {
        path.join(name)
    } else {
        path.to_owned()
    };
    let unreadable = |source| SubjectError::Unreadable {
        path: file.clone(),
        source,
    };
    let text = read(&file, MAX_BYTES).map_err(|fault| match fault {
        ReadFault::Io(source) => unreadable(source),
        ReadFault::TooLarge => SubjectError::TooLarge {
            path: file.clone(),
            limit: MAX_BYTES,
        },
    })?;
    let parsed = parse(&text, &file)?;
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = std::path::absolute(dir.unwrap_or(Path::new("."))).map_err(unreadable)?;
    Ok((parsed, dir))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// A word as a POSIX shell reads it back unchanged.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests;
