//! Rules of the group `resume`.

mod continuation;
mod credentials;
mod harm;
mod reply;
#[cfg(test)]
mod tests;

use ssekit_record::Level;

use super::finish::{closes_without_event, stops_with_204};
use super::reflection::Reflection;
use super::sighting::quoted;
use super::source::{
    HTML_INTERPRETING, HTML_INTRODUCTION, HTML_LAST_EVENT_ID, HTML_PROCESSING, HTML_UNKNOWN_ID,
};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};
use reply::{Reply, asked};

pub(super) use continuation::replay;

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
        judge: harm::unknown,
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
        judge: credentials::auth,
    },
];

fn accepted(case: &Case<'_>) -> Judgement {
    match Reply::of(case, Probe::Resume) {
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
        Reply::Other(transcript) => reply::warn_of(transcript),
        Reply::Unknown(judgement) => judgement,
    }
}

fn empty_absent(case: &Case<'_>) -> Judgement {
    match Reply::of(case, Probe::ResumeEmpty) {
        Reply::Stream(_) => Judgement::pass("an empty Last-Event-ID gets the stream as well"),
        Reply::Stop => Judgement::warn("204, where a request without the field gets the stream"),
        Reply::Other(transcript) => reply::warn_of(transcript),
        Reply::Unknown(judgement) => judgement,
    }
}

fn non_ascii(case: &Case<'_>) -> Judgement {
    match Reply::of(case, Probe::ResumeNonAscii) {
        Reply::Stream(_) => Judgement::pass("UTF-8 in Last-Event-ID gets the stream"),
        Reply::Stop => Judgement::pass("204"),
        Reply::Other(transcript) => reply::warn_of(transcript),
        Reply::Unknown(judgement) => judgement,
    }
}

fn no_reflection(case: &Case<'_>) -> Judgement {
    let transcript = match Reply::of(case, Probe::ResumeMarker) {
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
