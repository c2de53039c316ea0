//! A fault of ours stays ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does what may fail, and says what a panic said. Only for what leaves nothing half done behind.
pub(crate) fn guarded<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(what)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("no message").to_owned()
    })
}
