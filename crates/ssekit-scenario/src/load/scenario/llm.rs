//! Token streams of language models.

use serde::Deserialize;

/// `[llm]`: what a token stream brings besides events. Its presence makes the metrics of the profile
/// (`ttft`, `icl`, `tpot_excl_first` and so on).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// JSON pointer to the text of a chunk in the data: events without text there are no chunks. Without
    /// it each event but the end marker is one.
    pub content: Option<String>,
    /// JSON pointer to the number of tokens in the data, where the server tells; the largest of an answer
    /// counts.
    pub usage: Option<String>,
}
