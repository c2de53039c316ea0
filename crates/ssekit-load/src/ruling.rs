//! Who ends a search for capacity that several processes make.

use std::sync::{Arc, OnceLock};

use ssekit_record::SearchEnd;

/// Where a process that makes a part of a search learns that it is over: the steps are judged on what
/// all parts counted, which this one does not know.
#[derive(Debug, Clone, Default)]
pub struct Ruling(Arc<OnceLock<SearchEnd>>);

impl Ruling {
    /// Ends the search; it ends once.
    pub fn give(&self, end: SearchEnd) {
        let _ = self.0.set(end);
    }

    /// How the search ended, if it did.
    pub(crate) fn given(&self) -> Option<SearchEnd> {
        self.0.get().copied()
    }
}
