//! `ssekit list` and `ssekit explain`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

fn out(arguments: &[&str]) -> String {
    let output = cargo_bin_cmd!("ssekit").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn listed(arguments: &[&str]) -> Vec<Value> {
    let text = out(&[&["list", "--format", "json"], arguments].concat());
    let listing: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(listing["kind"], "list");
    listing["checks"].as_array().unwrap().clone()
}

#[test]
fn the_list_names_every_check_once() {
    let human = out(&["list"]);
    let checks = listed(&[]);
    assert!(!checks.is_empty());
    for check in &checks {
        let id = check["id"].as_str().unwrap();
        let lines = human
            .lines()
            .filter(|l| l.split_whitespace().next() == Some(id));
        assert_eq!(lines.count(), 1, "{id}");
    }
    assert!(human.contains(&format!("{} checks", checks.len())));
}

#[test]
fn a_group_lists_its_own() {
    let checks = listed(&["--group", "retry"]);
    assert!(!checks.is_empty() && checks.len() < listed(&[]).len());
    for check in checks {
        assert!(check["id"].as_str().unwrap().starts_with("retry."));
    }
}

#[test]
fn every_check_is_explained_with_source_examples_impact_and_remedy() {
    for check in listed(&[]) {
        let id = check["id"].as_str().unwrap();
        let text = out(&["explain", id, "--format", "json"]);
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["id"], id);
        for key in ["title", "expected", "good", "bad"] {
            assert!(
                told[key].as_str().is_some_and(|t| !t.is_empty()),
                "{id}: {key}"
            );
        }
        let said = |key: &str| told[key].as_str().is_some_and(|t| !t.is_empty());
        // Practice needs no standard behind it, and an informative rule cannot be violated.
        let normative = check["level"] == "must" || check["level"] == "should";
        assert!(said("source") || !normative, "{id}: source");
        assert!(said("impact") || check["level"] == "info", "{id}: impact");
        assert!(said("remedy") || check["level"] == "info", "{id}: remedy");
    }
    let id = listed(&[])[0]["id"].as_str().unwrap().to_owned();
    let human = out(&["explain", &id]);
    for part in ["Good", "Bad", "Source", id.as_str()] {
        assert!(human.contains(part), "{part}: {human}");
    }
    assert!(!human.contains('\u{1b}'), "no styles in a pipe");
}

#[test]
fn every_metric_of_load_runs_is_explained_by_its_formula() {
    for metric in ssekit_record::METRICS {
        let text = out(&["explain", metric.name, "--format", "json"]);
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&told["metric"], &told["formula"]),
            (&metric.name.into(), &metric.formula.into())
        );
    }
    let human = out(&["explain", "e2e"]);
    assert!(human.starts_with("delivery  in us  corrected"), "{human}");
    assert!(
        human.contains("See also delivery_intended, delivery_sent."),
        "{human}"
    );
}

#[test]
fn the_coverage_names_every_check_and_gives_reasons() {
    let human = out(&["list", "--coverage"]);
    let text = out(&["list", "--coverage", "--format", "json"]);
    let coverage: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(coverage["kind"], "coverage");
    let sections = coverage["sections"].as_array().unwrap();
    let clauses: Vec<&Value> = sections
        .iter()
        .flat_map(|section| section["clauses"].as_array().unwrap())
        .collect();
    // The clauses are about servers.
    let servers = listed(&[]).into_iter().filter(|c| c["needs"] != "proxy");
    for check in servers {
        let names = |clause: &&Value| clause["checks"].as_array().unwrap().contains(&check["id"]);
        assert!(clauses.iter().any(names), "{}", check["id"]);
        assert!(human.contains(check["id"].as_str().unwrap()));
    }
    assert!(human.contains("left out: binds clients only"));
    assert!(human.contains(&format!("{} clauses of", clauses.len())));
}
