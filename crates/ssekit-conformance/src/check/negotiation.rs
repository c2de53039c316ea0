//! Rules of the group `response` about other ways to ask: Accept, methods.

use ssekit_record::{EndKind, FaultKind, HttpVersion, Level, Transcript};

use super::answer::{is_turned_away, status_of, told};
use super::sighting::{quoted, seconds};
use super::source::{
    HTML_EVENTSOURCE, RFC9110_ACCEPT, RFC9110_CONTENT, RFC9110_HEAD, RFC9110_STATUS_405,
    RFC9110_STATUS_406,
};
use crate::{Applies, Case, Judgement, LineShape, Needs, Probe, Rule};

/// A HEAD that takes longer than this, and than the GET took, is not prompt.
const PROMPT_US: u64 = 2_000_000;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "response.accept-exact",
        title: "`Accept: text/event-stream` gets the stream",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Answer,
        probes: &[Probe::Main, Probe::AcceptAny],
        sources: &[HTML_EVENTSOURCE],
        expected: "the stream, asked for with exactly `Accept: text/event-stream`",
        impact: "EventSource sends exactly this and cannot send anything else: browsers get no \
                 stream.",
        remedy: "Match `text/event-stream` in Accept, or disregard Accept on this path.",
        good: "Accept: text/event-stream → 200 text/event-stream",
        bad: "Accept: text/event-stream → 406, Accept: */* → 200 text/event-stream",
        judge: accept_exact,
    },
    Rule {
        id: "response.accept-absent",
        title: "No Accept, or `*/*`, is served too",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::AcceptAbsent, Probe::AcceptAny],
        sources: &[RFC9110_ACCEPT],
        expected: "an answer that is no error",
        impact: "curl, health checks and many client libraries send `*/*` or nothing and are \
                 refused.",
        remedy: "Take a missing Accept and `*/*` as any media type, so also as this one.",
        good: "Accept: */* → 200 text/event-stream",
        bad: "Accept: */* → 406",
        judge: accept_absent,
    },
    Rule {
        id: "response.accept-refused",
        title: "`Accept: application/json` gets a clear answer",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::AcceptJson],
        sources: &[RFC9110_ACCEPT, RFC9110_STATUS_406],
        expected: "406, another representation, or the stream under its own media type",
        impact: "A client that asked for something else waits, or reads events as what they are \
                 not.",
        remedy: "Answer 406, or send the event stream labelled as what it is.",
        good: "Accept: application/json → 406",
        bad: "Accept: application/json → 200 application/json, content `data: a`",
        judge: accept_refused,
    },
    Rule {
        id: "response.method-405-allow",
        title: "A 405 names the methods that are allowed",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Method],
        sources: &[RFC9110_STATUS_405],
        expected: "an Allow field in a 405",
        impact: "Whoever asked with the wrong method cannot learn the right one.",
        remedy: "Send `Allow: GET, HEAD` (the methods you serve) with every 405.",
        good: "HTTP/1.1 405 Method Not Allowed\\r\\nAllow: GET, HEAD",
        bad: "HTTP/1.1 405 Method Not Allowed\\r\\nContent-Length: 0",
        judge: method_405_allow,
    },
    Rule {
        id: "response.head",
        title: "HEAD is answered at once, like GET, without content",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Head],
        sources: &[RFC9110_HEAD, RFC9110_CONTENT],
        expected: "the head of the GET answer, or 405, and no content",
        impact: "Content after HEAD is read as the next answer on the connection; a HEAD that \
                 hangs stalls health checks and pins a handler.",
        remedy: "Answer HEAD without running the producer: the same head, then end.",
        good: "HEAD /events → 200 text/event-stream, end",
        bad: "HEAD /events → 200, then `data: a`",
        judge: head,
    },
];

fn accept_exact(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    let sent: Vec<&str> = main
        .request
        .fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("accept"))
        .map(|field| field.value.as_str())
        .collect();
    if sent != ["text/event-stream"] {
        let sent = quoted(&sent.join(", "));
        return Judgement::unverified(format!("--header made Accept {sent}"));
    }
    if main.is_event_stream() {
        return Judgement::pass("the stream");
    }
    match case.answered(Probe::AcceptAny) {
        Some((any, head)) if any.is_event_stream() => Judgement::fail(format!(
            "{}; with `Accept: */*` the stream",
            told(main)
        ))
        .noted(any, Some(head.at_us), "the stream, asked for with */*"),
        Some(_) => Judgement::not_applicable(format!("no event stream either way: {}", told(main))),
        None => Judgement::not_applicable(format!("no event stream: {}", told(main))),
    }
}

fn accept_absent(case: &Case<'_>) -> Judgement {
    let asked = [
        (Probe::AcceptAbsent, "no Accept"),
        (Probe::AcceptAny, "`Accept: */*`"),
    ];
    let mut others = Vec::new();
    let mut refused = Vec::new();
    let mut judged = false;
    for (probe, how) in asked {
        let Some(transcript) = case.transcript(probe) else {
            continue;
        };
        if is_turned_away(transcript) {
            others.push(format!("{how} gets {}", told(transcript)));
            continue;
        }
        judged = true;
        if transcript.is_event_stream() {
            continue;
        }
        let actual = format!("{how} gets {}", told(transcript));
        match &transcript.head {
            // Negotiation: any representation will do for a client that takes any.
            Some(head) if head.status < 400 => others.push(actual),
            _ => refused.push((transcript, actual)),
        }
    }
    if !refused.is_empty() {
        let told: Vec<_> = refused.iter().map(|(_, actual)| actual.as_str()).collect();
        let judgement = Judgement::warn(told.join("; "));
        return refused
            .iter()
            .fold(judgement, |judgement, (transcript, _)| {
                let head = transcript.head.as_ref();
                let at = head.map_or(transcript.end.at_us, |head| head.at_us);
                judgement.noted(transcript, Some(at), "the answer")
            });
    }
    match (judged, others.is_empty()) {
        (true, true) => Judgement::pass("the stream"),
        (true, false) => Judgement::info(others.join("; ")),
        (false, _) => Judgement::unverified(format!("turned away: {}", others.join("; "))),
    }
}

fn accept_refused(case: &Case<'_>) -> Judgement {
    let Some(transcript) = case.transcript(Probe::AcceptJson) else {
        return Judgement::unverified("`Accept: application/json` was not asked for");
    };
    let Some(head) = &transcript.head else {
        return Judgement::warn(told(transcript)).noted(
            transcript,
            Some(transcript.end.at_us),
            "given up",
        );
    };
    if is_turned_away(transcript) {
        return Judgement::unverified(format!("turned away: {}", told(transcript)));
    }
    if head.status >= 500 {
        return Judgement::warn(told(transcript)).noted(transcript, Some(head.at_us), "the answer");
    }
    if transcript.is_event_stream() {
        return Judgement::pass("the stream: Accept is disregarded, which is allowed");
    }
    match data_line(case) {
        Some(offset) if head.status == 200 => Judgement::warn(format!(
            "{}, and the content is an event stream",
            told(transcript)
        ))
        .seen(transcript, offset, 4, "a data field"),
        _ => Judgement::pass(told(transcript)),
    }
}

/// Offset of a `data` field that belongs to a dispatched event of the JSON probe.
fn data_line(case: &Case<'_>) -> Option<u64> {
    let reading = case.reading_of(Probe::AcceptJson)?;
    let event = reading.events.first()?;
    let is_data = |shape: &LineShape| matches!(shape, LineShape::Field { name, colon: true, .. } if name == "data");
    let line = reading
        .lines
        .iter()
        .find(|line| line.offset >= event.start && is_data(&line.shape))?;
    Some(line.offset)
}

fn method_405_allow(case: &Case<'_>) -> Judgement {
    let Some(transcript) = case.transcript(Probe::Method) else {
        return Judgement::unverified("no other method was asked with");
    };
    let method = &transcript.request.method;
    let Some(head) = &transcript.head else {
        let how = told(transcript);
        return Judgement::not_applicable(format!("{method} gets {how}, so no 405 was seen"));
    };
    if head.status != 405 {
        let status = status_of(head);
        return Judgement::not_applicable(format!("{method} gets {status}, which needs no Allow"));
    }
    match head.first("allow") {
        Some(allow) => Judgement::pass(format!("405 with Allow: {}", quoted(allow))),
        None => Judgement::fail(format!("{method} gets 405 without Allow")).noted(
            transcript,
            Some(head.at_us),
            "the head of the 405",
        ),
    }
}

fn head(case: &Case<'_>) -> Judgement {
    let Some(transcript) = case.transcript(Probe::Head) else {
        return Judgement::unverified("HEAD was not asked");
    };
    if let Some(fault) = transcript.fault(FaultKind::ContentForbidden) {
        return Judgement::fail(format!("content after HEAD: {}", fault.detail)).seen_on_wire(
            transcript,
            fault.offset,
            1,
            "content after the head",
        );
    }
    let Some(head) = &transcript.head else {
        return Judgement::warn(format!("HEAD gets {}", told(transcript)))
            .at_level(Level::Practice)
            .noted(transcript, Some(transcript.end.at_us), "given up");
    };
    if is_turned_away(transcript) {
        return Judgement::unverified(format!("turned away: {}", told(transcript)));
    }
    if matches!(head.status, 405 | 501) {
        return Judgement::pass(format!("HEAD is refused with {}", status_of(head)));
    }
    match differs(case, transcript) {
        Some(actual) => Judgement::warn(actual).at_level(Level::Practice).noted(
            transcript,
            Some(head.at_us),
            "the head",
        ),
        None => Judgement::pass(format!("{}, no content", told(transcript))),
    }
}

/// What is unlike the answer to GET, or not prompt.
fn differs(case: &Case<'_>, transcript: &Transcript) -> Option<String> {
    let (main, get) = (case.main()?, case.head()?);
    let head = transcript.head.as_ref()?;
    let took =
        |t: &Transcript, at_us: u64| at_us.saturating_sub(t.connection.request_us.unwrap_or(0));
    let (head_took, get_took) = (took(transcript, head.at_us), took(main, get.at_us));
    if head.status != get.status || !transcript.is_event_stream() {
        return Some(format!(
            "HEAD gets {}, GET {}",
            told(transcript),
            told(main)
        ));
    }
    if head_took > PROMPT_US && head_took > 2 * get_took {
        let (head_took, get_took) = (seconds(head_took), seconds(get_took));
        return Some(format!("HEAD takes {head_took}, GET {get_took}"));
    }
    let stays_open = head.version == HttpVersion::Http2 && transcript.end.kind == EndKind::Left;
    stays_open.then(|| "the HTTP/2 stream stays open after the head".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding};
    use ssekit_record::Verdict;

    fn main() -> Sample {
        Sample::stream("data: a\n\n")
    }

    fn with(id: &str, probe: Probe, sample: Sample) -> (Verdict, Level) {
        let finding = finding(id, [main(), sample.by(probe)]);
        (finding.verdict, finding.level)
    }

    fn verdict(id: &str, probe: Probe, sample: Sample) -> Verdict {
        with(id, probe, sample).0
    }

    #[test]
    fn accept_exact_compares_with_any() {
        let id = "response.accept-exact";
        assert_eq!(finding(id, [main()]).verdict, Verdict::Pass);
        let refused = || Sample::answer(406, "text/plain", "no");
        let any = || main().by(Probe::AcceptAny);
        assert_eq!(finding(id, [refused(), any()]).verdict, Verdict::Fail);
        let neither = finding(id, [refused(), refused().by(Probe::AcceptAny)]);
        assert_eq!(neither.verdict, Verdict::NotApplicable);
        let overridden = main().asked("accept", "*/*");
        assert_eq!(finding(id, [overridden]).verdict, Verdict::Unverified);
    }

    #[test]
    fn a_missing_accept_may_be_negotiated_but_not_refused() {
        let id = "response.accept-absent";
        let any = Probe::AcceptAny;
        assert_eq!(verdict(id, any, main()), Verdict::Pass);
        assert_eq!(
            verdict(id, any, Sample::answer(200, "application/json", "{}")),
            Verdict::Info
        );
        for status in [400, 404, 406, 500] {
            let sample = Sample::answer(status, "", "");
            assert_eq!(verdict(id, any, sample), Verdict::Warn, "{status}");
        }
        assert_eq!(
            verdict(id, any, Sample::answer(429, "", "")),
            Verdict::Unverified
        );
        let hangs = Sample::silence(EndKind::TimedOut, 2_500);
        assert_eq!(verdict(id, any, hangs), Verdict::Warn);
    }

    #[test]
    fn only_a_broken_answer_to_json_is_warned_of() {
        let id = "response.accept-refused";
        let json = Probe::AcceptJson;
        for (sample, expected) in [
            (main(), Verdict::Pass),
            (Sample::answer(406, "", ""), Verdict::Pass),
            (
                Sample::answer(200, "application/json", "{\"data\": 1}"),
                Verdict::Pass,
            ),
            (
                Sample::answer(200, "application/json", "data: a\n\n"),
                Verdict::Warn,
            ),
            (Sample::answer(500, "text/html", "<p>"), Verdict::Warn),
            (Sample::answer(503, "text/html", "<p>"), Verdict::Unverified),
            (Sample::silence(EndKind::TimedOut, 2_500), Verdict::Warn),
        ] {
            assert_eq!(verdict(id, json, sample.clone()), expected, "{sample:?}");
        }
    }

    #[test]
    fn a_405_needs_allow_even_an_empty_one() {
        let id = "response.method-405-allow";
        let answer = |status| Sample::answer(status, "", "");
        let method = Probe::Method;
        assert_eq!(verdict(id, method, answer(405)), Verdict::Fail);
        let empty = answer(405).with_field("allow", "");
        assert_eq!(verdict(id, method, empty), Verdict::Pass);
        for status in [200, 207, 400, 404, 501] {
            assert_eq!(verdict(id, method, answer(status)), Verdict::NotApplicable);
        }
        let closed = Sample::silence(EndKind::Truncated, 20);
        assert_eq!(verdict(id, method, closed), Verdict::NotApplicable);
    }

    #[test]
    fn head_has_no_content_and_does_not_hang() {
        let id = "response.head";
        let get = Probe::Head;
        let empty = || Sample::stream("").ended(12);
        assert_eq!(
            verdict(id, get, empty().with_field("Content-Length", "40")),
            Verdict::Pass
        );
        let content = empty().fault(FaultKind::ContentForbidden, 0, "\"data: a\"");
        assert_eq!(with(id, get, content), (Verdict::Fail, Level::Must));
        let hangs = Sample::silence(EndKind::TimedOut, 2_500);
        assert_eq!(with(id, get, hangs), (Verdict::Warn, Level::Practice));
        assert_eq!(verdict(id, get, Sample::answer(405, "", "")), Verdict::Pass);
        assert_eq!(verdict(id, get, Sample::answer(404, "", "")), Verdict::Warn);
        assert_eq!(
            verdict(id, get, Sample::answer(200, "text/html", "")),
            Verdict::Warn
        );
    }
}
