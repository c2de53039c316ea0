//! Who ends a run that several processes make before its plan is over.

use std::sync::{Arc, OnceLock};

use ssekit_record::RunEnd;

/// Where a process that makes a part of a run learns that it is over: the steps of a search, and thresholds
/// with `abort`, are judged on what all parts counted, which this one does not know.
#[derive(Debug, Clone, Default)]
pub struct Ruling(Arc<OnceLock<RunEnd>>);

impl Ruling {
    /// Ends the run; it ends once.
    pub fn give(&self, end: RunEnd) {
        let _ = self.0.set(end);
    }

    /// How the run ended, if it did.
    pub(crate) fn given(&self) -> Option<RunEnd> {
        self.0.get().copied()
    }
}
