//! Contradictions in what must hold.

use ssekit_record::{Metric, Severity, Threshold, Unit, Window};

use super::{ensure, fault, key};
use crate::load::phase::{PhaseAction, StopOn};
use crate::load::plan::LoadPlan;
use crate::load::reader::{Fault, Step, nearest};
use crate::load::scenario::{LoadScenario, ThresholdSpec};

/// A search that ends with a threshold needs one to be judged by in its steps.
pub(super) fn search(scenario: &LoadScenario, plan: &LoadPlan) -> Result<(), Fault> {
    let named = plan.timeline().iter().enumerate();
    let mut searches = named.filter(|(_, phase)| {
        let PhaseAction::Steps { stop_on, .. } = phase.action else {
            return false;
        };
        stop_on == Some(StopOn::Threshold)
    });
    let Some((index, phase)) = searches.next() else {
        return Ok(());
    };
    let judges = |spec: &ThresholdSpec| {
        let named = spec.part.phase.as_ref();
        spec.severity == Severity::Fail && named.is_none_or(|name| *name == phase.name)
    };
    let path = vec![key("phase"), Step::Index(index), key("stop_on")];
    ensure(
        phase.population.is_some() || scenario.thresholds.iter().any(judges),
        path,
        "no [[threshold]] judges this phase, so none can end it",
    )
}

pub(super) fn thresholds(scenario: &LoadScenario, plan: &LoadPlan) -> Result<(), Fault> {
    for (index, spec) in scenario.thresholds.iter().enumerate() {
        let at = |name: &str| vec![key("threshold"), Step::Index(index), key(name)];
        let threshold = spec
            .read()
            .or_else(|(name, message)| fault(at(name), message))?;
        if threshold.judged().is_none() {
            fault(
                at("series"),
                format!("`{}` has no such series", threshold.metric),
            )?;
        }
        beyond_samples(scenario, &threshold).or_else(|message| fault(at("metric"), message))?;
        without_tokens(scenario, &threshold).or_else(|message| fault(at("metric"), message))?;
        let phases: Vec<_> = plan
            .timeline()
            .iter()
            .map(|phase| phase.name.as_str())
            .collect();
        let populations = plan.population_names();
        let populations: Vec<_> = populations.iter().map(String::as_str).collect();
        let parts = [
            ("phase", &threshold.part.phase, phases),
            ("population", &threshold.part.population, populations),
        ];
        for (kind, name, known) in parts {
            let Some(name) = name else { continue };
            if !known.contains(&name.as_str()) {
                let meant = match nearest(name, &known) {
                    _ if kind == "phase" && plan.phases().any(|phase| phase.name == *name) => {
                        format!(
                            "{name:?} is of one population alone, and the run is judged by {}",
                            known.join(", ")
                        )
                    }
                    Some(near) => {
                        format!("no {kind} is named {name:?}; did you mean {near:?}?")
                    }
                    None => {
                        format!("no {kind} is named {name:?}; there is {}", known.join(", "))
                    }
                };
                let mut path = at("where");
                path.push(key(kind));
                fault(path, meant)?;
            }
        }
    }
    Ok(())
}

/// What is counted in tokens has no data where nothing says where their number stands.
fn without_tokens(scenario: &LoadScenario, threshold: &Threshold) -> Result<(), String> {
    const OF_TOKENS: [&str; 4] = [
        "tokens",
        "tpot_excl_first",
        "tpot_incl_first",
        "batch_ratio",
    ];
    let metric = threshold.metric.as_str();
    let usage = scenario.llm.as_ref().and_then(|llm| llm.usage.as_ref());
    if !OF_TOKENS.contains(&metric) || usage.is_some() {
        return Ok(());
    }
    Err(format!(
        "`{metric}` would have no data: llm.usage must say where the number of tokens stands, such as \
         \"/usage/completion_tokens\""
    ))
}

/// A bound that lies where samples are not told apart, or a window shorter than a row of the series, would
/// be judged by something else.
fn beyond_samples(scenario: &LoadScenario, threshold: &Threshold) -> Result<(), String> {
    let histogram = &scenario.histogram;
    if let Window::Sliding(us) = threshold.window
        && us < histogram.interval.us()
    {
        return Err("its window is shorter than histogram.interval".into());
    }
    let is_time = Metric::named(&threshold.metric).is_some_and(|metric| metric.unit == Unit::Us);
    let Some(bound) = threshold.expression.sample_bound().filter(|_| is_time) else {
        return Ok(());
    };
    if bound > histogram.max.us() as f64 {
        return Err(
            "its bound is longer than histogram.max, so that it tells nothing; raise that".into(),
        );
    }
    Ok(())
}

impl ThresholdSpec {
    /// The threshold; an error names the key at fault.
    pub(in crate::load) fn read(&self) -> Result<Threshold, (&'static str, String)> {
        let parts = (&self.expr, &self.stat, &self.op, &self.value);
        let expression = match parts {
            (Some(expr), None, None, None) => expr.clone(),
            (None, stat, Some(op), Some(value)) => {
                format!("{} {op} {value}", stat.as_deref().unwrap_or_default())
            }
            (Some(_), ..) => {
                return Err(("expr", "`expr` excludes `stat`, `op` and `value`".into()));
            }
            _ => {
                return Err((
                    "metric",
                    "a threshold needs `expr`, or `stat`, `op` and `value`".into(),
                ));
            }
        };
        let mut threshold = Threshold::new(&self.metric, &expression).map_err(|error| {
            let key = match error.key {
                "expr" if self.expr.is_none() => "value",
                key => key,
            };
            (key, error.message)
        })?;
        if let Some(window) = &self.window {
            threshold.window = window.parse().map_err(|message| ("window", message))?;
        }
        if self.lasting.is_some() && !matches!(threshold.window, Window::Sliding(_)) {
            return Err((
                "for",
                "`for` needs a sliding `window`, such as \"10s\"".into(),
            ));
        }
        if self.min_samples == Some(0) {
            return Err((
                "min_samples",
                "must be at least 1: no data is never a pass".into(),
            ));
        }
        threshold.series = self.series;
        threshold.part = self.part.clone();
        threshold.for_us = self.lasting.map_or(0, |time| time.us());
        threshold.min_samples = self.min_samples.unwrap_or(1);
        threshold.severity = self.severity;
        threshold.abort = self.abort;
        threshold.abort_after_us = self.abort_after.map_or(0, |time| time.us());
        Ok(threshold)
    }
}
