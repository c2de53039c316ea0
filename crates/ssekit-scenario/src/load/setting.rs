//! Settings of the command line: `target.http=2`, `phase.steady.for=10s`.

use toml::{Table, Value};

use super::error::ScenarioError;
use super::reader::Step;

/// Deepest path of a setting.
const MAX_DEPTH: usize = 16;
const FORM: &str = "use KEY.PATH=VALUE, such as target.http=2 or phase.steady.for=10s";

/// A setting that was put in.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) text: String,
    path: Vec<Step>,
}

impl Setting {
    /// Whether a fault at this place is its doing.
    pub(super) fn concerns(&self, path: &[Step]) -> bool {
        path.starts_with(&self.path)
    }
}

/// Puts settings in, in order.
pub(super) fn apply(table: &mut Table, texts: &[String]) -> Result<Vec<Setting>, ScenarioError> {
    let put = |text: &String| match put(table, text) {
        Ok(path) => Ok(Setting {
            text: text.clone(),
            path,
        }),
        Err(message) => Err(ScenarioError::Setting {
            setting: text.clone(),
            message,
        }),
    };
    texts.iter().map(put).collect()
}

fn put(table: &mut Table, text: &str) -> Result<Vec<Step>, String> {
    let (path, value) = text.split_once('=').ok_or(FORM)?;
    let names: Vec<_> = path.trim().split('.').map(str::trim).collect();
    if names.len() > MAX_DEPTH || names.iter().any(|name| name.is_empty()) {
        return Err(FORM.into());
    }
    let mut steps = Vec::new();
    set(table, &names, value, &mut steps)?;
    Ok(steps)
}

fn set(
    table: &mut Table,
    names: &[&str],
    value: &str,
    steps: &mut Vec<Step>,
) -> Result<(), String> {
    let Some((name, rest)) = names.split_first() else {
        return Err(FORM.into());
    };
    steps.push(Step::Key((*name).to_owned()));
    if rest.is_empty() {
        table.insert((*name).to_owned(), value_of(value));
        return Ok(());
    }
    let inner = table
        .entry(*name)
        .or_insert_with(|| Value::Table(Table::new()));
    match inner {
        Value::Table(inner) => set(inner, rest, value, steps),
        Value::Array(elements) => {
            let (index, element) = element(elements, name, rest[0])?;
            steps.push(Step::Index(index));
            match (element, &rest[1..]) {
                (element, []) => {
                    *element = value_of(value);
                    Ok(())
                }
                (Value::Table(element), rest) => set(element, rest, value, steps),
                _ => Err(format!("`{}` has no keys", rest[0])),
            }
        }
        _ => Err(format!("`{name}` has no keys")),
    }
}

/// An element of an array by its index from 0 or its name.
fn element<'a>(
    elements: &'a mut [Value],
    array: &str,
    which: &str,
) -> Result<(usize, &'a mut Value), String> {
    let index = which.parse().ok().or_else(|| {
        let named = |value: &Value| value.get("name").and_then(Value::as_str) == Some(which);
        elements.iter().position(named)
    });
    let found = index.and_then(|index: usize| Some((index, elements.get_mut(index)?)));
    found.ok_or_else(|| format!("there is no `{array}` with the name or index {which:?}"))
}

/// A value as TOML has it; what is none is text.
fn value_of(text: &str) -> Value {
    let line = format!("value = {text}");
    let read = toml::from_str::<Table>(&line).ok();
    let value = read
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.trim().to_owned()))
}
