//! Thresholds that will have no data, and why.

use ssekit_record::{Shape, Threshold};

use super::phase::PhaseAction;
use super::plan::LoadPlan;
use super::scenario::{LoadScenario, SeqScope, StampKind, StreamEnd};

const SEQ: &str = "nothing says where the sequence number stands: declare it in expect.seq";
const SHARED: &str = "nothing says that streams see the same numbered events: declare where the number stands, in \
                      expect.seq with scope = \"topic\"";
const INTERVAL: &str = "nothing says how often events are due: declare it in expect.interval";
const STAMP: &str = "nothing says where the time of publishing stands in an event: declare it in expect.published_at, or with --published-at";
const SENT: &str = "the time of publishing is declared as that of sending: set expect.published_at.kind to \"intended\" if it \
     is when the event was due";
const INTENDED: &str = "the time of publishing is declared as that when the event was due: set expect.published_at.kind to \"sent\" \
     if it is when it was sent";
const ENDS: &str = "nothing says how streams end: declare it in expect.end";
const ANSWERS: &str = "nothing says how answers end: declare it in expect.end";
const LLM: &str =
    "nothing says that streams are answers of a language model: declare it with [llm]";
const PUBLISHER: &str = "there is no population of the kind publisher";
const STORM: &str = "there is no phase of the kind storm";
const PLAIN: &str = "the URL is http://, so there is no handshake";

impl LoadPlan {
    /// The thresholds of a scenario, those that will have no data with the reason.
    pub fn thresholds(&self, scenario: &LoadScenario) -> Vec<Threshold> {
        let mut thresholds = scenario.thresholds();
        for threshold in &mut thresholds {
            let why = self.lack(threshold, scenario);
            threshold.unmeasured = why.map(str::to_owned);
        }
        thresholds
    }

    /// What a threshold lacks, where the scenario alone already tells.
    fn lack(&self, threshold: &Threshold, scenario: &LoadScenario) -> Option<&'static str> {
        let metric = threshold.judged()?;
        let over = match metric.shape {
            Shape::Counter { over } => over,
            Shape::Ratio { whole, .. } => whole,
            Shape::Distribution => "",
        };
        of_counter(over, scenario).or_else(|| self.of_metric(metric.name, scenario))
    }

    fn of_metric(&self, name: &str, scenario: &LoadScenario) -> Option<&'static str> {
        let expect = &scenario.expect;
        match name {
            "delivery_intended" => stamped(scenario, Some(StampKind::Intended)),
            "delivery_sent" => stamped(scenario, Some(StampKind::Sent)),
            "fanout_first" | "fanout_last" => shared(scenario).or_else(|| stamped(scenario, None)),
            name if name.starts_with("fanout") => shared(scenario),
            name if name.starts_with("delivery") => stamped(scenario, None),
            name if name.starts_with("tick_") => expect.interval.is_none().then_some(INTERVAL),
            "spread_ratio" => expect.interval.is_none().then_some(INTERVAL),
            name if name.starts_with("storm_") => (!self.has_storm()).then_some(STORM),
            "stream_time" | "events_per_stream" => (expect.end == StreamEnd::Never).then_some(ENDS),
            "ttft" | "ttft_raw" | "ttft_censored" | "icl" => scenario.llm.is_none().then_some(LLM),
            "itl_request" | "tpot_excl_first" | "tpot_incl_first" | "chunks" | "tokens"
            | "batch_ratio" => match scenario.llm {
                None => Some(LLM),
                Some(_) => (expect.end == StreamEnd::Never).then_some(ANSWERS),
            },
            "tls_handshake" => scenario.target.url.starts_with("http:").then_some(PLAIN),
            _ => None,
        }
    }

    fn has_storm(&self) -> bool {
        let mut phases = self.phases();
        phases.any(|phase| matches!(phase.action, PhaseAction::Storm { .. }))
    }
}

/// What is missing of that of which a counter or ratio is a part.
fn of_counter(over: &str, scenario: &LoadScenario) -> Option<&'static str> {
    let expect = &scenario.expect;
    let mut populations = scenario.populations.iter();
    match over {
        "distinct" | "numbered" => expect.seq.is_none().then_some(SEQ),
        "ticks_due" => expect.interval.is_none().then_some(INTERVAL),
        "published_due" => {
            let publishes = populations.any(|population| population.rate.is_some());
            (!publishes).then_some(PUBLISHER)
        }
        "fanout_due" => shared(scenario),
        "stamped" => expect.published_at.is_none().then_some(STAMP),
        _ => None,
    }
}

/// What is missing of numbers that all streams of a topic see alike, so that arrivals can be compared.
fn shared(scenario: &LoadScenario) -> Option<&'static str> {
    let seq = scenario.expect.seq.as_ref();
    let is_shared = seq.is_some_and(|seq| seq.scope == SeqScope::Topic);
    (!is_shared).then_some(SHARED)
}

/// What a time since the stamp of an event lacks, where it needs a stamp of this kind.
fn stamped(scenario: &LoadScenario, needed: Option<StampKind>) -> Option<&'static str> {
    let Some(stamp) = &scenario.expect.published_at else {
        return Some(STAMP);
    };
    match needed {
        Some(StampKind::Intended) if stamp.kind == StampKind::Sent => Some(SENT),
        Some(StampKind::Sent) if stamp.kind == StampKind::Intended => Some(INTENDED),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Why a threshold on this metric will have no data in a scenario with this table `expect`.
    fn lack(expect: &str, metric: &str) -> Option<String> {
        let text = format!(
            "[target]\nurl = \"https://127.0.0.1:1/\"\n[expect]\n{expect}\n\
             [[phase]]\nkind = \"ramp\"\nto = 1\nover = \"1s\"\n\
             [[threshold]]\nmetric = \"{metric}\"\nexpr = \"count >= 1\"\n"
        );
        let loaded = LoadScenario::parse(&text, Path::new("s.toml"), &[], |_| None).unwrap();
        let plan = LoadPlan::new(&loaded.scenario).unwrap();
        let [threshold] = &plan.thresholds(&loaded.scenario)[..] else {
            panic!("one threshold")
        };
        threshold.unmeasured.clone()
    }

    #[test]
    fn what_is_not_declared_is_named_and_what_is_declared_is_not() {
        const SENT_STAMP: &str = "published_at = { from = \"data\" }";
        const INTENDED_STAMP: &str = "published_at = { from = \"data\", kind = \"intended\" }";
        const OWN: &str = "seq = { from = \"id\" }";
        const TOPIC: &str = "seq = { from = \"id\", scope = \"topic\" }";
        let both = format!("{TOPIC}\n{SENT_STAMP}");
        let cases: [(&str, &str, Option<&str>); 22] = [
            ("delivery", "", Some(STAMP)),
            ("delivery", SENT_STAMP, None),
            ("delivery_intended", SENT_STAMP, Some(SENT)),
            ("delivery_intended", INTENDED_STAMP, None),
            ("delivery_sent", INTENDED_STAMP, Some(INTENDED)),
            ("delivery_sent", SENT_STAMP, None),
            ("negative", OWN, Some(STAMP)),
            ("lost", SENT_STAMP, Some(SEQ)),
            ("lost", OWN, None),
            ("fanout_last", OWN, Some(SHARED)),
            ("fanout_last", TOPIC, Some(STAMP)),
            ("fanout_last", &both, None),
            ("fanout_skew", TOPIC, None),
            ("fanout_skew", SENT_STAMP, Some(SHARED)),
            ("tick_lateness", OWN, Some(INTERVAL)),
            ("tick_lateness", "interval = \"1s\"", None),
            ("ticks_missed", OWN, Some(INTERVAL)),
            ("stream_time", OWN, Some(ENDS)),
            ("ttft", OWN, Some(LLM)),
            ("storm_recovery", OWN, Some(STORM)),
            ("published", OWN, Some(PUBLISHER)),
            ("gap", "", None),
        ];
        for (metric, expect, why) in cases {
            assert_eq!(
                lack(expect, metric).as_deref(),
                why,
                "{metric} with {expect:?}"
            );
        }
    }
}
