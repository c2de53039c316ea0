//! A record as JSON, and back.

use std::fmt::Write as _;

use serde_json::Value;
use ssekit_record::{CheckRecord, SCHEMA, is_unsafe_to_show};

/// Why a text could not be used as a record, or a record not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not JSON, or not of this shape.
    #[error("not a check record: {0}")]
    Malformed(#[from] serde_json::Error),
    /// JSON of another kind or schema.
    #[error(
        "not a check record: schema {schema:?}, kind {kind:?}; this version reads \"ssekit/1\", \"check\""
    )]
    WrongKind {
        /// Schema found.
        schema: String,
        /// Kind found.
        kind: String,
    },
}

/// The record as indented JSON with `schema`, `kind`, `target` and `outcome` first, and a line
/// feed at the end.
///
/// # Errors
/// Only when serialisation itself fails.
pub fn render(record: &CheckRecord) -> Result<String, RecordError> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    Ok(inert(text))
}

/// The same JSON with the characters that could act on a terminal, and that JSON lets stand, as
/// `\u` escapes. Outside its strings JSON has none of them but line feeds.
pub fn inert(json: String) -> String {
    let acts = |c: char| c != '\n' && is_unsafe_to_show(c);
    if !json.contains(acts) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The value of `kind` of a record, whatever its form; nothing of what is no record.
pub fn kind(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(value.get("kind")?.as_str()?.to_owned())
}

/// Reads a record that [`render`] wrote, or any JSON of its form.
///
/// # Errors
/// When the text is not JSON of this schema and kind.
pub fn parse(text: &str) -> Result<CheckRecord, RecordError> {
    let value: Value = serde_json::from_str(text)?;
    let word = |name: &str| {
        let word = value.get(name).and_then(Value::as_str);
        word.unwrap_or_default().to_owned()
    };
    let (schema, kind) = (word("schema"), word("kind"));
    if schema != SCHEMA || kind != "check" {
        return Err(RecordError::WrongKind { schema, kind });
    }
    Ok(serde_json::from_value(value)?)
}
