//! What was found in shards, told of the whole.

use ssekit_record::{LoadFinding, LoadRecord, Verdict};

/// Shards whose words are told; of more only their number.
const TOLD: usize = 4;
/// Findings that the whole record gives by itself.
const OF_THE_WHOLE: [&str; 3] = ["streams.away", "publish.overlap", "outcome.unjudged"];

/// The findings of all shards, each once: where shards say different things, each says it by its number.
pub(super) fn together(shards: &[LoadRecord]) -> Vec<LoadFinding> {
    let all = || {
        shards.iter().flat_map(|record| {
            // Where there are more shards than streams, those that had none to open miss nothing.
            let had_any = record.streams.planned > 0;
            let findings = record.findings.iter();
            let told = findings.filter(move |finding| had_any || finding.id != "no-data");
            told.map(move |finding| (record.shard.index, finding))
        })
    };
    let mut found: Vec<LoadFinding> = Vec::new();
    for (_, finding) in all() {
        if found.iter().any(|known| known.id == finding.id) {
            continue;
        }
        let same: Vec<_> = all().filter(|(_, other)| other.id == finding.id).collect();
        let verdicts = same.iter().map(|(_, finding)| finding.verdict);
        found.push(LoadFinding {
            id: finding.id.clone(),
            verdict: verdicts
                .max_by_key(|one| rank(*one))
                .unwrap_or(finding.verdict),
            detail: told(&same, shards.len()),
        });
    }
    found
}

fn told(same: &[(u32, &LoadFinding)], shards: usize) -> String {
    let detail = &same[0].1.detail;
    if same.len() == shards && same.iter().all(|(_, other)| other.detail == *detail) {
        return detail.clone();
    }
    let mut parts: Vec<String> = same
        .iter()
        .take(TOLD)
        .map(|(index, finding)| format!("Shard {index}: {}", finding.detail))
        .collect();
    if same.len() > TOLD {
        parts.push(format!("And {} shards more.", same.len() - TOLD));
    }
    parts.join(" ")
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Error => 3,
        Verdict::Fail => 2,
        Verdict::Warn => 1,
        _ => 0,
    }
}

/// Takes back what the union shows to be otherwise: what one shard lost another may have kept.
pub(super) fn review(whole: &mut LoadRecord) {
    let found = [whole.away(), whole.overlapped(), whole.unjudged()];
    let has_data = !whole.has_no_data();
    whole
        .findings
        .retain(|finding| !OF_THE_WHOLE.contains(&finding.id.as_str()));
    for finding in &mut whole.findings {
        if has_data && finding.id == "no-data" {
            // A part without data is no run without data, but may be a machine that reaches nobody.
            finding.id = "shard.no-data".into();
            finding.verdict = Verdict::Warn;
        }
    }
    whole.findings.extend(found.into_iter().flatten());
}
