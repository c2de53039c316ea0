//! The transcripts of one run, as saved to a file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bulk, SCHEMA, Session, Transcript};

/// Everything one run saw: the file behind `--save` and `ssekit check FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// [`SCHEMA`].
    #[schemars(description = "The form of the record.", extend("const" = SCHEMA))]
    pub schema: String,
    /// Always `observation`.
    #[schemars(extend("const" = "observation"))]
    pub kind: String,
    /// URL observed, redacted.
    pub target: String,
    /// `complete`, or `interrupted` when the run ended early.
    pub outcome: String,
    /// Version of ssekit that observed.
    pub ssekit: String,
    /// The subject that was started for this run, with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One per exchange, in the order they began.
    pub transcripts: Vec<Transcript>,
    /// Connections with several streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Session>,
    /// Values of many megabytes that were sent through the echo endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bulks: Vec<Bulk>,
    /// Exchanges that were not made, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

/// An exchange that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Name of the probe.
    pub probe: String,
    /// Why, in words for the reader of the report.
    pub reason: String,
    /// Whether what it would have shown does not apply to this target (`n/a`), rather than could
    /// not be looked at (`unverified`).
    pub not_applicable: bool,
}

/// Why a saved observation could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Not JSON, or not of this shape.
    #[error("not a saved observation: {0}")]
    Malformed(#[from] serde_json::Error),
    /// JSON of another kind or schema.
    #[error(
        "not a saved observation: schema {schema:?}, kind {kind:?}; this version reads \"ssekit/1\", \"observation\""
    )]
    WrongKind {
        /// Schema found.
        schema: String,
        /// Kind found.
        kind: String,
    },
}

impl Observation {
    /// An observation without transcripts.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA.into(),
            kind: "observation".into(),
            target: target.into(),
            outcome: "complete".into(),
            ssekit: env!("CARGO_PKG_VERSION").into(),
            subject: None,
            transcripts: Vec::new(),
            sessions: Vec::new(),
            bulks: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// The transcript made by this probe.
    pub fn probe(&self, name: &str) -> Option<&Transcript> {
        self.transcripts.iter().find(|t| t.probe == name)
    }

    /// Why the exchange of this probe was not made.
    pub fn skipped(&self, name: &str) -> Option<&Skipped> {
        self.skipped.iter().find(|s| s.probe == name)
    }

    /// Reads a saved observation.
    ///
    /// # Errors
    /// When the text is not JSON of this schema and kind.
    pub fn from_json(text: &str) -> Result<Self, LoadError> {
        #[derive(Deserialize)]
        struct Label {
            #[serde(default)]
            schema: String,
            #[serde(default)]
            kind: String,
        }
        let label: Label = serde_json::from_str(text)?;
        if label.schema != SCHEMA || label.kind != "observation" {
            return Err(LoadError::WrongKind {
                schema: label.schema,
                kind: label.kind,
            });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The file form: JSON, one line.
    ///
    /// # Errors
    /// Only when serialisation itself fails.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
