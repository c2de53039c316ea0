//! Who may end a run before its plan is over: the user, the run itself, and who judges all parts of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ruling::Ruling;

/// Whether a run is to end early.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    user: Arc<AtomicBool>,
    own: Arc<AtomicBool>,
    ruling: Option<Ruling>,
}

impl Halt {
    /// Of a run that ends when this becomes true, or by this ruling.
    pub fn by(user: &Arc<AtomicBool>, ruling: Option<Ruling>) -> Self {
        Self {
            user: user.clone(),
            own: Arc::default(),
            ruling,
        }
    }

    /// Ends the run: it has found what it was to find, or what it was not to.
    pub fn end(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end, whoever wants it.
    pub fn is_asked(&self) -> bool {
        let is_ruled = || self.ruling.as_ref().and_then(Ruling::given).is_some();
        self.by_user() || self.own.load(Ordering::Relaxed) || is_ruled()
    }

    /// Whether the user wants it.
    pub fn by_user(&self) -> bool {
        self.user.load(Ordering::Relaxed)
    }
}
