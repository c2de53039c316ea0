//! Reading a scenario's text: shape by serde, places of faults by a second look at the text.

use std::path::Path;

use serde_path_to_error::Segment;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::error::ScenarioError;
use super::scenario::LoadScenario;
use super::setting::{self, Setting};
use super::{redaction, validation};
use crate::file::{self, ReadFault, position};

/// Largest scenario read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A scenario and what the record says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedScenario {
    /// The scenario.
    pub scenario: LoadScenario,
    /// As TOML with the settings put in, secrets left out.
    pub toml: String,
}

/// A step to a value of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Key of a table.
    Key(String),
    /// Index of an array.
    Index(usize),
}

/// Something wrong, and where. Where the message begins with a key in backticks, that key of the
/// table is meant.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) path: Vec<Step>,
    pub(super) message: String,
}

impl LoadScenario {
    /// Reads a scenario file. `settings` are `key.path=value` and replace what the file says.
    ///
    /// # Errors
    /// [`ScenarioError`] when the file cannot be read or says something that cannot work.
    pub fn load(path: &Path, settings: &[String]) -> Result<LoadedScenario, ScenarioError> {
        let text = file::read(path, MAX_BYTES).map_err(|fault| match fault {
            ReadFault::Io(source) => ScenarioError::Unreadable {
                path: path.to_owned(),
                source,
            },
            ReadFault::TooLarge => ScenarioError::TooLarge {
                path: path.to_owned(),
                limit: MAX_BYTES,
            },
        })?;
        Self::parse(&text, path, settings, |name| std::env::var(name).ok())
    }

    /// Reads a scenario from text; `path` is named in errors, and `env` gives the values of
    /// `env:NAME`.
    ///
    /// # Errors
    /// [`ScenarioError::Malformed`] with line and column, or [`ScenarioError::Setting`].
    pub fn parse(
        text: &str,
        path: &Path,
        settings: &[String],
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<LoadedScenario, ScenarioError> {
        let at = |at: usize, message: String| {
            let (line, column) = position(text, at);
            let path = path.to_owned();
            ScenarioError::Malformed {
                path,
                line,
                column,
                message,
            }
        };
        let syntax = |error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            at(start, one_line(error.message()))
        };
        let spans = DeTable::parse(text).map_err(syntax)?;
        let mut table: Table = toml::from_str(text).map_err(syntax)?;
        let settings = setting::apply(&mut table, settings)?;
        read_table(table, env).map_err(|fault| {
            match settings
                .iter()
                .find(|setting| setting.concerns(&fault.path))
            {
                Some(Setting { text, .. }) => ScenarioError::Setting {
                    setting: text.clone(),
                    message: fault.message,
                },
                None => at(locate(&spans, &fault), fault.message),
            }
        })
    }
}

fn read_table(
    mut table: Table,
    env: impl Fn(&str) -> Option<String>,
) -> Result<LoadedScenario, Fault> {
    let toml = redaction::shown(&table);
    redaction::resolve(&mut table, &env)?;
    let scenario: LoadScenario =
        serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| fault_of(&error))?;
    validation::validate(&scenario)?;
    Ok(LoadedScenario { scenario, toml })
}

fn one_line(message: &str) -> String {
    message.trim().replace('\n', ", ")
}

fn fault_of(error: &serde_path_to_error::Error<toml::de::Error>) -> Fault {
    let steps = error.path().iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    Fault {
        path: steps.collect(),
        message: reworded(&one_line(error.inner().message())),
    }
}

/// Serde's words for keys in ours.
fn reworded(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let unknown = names.next().unwrap_or_default();
        let known: Vec<_> = names.collect();
        return unknown_key(unknown, &known);
    }
    if message.starts_with("missing field") {
        return format!("the key `{}` is missing", names.next().unwrap_or_default());
    }
    if message.starts_with("unknown variant") {
        let unknown = names.next().unwrap_or_default();
        let known: Vec<_> = names.collect();
        let words = known.join("\", \"");
        return match nearest(unknown, &known) {
            Some(near) => format!("\"{unknown}\" cannot stand here; did you mean \"{near}\"?"),
            None => format!("\"{unknown}\" cannot stand here; use \"{words}\""),
        };
    }
    message.to_owned()
}

/// Keys that authors may look for, and what there is in their place.
const ABSENT: [(&str, &str); 2] = [
    (
        "remote_write",
        "metrics are read at `listen`, and pushed nowhere",
    ),
    (
        "otlp",
        "metrics are read at output.prometheus.listen, and pushed nowhere",
    ),
];

fn unknown_key(unknown: &str, known: &[&str]) -> String {
    let shown = ssekit_record::escape(unknown.as_bytes());
    if let Some((_, instead)) = ABSENT.iter().find(|(name, _)| *name == unknown) {
        return format!("unknown key `{shown}`: {instead}");
    }
    match nearest(unknown, known) {
        Some(near) => format!("unknown key `{shown}`; did you mean `{near}`?"),
        None => format!("unknown key `{shown}`; the keys are {}", known.join(", ")),
    }
}

/// The name that was probably meant.
pub(super) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(typed, name), *name));
    let near = distances
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3));
    near.map(|(_, name)| name)
}

/// Byte offset of a fault.
fn locate(table: &Spanned<DeTable<'_>>, fault: &Fault) -> usize {
    let mut at = 0;
    let mut inside = Some(Inside::Table(table.get_ref()));
    for step in &fault.path {
        let Some(place) = inside.take().and_then(|inside| inside.step(step)) else {
            return at;
        };
        let (key, value) = place;
        at = match value.get_ref() {
            // A table begins where its name stands: that is what the author looks for.
            DeValue::Table(_) => key.unwrap_or(value.span().start),
            _ => value.span().start,
        };
        inside = Inside::of(value.get_ref());
        if fault.message.starts_with("unknown key") && named_key(&fault.message) == step.key() {
            return key.unwrap_or(at);
        }
    }
    match (inside, named_key(&fault.message)) {
        (Some(Inside::Table(table)), Some(name)) => key_start(table, name).unwrap_or(at),
        _ => at,
    }
}

/// The first name in backticks.
fn named_key(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

fn key_start(table: &DeTable<'_>, name: &str) -> Option<usize> {
    let mut keys = table.keys();
    keys.find(|key| key.get_ref() == name)
        .map(|key| key.span().start)
}

impl Step {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

enum Inside<'a> {
    Table(&'a DeTable<'a>),
    Array(&'a [Spanned<DeValue<'a>>]),
}

impl<'a> Inside<'a> {
    fn of(value: &'a DeValue<'a>) -> Option<Self> {
        match value {
            DeValue::Table(table) => Some(Self::Table(table)),
            DeValue::Array(array) => Some(Self::Array(array)),
            _ => None,
        }
    }

    /// The value there, with where its key stands.
    fn step(&self, step: &Step) -> Option<(Option<usize>, &'a Spanned<DeValue<'a>>)> {
        match (self, step) {
            (Self::Table(table), Step::Key(key)) => {
                let mut entries = table.iter();
                let (key, value) = entries.find(|(name, _)| name.get_ref() == key)?;
                Some((Some(key.span().start), value))
            }
            (Self::Array(array), Step::Index(index)) => Some((None, array.get(*index)?)),
            _ => None,
        }
    }
}
