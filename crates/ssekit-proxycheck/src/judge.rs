//! From what was seen to a record.

use ssekit_record::{
    Acceptance, CheckOutcome, CheckRecord, CheckSummary, Finding, HttpVersion, Measurements,
    ProbeSummary, ProxyRecord, Release, SCHEMA, Source, StaleEntry, Timeline, Verdict, redact_url,
};

use crate::case::{Case, Seen};
use crate::check::{abort, head, time};
use crate::delivery::Delivery;
use crate::journal::Visit;
use crate::judgement::Judgement;
use crate::{Rule, registry};

/// Judges a finished run.
pub(crate) fn judge(case: &Case<'_>) -> ProxyRecord {
    let judged = registry().iter();
    let judged = judged.map(|rule| finding(rule, (rule.judge)(case)));
    let checks: Vec<Finding> = judged.map(|finding| accepted(case, finding)).collect();
    let gate = case.options.gate;
    let red: Vec<&str> = checks
        .iter()
        .filter(|f| CheckRecord::reddens(f, gate))
        .map(|f| f.id.as_str())
        .collect();
    let release = checks.iter().find(|f| f.id == "proxy.release");
    let blind = release.is_none_or(|f| matches!(f.verdict, Verdict::Error | Verdict::Unverified));
    let outcome = match (!red.is_empty(), blind) {
        (true, _) => CheckOutcome::Nonconformant,
        (false, true) => CheckOutcome::Incomplete,
        (false, false) => CheckOutcome::Conformant,
    };
    let run = CheckRecord {
        schema: SCHEMA.into(),
        kind: "proxy".into(),
        target: redact_url(&case.options.via),
        outcome,
        summary: summary(case, &checks, &red, outcome),
        ssekit: env!("CARGO_PKG_VERSION").into(),
        started_unix_ms: 0,
        elapsed_ms: 0,
        subject: case.options.subject.clone(),
        launched: None,
        repeat: None,
        product: case.product.clone(),
        http: http(case),
        gate,
        stale_entries: stale(case, &checks),
        counts: CheckSummary::of(&checks),
        probes: case.all().map(|(name, seen)| probe(name, seen)).collect(),
        checks,
    };
    ProxyRecord {
        run,
        measurements: measurements(case),
        timelines: timelines(case),
    }
}

/// A judgement with the rule's texts.
fn finding(rule: &Rule, judgement: Judgement) -> Finding {
    let level = judgement.level.unwrap_or(rule.level);
    Finding {
        id: rule.id.into(),
        level,
        verdict: judgement.verdict.of(level),
        title: rule.title.into(),
        expected: rule.expected.into(),
        actual: judgement.actual,
        source: Source::all(rule.sources),
        impact: rule.impact.into(),
        remedy: judgement.remedy.unwrap_or_else(|| rule.remedy.into()),
        accepted: None,
        flaky: None,
        evidence: judgement.evidence,
    }
}

fn http(case: &Case<'_>) -> Option<HttpVersion> {
    let seen = case.seen("release").or_else(|| case.seen("canary"))?;
    Some(seen.head()?.version)
}

/// Marks a finding that the scenario knows. Late events are known only of the kind it names.
fn accepted(case: &Case<'_>, mut finding: Finding) -> Finding {
    let known = &case.options.known;
    let reasons = match finding.verdict {
        Verdict::Fail => &known.fail,
        Verdict::Warn => &known.warn,
        _ => return finding,
    };
    let kind = case.release().map(|shape| shape.kind);
    let other = known.release.is_some() && known.release != kind;
    let void = other && finding.id == "proxy.release";
    let reason = reasons.get(&finding.id).filter(|_| !void);
    finding.accepted = reason.map(|reason| Acceptance {
        reason: reason.clone(),
        until: None,
    });
    finding
}

/// What the scenario knows and the run, which looked, did not find.
fn stale(case: &Case<'_>, checks: &[Finding]) -> Vec<StaleEntry> {
    let known = &case.options.known;
    let stale = |id: &String| {
        let finding = checks.iter().find(|finding| &finding.id == id);
        let why = match finding {
            None => "no check has this id",
            Some(finding) => match finding.verdict {
                Verdict::Pass | Verdict::Info => "the check finds nothing any more",
                Verdict::Fail | Verdict::Warn if finding.accepted.is_none() => {
                    "what is found is not what is accepted"
                }
                _ => return None,
            },
        };
        Some(StaleEntry {
            check: id.clone(),
            why: why.into(),
        })
    };
    let ids = known.fail.keys().chain(known.warn.keys());
    ids.filter_map(stale).collect()
}

fn summary(case: &Case<'_>, checks: &[Finding], red: &[&str], outcome: CheckOutcome) -> String {
    let release = checks.iter().find(|f| f.id == "proxy.release");
    let told = release.map_or("", |f| f.actual.as_str());
    if outcome == CheckOutcome::Incomplete {
        return format!("Nothing can be said about delivery: {told}.");
    }
    let kind = case.release().map(|shape| shape.kind);
    let first = match kind {
        Some(Release::Immediate) => "The hop passes small events on as they come".to_owned(),
        Some(_) => format!("The hop holds events back: {told}"),
        None if release.is_some_and(|f| f.verdict == Verdict::Warn) => {
            format!("The hop lets no event through: {told}")
        }
        None => format!("Delivery could not be judged: {told}"),
    };
    let first = if case.is_of_views {
        format!("Compared with the origin asked directly: {first}")
    } else {
        first
    };
    let known = checks.iter().filter(|f| f.accepted.is_some()).count();
    match red {
        [] if known == 1 => format!("{first}. The one finding is accepted."),
        [] if known > 1 => format!("{first}. All {known} findings are accepted."),
        [] => format!("{first}."),
        ["proxy.release"] => format!("{first}."),
        [one] => format!("{first}; see {one}."),
        several => format!("{first}; {} findings, {} first.", several.len(), several[0]),
    }
}

fn probe(name: &str, seen: &Seen) -> ProbeSummary {
    let transcript = &seen.sight.transcript;
    let stream = String::from_utf8_lossy(&transcript.stream().bytes);
    let events = stream.matches("\n\n").count() as u64;
    ProbeSummary {
        probe: name.into(),
        status: seen.sight.status(),
        ..ProbeSummary::of(transcript, "", events)
    }
}

fn measurements(case: &Case<'_>) -> Measurements {
    let shape = case.release();
    let idle = time::idle(case);
    let baseline = case.seen("direct").and_then(Seen::delivery);
    let ms = |us: u64| us.div_ceil(1_000);
    Measurements {
        release: shape.as_ref().map(|shape| shape.kind),
        block_bytes: shape.as_ref().and_then(|shape| shape.block),
        added_latency_us: shape.as_ref().and_then(|shape| shape.delivery.latency()),
        baseline_latency_us: baseline.and_then(|delivery| delivery.latency()),
        idle_cut_ms: idle.as_ref().and_then(|idle| idle.cut_us).map(ms),
        idle_passed_ms: idle
            .as_ref()
            .and_then(|idle| idle.passed_us)
            .map(|us| us / 1_000),
        heartbeat_ms: idle.as_ref().map(time::Idle::heartbeat_ms),
        lifetime_cut_ms: time::lifetime_cut(case).map(|(_, us)| ms(us)),
        client_abort_seen_ms: abort::seen_us(case, "abort-active").map(ms),
        client_abort_idle_seen_ms: abort::seen_us(case, "abort-idle").map(ms),
        client_abort_early_seen_ms: abort::seen_us(case, "abort-early").map(ms),
        compressed: case.seen("gzip").and_then(head::coding),
        swallowed_bytes: case.seen("flood").and_then(Seen::visit).map(|v| v.taken),
        head: head::change(case),
    }
}

/// The exchanges worth drawing, with the check each belongs to.
const DRAWN: [(&str, &str); 8] = [
    ("release", "proxy.release"),
    ("burst", "proxy.release"),
    ("large", "proxy.large-release"),
    ("close-delimited", "proxy.close-delimited"),
    ("gzip", "proxy.compression"),
    ("accel", "proxy.accel-buffering"),
    ("head", "proxy.head-prompt"),
    ("h2-release", "proxy.http2"),
];
/// Events drawn of one exchange.
const PIECES: usize = 160;

fn timelines(case: &Case<'_>) -> Vec<Timeline> {
    let drawn = DRAWN.iter().filter_map(|(name, check)| {
        let seen = case.seen(name)?;
        let visit = seen.visit()?;
        Some(timeline(name, check, seen, visit, &seen.delivery()?))
    });
    drawn.collect()
}

fn timeline(name: &str, check: &str, seen: &Seen, visit: &Visit, delivery: &Delivery) -> Timeline {
    let origin = visit.head_us.unwrap_or(visit.asked_us);
    let since = |us: u64| us.saturating_sub(origin);
    let mut pieces: Vec<_> = delivery.pieces.iter().take(PIECES).copied().collect();
    for piece in &mut pieces {
        piece.sent_us = since(piece.sent_us);
        piece.got_us = piece.got_us.map(since);
    }
    let closed_us = visit.ended_us.map(since);
    let ends = pieces.iter().map(|p| p.got_us.unwrap_or(0).max(p.sent_us));
    let span_us = ends.chain(closed_us).max().unwrap_or(0);
    Timeline {
        probe: name.into(),
        about: seen.about.into(),
        check: check.into(),
        span_us,
        pieces,
        closed_us,
    }
}
