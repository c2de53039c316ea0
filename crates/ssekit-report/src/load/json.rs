//! A load record as JSON, and back.

use serde_json::Value;
use ssekit_record::{LoadRecord, SCHEMA};

use crate::RecordError;
use crate::json::inert;

/// The record as indented JSON with `schema`, `kind`, `target` and `outcome` first, and a line feed
/// at the end.
///
/// # Errors
/// Only when serialisation itself fails.
pub fn render(record: &LoadRecord) -> Result<String, RecordError> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    Ok(inert(text))
}

/// Reads a record that [`render`] wrote.
///
/// # Errors
/// When the text is not JSON of this schema and kind.
pub fn parse(text: &str) -> Result<LoadRecord, RecordError> {
    let value: Value = serde_json::from_str(text)?;
    let word = |name: &str| {
        let word = value.get(name).and_then(Value::as_str);
        word.unwrap_or_default().to_owned()
    };
    let (schema, kind) = (word("schema"), word("kind"));
    if schema != SCHEMA || kind != "load" {
        return Err(RecordError::WrongKind { schema, kind });
    }
    Ok(serde_json::from_value(value)?)
}
