//! Secrets of a scenario: `env:NAME` is put in only after the text for records is made.

use ssekit_record::{REDACTED, is_secret_field, redact_url};
use toml::{Table, Value};
use url::Url;

use super::reader::{Fault, Step};

/// The scenario as TOML without secrets: names of the environment stay names, values of secret
/// fields and parameters are left out.
pub(super) fn shown(table: &Table) -> String {
    let mut shown = table.clone();
    for_each(&mut shown, &mut |path, text| {
        let field = match path {
            [.., Step::Key(table), Step::Key(field)] if table == "headers" => Some(field),
            _ => None,
        };
        let is_from_env = text.starts_with("env:");
        if !is_from_env && field.is_some_and(|field| is_secret_field(field)) {
            *text = REDACTED.to_owned();
        } else if text.contains("://") {
            *text = without_secrets(text);
        }
        Ok::<(), Fault>(())
    })
    .unwrap_or_default();
    toml::to_string(&shown).unwrap_or_default()
}

/// A URL without its secrets; a template stays one.
pub(super) fn without_secrets(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if redact_url(&url) != url.as_str() => {
            redact_url(&url).replace("%7B", "{").replace("%7D", "}")
        }
        _ => text.to_owned(),
    }
}

/// Puts the values of `env:NAME` in.
pub(super) fn resolve(
    table: &mut Table,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<(), Fault> {
    for_each(table, &mut |path, text| {
        let Some(name) = text.strip_prefix("env:") else {
            return Ok(());
        };
        match env(name) {
            Some(value) => {
                *text = value;
                Ok(())
            }
            None => Err(Fault {
                path: path.to_vec(),
                message: format!(
                    "the environment has no variable {:?}",
                    ssekit_record::escape(name.as_bytes())
                ),
            }),
        }
    })
}

/// Does something with every text of the table.
fn for_each(
    table: &mut Table,
    each: &mut impl FnMut(&[Step], &mut String) -> Result<(), Fault>,
) -> Result<(), Fault> {
    fn walk(
        value: &mut Value,
        path: &mut Vec<Step>,
        each: &mut impl FnMut(&[Step], &mut String) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match value {
            Value::String(text) => each(path, text)?,
            Value::Array(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    path.push(Step::Index(index));
                    walk(element, path, each)?;
                    path.pop();
                }
            }
            Value::Table(table) => {
                for (key, value) in table.iter_mut() {
                    path.push(Step::Key(key.to_string()));
                    walk(value, path, each)?;
                    path.pop();
                }
            }
            _ => {}
        }
        Ok(())
    }
    let mut path = Vec::new();
    for (key, value) in table.iter_mut() {
        path.push(Step::Key(key.to_string()));
        walk(value, &mut path, each)?;
        path.pop();
    }
    Ok(())
}
