//! What came of the scripts about when and how the echo endpoint answers, and the rule that only
//! they can judge.

use ssekit_record::{EndKind, Level, Transcript};

use super::sighting::seconds;
use super::source::{RFC9110_CONTENT_LENGTH, RFC9110_STATUS_204, RFC9112_TRANSFER_ENCODING};
use crate::scene::{LATE_MS, WAIT_MS};
use crate::{Applies, Case, EchoScene, Judgement, Needs, Probe, Rule, endpoint};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "response.204-no-body",
    title: "204 has no content and no length",
    level: Level::Must,
    needs: Needs::Echo,
    applies: Applies::Stream,
    probes: &[Probe::Capabilities, Probe::Scene(EchoScene::NoContent)],
    sources: &[
        RFC9110_CONTENT_LENGTH,
        RFC9110_STATUS_204,
        RFC9112_TRANSFER_ENCODING,
    ],
    expected: "no content, no Content-Length and no Transfer-Encoding in a 204",
    impact: "204 tells an EventSource to stop. A client or proxy that believes the length or the \
             coding waits for content, or takes the next response for it.",
    remedy: "Answer 204 without content and without fields about its length.",
    good: "HTTP/1.1 204 No Content",
    bad: "HTTP/1.1 204 No Content … Content-Length: 0",
    judge: no_content,
}];

fn no_content(case: &Case<'_>) -> Judgement {
    let scene = EchoScene::NoContent;
    let transcript = match performed(case, scene) {
        Ok(transcript) => transcript,
        Err(missing) => return Judgement::unverified(missing),
    };
    let Some(head) = transcript.head.as_ref().filter(|head| head.status == 204) else {
        let got = transcript.head.as_ref().map_or_else(
            || "no answer".to_owned(),
            |head| format!("the status {}", head.status),
        );
        return Judgement::unverified(format!("asked for 204, the echo endpoint gave {got}"));
    };
    let mut wrong: Vec<String> = ["Content-Length", "Transfer-Encoding"]
        .into_iter()
        .filter_map(|name| Some(format!("{name}: {}", head.first(name)?)))
        .collect();
    if !transcript.body.is_empty() {
        wrong.push(format!("{} bytes of content", transcript.body.len()));
    }
    if wrong.is_empty() {
        return Judgement::pass("204 without content, Content-Length and Transfer-Encoding");
    }
    Judgement::fail(format!("204 with {}", wrong.join(" and "))).noted(
        transcript,
        Some(head.at_us),
        "the head arrived",
    )
}

/// The exchange of a scene, or why there is nothing to judge by.
pub(super) fn performed<'a>(case: &Case<'a>, scene: EchoScene) -> Result<&'a Transcript, String> {
    let document = case.transcript(Probe::Capabilities);
    let known = document
        .and_then(endpoint::capabilities)
        .ok_or("no echo endpoint was asked")?;
    let name = scene.capability();
    if !known.iter().any(|capability| capability == name) {
        return Err(format!("the echo endpoint does not offer `{name}`"));
    }
    case.transcript(Probe::Scene(scene))
        .ok_or_else(|| "the script was not sent".into())
}

/// When the events of a scene arrived, since the request, and when the stream ended cleanly. Only
/// where the endpoint kept the waits, which is what makes the times exact.
pub(super) fn times(case: &Case<'_>, scene: EchoScene, least_ms: u64) -> Option<(Vec<u64>, u64)> {
    let transcript = performed(case, scene).ok()?;
    if !transcript.is_event_stream() || transcript.end.kind != EndKind::Clean {
        return None;
    }
    let asked = transcript.connection.request_us?;
    let since = |at_us: u64| at_us.saturating_sub(asked);
    let ended = since(transcript.end.at_us);
    let reading = case.reading_of(Probe::Scene(scene))?;
    let events = reading.events.iter().map(|event| since(event.at_us));
    (ended >= least_ms * 1000).then(|| (events.collect(), ended))
}

/// Nearer than this, two moments are one, in microseconds.
pub(super) const TOGETHER_US: u64 = 150_000;

/// Whether events written apart left at once: a warning where each waited for the next, or all for
/// the end; nothing where it could not be seen.
///
/// Both ends must agree: the first event a wait too late, and the last one only with the end of the
/// stream. A pause of ours, or a slow start, shows at one end only.
pub(super) fn by_spaced(case: &Case<'_>) -> Option<Judgement> {
    let scene = EchoScene::Spaced;
    let (events, ended) = times(case, scene, 3 * WAIT_MS - 100)?;
    let [first, second, third] = events[..] else {
        return None;
    };
    let late = first >= (WAIT_MS - 50) * 1000 && ended.saturating_sub(third) < TOGETHER_US;
    if !late {
        // Prompt on either side of both waits; what is neither proves nothing.
        let apart = |from: u64, to: u64| to.saturating_sub(from) >= WAIT_MS * 1000 / 2;
        let prompt = apart(first, second) && apart(second, third) && apart(third, ended);
        return prompt.then(|| {
            Judgement::pass("events of the echo endpoint, 600 ms apart, arrived as they were sent")
        });
    }
    let how = if third.saturating_sub(first) < TOGETHER_US {
        "all with the end of the stream"
    } else {
        "each only when the next one was sent"
    };
    let transcript = case.transcript(Probe::Scene(scene))?;
    let reading = case.reading_of(Probe::Scene(scene))?;
    let seen = reading.events.first()?;
    let note = format!("asked for at once, it came after {}", seconds(first));
    Some(
        Judgement::warn(format!(
            "events that the echo endpoint was to send 600 ms apart arrived {how}"
        ))
        .seen(transcript, seen.start, seen.end - seen.start, note),
    )
}

/// Whether the head waited for an event sent 1.5 s after the request: a warning where it came with
/// it; nothing where that could not be seen.
pub(super) fn by_late_first(case: &Case<'_>) -> Option<Judgement> {
    let scene = EchoScene::LateFirst;
    let (events, _) = times(case, scene, LATE_MS - 100)?;
    let first = *events.first()?;
    let transcript = case.transcript(Probe::Scene(scene))?;
    let head = transcript.head.as_ref()?;
    let took = head
        .at_us
        .saturating_sub(transcript.connection.request_us.unwrap_or(0));
    let held = took >= (LATE_MS - 100) * 1000 && first.saturating_sub(took) < TOGETHER_US;
    held.then(|| {
        Judgement::warn(format!(
            "with a first event 1.5 s after the request the head took {}: it waits for the event",
            seconds(took)
        ))
        .noted(transcript, Some(head.at_us), "the head arrived")
    })
}

#[cfg(test)]
mod tests {
    use ssekit_record::{EndKind, Verdict};

    use super::super::sample::{Sample, finding};
    use super::*;

    fn document() -> Sample {
        let json = r#"{"echo":1,"capabilities":["wait","status"],"active_streams":0}"#;
        Sample::answer(200, "application/json", json).by(Probe::Capabilities)
    }

    fn main() -> Sample {
        Sample::stream("data: a\n\n")
    }

    fn judged(id: &str, sample: Sample, scene: EchoScene) -> Verdict {
        let sample = sample.by(Probe::Scene(scene));
        finding(id, [main(), document(), sample]).verdict
    }

    #[test]
    fn a_204_says_nothing_of_its_length() {
        let id = "response.204-no-body";
        let bare = Sample::answer(204, "", "");
        let judged = |sample| judged(id, sample, EchoScene::NoContent);
        assert_eq!(judged(bare.clone()), Verdict::Pass);
        let length = bare.clone().with_field("content-length", "0");
        assert_eq!(judged(length), Verdict::Fail);
        let coding = bare.clone().with_field("Transfer-Encoding", "chunked");
        assert_eq!(judged(coding), Verdict::Fail);
        assert_eq!(judged(Sample::answer(204, "", "x")), Verdict::Fail);
        // A refusal is no 204, and what it says of its length is right.
        let refused = Sample::answer(422, "text/plain", "no").with_field("Content-Length", "2");
        assert_eq!(judged(refused), Verdict::Unverified);
        let alone = finding(id, [main()]);
        assert_eq!(alone.verdict, Verdict::Unverified);
    }

    fn spaced(at_ms: [u64; 3], end_ms: u64) -> Sample {
        let texts = ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"];
        Sample::slices(at_ms.into_iter().zip(texts)).end(EndKind::Clean, end_ms)
    }

    fn flushed(at_ms: [u64; 3], end_ms: u64) -> Verdict {
        let id = "framing.event-per-flush";
        judged(id, spaced(at_ms, end_ms), EchoScene::Spaced)
    }

    #[test]
    fn spaced_events_show_what_is_held_back() {
        assert_eq!(flushed([20, 620, 1_220], 1_820), Verdict::Pass);
        assert_eq!(flushed([620, 1_220, 1_820], 1_821), Verdict::Warn);
        assert_eq!(flushed([1_820, 1_820, 1_820], 1_821), Verdict::Warn);
        // Slow to begin, but then prompt; a pause of ours before the end; waits not kept.
        assert_eq!(flushed([720, 1_320, 1_920], 2_520), Verdict::Pass);
        assert_ne!(flushed([20, 620, 1_820], 1_821), Verdict::Warn);
        assert_ne!(flushed([20, 21, 22], 23), Verdict::Warn);
    }

    #[test]
    fn a_head_that_waits_for_the_first_event_is_seen() {
        let id = "response.headers-prompt";
        let late = |head_ms: u64, event_ms: u64| {
            let sample = Sample::slices([(event_ms, "data: 1\n\n")]);
            let sample = sample.head_at(head_ms).end(EndKind::Clean, event_ms + 1);
            judged(id, sample, EchoScene::LateFirst)
        };
        assert_eq!(late(5, 1_505), Verdict::Pass);
        assert_eq!(late(1_504, 1_505), Verdict::Warn);
        // The wait was not kept, or the answer came late for another reason.
        assert_eq!(late(1, 2), Verdict::Pass);
        assert_eq!(late(1_500, 3_000), Verdict::Pass);
    }
}
