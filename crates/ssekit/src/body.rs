//! Content of a request, given on the command line.

use std::path::Path;

use crate::failure::Failure;
use crate::input;

/// Bytes of a request's content, at most.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The text itself, or for `@FILE` the content of that file; `@-` is standard input.
///
/// # Errors
/// When the file cannot be read or is too long.
pub fn load(text: &str) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix('@') {
        Some(file) => input::bytes(Path::new(file), LARGEST),
        None => Ok(text.into()),
    }
}

/// The media type to send where the user named none: only that of JSON can be told.
pub fn media_type(content: &[u8]) -> Option<&'static str> {
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(content).is_ok();
    json.then_some("application/json")
}
