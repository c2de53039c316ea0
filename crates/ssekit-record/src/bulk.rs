//! What came of a value of many megabytes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Transcript;

/// One value of many megabytes, sent through the echo endpoint between two short events and compared
/// while it arrived.
///
/// Offsets and lengths are bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bulk {
    /// The exchange; of what came after the head, only the beginning is kept.
    pub transcript: Transcript,
    /// Length of the value.
    pub value_len: u64,
    /// How much of the request's content was handed to the connection.
    pub sent_len: u64,
    /// Length of the content that came.
    pub body_len: u64,
    /// Time from the last content, or the head, to the end; from the beginning where none came. Microseconds.
    pub quiet_us: u64,
    /// Whether the event before the value came.
    pub before: bool,
    /// How many events came between the event before and the one after.
    pub events: u64,
    /// How much data the first of them had, or would have had: its line ends count as one.
    pub data_len: u64,
    /// How much of the value arrived as it was sent, from its beginning.
    pub same_len: u64,
    /// Where data first differs from the value; absent where it does not, as far as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Whether the event came that follows the value.
    pub after: bool,
}

/// Where a value arrived as something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// In the content that came.
    pub offset: u64,
    /// The byte that was due; absent where the value was at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<u8>,
    /// The byte that came.
    pub came: u8,
}

impl Bulk {
    /// Whether all of the value arrived, and nothing else.
    pub fn is_whole(&self) -> bool {
        let same = self.same_len == self.value_len && self.difference.is_none();
        self.before && self.events == 1 && same && self.after
    }
}
