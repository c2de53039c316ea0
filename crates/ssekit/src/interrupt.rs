//! Ctrl-C and the termination signal.

use crate::failure::Failure;
use crate::input::cause;

/// Listens for the wish of the user or the system that the process stops. What comes between two
/// waits is not lost: one is made for the whole of a command.
pub struct Interrupt {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Interrupt {
    /// Listens from now on, in the current tokio runtime.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    #[cfg(unix)]
    pub fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let heard = |kind| signal(kind).map_err(cannot);
        let signals = [
            heard(SignalKind::interrupt())?,
            heard(SignalKind::terminate())?,
        ];
        Ok(Self { signals })
    }

    /// Listens from now on, in the current tokio runtime.
    ///
    /// # Errors
    /// Never: signals are listened for while they are waited for.
    #[cfg(not(unix))]
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Resolves when the process is asked to stop, or was since the last time.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub async fn came(&mut self) -> Result<(), Failure> {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.map_err(cannot)
    }
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::Environment(format!("cannot listen for signals: {}", cause(&error)))
}

/// Resolves when the process is asked to stop from now on, for a command with a single wait.
///
/// # Errors
/// When signals cannot be listened for.
pub async fn interrupted() -> Result<(), Failure> {
    Interrupt::listen()?.came().await
}
