//! Whether clients share one answer of the origin.

use std::collections::BTreeSet;

use crate::case::{Case, Seen};
use crate::check::delivery::mend;
use crate::judgement::Judgement;
use crate::remedy::Fault;

/// The visits whose events a client got.
fn stamps(seen: &Seen) -> BTreeSet<String> {
    let stream = String::from_utf8_lossy(&seen.sight.transcript.stream().bytes);
    let stamps = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: visit "));
    stamps.map(str::to_owned).collect()
}

/// What three clients of one URL shared, in words; nothing if nothing.
fn shared(case: &Case<'_>, group: [&'static str; 3]) -> Result<Vec<&'static str>, Judgement> {
    let mut seen = Vec::new();
    for probe in group {
        let Some(one) = case.seen(probe) else {
            return Err(Judgement::unverified(case.missing()));
        };
        if one.sight.status() != Some(200) {
            let what = one.trouble().unwrap_or_else(|| "no answer".into());
            return Err(Judgement::unverified(format!("{}: {what}", one.about)));
        }
        seen.push(stamps(one));
    }
    let mut found = Vec::new();
    if !seen[0].is_disjoint(&seen[1]) {
        found.push("a second client at the same time joins the first one's response");
    }
    if !seen[2].is_disjoint(&seen[0]) || !seen[2].is_disjoint(&seen[1]) {
        found.push("a later client gets a replay of a response that is over");
    }
    Ok(found)
}

pub(super) fn sharing(case: &Case<'_>) -> Judgement {
    let open = match shared(case, ["shared-1", "shared-2", "shared-3"]) {
        Ok(open) => open,
        Err(judgement) => return judgement,
    };
    let kept = match shared(case, ["private-1", "private-2", "private-3"]) {
        Ok(kept) => kept,
        Err(judgement) => return judgement,
    };
    if !kept.is_empty() {
        let judgement = Judgement::fail(format!(
            "although the origin says no-store, {}",
            kept.join(", and ")
        ));
        return mend(
            case,
            judgement.seen("private-2", None, "the stream"),
            Fault::Cache,
        );
    }
    if open.is_empty() {
        return Judgement::pass("three clients of one URL got three responses of the origin");
    }
    let judgement = Judgement::warn(format!(
        "without Cache-Control, {}; with no-store neither",
        open.join(", and ")
    ));
    let judgement = judgement.seen("shared-2", None, "the stream");
    let lines = case
        .family
        .and_then(|f| crate::remedy::lines(f, Fault::Cache));
    let own = "Send `Cache-Control: no-store` with the stream.";
    judgement.remedy(match lines {
        Some(lines) => format!("{own} Or {lines}"),
        None => own.to_owned(),
    })
}
