//! Token streams of language models.

use serde::Deserialize;

/// `[llm]`: what a token stream brings besides events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// JSON pointer to the text of a chunk in the data.
    pub content: Option<String>,
    /// JSON pointer to the number of tokens in the data, where the server tells.
    pub usage: Option<String>,
}
