//! Contradictions in a scenario.

use std::collections::BTreeSet;

use ssekit_record::{METRICS, Metric, Severity, Threshold, Unit, Window};
use url::Url;

use super::phase::{PhaseAction, PhaseSpec, StopOn};
use super::plan::LoadPlan;
use super::port::PLACE;
use super::reader::{Fault, Step, nearest};
use super::scenario::{
    Baseline, Http, LoadScenario, Place, Population, PopulationKind, ReconnectPolicy, ThresholdSpec,
};
use super::template::Template;

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

fn target(scenario: &LoadScenario) -> Result<(), Fault> {
    let target = &scenario.target;
    let at = |name: &str| vec![key("target"), key(name)];
    let url = template(&target.url, at("url"))?;
    let is_tls = url_of(&url, at("url"))?.scheme() == "https";
    let both = target.body.is_some() && target.body_file.is_some();
    ensure(
        !both,
        at("body_file"),
        "`body` and `body_file` exclude each other",
    )?;
    for text in target.body.iter() {
        template(text, at("body"))?;
    }
    headers(&target.headers, &at("headers"))?;
    if let Some(method) = &target.method {
        ensure(
            is_token(method),
            at("method"),
            "not a method; use GET, POST or another token",
        )?;
    }
    let per_connection = target.streams_per_connection;
    let at_per_connection = at("streams_per_connection");
    ensure(
        per_connection.is_none() || target.http != Http::Http11,
        at_per_connection.clone(),
        "over HTTP/1.1 a connection has one stream: set `http` to \"2\", or leave this out",
    )?;
    ensure(
        per_connection.is_none() || target.http != Http::Auto || is_tls,
        at_per_connection.clone(),
        "over http:// a server cannot be asked for HTTP/2: set `http` to \"2\" if it speaks that",
    )?;
    ensure(
        per_connection != Some(0),
        at_per_connection,
        "must be at least 1",
    )?;
    let tls = &target.tls;
    let at_tls = |name: &str| vec![key("target"), key("tls"), key(name)];
    ensure(
        is_tls || *tls == Default::default(),
        at("tls"),
        "the URL is http://, so there is no TLS to set up",
    )?;
    ensure(
        tls.cert.is_none() || tls.key.is_some(),
        at_tls("cert"),
        "`key` is missing beside it",
    )?;
    ensure(
        tls.key.is_none() || tls.cert.is_some(),
        at_tls("key"),
        "`cert` is missing beside it",
    )?;
    ensure(
        target.source_ports.is_none() || target.port_range().is_some(),
        at("source_ports"),
        "expected a range such as \"20000-60000\"",
    )
}

fn headers(headers: &std::collections::BTreeMap<String, String>, at: &[Step]) -> Result<(), Fault> {
    for (name, value) in headers {
        let mut path = at.to_vec();
        path.push(key(name));
        ensure(is_token(name), path.clone(), "not a name of a field")?;
        ensure(
            !value.contains(['\r', '\n', '\0']),
            path.clone(),
            "a field value has no line breaks",
        )?;
        template(value, path)?;
    }
    Ok(())
}

fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

fn template(text: &str, path: Vec<Step>) -> Result<Template, Fault> {
    Template::parse(text).or_else(|message| fault(path, message))
}

fn url_of(template: &Template, path: Vec<Step>) -> Result<Url, Fault> {
    let sample = template.sample().replace(PLACE, "1");
    let shown = "expected a URL such as \"http://127.0.0.1:8080/events\"";
    let Ok(url) = Url::parse(&sample) else {
        return fault(path, shown);
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return fault(path, shown);
    }
    Ok(url)
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

fn populations(scenario: &LoadScenario) -> Result<(), Fault> {
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

/// A search that ends with a threshold needs one to be judged by in its steps.
fn search(scenario: &LoadScenario, plan: &LoadPlan) -> Result<(), Fault> {
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

fn thresholds(scenario: &LoadScenario, plan: &LoadPlan) -> Result<(), Fault> {
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
        let phases: Vec<_> = plan.phases().map(|phase| phase.name.as_str()).collect();
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
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("there is {}", known.join(", ")),
                };
                let mut path = at("where");
                path.push(key(kind));
                fault(path, format!("no {kind} is named {name:?}; {meant}"))?;
            }
        }
    }
    Ok(())
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
    pub(super) fn read(&self) -> Result<Threshold, (&'static str, String)> {
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
