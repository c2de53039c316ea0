//! Rules of the group `resume`.

use ssekit_record::{EndKind, Level, Transcript};

use super::answer::{is_turned_away, told};
use super::finish::{closes_without_event, stops_with_204};
use super::reflection::Reflection;
use super::replay::Replay;
use super::sighting::{quoted, seconds};
use super::source::{
    HTML_INTERPRETING, HTML_INTRODUCTION, HTML_LAST_EVENT_ID, HTML_PROCESSING, HTML_UNKNOWN_ID,
};
use crate::{Applies, Case, EventSeen, Judgement, Needs, Probe, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "resume.accepted",
        title: "A client that comes back with an id gets the stream",
        level: Level::Practice,
        needs: Needs::Reconnect,
        applies: Applies::Stream,
        probes: &[Probe::Resume],
        sources: &[HTML_LAST_EVENT_ID],
        expected: "200 and an event stream for the Last-Event-ID of an event the server sent",
        impact: "An EventSource that is answered with any other status gives up for good: the \
                 first lost connection ends the subscription.",
        remedy: "Accept Last-Event-ID on the same route, also where it is not used to resume.",
        good: "Last-Event-ID: 7 -> 200 text/event-stream",
        bad: "Last-Event-ID: 7 -> 400",
        judge: accepted,
    },
    Rule {
        id: "resume.replay",
        title: "A resumed stream goes on right after the id",
        level: Level::Practice,
        needs: Needs::Reconnect,
        applies: Applies::Stream,
        probes: &[Probe::Resume],
        sources: &[HTML_INTRODUCTION, HTML_INTERPRETING],
        expected: "the events after that id, in order, without the event of the id itself",
        impact: "Ids promise that nothing is lost: what was sent while the client was away is \
                 lost, or comes twice.",
        remedy: "Keep recent events, and after Last-Event-ID send those after it before the live \
                 ones. If the stream cannot be resumed, send no ids.",
        good: "Last-Event-ID: 7 -> id: 8, id: 9, ...",
        bad: "Last-Event-ID: 7 -> id: 7, or id: 1, or id: 12",
        judge: replay,
    },
    Rule {
        id: "resume.unknown",
        title: "An unknown or overlong id does no harm",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::ResumeUnknown, Probe::ResumeLong],
        sources: &[HTML_UNKNOWN_ID],
        expected: "a stream, 204 or a 4xx; no 5xx, no hang",
        impact: "After a deployment or a long absence clients come back with ids the server no \
                 longer knows: an error or a hang locks them out.",
        remedy: "Treat an id that is not found like none: start live, or from the oldest event \
                 kept, and tell the client with an event that it missed some.",
        good: "Last-Event-ID: gone -> 200, event: reset",
        bad: "Last-Event-ID: gone -> 500",
        judge: unknown,
    },
    Rule {
        id: "resume.empty-absent",
        title: "An empty Last-Event-ID is like none",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::ResumeEmpty],
        sources: &[HTML_PROCESSING],
        expected: "the same answer as without the field",
        impact: "Browsers leave the field out when it would be empty; other clients and proxies \
                 send it empty, and are refused.",
        remedy: "Test for an empty value as well as for a missing field.",
        good: "Last-Event-ID: -> 200 text/event-stream",
        bad: "Last-Event-ID: -> 400",
        judge: empty_absent,
    },
    Rule {
        id: "resume.non-ascii",
        title: "UTF-8 in Last-Event-ID is accepted",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::ResumeNonAscii],
        sources: &[HTML_PROCESSING],
        expected: "a stream, or 204",
        impact: "Clients send the id as UTF-8 bytes; a server that refuses them loses every \
                 client that holds such an id.",
        remedy: "Read the field as bytes and decode it as UTF-8.",
        good: "Last-Event-ID: caf\\xc3\\xa9 -> 200 text/event-stream",
        bad: "Last-Event-ID: caf\\xc3\\xa9 -> 400",
        judge: non_ascii,
    },
    Rule {
        id: "resume.no-reflection",
        title: "Last-Event-ID is not copied into the stream",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::ResumeMarker],
        sources: &[],
        expected: "no raw copy of the value in an id, a comment or plain data; inside JSON it is \
                   escaped",
        impact: "A value with line ends, decoded here or let through by an HTTP library, becomes \
                 lines of the stream: whoever sets the header forges events and ids.",
        remedy: "Never write request data into the stream without the library's encoder; check \
                 the id against the ids the server issues, and drop it if it is none.",
        good: "Last-Event-ID: x%0Adata:y -> : unknown id",
        bad: "Last-Event-ID: x%0Adata:y -> id: x\\ndata:y",
        judge: no_reflection,
    },
    Rule {
        id: "resume.204-stops",
        title: "A finished stream answers 204 when it is asked for again",
        level: Level::Practice,
        needs: Needs::Reconnect,
        applies: Applies::Stream,
        probes: &[Probe::ResumeFinished],
        sources: &[HTML_INTRODUCTION],
        expected: "204, which tells a client to stop; or events that are new",
        impact: "An EventSource reconnects whenever a stream ends: clients of a finished stream \
                 come back every few seconds for ever, and see its events again.",
        remedy: "Remember that the client has seen the end, by its Last-Event-ID, and answer 204; \
                 or send a last event on which clients call close().",
        good: "Last-Event-ID: last -> 204",
        bad: "Last-Event-ID: last -> 200, the same events",
        judge: stops_with_204,
    },
    Rule {
        id: "resume.close-without-event",
        title: "No stream that ends at once without an event",
        level: Level::Practice,
        needs: Needs::Reconnect,
        applies: Applies::Stream,
        probes: &[Probe::Main, Probe::Resume, Probe::ResumeFinished],
        sources: &[HTML_PROCESSING],
        expected: "an event, a retry field or a lasting connection behind every 200",
        impact: "Each client reconnects after its default time, some seconds, and is turned away \
                 again: a storm of useless connections.",
        remedy: "Answer 204 when there is nothing to come, 503 with Retry-After when there is for \
                 now, or send `retry:` before the end.",
        good: "200: retry: 60000\\n\\n <end>",
        bad: "200: <end>",
        judge: closes_without_event,
    },
    Rule {
        id: "resume.auth",
        title: "Nobody resumes a session without its credentials",
        level: Level::Practice,
        needs: Needs::Reconnect,
        applies: Applies::Stream,
        probes: &[Probe::ResumeAnonymous, Probe::Anonymous],
        sources: &[],
        expected: "a refusal, or none of the session's events, for a known id without credentials",
        impact: "Whoever learns or guesses an id reads the events of another user's session.",
        remedy: "Authorise the request before Last-Event-ID is looked at, and look the id up among \
                 the events of that session only.",
        good: "Last-Event-ID: 7, no credentials -> 401",
        bad: "Last-Event-ID: 7, no credentials -> 200, id: 8, ...",
        judge: auth,
    },
];

/// How a request with a `Last-Event-ID` was answered.
enum Reply<'a> {
    /// With an event stream.
    Stream(&'a Transcript),
    /// With 204.
    Stop,
    /// With anything else, or not at all.
    Other(&'a Transcript),
    /// It cannot be told.
    Unknown(Judgement),
}

fn reply<'a>(case: &Case<'a>, probe: Probe) -> Reply<'a> {
    let Some(transcript) = case.transcript(probe) else {
        let reason = case.skipped(probe).map(|skipped| skipped.reason.clone());
        return Reply::Unknown(Judgement::unverified(
            reason.unwrap_or_else(|| "the request was not made".into()),
        ));
    };
    if transcript.end.kind == EndKind::Unreachable || is_turned_away(transcript) {
        let why = format!("a further request was turned away: {}", told(transcript));
        return Reply::Unknown(Judgement::unverified(why));
    }
    match &transcript.head {
        _ if transcript.is_event_stream() => Reply::Stream(transcript),
        Some(head) if head.status == 204 => Reply::Stop,
        _ => Reply::Other(transcript),
    }
}

/// When the head came, or that none would.
fn head_us(transcript: &Transcript) -> Option<u64> {
    let head = transcript.head.as_ref().map(|head| head.at_us);
    Some(head.unwrap_or(transcript.end.at_us))
}

fn noted(transcript: &Transcript) -> &'static str {
    match transcript.head {
        Some(_) => "the answer",
        None => "the end, without an answer",
    }
}

fn warn_of_answer(transcript: &Transcript) -> Judgement {
    Judgement::warn(told(transcript)).noted(transcript, head_us(transcript), noted(transcript))
}

/// The id a resumed request was made with.
fn asked(transcript: &Transcript) -> &str {
    let mut fields = transcript.request.fields.iter();
    let field = fields.find(|field| field.name.eq_ignore_ascii_case("last-event-id"));
    field.map_or("", |field| field.value.as_str())
}

fn accepted(case: &Case<'_>) -> Judgement {
    match reply(case, Probe::Resume) {
        Reply::Stream(transcript) => Judgement::pass(format!(
            "resumed from {} with 200 and an event stream",
            quoted(asked(transcript))
        )),
        Reply::Stop if case.ended_by_server() => {
            Judgement::pass("204: the stream is finished, and clients are told to stop")
        }
        Reply::Stop => {
            let actual = "204, which tells clients to stop, though the stream goes on";
            Judgement::warn(actual)
        }
        Reply::Other(transcript) => warn_of_answer(transcript),
        Reply::Unknown(judgement) => judgement,
    }
}

pub(super) fn replay(case: &Case<'_>) -> Judgement {
    let transcript = match reply(case, Probe::Resume) {
        Reply::Stream(transcript) => transcript,
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop | Reply::Other(_) => {
            return Judgement::not_applicable("the stream was not resumed: see resume.accepted");
        }
    };
    let (Some(first), Some(resumed)) = (case.reading(), case.reading_of(Probe::Resume)) else {
        return Judgement::unverified("no main observation");
    };
    let id = asked(transcript);
    let replay = Replay::of(&first.events, &resumed.events, id);
    let after = format!("after {}", quoted(id));
    judge_replay(&replay, transcript, &after)
}

fn judge_replay(replay: &Replay<'_>, transcript: &Transcript, after: &str) -> Judgement {
    let ended = transcript.end.kind == EndKind::Clean;
    let wrong = |actual: String, event: &EventSeen, note: &str| {
        let len = event.end - event.start;
        Judgement::warn(actual).seen(transcript, event.start, len, note)
    };
    let name = |event: &EventSeen| quoted(&event.last_event_id);
    match replay {
        Replay::Ambiguous => {
            Judgement::unverified("the id does not stand for one place in the stream")
        }
        Replay::Silent { due } if ended && *due > 0 => Judgement::warn(format!(
            "the resumed stream ended without the {due} events that followed {after}"
        ))
        .noted(transcript, Some(transcript.end.at_us), "the end"),
        Replay::Silent { .. } => Judgement::unverified(format!(
            "no event with an id came within {} of the reconnect",
            seconds(transcript.end.at_us - head_us(transcript).unwrap_or(0))
        )),
        Replay::InOrder { count, changed: 0 } => Judgement::pass(format!(
            "{count} events {after} came again as they were, in order"
        )),
        Replay::InOrder { count, changed } => Judgement::info(format!(
            "{count} ids {after} came again in order, {changed} of them with other data than before"
        )),
        Replay::Newer { event, next: true } => {
            Judgement::pass(format!("the stream goes on {after} with {}", name(event)))
        }
        Replay::Newer { event, .. } => Judgement::unverified(format!(
            "no event followed {after} before the reconnect, so nothing was there to replay; the \
             stream went on with {}",
            name(event)
        )),
        Replay::Repeats { event, first } => wrong(
            if *first {
                "the stream begins anew with the event of the id itself, its first".into()
            } else {
                "the event of the id itself comes again".into()
            },
            event,
            "the client has this event already",
        ),
        Replay::Back {
            event,
            to_start: true,
            same: false,
        } => wrong(
            format!(
                "ids begin anew at {} with other data: they mean nothing beyond one connection",
                name(event)
            ),
            event,
            "another event had this id before",
        ),
        Replay::Back {
            event, to_start, ..
        } => wrong(
            format!(
                "the stream goes back to {}{}",
                name(event),
                if *to_start { ", its first event" } else { "" }
            ),
            event,
            "the client has this event already",
        ),
        Replay::Lost { count, event } => wrong(
            format!(
                "{count} of the events {after} are missing before {}",
                name(event)
            ),
            event,
            "events are missing in front of this one",
        ),
        Replay::OutOfOrder(event) => wrong(
            format!("{} is out of order, or comes twice", name(event)),
            event,
            "out of order",
        ),
        Replay::Unrelated { due, event } => wrong(
            format!(
                "none of the {due} events that followed {after} came; the first that did is {}",
                name(event)
            ),
            event,
            "the first event with an id",
        ),
    }
}

fn unknown(case: &Case<'_>) -> Judgement {
    let short = judge_unknown(case, Probe::ResumeUnknown, "an unknown id");
    let long = judge_unknown(case, Probe::ResumeLong, "an id of 4 KiB");
    // Of two alike, the one that is easier to try.
    [long, short]
        .into_iter()
        .max_by_key(|judgement| match judgement.verdict {
            ssekit_record::Verdict::Warn => 3,
            ssekit_record::Verdict::Info => 2,
            ssekit_record::Verdict::Pass => 1,
            _ => 0,
        })
        .unwrap_or_else(|| Judgement::unverified("the requests were not made"))
}

fn judge_unknown(case: &Case<'_>, probe: Probe, what: &str) -> Judgement {
    let transcript = match reply(case, probe) {
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop => return Judgement::pass(format!("{what}: 204")),
        Reply::Stream(transcript) | Reply::Other(transcript) => transcript,
    };
    let answer = format!("{what}: {}", told(transcript));
    let warn = || {
        Judgement::warn(answer.clone()).noted(transcript, head_us(transcript), noted(transcript))
    };
    let Some(head) = &transcript.head else {
        return warn();
    };
    let broken = matches!(
        transcript.end.kind,
        EndKind::Reset | EndKind::Truncated | EndKind::Malformed
    );
    match head.status {
        200 if !transcript.is_event_stream() => warn(),
        200 if broken && !case.ended_by_server() && !breaks_anyway(case) => {
            Judgement::warn(format!(
                "{what}: the connection breaks {} after the head",
                seconds(transcript.end.at_us - head.at_us)
            ))
            .noted(transcript, Some(transcript.end.at_us), "the end")
        }
        200 => Judgement::pass(answer),
        // A limit on the length of a field is the server's to set.
        400 | 413 | 414 | 431 if probe == Probe::ResumeLong => Judgement::pass(answer),
        500.. => warn(),
        _ => Judgement::info(format!(
            "{answer}; an EventSource gives up for good at this answer"
        ))
        .noted(transcript, Some(head.at_us), "the answer"),
    }
}

/// Whether the stream breaks whatever id a client comes with.
fn breaks_anyway(case: &Case<'_>) -> bool {
    case.main()
        .is_some_and(|main| main.end.kind == EndKind::Malformed)
}

fn empty_absent(case: &Case<'_>) -> Judgement {
    match reply(case, Probe::ResumeEmpty) {
        Reply::Stream(_) => Judgement::pass("an empty Last-Event-ID gets the stream as well"),
        Reply::Stop => Judgement::warn("204, where a request without the field gets the stream"),
        Reply::Other(transcript) => warn_of_answer(transcript),
        Reply::Unknown(judgement) => judgement,
    }
}

fn non_ascii(case: &Case<'_>) -> Judgement {
    match reply(case, Probe::ResumeNonAscii) {
        Reply::Stream(_) => Judgement::pass("UTF-8 in Last-Event-ID gets the stream"),
        Reply::Stop => Judgement::pass("204"),
        Reply::Other(transcript) => warn_of_answer(transcript),
        Reply::Unknown(judgement) => judgement,
    }
}

fn no_reflection(case: &Case<'_>) -> Judgement {
    let transcript = match reply(case, Probe::ResumeMarker) {
        Reply::Stream(transcript) => transcript,
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop | Reply::Other(_) => {
            return Judgement::pass("the request gets no stream that could carry the value");
        }
    };
    let Some(reading) = case.reading_of(Probe::ResumeMarker) else {
        return Judgement::unverified("the stream could not be read");
    };
    let bytes = &transcript.stream().bytes;
    match Reflection::in_stream(reading, bytes) {
        Some(Reflection::Injected(line)) => Judgement::warn(
            "the value comes back decoded, and its line ends make lines of the stream",
        )
        .seen(transcript, line.offset, line.len, "a line the client wrote"),
        Some(Reflection::Raw(line)) => Judgement::warn("the value is copied raw into the stream")
            .seen(
                transcript,
                line.offset,
                line.len,
                "the value as it was sent",
            ),
        Some(Reflection::Quoted) => Judgement::pass("the value comes back inside JSON only"),
        None if bytes.is_empty() => Judgement::unverified("the stream sent nothing"),
        None => Judgement::pass("the value does not come back"),
    }
}

fn auth(case: &Case<'_>) -> Judgement {
    let transcript = match reply(case, Probe::ResumeAnonymous) {
        Reply::Stream(transcript) => transcript,
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop => return Judgement::pass("without credentials: 204"),
        Reply::Other(transcript) if transcript.head.is_none() => {
            return Judgement::unverified(format!("without credentials: {}", told(transcript)));
        }
        Reply::Other(transcript) => {
            return Judgement::pass(format!("without credentials: {}", told(transcript)));
        }
    };
    let (Some(main), Some(reading)) = (case.reading(), case.reading_of(Probe::ResumeAnonymous))
    else {
        return Judgement::unverified("no main observation");
    };
    let leaked = reading.events.iter().find(|event| {
        let same = |seen: &EventSeen| {
            seen.has_id && seen.last_event_id == event.last_event_id && seen.data == event.data
        };
        event.has_id && main.events.iter().any(same)
    });
    let Some(event) = leaked else {
        return Judgement::pass("without credentials, none of the session's events came");
    };
    match reply(case, Probe::Anonymous) {
        Reply::Stream(_) => Judgement::not_applicable(
            "the stream is public: it is served without credentials, also from the start",
        ),
        Reply::Unknown(judgement) => judgement,
        Reply::Stop | Reply::Other(_) => Judgement::warn(
            "without credentials the stream is refused, but resumed from an id it is served",
        )
        .seen(
            transcript,
            event.start,
            event.end - event.start,
            "an event of the session",
        ),
    }
}
