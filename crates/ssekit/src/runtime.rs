//! The asynchronous runtime, and what happens when ssekit itself breaks.

use std::future::Future;

use crate::failure::Failure;
use crate::input::cause;
use crate::output;

/// Runs a command that needs the network. Two workers, so that arrival times are taken while
/// something else is computed.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Environment(format!("cannot start: {}", cause(&error))))?;
    let result = runtime.block_on(future);
    // A name look-up that still blocks a thread does not hold the exit back.
    runtime.shutdown_background();
    result
}

/// One line for a panic, in place of Rust's own report.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |location| {
            format!(" at {}:{}", location.file(), location.line())
        });
        let payload = panic.payload();
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let failure = Failure::Internal(format!("{text}{place}"));
        if let Some(line) = failure.line() {
            output::say(&line);
        }
    }));
}
