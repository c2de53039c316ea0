//! Reading a manifest's text: shape by serde, unknown keys and values that cannot work by hand.
use super::{Expectation, Subject, SubjectError, position};
use serde::Deserialize;
use ssekit_record::CheckOutcome;
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const KEYS: &[&str] = &[
    "name",
    "about",
    "install",
    "needs",
    "version",
    "start",
    "ready",
    "url",
    "echo",
    "ready_within_s",
    "env",
    "expect",
];
const EXPECT_KEYS: &[&str] = &["outcome", "fail", "warn", "sometimes"];
const READY_WITHIN_S: RangeInclusive<u64> = 1..=3600;
pub(super) const DEFAULT_READY_WITHIN_S: u64 = 30;
/// Hosts a subject may be reached at: it runs on this machine, at a port of the loopback interface.
const HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// A fault and the byte offset where it stands.
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Fault {
    /// The fault with its line and column in this text.
    pub(crate) fn in_file(self, text: &str, path: &Path) -> SubjectError {
        let (line, column) = position(text, self.at);
        SubjectError::Malformed {
            path: path.to_owned(),
            line,
            column,
            message: self.message,
        }
    }
}

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: Text,
    about: Text,
    #[serde(default)]
    install: Vec<Text>,
    #[serde(default)]
    needs: Vec<Text>,
    version: Option<Text>,
    start: Text,
    ready: Text,
    url: Text,
    echo: Option<Text>,
    ready_within_s: Option<Spanned<u64>>,
    #[serde(default)]
    env: BTreeMap<Text, Text>,
    expect: Option<ExpectTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectTable {
    outcome: CheckOutcome,
    #[serde(default)]
    fail: BTreeMap<String, Text>,
    #[serde(default)]
    warn: BTreeMap<String, Text>,
    #[serde(default)]
    sometimes: BTreeMap<String, Text>,
}

impl ExpectTable {
    fn reasons(&self) -> impl Iterator<Item = &Text> {
        [&self.fail, &self.warn, &self.sometimes]
            .into_iter()
            .flat_map(BTreeMap::values)
    }
}

pub(super) fn read(text: &str) -> Result<Subject, Fault> {
    let table = DeTable::parse(text).map_err(|error| fault_of(&error))?;
    reject_unknown_keys(table.get_ref(), KEYS)?;
    if let Some(DeValue::Table(expect)) = table.get_ref().get("expect").map(Spanned::get_ref) {
        reject_unknown_keys(expect, EXPECT_KEYS)?;
    }
    let manifest: Manifest = toml::from_str(text).map_err(|error| fault_of(&error))?;
    manifest.validate()?;
    Ok(manifest.into_subject())
}

/// A parser's message, on one line.
pub(crate) fn fault_of(error: &toml::de::Error) -> Fault {
    Fault {
        at: error.span().map_or(0, |span| span.start),
        message: error.message().replace('\n', ", "),
    }
}

pub(crate) fn reject_unknown_keys(table: &DeTable<'_>, known: &[&str]) -> Result<(), Fault> {
    // The table is sorted by key; the author reads from the top.
    let unknown = table
        .keys()
        .filter(|key| !known.contains(&key.get_ref().as_ref()))
        .min_by_key(|key| key.span().start);
    match unknown {
        Some(key) => Err(Fault {
            at: key.span().start,
            message: unknown_key(key.get_ref(), known),
        }),
        None => Ok(()),
    }
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(key, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3));
    match nearest {
        Some((_, name)) => format!("unknown key `{key}`; did you mean `{name}`?"),
        None => format!("unknown key `{key}`; the keys are {}", known.join(", ")),
    }
}

impl Manifest {
    fn validate(&self) -> Result<(), Fault> {
        for value in self.texts() {
            ensure(
                value,
                !value.get_ref().contains('\0'),
                "U+0000 cannot stand here",
            )?;
            ensure(
                value,
                !value.get_ref().trim().is_empty(),
                "must not be empty",
            )?;
        }
        ensure(
            &self.name,
            self.name.get_ref().bytes().all(is_name_byte),
            "a name has lower-case letters, digits, `-`, `.` and `_` only",
        )?;
        ensure(
            &self.about,
            !self.about.get_ref().contains(['\n', '\r']),
            "must be one line",
        )?;
        self.validate_addresses()?;
        self.validate_environment()?;
        if let Some(wait) = &self.ready_within_s {
            ensure(
                wait,
                READY_WITHIN_S.contains(wait.get_ref()),
                "must be from 1 to 3600 seconds",
            )?;
        }
        match self.install.first() {
            Some(command) => ensure(
                command,
                !self.needs.is_empty(),
                "something is installed, so `needs` must name what is there afterwards",
            ),
            None => Ok(()),
        }
    }

    /// Every text of the file that must say something.
    fn texts(&self) -> impl Iterator<Item = &Text> {
        let expected = self.expect.iter();
        [&self.name, &self.about, &self.start, &self.ready, &self.url]
            .into_iter()
            .chain(&self.install)
            .chain(&self.needs)
            .chain(&self.version)
            .chain(&self.echo)
            .chain(expected.flat_map(ExpectTable::reasons))
    }

    fn validate_addresses(&self) -> Result<(), Fault> {
        ensure(
            &self.ready,
            self.ready.get_ref().starts_with("http://"),
            "readiness is asked over plain `http://`",
        )?;
        for url in [&self.ready, &self.url].into_iter().chain(&self.echo) {
            ensure(
                url,
                is_local_url(url.get_ref()),
                "must be `http://127.0.0.1:{port}/…` (or https, localhost, [::1]); the port is chosen at run time",
            )?;
        }
        let told = |text: &Text| text.get_ref().contains("{port}");
        ensure(
            &self.start,
            told(&self.start) || self.env.values().any(told),
            "the server must be told its port: use `{port}` here or in `env`",
        )
    }

    fn validate_environment(&self) -> Result<(), Fault> {
        for (name, value) in &self.env {
            ensure(
                name,
                !name.get_ref().is_empty() && !name.get_ref().contains(['=', '\0']),
                "not a name for an environment variable",
            )?;
            ensure(
                value,
                !value.get_ref().contains('\0'),
                "U+0000 cannot stand here",
            )?;
        }
        Ok(())
    }

    fn into_subject(self) -> Subject {
        let all = |texts: Vec<Text>| texts.into_iter().map(Spanned::into_inner).collect();
        Subject {
            name: self.name.into_inner(),
            about: self.about.into_inner(),
            install: all(self.install),
            needs: all(self.needs),
            version: self.version.map(Spanned::into_inner),
            start: self.start.into_inner(),
            ready: self.ready.into_inner(),
            url: self.url.into_inner(),
            echo: self.echo.map(Spanned::into_inner),
            ready_within_s: self
                .ready_within_s
                .map_or(DEFAULT_READY_WITHIN_S, Spanned::into_inner),
            env: self
                .env
                .into_iter()
                .map(|(name, value)| (name.into_inner(), value.into_inner()))
                .collect(),
            expect: self.expect.map(ExpectTable::into_expectation),
            dir: PathBuf::new(),
        }
    }
}

impl ExpectTable {
    fn into_expectation(self) -> Expectation {
        let reasons = |map: BTreeMap<String, Text>| {
            map.into_iter()
                .map(|(id, reason)| (id, reason.into_inner()))
                .collect()
        };
        Expectation {
            outcome: self.outcome,
            fail: reasons(self.fail),
            warn: reasons(self.warn),
            sometimes: reasons(self.sometimes),
        }
    }
}

pub(crate) fn ensure<T>(value: &Spanned<T>, holds: bool, message: &str) -> Result<(), Fault> {
    if holds {
        return Ok(());
    }
    Err(Fault {
        at: value.span().start,
        message: message.to_owned(),
    })
}

pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
}

/// `http://127.0.0.1:{port}` and what may follow an authority.
fn is_local_url(url: &str) -> bool {
    after_host(url)
        .and_then(|rest| rest.strip_prefix(":{port}"))
        .is_some_and(is_target)
}

/// As [`is_local_url`], also with a port written out or that of the scheme.
pub(super) fn is_on_this_machine(url: &str) -> bool {
    let Some(rest) = after_host(url) else {
        return false;
    };
    let written = rest.strip_prefix(':').map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest.split_at(digits)
    });
    is_local_url(url)
        || match written {
            Some((port, rest)) => port.parse::<u16>().is_ok_and(|port| port > 0) && is_target(rest),
            None => is_target(rest),
        }
}

fn after_host(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    rest.and_then(|rest| HOSTS.iter().find_map(|host| rest.strip_prefix(host)))
}

/// Whether this may follow an authority.
fn is_target(rest: &str) -> bool {
    (rest.is_empty() || rest.starts_with(['/', '?']))
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}
