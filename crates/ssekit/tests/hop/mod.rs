//! Hops of `scenarios/proxies`: where they are, and what is missing to run one.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]
use std::path::{Path, PathBuf};

use ssekit_scenario::HopScenario;

/// Where the scenarios are.
pub fn proxies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/proxies")
}

/// Whether a hop that is not installed is a failure.
pub fn is_required() -> bool {
    std::env::var_os("SSEKIT_REQUIRE_PEERS").is_some_and(|value| value == "1")
}

/// What is missing to run the hop of this folder, and how to get it.
pub fn absence(folder: &Path) -> Option<String> {
    let hop = HopScenario::load(folder).ok()?;
    let subject = hop.subject(([127, 0, 0, 1], 1).into())?;
    let missing = subject.missing();
    (!missing.is_empty()).then(|| {
        let missing = missing.join(", ");
        format!("needs {missing}; install: .ci/subjects {}", hop.name)
    })
}
