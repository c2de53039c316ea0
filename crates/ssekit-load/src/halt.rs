//! Who may end a run before its plan is over: the user, and the run itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a run is to end early.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    user: Arc<AtomicBool>,
    own: Arc<AtomicBool>,
}

impl Halt {
    /// Of a run that ends when this becomes true.
    pub fn by(user: &Arc<AtomicBool>) -> Self {
        Self {
            user: user.clone(),
            own: Arc::default(),
        }
    }

    /// Ends the run: it has found what it was to find, or what it was not to.
    pub fn end(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end, whoever wants it.
    pub fn is_asked(&self) -> bool {
        self.by_user() || self.own.load(Ordering::Relaxed)
    }

    /// Whether the user wants it.
    pub fn by_user(&self) -> bool {
        self.user.load(Ordering::Relaxed)
    }
}
