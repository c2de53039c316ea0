//! Tests that need a program others wrote.
use libtest_mimic::{Failed, Trial};

/// A test. With something absent it shows as ignored, with what is missing and how to get it; with
/// `SSEKIT_REQUIRE_PEERS=1` it fails.
pub fn trial(
    name: impl Into<String>,
    absence: Option<String>,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let required = std::env::var_os("SSEKIT_REQUIRE_PEERS").is_some_and(|value| value == "1");
    let kind = absence.clone().unwrap_or_default();
    let ignored = absence.is_some() && !required;
    Trial::test(name, move || match absence {
        Some(absence) => Err(Failed::from(absence)),
        None => test(),
    })
    .with_kind(kind)
    .with_ignored_flag(ignored)
}
