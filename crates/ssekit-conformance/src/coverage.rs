//! Which clause of which standard each rule holds, and which clauses no rule holds.

use std::sync::LazyLock;

use serde::Deserialize;

/// A section of a standard or of other documentation that rules cite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Name, as rules cite it; `Practice` for rules that cite nothing.
    pub name: String,
    /// Link; empty for `Practice`.
    pub url: String,
    /// What it says, in its order.
    pub clauses: Vec<Clause>,
}

/// One thing a section says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The clause in other words.
    pub says: String,
    /// Ids of the rules that hold a server to it; empty where it is left out.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Why no rule does; empty where some do.
    #[serde(default)]
    pub left_out: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    section: Vec<Section>,
}

/// Every section, the standard of event streams first.
pub fn coverage() -> &'static [Section] {
    static ALL: LazyLock<Vec<Section>> = LazyLock::new(|| {
        #[expect(
            clippy::expect_used,
            reason = "a file of this crate, read in its tests"
        )]
        let table: Table =
            toml::from_str(include_str!("coverage.toml")).expect("the table has this form");
        table.section
    });
    &ALL
}
