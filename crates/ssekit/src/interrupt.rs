//! Ctrl-C and the termination signal.

use crate::failure::Failure;
use crate::input::cause;

/// Resolves when the user or the system asks the process to stop.
///
/// # Errors
/// When signals cannot be listened for.
pub async fn interrupted() -> Result<(), Failure> {
    let cannot =
        |error| Failure::Environment(format!("cannot listen for signals: {}", cause(&error)));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        tokio::select! {
            stop = tokio::signal::ctrl_c() => stop.map_err(cannot),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(cannot)
}
