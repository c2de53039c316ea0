//! Slow readers beside the readers that are not slowed: the control group.

use std::cmp::Ordering;

use ssekit_record::quantity::show_us;
use ssekit_record::{LoadRecord, MetricValue, PopulationScope, Scope, Statistics};

use super::row::count;
use crate::text::bounded;

/// Metrics by which they are compared.
const COMPARED: [&str; 3] = ["delivery", "tick_lateness", "gap"];

/// What each population of slow readers had otherwise than the control group, in a sentence each.
pub(super) fn told(record: &LoadRecord) -> Vec<String> {
    let is_slow = |one: &&PopulationScope| one.kind.as_deref() == Some("slow");
    let all = || record.populations.iter();
    let others: Vec<&PopulationScope> = all()
        .filter(|one| matches!(one.kind.as_deref(), Some("subscriber" | "probe")))
        .collect();
    let mut control = Scope::default();
    others.iter().for_each(|one| control.add(&one.scope));
    let name = match others.as_slice() {
        [one] => bounded(&one.population),
        _ => "the other readers".into(),
    };
    let sentence = |one: &PopulationScope| {
        let slow = bounded(&one.population);
        if others.is_empty() {
            return format!("{slow}: no other readers to compare with");
        }
        let metrics = COMPARED.iter();
        let mut parts: Vec<String> = metrics
            .filter_map(|metric| compared(metric, &one.scope, &control, &name))
            .collect();
        parts.extend(ended(&one.scope, &control, &name));
        if parts.is_empty() {
            parts.push("nothing measured to compare".into());
        }
        format!("{slow} beside {name}: {}", parts.join("; "))
    };
    all().filter(is_slow).map(sentence).collect()
}

/// The metric with how far it is from that of the control group.
fn compared(metric: &str, slow: &Scope, control: &Scope, name: &str) -> Option<String> {
    let of = |scope: &Scope| {
        let samples = scope.metrics.get(metric).and_then(MetricValue::samples);
        samples
            .map(Statistics::from)
            .filter(|known| known.count > 0)
    };
    match (of(slow), of(control)) {
        (None, None) => None,
        (None, Some(_)) => Some(format!("{metric} without a sample, {name} with some")),
        (Some(_), None) => Some(format!("{metric} without a sample of {name}")),
        (Some(slow), Some(control)) => Some(format!(
            "{metric} p50 {}, p99 {}",
            difference(slow.p50, control.p50),
            difference(slow.p99, control.p99)
        )),
    }
}

fn difference(slow: u64, control: u64) -> String {
    let apart = show_us(slow.abs_diff(control) as f64);
    let told = match slow.cmp(&control) {
        Ordering::Greater => format!("{apart} more"),
        Ordering::Less => format!("{apart} less"),
        Ordering::Equal => "the same".into(),
    };
    format!("{} ({told})", show_us(slow as f64))
}

/// How often streams ended otherwise than by the plan, such as given up by the server.
fn ended(slow: &Scope, control: &Scope, name: &str) -> Option<String> {
    let (mine, theirs) = (slow.counts.disconnects, control.counts.disconnects);
    let is_told = mine > 0 || theirs > 0;
    is_told.then(|| format!("unplanned ends {} ({name}: {})", count(mine), count(theirs)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ssekit_record::{Distribution, Metric};

    use super::*;

    fn scope(disconnects: u64, delivery: &[u64]) -> Scope {
        let mut samples = Distribution::new(3);
        delivery.iter().for_each(|us| samples.record(*us));
        let metric = Metric::named("delivery").unwrap();
        let mut scope = Scope::new(Default::default(), [(metric, samples, 0)]);
        scope.counts.disconnects = disconnects;
        scope
    }

    #[test]
    fn a_difference_has_its_sign_and_what_is_missing_is_said() {
        let text = |slow: &[u64], control: &[u64]| {
            compared("delivery", &scope(0, slow), &scope(0, control), "control")
        };
        assert_eq!(
            text(&[500; 3], &[100, 100, 900]).unwrap(),
            "delivery p50 500 µs (400 µs more), p99 500 µs (400 µs less)"
        );
        assert_eq!(
            text(&[5], &[5]).unwrap(),
            "delivery p50 5 µs (the same), p99 5 µs (the same)"
        );
        assert_eq!(
            text(&[], &[5]).unwrap(),
            "delivery without a sample, control with some"
        );
        assert_eq!(
            text(&[5], &[]).unwrap(),
            "delivery without a sample of control"
        );
        assert_eq!(text(&[], &[]), None);
    }

    #[test]
    fn ends_are_told_where_there_are_any() {
        let text = |slow, control| ended(&scope(slow, &[]), &scope(control, &[]), "control");
        assert_eq!(text(0, 0), None);
        assert_eq!(text(0, 2).unwrap(), "unplanned ends 0 (control: 2)");
    }
}
