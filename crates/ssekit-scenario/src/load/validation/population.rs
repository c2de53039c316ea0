//! Contradictions in who takes part.

use std::collections::BTreeSet;

use super::target::{headers, is_token, template, url_of};
use super::{ensure, key};
use crate::load::reader::{Fault, Step};
use crate::load::scenario::{LoadScenario, Population, PopulationKind};

pub(super) fn populations(scenario: &LoadScenario) -> Result<(), Fault> {
    let mut names = BTreeSet::new();
    for (index, population) in scenario.populations.iter().enumerate() {
        let at = |name: &str| vec![key("population"), Step::Index(index), key(name)];
        ensure(
            names.insert(&population.name),
            at("name"),
            "another population has this name",
        )?;
        let sound = !population.name.trim().is_empty()
            && !population
                .name
                .contains(|c: char| c.is_control() || "{},=".contains(c));
        ensure(
            sound,
            at("name"),
            "a name is one line of text without {, }, , and =",
        )?;
        population_keys(population, &at)?;
        if let Some(url) = &population.url {
            url_of(&template(url, at("url"))?, at("url"))?;
        }
        if let Some(method) = &population.method {
            ensure(
                is_token(method),
                at("method"),
                "not a method; use POST or another token",
            )?;
        }
        headers(&population.headers, &at("headers"))?;
        if let Some(payload) = &population.payload {
            template(payload, at("payload"))?;
        }
        ensure(
            population.topics.len() <= 1_000_000,
            at("topics"),
            "1,000,000 topics at most",
        )?;
    }
    let reads = |population: &Population| population.kind != PopulationKind::Publisher;
    let any_reads = scenario.populations.is_empty() || scenario.populations.iter().any(reads);
    ensure(
        any_reads,
        vec![key("population")],
        "there are publishers only: nothing would be measured; add a population of subscribers",
    )
}

fn population_keys(population: &Population, at: &impl Fn(&str) -> Vec<Step>) -> Result<(), Fault> {
    let is_publisher = population.kind == PopulationKind::Publisher;
    let is_slow = population.kind == PopulationKind::Slow;
    let for_publishers = [
        ("url", population.url.is_some(), true),
        ("rate", population.rate.is_some(), false),
        ("payload", population.payload.is_some(), false),
    ];
    ensure(
        is_publisher || !population.in_order,
        at("in_order"),
        "`in_order` is for kind = \"publisher\"",
    )?;
    for (name, is_there, others_may) in for_publishers {
        if is_publisher {
            let message = format!("a publisher needs `{name}`");
            ensure(is_there, at("kind"), &message)?;
        } else if !others_may {
            let message = format!("`{name}` is for kind = \"publisher\"");
            ensure(!is_there, at(name), &message)?;
        }
    }
    let rate = population.rate.map_or(1.0, |rate| rate.0);
    ensure(
        rate > 0.0 && rate <= 1e6,
        at("rate"),
        "must be more than 0 and at most 1,000,000/s",
    )?;
    ensure(
        population.read.is_some() == is_slow,
        at(if is_slow { "kind" } else { "read" }),
        if is_slow {
            "a slow reader needs `read`, such as { rate = \"2KiB/s\" }"
        } else {
            "`read` is for kind = \"slow\""
        },
    )?;
    if let Some(read) = population.read {
        let some = read.rate.is_some_and(|rate| rate.0 > 0.0)
            || matches!((read.pause, read.every), (Some(pause), Some(every)) if pause.us() > 0 && every.us() > 0);
        ensure(
            some,
            at("read"),
            "give `rate`, or `pause` and `every`, each more than 0",
        )?;
    }
    let weight = population.weight.unwrap_or(1.0);
    ensure(
        weight.is_finite() && weight > 0.0,
        at("weight"),
        "must be more than 0",
    )?;
    let twice = population.weight.is_some() && (is_publisher || !population.phases.is_empty());
    ensure(
        !twice,
        at("weight"),
        "`weight` is a share of the common phases; this population has none of them",
    )
}
