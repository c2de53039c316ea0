//! A handle on the server under test.

use std::fmt;
use std::sync::Arc;

/// Asks the server under test to stop, as whoever operates it does: with SIGTERM, or with whatever
/// does the same inside one process.
#[derive(Clone)]
pub struct Stopper(Arc<dyn Fn() + Send + Sync>);

impl Stopper {
    /// A handle that calls `stop`, once a run, on a thread where it may block. It is not waited
    /// for what that leads to.
    pub fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(stop))
    }

    pub(crate) fn stop(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}
