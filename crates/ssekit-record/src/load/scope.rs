//! What was counted and measured in one part of a run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadCounts, MetricValue};
use crate::{Distribution, METRICS, Metric, Shape};

/// Counters and metrics of one part of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Counters.
    pub counts: LoadCounts,
    /// Metrics by name.
    pub metrics: BTreeMap<String, MetricValue>,
}

impl Scope {
    /// From counters and samples, each with how many of them are synthetic. The ratios of the
    /// dictionary are made from the counters; what has no sample is left out.
    pub fn new(
        counts: LoadCounts,
        samples: impl IntoIterator<Item = (&'static Metric, Distribution, u64)>,
    ) -> Self {
        let mut metrics = ratios(&counts);
        for (metric, samples, synthetic) in samples {
            if !samples.is_empty() {
                let value = MetricValue::Distribution {
                    unit: metric.unit,
                    samples,
                    synthetic,
                };
                metrics.insert(metric.name.to_owned(), value);
            }
        }
        Self { counts, metrics }
    }

    /// Adds another part.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        add_metrics(&mut self.metrics, &other.metrics);
    }
}

/// Adds the metrics of another part.
pub(crate) fn add_metrics(
    mine: &mut BTreeMap<String, MetricValue>,
    theirs: &BTreeMap<String, MetricValue>,
) {
    for (name, value) in theirs {
        match mine.get_mut(name) {
            Some(sum) => sum.add(value),
            None => {
                mine.insert(name.clone(), value.clone());
            }
        }
    }
}

fn ratios(counts: &LoadCounts) -> BTreeMap<String, MetricValue> {
    let ratios = METRICS.iter().filter_map(|metric| {
        let Shape::Ratio { part, whole } = metric.shape else {
            return None;
        };
        let (part, whole) = (counts.get(part)?, counts.get(whole)?);
        (whole > 0).then(|| (metric.name.to_owned(), MetricValue::Ratio { part, whole }))
    });
    ratios.collect()
}

/// One phase of the plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Name, unique in the plan.
    pub name: String,
    /// `ramp`, `hold` and so on.
    pub kind: String,
    /// Label of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Begin, in microseconds since the begin of the plan.
    pub start_us: u64,
    /// End; the stop of observation where that came first.
    pub end_us: u64,
    /// Whether its samples are in the metrics of the run.
    pub record: bool,
    /// Everything in it.
    #[serde(flatten)]
    pub all: Scope,
    /// The same by population, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub populations: Vec<PopulationScope>,
}

/// What one population showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PopulationScope {
    /// Its name.
    pub population: String,
    /// `subscriber`, `publisher`, `slow` or `probe`; in `populations` of the run only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Everything of it.
    #[serde(flatten)]
    pub scope: Scope,
}
