//! What `--plan` prints.

use std::fmt::Write as _;

use serde_json::{Value, json};
use ssekit_record::quantity::{show_bytes, show_number, show_us};
use ssekit_record::{Shard, Threshold};
use ssekit_report::text::harmless;
use ssekit_scenario::load::{
    Amount, Deed, Demand, Http, LoadPlan, LoadScenario, LoadedScenario, PhaseAction, PlannedPhase,
    PopulationKind, Resolve,
};

use crate::failure::Failure;

/// Points of the curve of open streams.
const POINTS: u64 = 60;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Ports that Linux gives to outgoing connections by default.
const DEFAULT_PORTS: u64 = 28_232;

/// As text for a person, of a run by so many processes.
pub fn human(scenario: &LoadScenario, plan: &LoadPlan, shard: Shard, processes: u32) -> String {
    let mut out = String::new();
    let demand = plan.demand(scenario, shard);
    let _ = writeln!(out, "{}", harmless(&scenario.name));
    let _ = writeln!(out, "  target     {}", harmless(&scenario.target_shown()));
    let _ = writeln!(out, "  protocol   {}", protocol(scenario));
    let length = show_us(plan.end_us() as f64);
    let _ = writeln!(out, "  length     {length}, seed {}", scenario.seed);
    if shard.count > 1 {
        let _ = writeln!(
            out,
            "  shard      {}/{}: streams k with k mod {} = {}",
            shard.index, shard.count, shard.count, shard.index
        );
    }
    start(scenario, &mut out);
    let _ = writeln!(out, "\nPhases");
    for phase in plan.phases() {
        phase_line(plan, phase, &mut out);
    }
    populations(plan, shard, &mut out);
    curve(plan, &mut out);
    needs(scenario, &demand, processes, &mut out);
    let thresholds = plan.thresholds(scenario);
    let _ = writeln!(out, "\nThresholds");
    if thresholds.is_empty() {
        out.push_str("  none: the run passes when events arrive\n");
    }
    for threshold in &thresholds {
        let _ = writeln!(out, "  {}", harmless(&threshold.to_string()));
        if let Some(why) = &threshold.unmeasured {
            let _ = writeln!(out, "    will have no data: {why}");
        }
    }
    out
}

/// What the parts of a run must agree on, where the scenario says something of it.
fn start(scenario: &LoadScenario, out: &mut String) {
    if let Some(at_ms) = scenario.shard.start_at {
        let late = scenario.shard.late_tolerance.unwrap_or_default();
        let late = show_us(late.us() as f64);
        let _ = writeln!(
            out,
            "  start      {at_ms} ms after 1970-01-01T00:00:00Z, at most {late} late"
        );
    }
    if scenario.target.resolve == Resolve::Each {
        let _ = writeln!(out, "  names      looked up for each connection");
    }
    if let Some(every) = scenario.output.trace_sample {
        let _ = writeln!(out, "  trace      each event of one in {every} streams");
    }
    if let Some(most) = scenario.validity.max_clock_offset {
        let most = show_us(most.us() as f64);
        let _ = writeln!(out, "  clocks     may be seen {most} apart");
    }
}

fn protocol(scenario: &LoadScenario) -> String {
    let streams = scenario.per_connection();
    match scenario.target.http {
        Http::Http11 => "HTTP/1.1, a connection for each stream".into(),
        Http::Http2 => format!("HTTP/2, {streams} streams on a connection"),
        Http::Auto if scenario.target.url.starts_with("http:") => {
            "HTTP/1.1, a connection for each stream".into()
        }
        Http::Auto => format!(
            "as the server chooses: HTTP/2, {streams} streams on a connection, or HTTP/1.1; \
             needs are those of HTTP/1.1"
        ),
    }
}

fn phase_line(plan: &LoadPlan, phase: &PlannedPhase, out: &mut String) {
    let length = show_us((phase.end_us - phase.start_us) as f64);
    let mut line = format!(
        "  {:<12} {:>8}  from {}: {}",
        harmless(&phase.name),
        length,
        show_us(phase.start_us as f64),
        told(&phase.action)
    );
    if let Some(population) = phase
        .population
        .and_then(|index| plan.populations().get(index))
    {
        line += &format!(", population {}", harmless(&population.name));
    }
    if let Some(most) = most_pending(&phase.action) {
        let most = show_number(most as f64);
        line += &format!(", starts left out while {most} connect");
    }
    if !phase.record {
        line += ", not recorded";
    }
    let _ = writeln!(out, "{line}");
}

/// How many streams each population has, where there are several.
fn populations(plan: &LoadPlan, shard: Shard, out: &mut String) {
    let all = plan.populations();
    let readers = all
        .iter()
        .filter(|population| population.kind != PopulationKind::Publisher);
    if readers.count() < 2 {
        return;
    }
    let mut started = vec![0_u64; all.len()];
    for act in plan.acts(shard) {
        if matches!(act.deed, Deed::Start { .. }) {
            started[act.population] += 1;
        }
    }
    let _ = writeln!(out, "\nPopulations");
    for (population, streams) in all.iter().zip(started) {
        if population.kind != PopulationKind::Publisher {
            let _ = writeln!(
                out,
                "  {:<12} {:>8}  {}",
                harmless(&population.name),
                show_number(streams as f64),
                population.kind.as_str()
            );
        }
    }
}

fn told(action: &PhaseAction) -> String {
    let number = |count: u64| show_number(count as f64);
    match action {
        PhaseAction::Ramp { to, .. } => format!("ramp to {} streams", number(*to)),
        PhaseAction::Arrive { rate, .. } => {
            format!("{} streams arrive a second", show_number(rate.0))
        }
        PhaseAction::Hold { churn: None, .. } => "hold".into(),
        PhaseAction::Hold {
            churn: Some(rate), ..
        } => {
            format!("hold, {} streams replaced a second", show_number(rate.0))
        }
        PhaseAction::Steps {
            start, add, every, ..
        } => format!(
            "steps from {} streams, {} more every {}",
            number(*start),
            number(*add),
            show_us(every.us() as f64)
        ),
        PhaseAction::Storm { drop, mode, .. } => match drop {
            Amount::Share(share) => {
                format!(
                    "storm: {} % of the streams broken off by {}",
                    show_number(share * 100.0),
                    mode.as_str()
                )
            }
            Amount::Count(count) => {
                format!(
                    "storm: {} streams broken off by {}",
                    number(*count),
                    mode.as_str()
                )
            }
        },
        PhaseAction::Spike { add, .. } => format!("spike of {} streams", number(*add)),
        PhaseAction::Drain { .. } => "all streams leave".into(),
        PhaseAction::Wait { .. } => "wait".into(),
    }
}

fn most_pending(action: &PhaseAction) -> Option<u64> {
    match action {
        PhaseAction::Ramp { max_pending, .. } | PhaseAction::Arrive { max_pending, .. } => {
            *max_pending
        }
        _ => None,
    }
}

fn points(plan: &LoadPlan) -> Vec<(u64, u64)> {
    let at: Vec<_> = (0..=POINTS)
        .map(|point| plan.end_us() / POINTS * point)
        .collect();
    let levels = plan.levels(&at);
    at.into_iter().zip(levels).collect()
}

fn curve(plan: &LoadPlan, out: &mut String) {
    let peak = plan.peak().max(1);
    let bar = |(_, level): (u64, u64)| match level {
        0 => ' ',
        level => BLOCKS[((level * 7).div_ceil(peak) as usize).min(7)],
    };
    let bars: String = points(plan).into_iter().map(bar).collect();
    let _ = writeln!(out, "\nOpen streams, {} at most", show_number(peak as f64));
    let _ = writeln!(out, "  {bars}");
    let end = show_us(plan.end_us() as f64);
    let _ = writeln!(out, "  0{end:>width$}", width = POINTS as usize);
}

fn needs(scenario: &LoadScenario, demand: &Demand, processes: u32, out: &mut String) {
    let number = |count: u64| show_number(count as f64);
    let _ = writeln!(out, "\nNeeds");
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<12} {value}");
    };
    row(
        "streams",
        format!(
            "{} in all, {} at most at one time",
            number(demand.streams),
            number(demand.peak_streams)
        ),
    );
    row(
        "connections",
        format!("{} at most at one time", number(demand.peak_connections)),
    );
    row("descriptors", descriptors(demand, processes.into()));
    row("ports", ports(scenario, demand));
    row(
        "memory",
        format!(
            "about {} for ssekit",
            show_bytes(demand.memory_bytes as f64)
        ),
    );
    if demand.publications > 0 {
        row("publications", number(demand.publications));
    }
    row(
        "events",
        match demand.events {
            Some(events) => format!("about {}", number(events)),
            None => "not known: the scenario declares no interval and publishes nothing".into(),
        },
    );
}

/// Each process has a limit of its own, and descriptors besides those of its connections.
fn descriptors(demand: &Demand, processes: u64) -> String {
    let own = demand.descriptors - demand.peak_connections;
    let each = demand.peak_connections.div_ceil(processes.max(1)) + own;
    let each = show_number(each as f64);
    match processes {
        0 | 1 => format!("{each} (ulimit -n)"),
        _ => format!("{each} in each of {processes} processes (ulimit -n)"),
    }
}

fn ports(scenario: &LoadScenario, demand: &Demand) -> String {
    let sources = scenario.target.source_ips.len();
    let ports = show_number(demand.ports as f64);
    if let Some((first, last)) = scenario.target.port_range() {
        let own = show_number(f64::from(last - first) + 1.0);
        return format!(
            "{ports} for each destination; target.source_ports has {own} for each source address"
        );
    }
    if sources > 0 {
        return format!("{ports} for each destination, over {sources} entries of source_ips");
    }
    if demand.ports > DEFAULT_PORTS {
        return format!(
            "{ports} for each destination; Linux gives {} by default to one source address: widen net.ipv4.ip_local_port_range, or set target.source_ips or target.connect_to",
            show_number(DEFAULT_PORTS as f64)
        );
    }
    format!("{ports} for each destination")
}

/// As JSON.
///
/// # Errors
/// Only when serialisation itself fails.
pub fn json(loaded: &LoadedScenario, plan: &LoadPlan, shard: Shard) -> Result<String, Failure> {
    let scenario = &loaded.scenario;
    let demand = plan.demand(scenario, shard);
    let phases = plan.phases().map(|phase| {
        json!({
            "name": phase.name,
            "kind": phase.action.kind(),
            "label": phase.label,
            "record": phase.record,
            "max_pending": most_pending(&phase.action),
            "start_us": phase.start_us,
            "end_us": phase.end_us,
            "population": phase.population.and_then(|index| plan.populations().get(index)).map(|population| &population.name),
        })
    });
    let levels = points(plan);
    let levels = levels
        .iter()
        .map(|(at_us, streams)| json!({"at_us": at_us, "streams": streams}));
    let thresholds = plan.thresholds(scenario);
    let thresholds = thresholds.iter().map(described);
    let value = json!({
        "schema": ssekit_record::SCHEMA,
        "kind": "load-plan",
        "target": scenario.target_shown(),
        "name": scenario.name,
        "seed": scenario.seed,
        "shard": shard,
        "length_us": plan.end_us(),
        "phases": phases.collect::<Vec<_>>(),
        "open_streams": levels.collect::<Vec<_>>(),
        "needs": {
            "streams": demand.streams,
            "peak_streams": demand.peak_streams,
            "connections": demand.peak_connections,
            "descriptors": demand.descriptors,
            "ports": demand.ports,
            "memory_bytes": demand.memory_bytes,
            "publications": demand.publications,
            "events": demand.events,
        },
        "thresholds": thresholds.collect::<Vec<_>>(),
        "scenario": loaded.toml,
    });
    let text = serde_json::to_string_pretty(&value);
    text.map(|text| text + "\n")
        .map_err(|error| Failure::Internal(error.to_string()))
}

/// A threshold with why it will have `no_data`, where that is known.
fn described(threshold: &Threshold) -> Value {
    let mut value = json!(threshold);
    if let Value::Object(map) = &mut value
        && let Some(why) = map.remove("unmeasured")
    {
        map.insert("no_data".into(), why);
    }
    value
}
