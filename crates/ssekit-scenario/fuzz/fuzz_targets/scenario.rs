//! Any text as a load scenario: no crash, a refusal has a place in the text, and what is read is printed
//! so that it reads the same.
//!
//! `cargo +nightly fuzz run scenario`
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ssekit_scenario::load::{LoadScenario, ScenarioError};

fuzz_target!(|text: &str| {
    let path = Path::new("s.toml");
    let nothing = |_: &str| None;
    match LoadScenario::parse(text, path, &[], nothing) {
        Ok(loaded) => {
            // Secrets are left out of what is printed, and so may be refused then.
            if let Ok(again) = LoadScenario::parse(&loaded.toml, path, &[], nothing) {
                assert_eq!(again.toml, loaded.toml);
            }
        }
        Err(ScenarioError::Malformed { line, column, .. }) => {
            assert!((1..=text.lines().count() + 1).contains(&line) && column >= 1);
        }
        Err(_) => {}
    }
});
