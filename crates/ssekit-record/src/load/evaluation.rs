//! Holds thresholds against a record.

use super::{
    Comparison, Expression, LoadRecord, LoadSlice, Quantity, Samples, Severity, Stat, Threshold,
    ThresholdResult, Unit, definition,
};
use crate::Verdict;

/// Names of what is counted instead of measured.
pub const COUNTERS: &[&str] = &[
    "lost",
    "resume_loss",
    "duplicated",
    "reordered",
    "replayed",
    "coalesced",
    "negative",
    "received",
    "opened",
    "failed",
    "finished",
    "eventless",
    "reconnects",
    "dropped_starts",
    "publications_failed",
];

/// Whether a threshold can be evaluated at all.
///
/// # Errors
/// With what is wrong: an expression that is none, a metric there is not, a figure it does not have,
/// or a unit that is not its own.
pub fn validate(threshold: &Threshold) -> Result<(), String> {
    let expression: Expression = threshold.expr.parse().map_err(|e| format!("{e}"))?;
    let metric = threshold.metric.as_str();
    let value = expression.value;
    let (is_fit, wanted) = match (definition(metric), expression.stat) {
        (None, _) if !is_counter(metric) => {
            return Err(format!("there is no metric {metric:?}"));
        }
        (_, Stat::Count) => (matches!(value, Quantity::Number(_)), "a plain number"),
        (Some(_), Stat::Rate) => (
            matches!(value, Quantity::Number(_)),
            "a plain number (a second)",
        ),
        (Some(_), Stat::Ratio) => {
            return Err(format!(
                "{metric} is measured: ratio is a figure of what is counted"
            ));
        }
        (None, Stat::Rate | Stat::Ratio) | (Some(_), Stat::FractionAbove(_)) => (
            matches!(value, Quantity::Share(_) | Quantity::Number(_)),
            "a share, such as 1% or 0.01",
        ),
        (None, stat) => {
            return Err(format!(
                "{metric} is counted: {stat} is a figure of what is measured; use count or rate"
            ));
        }
        (Some(definition), _) => of_unit(definition.unit, value),
    };
    if !is_fit {
        return Err(format!(
            "{} of {metric} is compared with {wanted}, not with {value}",
            expression.stat
        ));
    }
    if let (Some(definition), Stat::FractionAbove(limit)) = (definition(metric), expression.stat) {
        let (is_fit, wanted) = of_unit(definition.unit, limit);
        if !is_fit {
            return Err(format!("{metric} is {wanted}, not {limit}"));
        }
    }
    if threshold.window_us.is_some() && threshold.at.population.is_some() {
        return Err("a window is over all populations; leave out one of the two".into());
    }
    Ok(())
}

fn of_unit(unit: Unit, value: Quantity) -> (bool, &'static str) {
    match unit {
        Unit::Time => (
            matches!(value, Quantity::Time(_)),
            "a time with its unit, such as 250ms",
        ),
        Unit::Bytes => (
            matches!(value, Quantity::Bytes(_) | Quantity::Number(_)),
            "a size, such as 2KiB",
        ),
        Unit::Count => (matches!(value, Quantity::Number(_)), "a plain number"),
        Unit::Share => (
            matches!(value, Quantity::Share(_) | Quantity::Number(_)),
            "a share, such as 1% or 0.01",
        ),
    }
}

fn is_counter(name: &str) -> bool {
    COUNTERS.contains(&name) || matches!(name, "duplicate" | "events")
}

/// What a threshold looked at.
struct Figure {
    /// `None` for a percentile among the samples that never came: longer than any value.
    value: Option<f64>,
    samples: u64,
    what: String,
}

/// Evaluates a threshold on a record.
///
/// No data is never a pass: fewer samples than demanded, an unknown metric or part of the run, and a
/// percentile among samples that never came all fail.
pub fn evaluate(threshold: &Threshold, record: &LoadRecord) -> ThresholdResult {
    let (value, failure) = match threshold.expr.parse::<Expression>() {
        Err(error) => (None, Some(error.to_string())),
        Ok(expression) => match threshold.window_us {
            None => whole(threshold, expression, record),
            Some(window) => windowed(threshold, expression, window, record),
        },
    };
    let verdict = match (&failure, threshold.severity) {
        (None, _) => Verdict::Pass,
        (Some(_), Severity::Fail) => Verdict::Fail,
        (Some(_), Severity::Warn) => Verdict::Warn,
    };
    let detail = failure.unwrap_or_else(|| match value {
        Some(value) => format!("{} is {}", threshold.metric, shown(threshold, value)),
        None => String::new(),
    });
    ThresholdResult {
        threshold: threshold.clone(),
        value,
        verdict,
        detail,
    }
}

type Judged = (Option<f64>, Option<String>);

fn whole(threshold: &Threshold, expression: Expression, record: &LoadRecord) -> Judged {
    let Some(slice) = record.slice(&threshold.at) else {
        return (
            None,
            Some("no data: there is no such part of the run".into()),
        );
    };
    judged(threshold, expression, &slice)
}

fn judged(threshold: &Threshold, expression: Expression, slice: &LoadSlice) -> Judged {
    let Some(figure) = figure(threshold, expression.stat, slice) else {
        return (
            None,
            Some(format!("no data: {} was not measured", threshold.metric)),
        );
    };
    if figure.samples < threshold.min_samples.max(1) {
        let wanted = threshold.min_samples.max(1);
        let why = format!(
            "no data: {} {}, at least {wanted} wanted",
            figure.samples, figure.what
        );
        return (figure.value, Some(why));
    }
    let Some(value) = figure.value else {
        let why = format!(
            "{} lies among the {} that never came",
            expression.stat, figure.what
        );
        return (None, Some(why));
    };
    if expression
        .comparison
        .holds(value, expression.value.number())
    {
        return (Some(value), None);
    }
    let value_shown = shown(threshold, value);
    let why = format!(
        "{} of {} is {value_shown}, not {} {}",
        expression.stat,
        threshold.metric,
        expression.comparison.as_str(),
        expression.value,
    );
    (Some(value), Some(why))
}

/// Each window of the series by itself; the worst figure is told.
fn windowed(
    threshold: &Threshold,
    expression: Expression,
    window_us: u64,
    record: &LoadRecord,
) -> Judged {
    let points: Vec<_> = record
        .series
        .iter()
        .filter(|point| {
            threshold
                .at
                .phase
                .as_ref()
                .is_none_or(|phase| *phase == point.phase)
        })
        .collect();
    if points.is_empty() || threshold.at.population.is_some() {
        return (
            None,
            Some("no data: there is no series of this part of the run".into()),
        );
    }
    let mut worst: Judged = (None, None);
    let mut broken_since = None;
    for (first, point) in points.iter().enumerate() {
        let end = point.at_us + window_us;
        let inside = points[first..]
            .iter()
            .take_while(|p| p.at_us + p.length_us <= end);
        let mut slice = LoadSlice::default();
        for point in inside {
            slice.length_us += point.length_us;
            slice.events.received += point.events;
            slice.events.lost += point.lost;
            for (name, samples) in &point.metrics {
                slice.metrics.entry(name.clone()).or_default().add(samples);
            }
        }
        if slice.length_us < window_us && first > 0 {
            // What is left at the end is no whole window, and belongs to the one before.
            break;
        }
        let (value, failure) = judged(threshold, expression, &slice);
        let Some(why) = failure else {
            broken_since = None;
            if worst.1.is_none() && is_worse(expression.comparison, value, worst.0) {
                worst.0 = value;
            }
            continue;
        };
        let since = *broken_since.get_or_insert(point.at_us);
        let tolerated = threshold.for_us.is_some_and(|most| end - since <= most);
        let first_failure = worst.1.is_none();
        if !tolerated && (first_failure || is_worse(expression.comparison, value, worst.0)) {
            let at = point.at_us as f64 / 1e6;
            worst = (value, Some(format!("from second {at:.0}: {why}")));
        }
    }
    worst
}

fn is_worse(comparison: Comparison, value: Option<f64>, than: Option<f64>) -> bool {
    match (value, than) {
        (None, _) => true,
        (Some(_), None) => true,
        (Some(value), Some(than)) => match comparison {
            Comparison::Less | Comparison::AtMost => value > than,
            Comparison::Greater | Comparison::AtLeast => value < than,
            Comparison::Equal | Comparison::Unequal => false,
        },
    }
}

fn figure(threshold: &Threshold, stat: Stat, slice: &LoadSlice) -> Option<Figure> {
    let metric = threshold.metric.as_str();
    if let Some(definition) = definition(metric) {
        let samples = series(definition.name, threshold.raw, slice)?;
        return Some(of_samples(samples, stat, definition.unit, slice.length_us));
    }
    let (count, all, what) = counted(metric, slice)?;
    let value = match stat {
        Stat::Count => count as f64,
        Stat::Rate | Stat::Ratio if all == 0 => {
            return Some(Figure {
                value: None,
                samples: 0,
                what,
            });
        }
        Stat::Rate | Stat::Ratio => count as f64 / all as f64,
        _ => return None,
    };
    let samples = all;
    Some(Figure {
        value: Some(value),
        samples,
        what,
    })
}

/// The series of a metric: corrected where there is one, unless the raw one is asked for.
fn series<'a>(name: &str, raw: bool, slice: &'a LoadSlice) -> Option<&'a Samples> {
    let suffix = if raw { "raw" } else { "corrected" };
    slice
        .metrics
        .get(&format!("{name}_{suffix}"))
        .or_else(|| slice.metrics.get(name))
}

fn of_samples(samples: &Samples, stat: Stat, unit: Unit, length_us: u64) -> Figure {
    let scale = if unit == Unit::Share { 1e-6 } else { 1.0 };
    let all = samples.count() + samples.censored;
    let value = match stat {
        Stat::Percentile(percentile) => samples.value_at(percentile / 100.0).map(|v| v as f64),
        Stat::Min => Some(samples.histogram().min() as f64),
        Stat::Mean => (samples.censored == 0).then(|| samples.histogram().mean()),
        Stat::Max => (samples.censored == 0).then(|| samples.histogram().max() as f64),
        Stat::Count => return plain(samples.count() as f64, all),
        Stat::Rate if length_us > 0 => {
            return plain(samples.count() as f64 / (length_us as f64 / 1e6), all);
        }
        Stat::Rate | Stat::Ratio => None,
        Stat::FractionAbove(limit) => {
            let limit = limit.number() / scale;
            return plain(samples.above(limit as u64) as f64 / all.max(1) as f64, all);
        }
    };
    Figure {
        value: value.map(|value| value * scale),
        samples: all,
        what: "samples".into(),
    }
}

fn plain(value: f64, samples: u64) -> Figure {
    Figure {
        value: Some(value),
        samples,
        what: "samples".into(),
    }
}

/// What is counted instead of measured: how many, of how many, and of what.
fn counted(metric: &str, slice: &LoadSlice) -> Option<(u64, u64, String)> {
    let (streams, events) = (&slice.streams, &slice.events);
    let of_events =
        |count, what: &str| Some((count, events.received + events.lost, what.to_owned()));
    let of_streams = |count| Some((count, streams.planned, "planned streams".to_owned()));
    match metric {
        // A sequence must have been seen before "nothing lost" means anything.
        "lost" | "resume_loss" if events.expected > 0 || slice.streams == Default::default() => {
            let count = if metric == "lost" {
                events.lost
            } else {
                events.resume_loss
            };
            let all = events.expected.max(events.received + events.lost);
            Some((count, all, "numbered events".into()))
        }
        "lost" | "resume_loss" => Some((0, 0, "numbered events".into())),
        "duplicate" | "duplicated" => of_events(events.duplicated, "events"),
        "reordered" => of_events(events.reordered, "events"),
        "replayed" => of_events(events.replayed, "events"),
        "coalesced" => of_events(events.coalesced, "events"),
        "negative" => of_events(events.negative, "events"),
        "events" | "received" => Some((events.received, events.received, "events".into())),
        "opened" => of_streams(streams.opened),
        "failed" => of_streams(streams.failed),
        "finished" => of_streams(streams.finished),
        "eventless" => of_streams(streams.eventless),
        "reconnects" => of_streams(streams.reconnects),
        "dropped_starts" => of_streams(streams.dropped_starts),
        "publications_failed" => Some((
            events.publications_failed,
            events.publications,
            "publications".into(),
        )),
        _ => None,
    }
}

fn shown(threshold: &Threshold, value: f64) -> String {
    let stat = threshold.expr.parse::<Expression>().map(|e| e.stat);
    let is_value = matches!(
        stat,
        Ok(Stat::Percentile(_) | Stat::Min | Stat::Mean | Stat::Max)
    );
    let unit = definition(&threshold.metric).map(|definition| definition.unit);
    match (unit, stat) {
        (Some(Unit::Time), _) if is_value => {
            let rounded = Quantity::Time((value * 10.0).round() / 10.0);
            rounded.to_string()
        }
        (Some(Unit::Bytes), _) if is_value => Quantity::Bytes(value.round()).to_string(),
        (Some(Unit::Share), _) if is_value => percent(value),
        (Some(_), Ok(Stat::FractionAbove(_))) => percent(value),
        (None, Ok(Stat::Rate | Stat::Ratio)) => percent(value),
        _ => format!("{}", (value * 1000.0).round() / 1000.0),
    }
}

fn percent(share: f64) -> String {
    format!("{}%", (share * 1e6).round() / 1e4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::load::{
        EventCounts, Generator, LoadOutcome, PhaseSpan, ScenarioSummary, SeriesPoint, Shard,
        StreamCounts, Where,
    };

    fn samples(values: impl IntoIterator<Item = u64>) -> Samples {
        let mut histogram = hdrhistogram::Histogram::new(3).unwrap();
        histogram.auto(true);
        values
            .into_iter()
            .for_each(|v| histogram.record(v).unwrap());
        Samples::new(histogram)
    }

    fn record() -> LoadRecord {
        let mut record = LoadRecord {
            schema: crate::SCHEMA.into(),
            kind: "load".into(),
            target: String::new(),
            outcome: LoadOutcome::Pass,
            summary: String::new(),
            ssekit: String::new(),
            started_unix_ms: 0,
            elapsed_ms: 0,
            scenario: ScenarioSummary::default(),
            shard: Shard::default(),
            streams: StreamCounts {
                planned: 10,
                opened: 9,
                failed: 1,
                ..StreamCounts::default()
            },
            events: EventCounts {
                received: 100,
                lost: 1,
                expected: 101,
                ..EventCounts::default()
            },
            metrics: Default::default(),
            errors: Default::default(),
            disconnects: Default::default(),
            protocol_faults: Default::default(),
            generator: Generator::default(),
            thresholds: Vec::new(),
            findings: Vec::new(),
            slices: Vec::new(),
            phases: vec![PhaseSpan {
                name: "all".into(),
                kind: "hold".into(),
                from_us: 0,
                to_us: 4_000_000,
                recorded: true,
            }],
            series: Vec::new(),
            formulas: Default::default(),
        };
        record
            .metrics
            .insert("delivery".into(), samples((1..=100).map(|n| n * 1000)));
        record.metrics.insert("headers".into(), samples([50_000]));
        record
            .metrics
            .insert("headers_raw".into(), samples([10_000]));
        record
    }

    fn of(metric: &str, expr: &str) -> Threshold {
        Threshold {
            metric: metric.into(),
            expr: expr.into(),
            min_samples: 1,
            ..Threshold::default()
        }
    }

    fn verdict(metric: &str, expr: &str) -> Verdict {
        validate(&of(metric, expr)).unwrap();
        evaluate(&of(metric, expr), &record()).verdict
    }

    #[test]
    fn figures_are_held_against_values() {
        for (metric, expr) in [
            ("delivery", "p99 < 100ms"),
            ("e2e", "p50 <= 50.1ms"),
            ("delivery", "max < 101ms"),
            ("delivery", "count == 100"),
            ("delivery", "rate == 25"),
            ("delivery", "frac_above:90ms < 11%"),
            ("lost", "count == 1"),
            ("lost", "rate < 1%"),
            ("failed", "ratio <= 10%"),
            ("duplicated", "rate == 0"),
        ] {
            assert_eq!(verdict(metric, expr), Verdict::Pass, "{metric} {expr}");
        }
        for (metric, expr) in [
            ("delivery", "p99 < 90ms"),
            ("lost", "rate == 0"),
            ("opened", "ratio == 100%"),
            ("delivery", "frac_above:90ms < 9%"),
        ] {
            assert_eq!(verdict(metric, expr), Verdict::Fail, "{metric} {expr}");
        }
    }

    #[test]
    fn no_data_is_never_a_pass() {
        assert_eq!(verdict("gap", "p99 < 1h"), Verdict::Fail);
        assert_eq!(verdict("storm_recovery", "count >= 0"), Verdict::Fail);
        let mut few = of("delivery", "p99 < 1s");
        few.min_samples = 101;
        assert_eq!(evaluate(&few, &record()).verdict, Verdict::Fail);
        let mut nowhere = of("delivery", "p99 < 1s");
        nowhere.at = Where {
            phase: Some("storm".into()),
            population: None,
        };
        assert_eq!(evaluate(&nowhere, &record()).verdict, Verdict::Fail);
        let mut unnumbered = record();
        unnumbered.events.expected = 0;
        let lost = evaluate(&of("lost", "rate == 0"), &unnumbered);
        assert_eq!(lost.verdict, Verdict::Fail, "{}", lost.detail);
    }

    #[test]
    fn what_never_came_counts() {
        let mut record = record();
        record.metrics.get_mut("delivery").unwrap().censored = 10;
        let result = evaluate(&of("delivery", "p99 < 1h"), &record);
        assert_eq!((result.verdict, result.value), (Verdict::Fail, None));
        let result = evaluate(&of("delivery", "p90 < 100ms"), &record);
        assert_eq!(result.verdict, Verdict::Pass, "{}", result.detail);
    }

    #[test]
    fn the_intended_instant_is_meant_unless_the_raw_series_is_asked_for() {
        let mut threshold = of("headers", "max < 20ms");
        assert_eq!(evaluate(&threshold, &record()).verdict, Verdict::Fail);
        threshold.raw = true;
        assert_eq!(evaluate(&threshold, &record()).verdict, Verdict::Pass);
    }

    #[test]
    fn a_window_is_judged_by_itself() {
        let mut record = record();
        for second in 0..10 {
            let worst = if (4..6).contains(&second) {
                500_000
            } else {
                1_000
            };
            record.series.push(SeriesPoint {
                at_us: second * 1_000_000,
                length_us: 1_000_000,
                phase: "all".into(),
                metrics: [("delivery".to_owned(), samples([worst; 10]))].into(),
                ..SeriesPoint::default()
            });
        }
        let mut threshold = of("delivery", "p99 < 100ms");
        threshold.window_us = Some(1_000_000);
        let result = evaluate(&threshold, &record);
        assert_eq!(result.verdict, Verdict::Fail);
        assert!(result.detail.contains("from second 4"), "{}", result.detail);
        threshold.for_us = Some(2_000_000);
        assert_eq!(evaluate(&threshold, &record).verdict, Verdict::Pass);
        threshold.for_us = Some(1_000_000);
        assert_eq!(evaluate(&threshold, &record).verdict, Verdict::Fail);
    }

    #[test]
    fn thresholds_that_mean_nothing_are_refused() {
        for (metric, expr) in [
            ("delivery", "p99 < 250"),
            ("delivery", "p99 < 5%"),
            ("delivery", "ratio < 5%"),
            ("lost", "p99 < 3"),
            ("lost", "count < 3ms"),
            ("nothing", "count == 0"),
            ("delivery", "frac_above:5 < 1%"),
            ("reconnect_attempts", "max < 3ms"),
        ] {
            assert!(validate(&of(metric, expr)).is_err(), "{metric} {expr}");
        }
    }
}
