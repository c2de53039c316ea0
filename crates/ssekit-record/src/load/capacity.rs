//! The search for capacity: steps of rising load, and the last one at which all was well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Interval, PopulationScope, Scope};
use crate::{Severity, Threshold, ThresholdResult};

/// Of the streams asked for this share may fail to open, and a step still holds.
const MAY_BE_MISSING: f64 = 0.01;

/// What steps of rising load showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// Name of the phase.
    #[serde(default)]
    pub phase: String,
    /// What the scenario lets end the search: `threshold` or `saturation`; absent where all steps are
    /// to be made, and thresholds are then judged on the whole run as everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_on: Option<String>,
    /// Every step that was made to its end, in order.
    pub steps: Vec<CapacityStep>,
    /// Streams of the last step before the first one that did not hold: the most at which all was
    /// well. `null` when the first step did not hold, or none was made to its end.
    pub knee: Option<u64>,
    /// Streams of the first step that did not hold; `null` when all did.
    #[serde(default)]
    pub broke_at: Option<u64>,
    /// What did not hold there: thresholds, `opened`, or the resource of the generator.
    #[serde(default)]
    pub broke_on: Vec<String>,
    /// Why the search ended: `threshold`, `opened` (streams did not open), `saturation` of the
    /// generator, `until` (the last step), or `interrupted`.
    pub stopped_by: String,
    /// The same in one sentence.
    pub detail: String,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityStep {
    /// Streams asked for.
    pub streams: u64,
    /// Streams open at its end.
    pub open: u64,
    /// Streams of the plan that had never opened at its end.
    #[serde(default)]
    pub unopened: u64,
    /// Begin, in microseconds since the begin of the plan.
    #[serde(default)]
    pub start_us: u64,
    /// End.
    #[serde(default)]
    pub end_us: u64,
    /// Whether everything held.
    pub held: bool,
    /// What did not hold.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Which resource of the generator was at its limit, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<String>,
    /// Each threshold that applies, judged on this step alone.
    #[serde(default)]
    pub thresholds: Vec<StepResult>,
    /// What was counted and measured in it. Streams that waited in vain at its end are among the
    /// censored samples, as though observation had stopped there.
    #[serde(flatten)]
    pub all: Scope,
    /// The same by population, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub populations: Vec<PopulationScope>,
}

/// A threshold in one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepResult {
    /// The threshold as people write it.
    pub threshold: String,
    /// What was measured, as people read it.
    pub shown: String,
    /// Whether it held.
    pub held: bool,
}

impl CapacityStep {
    fn judge(&mut self, phase: &str, thresholds: &[Threshold], series: &[Interval]) {
        let mine = thresholds
            .iter()
            .filter(|one| one.part.phase.as_deref().is_none_or(|name| name == phase));
        let (mut broken, mut results) = (Vec::new(), Vec::new());
        for threshold in mine {
            let result = threshold.evaluate_step(self, series);
            let held = result.verdict == crate::Verdict::Pass;
            if !held && threshold.severity == Severity::Fail {
                broken.push(format!("{threshold} did not hold ({})", result.detail));
            }
            results.push(StepResult {
                threshold: threshold.to_string(),
                shown: result.shown(),
                held,
            });
        }
        if self.is_short() {
            broken.push(format!("{} streams never opened", self.unopened));
        }
        if let Some(resource) = &self.saturated {
            broken.push(format!("the generator was at its limit: {resource}"));
        }
        self.thresholds = results;
        self.held = broken.is_empty();
        self.detail = broken.join("; ");
    }

    fn is_short(&self) -> bool {
        self.unopened as f64 > self.streams as f64 * MAY_BE_MISSING
    }

    /// What did not hold, by name.
    fn broke_on(&self, thresholds: &[Threshold]) -> Vec<String> {
        let mandatory = |name: &str| {
            let mut named = thresholds.iter().filter(|one| one.to_string() == name);
            named.any(|one| one.severity == Severity::Fail)
        };
        let broken = self.thresholds.iter().filter(|result| !result.held);
        let mut names: Vec<_> = broken
            .filter(|result| mandatory(&result.threshold))
            .map(|result| result.threshold.clone())
            .collect();
        names.extend(self.is_short().then(|| "opened".to_owned()));
        names.extend(self.saturated.clone());
        names
    }

    /// Why a search ends with this step, if it does.
    fn ends(&self, stop_on: &str) -> Option<&'static str> {
        match () {
            // Beyond its own limits the generator says nothing of the target.
            () if self.saturated.is_some() => Some("saturation"),
            () if self.is_short() => Some("opened"),
            () if !self.held && stop_on == "threshold" => Some("threshold"),
            () => None,
        }
    }
}

impl Capacity {
    /// Whether the search ends with the newest step.
    pub fn is_over(&self) -> bool {
        let stop_on = self.stop_on.as_deref();
        self.steps
            .last()
            .zip(stop_on)
            .is_some_and(|(step, stop_on)| step.ends(stop_on).is_some())
    }

    /// Judges every step, and says where the knee is. `is_complete` says whether the run went on to
    /// the last step of the plan.
    pub fn judge(&mut self, thresholds: &[Threshold], series: &[Interval], is_complete: bool) {
        for step in &mut self.steps {
            step.judge(&self.phase, thresholds, series);
        }
        let broken = self.steps.iter().position(|step| !step.held);
        let good = broken.unwrap_or(self.steps.len());
        let knee = good.checked_sub(1).map(|at| &self.steps[at]);
        self.knee = knee.map(|step| step.streams);
        let broke = broken.map(|at| &self.steps[at]);
        self.broke_at = broke.map(|step| step.streams);
        self.broke_on = broke.map_or_else(Vec::new, |step| step.broke_on(thresholds));
        let last = self.steps.last();
        let ended = last.and_then(|step| step.ends(self.stop_on.as_deref()?));
        self.stopped_by = match ended {
            Some(why) => why,
            None if is_complete => "until",
            None => "interrupted",
        }
        .to_owned();
        self.detail = match (self.knee, broke) {
            (Some(knee), Some(step)) => format!(
                "{knee} streams were well served; with {}, {}.",
                step.streams, step.detail
            ),
            (None, Some(step)) => format!(
                "Not even the first step, {} streams, was well served: {}.",
                step.streams, step.detail
            ),
            (Some(knee), None) => format!(
                "{knee} streams were well served, the most that were tried: the knee lies above."
            ),
            (None, None) => "No step was made to its end.".to_owned(),
        };
    }

    /// How a threshold fared that is the measure of a search: what it says of the last step at which
    /// it held, and where it broke. `None` where it is judged as everywhere.
    pub(crate) fn result(
        &self,
        threshold: &Threshold,
        series: &[Interval],
    ) -> Option<ThresholdResult> {
        self.stop_on.as_ref()?;
        let phase = threshold.part.phase.as_ref();
        if phase.is_some_and(|name| *name != self.phase) {
            return None;
        }
        let of = |step: &CapacityStep| threshold.evaluate_step(step, series);
        let broken = self
            .steps
            .iter()
            .position(|step| of(step).verdict != crate::Verdict::Pass);
        let at = broken.unwrap_or(self.steps.len()).saturating_sub(1);
        let step = self.steps.get(at)?;
        let mut result = of(step);
        result.detail += &format!(", with {} streams", step.streams);
        if let Some(next) = broken
            .filter(|broken| *broken > at)
            .map(|at| &self.steps[at])
        {
            let broke = of(next);
            result.detail += &format!("; with {} it broke: {}", next.streams, broke.detail);
        }
        Some(result)
    }

    /// Adds what another shard saw of the same steps; to be judged again. A step that one of them did not
    /// make to its end is left out: the load of the others alone is not that of the step.
    pub fn add(&mut self, other: Self) {
        let is_made = |streams: u64| other.steps.iter().any(|step| step.streams == streams);
        self.steps.retain(|step| is_made(step.streams));
        if other.stopped_by != "until" {
            self.stopped_by = other.stopped_by;
        }
        for step in other.steps {
            let Some(mine) = self
                .steps
                .iter_mut()
                .find(|mine| mine.streams == step.streams)
            else {
                continue;
            };
            mine.open += step.open;
            mine.unopened += step.unopened;
            mine.saturated = mine.saturated.take().or(step.saturated);
            mine.all.add(&step.all);
            for population in step.populations {
                let mut known = mine.populations.iter_mut();
                match known.find(|known| known.population == population.population) {
                    Some(known) => known.scope.add(&population.scope),
                    None => mine.populations.push(population),
                }
            }
        }
    }
}
