//! JSON Schemas of the records, made from the types that write them.

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use crate::{CheckRecord, LoadRecord, Observation, ProxyRecord};

/// A kind of record and how its form is told.
#[derive(Debug, Clone, Copy)]
pub struct RecordKind {
    /// The value of `kind`.
    pub name: &'static str,
    schema: fn() -> Value,
}

/// Every kind of record, by name.
pub fn record_kinds() -> &'static [RecordKind] {
    const {
        &[
            RecordKind::of::<CheckRecord>("check"),
            RecordKind::of::<LoadRecord>("load"),
            RecordKind::of::<Observation>("observation"),
            RecordKind::of::<ProxyRecord>("proxy"),
        ]
    }
}

/// The kind with this name.
pub fn record_kind(name: &str) -> Option<RecordKind> {
    record_kinds()
        .iter()
        .copied()
        .find(|kind| kind.name == name)
}

impl RecordKind {
    const fn of<T: JsonSchema>(name: &'static str) -> Self {
        Self {
            name,
            schema: || schema_for!(T).to_value(),
        }
    }

    /// Its JSON Schema (draft 2020-12). Readers must expect fields it does not name: later versions
    /// may add some.
    pub fn schema(self) -> Value {
        (self.schema)()
    }
}
