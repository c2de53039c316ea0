//! The dependency table of `crates/README.md` against what cargo says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Uses = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/ssekit lies two levels below the root")
}

/// Rows of the table: crate, and the crates of ours it may use.
fn allowed() -> Uses {
    let text = std::fs::read_to_string(root().join("crates/README.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `ssekit"));
    let mut table: Uses = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`').to_owned();
            let normal = cells[3].split('(').next().unwrap();
            let uses = normal.split('`').skip(1).step_by(2);
            (name, uses.map(|used| format!("ssekit-{used}")).collect())
        })
        .collect();
    let all: BTreeSet<_> = table.keys().cloned().collect();
    let binary = table.get_mut("ssekit").expect("the binary has a row");
    *binary = all.into_iter().filter(|name| name != "ssekit").collect();
    table
}

fn actual() -> Uses {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let ours = dependencies
                .filter(|d| d["kind"].is_null())
                .filter_map(|d| d["name"].as_str())
                .filter(|name| name.starts_with("ssekit"));
            let name = package["name"].as_str().unwrap().to_owned();
            (name, ours.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn every_crate_uses_only_what_its_row_allows() {
    let allowed = allowed();
    let actual = actual();
    let names: Vec<_> = actual.keys().collect();
    assert_eq!(names, allowed.keys().collect::<Vec<_>>(), "one row a crate");
    for (name, uses) in &actual {
        let excess: Vec<_> = uses.difference(&allowed[name]).collect();
        assert!(excess.is_empty(), "{name} uses {excess:?}");
    }
}
