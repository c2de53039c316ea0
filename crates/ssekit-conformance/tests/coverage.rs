//! The table of clauses and the rules agree, whole and both ways.

#![allow(missing_docs)]

use std::collections::BTreeSet;

use ssekit_conformance::{coverage, registry, rule};

/// The section of the rules that cite nothing.
const PRACTICE: (&str, &str) = ("Practice", "");

type Cited = BTreeSet<(String, String, String)>;

/// Section, link and rule, as the table has them.
fn mapped() -> Cited {
    let sections = coverage().iter();
    let clauses = sections.flat_map(|s| s.clauses.iter().map(move |clause| (s, clause)));
    clauses
        .flat_map(|(s, clause)| {
            let ids = clause.checks.iter();
            ids.map(move |id| (s.name.clone(), s.url.clone(), id.clone()))
        })
        .collect()
}

/// The same, as the rules cite them.
fn cited() -> Cited {
    let mut cited = Cited::new();
    for rule in registry() {
        let sources = match rule.sources {
            [] => &[PRACTICE],
            sources => sources,
        };
        for (name, url) in sources {
            cited.insert(((*name).into(), (*url).into(), rule.id.into()));
        }
    }
    cited
}

fn told(entries: impl Iterator<Item = (String, String, String)>) -> String {
    let lines: Vec<String> = entries
        .map(|(name, url, id)| format!("  {id}: {name} <{url}>"))
        .collect();
    lines.join("\n")
}

#[test]
fn each_rule_appears_under_each_source_it_cites_and_nowhere_else() {
    let (mapped, cited) = (mapped(), cited());
    let missing = told(cited.difference(&mapped).cloned());
    let extra = told(mapped.difference(&cited).cloned());
    assert!(
        missing.is_empty() && extra.is_empty(),
        "coverage.toml lacks a clause for\n{missing}\nand has what no rule cites\n{extra}"
    );
}

#[test]
fn each_clause_has_checks_or_a_reason_and_is_said_once() {
    for section in coverage() {
        assert!(!section.clauses.is_empty(), "{}", section.name);
        let is_linked = section.url.starts_with("https://") || section.name == PRACTICE.0;
        assert!(is_linked, "{}", section.name);
        let mut said = BTreeSet::new();
        for clause in &section.clauses {
            let place = format!("{}: {}", section.name, clause.says);
            assert!(
                clause.says.len() > 5 && said.insert(&clause.says),
                "{place}"
            );
            let is_left_out = clause.left_out.len() > 10;
            assert!(clause.checks.is_empty() == is_left_out, "{place}");
            assert!(is_left_out || clause.left_out.is_empty(), "{place}");
            for id in &clause.checks {
                assert!(rule(id).is_some(), "{place}: no rule {id}");
            }
        }
    }
    let names: BTreeSet<_> = coverage().iter().map(|s| &s.name).collect();
    assert_eq!(names.len(), coverage().len());
}

/// The sections that have to be there whole, rules or none.
#[test]
fn the_standard_of_event_streams_is_there() {
    for (anchor, clauses) in [
        ("the-eventsource-interface", 10),
        ("sse-processing-model", 8),
        ("the-last-event-id-header", 2),
        ("parsing-an-event-stream", 8),
        ("event-stream-interpretation", 20),
        ("text/event-stream", 5),
    ] {
        let section = coverage()
            .iter()
            .find(|s| s.url.ends_with(&format!("#{anchor}")));
        assert!(
            section.is_some_and(|s| s.clauses.len() >= clauses),
            "{anchor}"
        );
    }
}
