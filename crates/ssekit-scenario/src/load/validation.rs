//! Contradictions in a scenario.

mod population;
mod target;
mod threshold;

use ssekit_record::{METRICS, Metric, Threshold};

use self::population::populations;
use self::target::target;
use self::threshold::{search, thresholds};
use super::phase::PhaseSpec;
use super::plan::LoadPlan;
use super::reader::{Fault, Step, nearest};
use super::scenario::{Baseline, LoadScenario, Place, ReconnectPolicy};

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

fn fault<T>(path: Vec<Step>, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        path,
        message: message.into(),
    })
}

fn ensure(holds: bool, path: Vec<Step>, message: &str) -> Result<(), Fault> {
    if holds { Ok(()) } else { fault(path, message) }
}

/// # Errors
/// The first contradiction.
pub(super) fn validate(scenario: &LoadScenario) -> Result<(), Fault> {
    ensure(
        scenario.schema == 1,
        vec![key("schema")],
        "this version of ssekit reads schema 1",
    )?;
    let sound_name = !scenario.name.trim().is_empty() && !scenario.name.contains(char::is_control);
    ensure(sound_name, vec![key("name")], "a name is one line of text")?;
    target(scenario)?;
    expect(scenario)?;
    reconnect(scenario)?;
    populations(scenario)?;
    rest(scenario)?;
    let plan = LoadPlan::checked(scenario)?;
    search(scenario, &plan)?;
    thresholds(scenario, &plan)
}

fn expect(scenario: &LoadScenario) -> Result<(), Fault> {
    let expect = &scenario.expect;
    let at = |name: &str| vec![key("expect"), key(name)];
    ensure(
        (200..600).contains(&expect.status),
        at("status"),
        "a status is from 200 to 599",
    )?;
    let times = [
        ("interval", expect.interval),
        ("first_event_timeout", expect.first_event_timeout),
        ("silence_timeout", expect.silence_timeout),
        (
            "heartbeat",
            expect.heartbeat.as_ref().map(|heartbeat| heartbeat.every),
        ),
    ];
    for (name, time) in times {
        ensure(
            time.is_none_or(|time| time.us() > 0),
            at(name),
            "must be longer than nothing",
        )?;
    }
    let seq = expect.seq.as_ref().map(|seq| ("seq", seq.from, &seq.path));
    let stamp = expect.published_at.as_ref();
    let stamp = stamp.map(|stamp| ("published_at", stamp.from, &stamp.path));
    for (name, from, pointer) in [seq, stamp].into_iter().flatten() {
        let at = || vec![key("expect"), key(name), key("path")];
        ensure(
            from == Place::Data || pointer.is_empty(),
            at(),
            "an id has no `path`; use from = \"data\"",
        )?;
        let is_pointer = pointer.is_empty() || pointer.starts_with('/');
        ensure(
            is_pointer,
            at(),
            "expected a JSON pointer such as \"/seq\", or nothing for all of the data",
        )?;
    }
    Ok(())
}

fn reconnect(scenario: &LoadScenario) -> Result<(), Fault> {
    let reconnect = &scenario.reconnect;
    let at = |name: &str| vec![key("reconnect"), key(name)];
    let of_custom = [
        ("max", reconnect.max.is_some()),
        ("factor", reconnect.factor.is_some()),
        ("jitter", reconnect.jitter.is_some()),
    ];
    for (name, is_there) in of_custom {
        let fits = !is_there || reconnect.policy == ReconnectPolicy::Custom;
        ensure(fits, at(name), "only with policy = \"custom\"")?;
    }
    let factor = reconnect.factor.unwrap_or(1.0);
    ensure(
        (1.0..=1000.0).contains(&factor),
        at("factor"),
        "must be from 1 to 1000",
    )?;
    let bounds = (reconnect.base, reconnect.max);
    let rises = !matches!(bounds, (Some(base), Some(max)) if base.us() > max.us());
    ensure(rises, at("max"), "`max` is less than `base`")?;
    ensure(
        reconnect.max_attempts != Some(0),
        at("max_attempts"),
        "must be at least 1; policy = \"none\" makes none",
    )
}

fn rest(scenario: &LoadScenario) -> Result<(), Fault> {
    let at = |table: &str, name: &str| vec![key(table), key(name)];
    if let Some(llm) = &scenario.llm {
        for (name, pointer) in [("content", &llm.content), ("usage", &llm.usage)] {
            let is_pointer = pointer.as_ref().is_none_or(|text| text.starts_with('/'));
            ensure(
                is_pointer,
                at("llm", name),
                "expected a JSON pointer such as \"/usage/completion_tokens\"",
            )?;
        }
    }
    let histogram = scenario.histogram;
    ensure(
        (1..=5).contains(&histogram.digits),
        at("histogram", "digits"),
        "must be from 1 to 5",
    )?;
    ensure(
        histogram.min.us() > 0 && histogram.min.us().saturating_mul(2) <= histogram.max.us(),
        at("histogram", "max"),
        "must be at least twice `min`, and `min` at least \"1us\"",
    )?;
    ensure(
        histogram.interval.us() >= 100_000,
        at("histogram", "interval"),
        "must be at least \"100ms\"",
    )?;
    ensure(
        histogram.max.us() <= 7 * 24 * 3_600_000_000,
        at("histogram", "max"),
        "must be at most a week, \"168h\"",
    )?;
    let shard = &scenario.shard;
    ensure(
        (1..=10_000).contains(&shard.count),
        at("shard", "count"),
        "must be from 1 to 10,000",
    )?;
    ensure(
        shard.index < shard.count,
        at("shard", "index"),
        "must be less than `count`",
    )?;
    ensure(
        shard.late_tolerance.is_none() || shard.start_at.is_some(),
        at("shard", "late_tolerance"),
        "without `start_at` nothing can be late",
    )?;
    ensure(
        shard.unit_ips.is_empty() || scenario.target.source_ips.is_empty(),
        at("shard", "unit_ips"),
        "`unit_ips` and target.source_ips exclude each other",
    )?;
    ensure(
        scenario.validity.max_clock_offset.is_none() || scenario.expect.published_at.is_some(),
        at("validity", "max_clock_offset"),
        "without expect.published_at no clock is read but that of the generator",
    )?;
    if let Some(baseline) = &scenario.baseline {
        baseline_keys(baseline)?;
    }
    ensure(
        scenario.output.trace_sample != Some(0),
        at("output", "trace_sample"),
        "must be at least 1",
    )
}

fn baseline_keys(baseline: &Baseline) -> Result<(), Fault> {
    for (index, name) in baseline.metrics.iter().enumerate() {
        let at = || vec![key("baseline"), key("metrics"), Step::Index(index)];
        let Some(metric) = Metric::named(name) else {
            let known: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
            let meant = match nearest(name, &known) {
                Some(near) => format!("no metric is named {name:?}; did you mean {near:?}?"),
                None => format!("no metric is named {name:?}"),
            };
            return fault(at(), meant);
        };
        let message = format!("{name:?} is neither better nor worse by itself");
        ensure(metric.is_cost(), at(), &message)?;
    }
    Ok(())
}

impl LoadScenario {
    /// What must hold.
    pub fn thresholds(&self) -> Vec<Threshold> {
        // Those of a scenario that was read are sound.
        self.thresholds
            .iter()
            .filter_map(|spec| spec.read().ok())
            .collect()
    }

    /// All phases with where they stand: the common ones, then those of populations.
    pub(super) fn phase_lists(&self) -> impl Iterator<Item = (Option<usize>, &[PhaseSpec])> {
        let own = self.populations.iter().enumerate();
        let own = own.filter(|(_, population)| !population.phases.is_empty());
        let own = own.map(|(index, population)| (Some(index), population.phases.as_slice()));
        let common = (!self.phases.is_empty()).then_some((None, self.phases.as_slice()));
        common.into_iter().chain(own)
    }
}
