//! Hops of `scenarios/proxies`: where they are, and what is missing to run one.
use std::path::{Path, PathBuf};

use ssekit_scenario::HopScenario;

/// Where the scenarios are.
pub fn proxies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/proxies")
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
