//! What tallies come to in the words of records.

use std::collections::BTreeMap;

use ssekit_record::{Distribution, Metric as Entry, MetricValue, PopulationScope, Scope};

use crate::job::Job;
use crate::metric::Metric;
use crate::tally::Tally;

/// The samples of a tally that are wanted, with their entries in the dictionary; `delivery` is the
/// better known of its two kinds.
pub(crate) fn samples(
    tally: &Tally,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<(&'static Entry, Distribution)> {
    let of = |metric: Metric| {
        tally
            .histogram(metric)
            .map(|h| Distribution::from(h.clone()))
    };
    let mut all = Vec::new();
    let mut take = |name: &str, make: &dyn Fn() -> Option<Distribution>| {
        if let (true, Some(entry)) = (is_wanted(name), Entry::named(name)) {
            all.extend(make().map(|samples| (entry, samples)));
        }
    };
    for (metric, name) in Metric::ALL {
        if metric != Metric::GapCorrected {
            take(name, &|| of(metric));
        }
    }
    take("gap_corrected", &|| {
        let mut gaps = of(Metric::Gap).filter(|_| tally.corrects)?;
        if let Some(filled) = of(Metric::GapCorrected) {
            gaps.add(&filled);
        }
        Some(gaps)
    });
    take("delivery", &|| {
        of(Metric::DeliveryIntended).or_else(|| of(Metric::DeliverySent))
    });
    all
}

/// Counters, and the metrics that are wanted.
pub(crate) fn scope(tally: &Tally, is_wanted: &dyn Fn(&str) -> bool) -> Scope {
    let samples = samples(tally, is_wanted)
        .into_iter()
        .map(|(entry, samples)| {
            let synthetic = if entry.name == "gap_corrected" {
                tally.count.synthetic
            } else {
                0
            };
            (entry, samples, synthetic)
        });
    Scope::new(tally.count, samples)
}

/// The same of each population.
pub(crate) fn named(
    job: &Job,
    tallies: &[Tally],
    is_wanted: &dyn Fn(&str) -> bool,
) -> Vec<PopulationScope> {
    let populations = job.populations.iter().zip(tallies);
    populations
        .map(|(population, tally)| PopulationScope {
            population: population.name.clone(),
            kind: None,
            scope: scope(tally, is_wanted),
        })
        .collect()
}

/// The formulas of these metrics.
pub(crate) fn formulas(metrics: &BTreeMap<String, MetricValue>) -> BTreeMap<String, String> {
    let entries = metrics.keys().filter_map(|name| Entry::named(name));
    entries
        .map(|entry| (entry.name.to_owned(), entry.formula.to_owned()))
        .collect()
}
