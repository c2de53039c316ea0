//! What was measured, in words.

use ssekit_record::{Latency, Measurements};

use crate::text::{bounded, duration};

/// Name and value of everything that was measured.
pub(crate) fn of(measured: &Measurements) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let ms = |ms: u64| duration(ms.saturating_mul(1_000));
    if let Some(release) = measured.release {
        let block = measured.block_bytes;
        let block = block.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
        facts.push(("release", format!("{}{block}", release.as_str())));
    }
    let mut latency = |name, latency: &Option<Latency>| {
        facts.extend(latency.as_ref().map(|latency| (name, told(latency))));
    };
    latency("added latency", &measured.added_latency_us);
    latency("without the hop", &measured.baseline_latency_us);
    let idle = match (measured.idle_cut_ms, measured.idle_passed_ms) {
        (Some(cut), _) => Some(format!("cut after {}", ms(cut))),
        (None, Some(passed)) => Some(format!("{} passed", ms(passed))),
        (None, None) => None,
    };
    facts.extend(idle.map(|idle| ("silence", idle)));
    let beat = measured.heartbeat_ms.filter(|beat| *beat > 0);
    facts.extend(beat.map(|beat| ("heartbeat", format!("every {} or more often", ms(beat)))));
    let cut = measured.lifetime_cut_ms;
    facts.extend(cut.map(|cut| ("lifetime", format!("cut at {}", ms(cut)))));
    let aborts = [
        ("busy", measured.client_abort_seen_ms),
        ("silent", measured.client_abort_idle_seen_ms),
        ("before the head", measured.client_abort_early_seen_ms),
    ];
    let aborts: Vec<String> = aborts
        .into_iter()
        .filter_map(|(scene, seen)| Some(format!("{scene} {}", ms(seen?))))
        .collect();
    if !aborts.is_empty() {
        facts.push(("client abort seen", aborts.join(", ")));
    }
    let compressed = measured.compressed.as_deref().map(bounded);
    facts.extend(compressed.map(|coding| ("compresses with", coding)));
    let swallowed = measured.swallowed_bytes;
    facts.extend(swallowed.map(|bytes| {
        let mib = bytes as f64 / f64::from(1 << 20);
        ("taken unread", format!("{mib:.1} MiB"))
    }));
    facts
}

fn told(latency: &Latency) -> String {
    format!(
        "median {}, 90% {}, worst {} of {} events",
        duration(latency.p50_us),
        duration(latency.p90_us),
        duration(latency.max_us),
        latency.count
    )
}
