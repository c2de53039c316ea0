//! From an observation to a record.

use ssekit_record::{
    Bulk, CheckOutcome, CheckRecord, CheckSummary, EndKind, FaultKind, Finding, Level, Observation,
    ProbeSummary, SCHEMA, Source, Transcript, Verdict,
};

use crate::guard::guarded;
use crate::{Applies, Case, ConformanceError, Judgement, Probe, Rule, Selection, registry};

/// Judges an observation: pure, the same for a live run and a saved file.
///
/// # Errors
/// When the selection is in error.
pub fn judge(
    observation: &Observation,
    selection: &Selection,
    gate: Level,
) -> Result<CheckRecord, ConformanceError> {
    Ok(judge_by(&selection.rules()?, observation, gate))
}

/// Judges by these rules.
pub(crate) fn judge_by(
    rules: &[&'static Rule],
    observation: &Observation,
    gate: Level,
) -> CheckRecord {
    let case = Case::new(observation);
    let answer = match case.fault(Probe::Main) {
        Some(what) => Answer::Fault(what.into()),
        None => Answer::of(&case),
    };
    let checks: Vec<Finding> = rules
        .iter()
        .map(|rule| finding(rule, conclude(rule, &case, &answer)))
        .collect();
    let outcome = outcome(&answer, &checks, gate);
    let main = case.main();
    CheckRecord {
        schema: SCHEMA.into(),
        kind: "check".into(),
        target: observation.target.clone(),
        outcome,
        summary: summary(&case, &answer, &checks, gate),
        ssekit: env!("CARGO_PKG_VERSION").into(),
        started_unix_ms: main.map_or(0, |t| t.started_unix_ms),
        elapsed_ms: main.map_or(0, |t| t.end.at_us / 1000),
        subject: observation.subject.clone(),
        launched: None,
        repeat: None,
        product: case.product().map(|product| product.name.clone()),
        http: case.head().map(|head| head.version),
        gate,
        stale_entries: Vec::new(),
        counts: CheckSummary::of(&checks),
        probes: observation
            .transcripts
            .iter()
            .chain(
                observation
                    .sessions
                    .iter()
                    .flat_map(|s| &s.streams)
                    .map(|s| &s.transcript),
            )
            .map(|t| probe_summary(t, &case))
            .chain(observation.bulks.iter().map(bulk_summary))
            .collect(),
        checks,
    }
}

/// What the main request got.
enum Answer {
    /// A fault of ours: what.
    Fault(String),
    /// Nothing that could be read: why.
    None(String),
    /// Bytes that are no HTTP response: what is wrong with them.
    NotHttp(String),
    /// HTTP/2 with an error before any head: what is wrong.
    BrokenHttp2(String),
    /// A response that no client reads as an event stream: why.
    Other(String),
    /// An event stream.
    Stream,
}

impl Answer {
    fn of(case: &Case<'_>) -> Self {
        let Some(main) = case.main() else {
            return Self::None("the observation holds no main exchange".into());
        };
        let Some(head) = &main.head else {
            let broken = [
                FaultKind::NotHttp,
                FaultKind::HeadInvalid,
                FaultKind::HeadTooLarge,
            ];
            return match broken.iter().find_map(|kind| main.fault(*kind)) {
                Some(fault) => Self::NotHttp(fault.detail.clone()),
                None if breaks_http2(main) => Self::BrokenHttp2(unanswered(main)),
                None => Self::None(unanswered(main)),
            };
        };
        if main.is_event_stream() {
            return Self::Stream;
        }
        if head.status != 200 {
            let reason = if head.reason.is_empty() {
                String::new()
            } else {
                format!(" {}", head.reason)
            };
            return Self::Other(format!("the answer is {}{reason}", head.status));
        }
        Self::Other(match head.content_type_essence() {
            Some(essence) => format!("the answer is {essence}, not text/event-stream"),
            None => "the answer has no Content-Type".into(),
        })
    }
}

/// Whether the server, which speaks HTTP/2, broke it before the head was whole. A refusal (RST_STREAM,
/// GOAWAY) is no such thing, nor is an answer in HTTP/1 where nobody agreed on HTTP/2.
fn breaks_http2(main: &Transcript) -> bool {
    let tls = main.connection.tls.as_ref();
    let agreed = tls.is_some_and(|tls| tls.alpn.as_deref() == Some("h2"));
    let is_broken = main.fault(FaultKind::Http2).is_some();
    let is_other = main.fault(FaultKind::NotHttp2).is_some();
    main.end.kind == EndKind::Malformed && (is_broken || (is_other && agreed))
}

fn unanswered(main: &Transcript) -> String {
    if main.end.detail.is_empty() {
        "the target closed the connection without an answer".into()
    } else {
        main.end.detail.clone()
    }
}

fn conclude(rule: &Rule, case: &Case<'_>, answer: &Answer) -> Judgement {
    if let Some(what) = rule.probes.iter().find_map(|probe| case.fault(*probe)) {
        return Judgement::error(what);
    }
    let judged = |rule: &Rule| {
        let judgement = guarded(|| (rule.judge)(case));
        judgement.unwrap_or_else(|what| Judgement::error(format!("the check failed: {what}")))
    };
    match answer {
        Answer::Fault(what) => Judgement::error(what),
        Answer::None(why) => Judgement::unverified(format!("no answer: {why}")),
        Answer::NotHttp(_) if rule.id == "response.status-200" => judged(rule),
        Answer::NotHttp(_) => Judgement::not_applicable("the answer is no HTTP response"),
        Answer::BrokenHttp2(_) if rule.id == "framing.well-formed" => (rule.judge)(case),
        Answer::BrokenHttp2(_) => Judgement::not_applicable("HTTP/2 broke before any head came"),
        Answer::Other(why) if rule.applies == Applies::Stream => {
            Judgement::not_applicable(format!("no event stream: {why}"))
        }
        _ => not_made(rule, case).unwrap_or_else(|| judged(rule)),
    }
}

/// When none of the further exchanges a rule reads was made, why.
fn not_made(rule: &Rule, case: &Case<'_>) -> Option<Judgement> {
    if rule.probes.is_empty() || rule.probes.contains(&Probe::Main) {
        return None;
    }
    if rule.probes.iter().any(|p| case.was_made(*p)) {
        return None;
    }
    let skipped = rule.probes.iter().find_map(|probe| case.skipped(*probe));
    Some(match skipped {
        Some(skipped) if skipped.not_applicable => {
            Judgement::not_applicable(skipped.reason.clone())
        }
        Some(skipped) => Judgement::unverified(skipped.reason.clone()),
        None => Judgement::unverified("the observation does not hold the exchange this needs"),
    })
}

/// A judgement with the rule's texts.
fn finding(rule: &Rule, judgement: Judgement) -> Finding {
    let level = judgement.level.unwrap_or(rule.level);
    Finding {
        id: rule.id.into(),
        level,
        verdict: judgement.verdict.of(level),
        title: rule.title.into(),
        expected: judgement.expected.unwrap_or_else(|| rule.expected.into()),
        actual: judgement.actual,
        source: Source::all(rule.sources),
        impact: rule.impact.into(),
        remedy: judgement.remedy.unwrap_or_else(|| rule.remedy.into()),
        accepted: None,
        flaky: None,
        evidence: judgement.evidence,
    }
}

fn outcome(answer: &Answer, checks: &[Finding], gate: Level) -> CheckOutcome {
    let is_open = |f: &Finding| f.verdict == Verdict::Error && f.level >= gate;
    if matches!(answer, Answer::None(_) | Answer::Fault(_)) {
        CheckOutcome::Incomplete
    } else if checks.iter().any(|f| CheckRecord::reddens(f, gate)) {
        CheckOutcome::Nonconformant
    } else if checks.iter().any(is_open) {
        CheckOutcome::Incomplete
    } else {
        CheckOutcome::Conformant
    }
}

fn summary(case: &Case<'_>, answer: &Answer, checks: &[Finding], gate: Level) -> String {
    match answer {
        Answer::Fault(what) => return format!("ssekit failed, so nothing is known: {what}."),
        Answer::None(why) => return format!("No answer: {why}."),
        Answer::NotHttp(why) => return format!("The answer is no HTTP response: {why}."),
        Answer::BrokenHttp2(why) => return format!("HTTP/2 broke before any head came: {why}."),
        Answer::Other(why) => return format!("No event stream to judge: {why}."),
        Answer::Stream => {}
    }
    let red = checks.iter().filter(|f| CheckRecord::reddens(f, gate));
    let red: Vec<_> = red.map(|f| f.id.as_str()).collect();
    let silent = case
        .reading()
        .is_some_and(|reading| reading.events.is_empty());
    let quiet = if silent { quiet(case) } else { String::new() };
    let failed = checks.iter().find(|f| f.verdict == Verdict::Error);
    match (red.as_slice(), failed) {
        ([], Some(failed)) => format!(
            "ssekit could not carry out {}: {}.{quiet}",
            failed.id, failed.actual
        ),
        ([], None) => format!("The stream keeps every rule that could be judged.{quiet}"),
        ([one], _) => format!("The stream breaks {one}.{quiet}"),
        ([first, rest @ ..], _) => format!(
            "The stream breaks {} rules, {first} first.{quiet}",
            rest.len() + 1
        ),
    }
}

/// What to say of a stream that dispatched nothing.
fn quiet(case: &Case<'_>) -> String {
    let limit = case.main().filter(|main| main.end.kind == EndKind::Limit);
    if let Some(main) = limit {
        let mib = main.stream().len() as f64 / f64::from(1 << 20);
        return format!(" No event came in the first {mib:.1} MiB, where ssekit stopped reading.");
    }
    if case.ended_by_server() {
        return " The server ended the stream without an event.".into();
    }
    if case
        .main()
        .is_some_and(|main| main.end.kind == EndKind::Malformed)
    {
        return " No event could be read before that, so rules about events could not be judged."
            .into();
    }
    let seconds = case.observed_us() as f64 / 1e6;
    format!(
        " No event arrived in {seconds:.1} s, so rules about events could not be judged; a longer \
         --observe may see some."
    )
}

/// What a probe asks, by its name; nothing for a name of another version.
fn about(name: &str) -> &'static str {
    let read = registry().iter().flat_map(|rule| rule.probes);
    let mut known = read.copied().chain([Probe::Main]);
    let found = known.find(|probe| probe.name() == name);
    found.map_or("", Probe::about)
}

/// Of a value of which only the beginning was kept.
fn bulk_summary(bulk: &Bulk) -> ProbeSummary {
    let transcript = &bulk.transcript;
    let around = u64::from(bulk.before) + u64::from(bulk.after);
    let summary = ProbeSummary::of(
        transcript,
        about(&transcript.probe),
        bulk.events.saturating_add(around),
    );
    ProbeSummary {
        bytes: bulk.body_len,
        arrivals: Vec::new(),
        ..summary
    }
}

fn probe_summary(transcript: &Transcript, case: &Case<'_>) -> ProbeSummary {
    let events = case
        .reading_named(&transcript.probe)
        .map_or(0, |reading| reading.events.len());
    ProbeSummary::of(transcript, about(&transcript.probe), events as u64)
}
