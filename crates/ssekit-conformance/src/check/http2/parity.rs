//! Whether HTTP/1.1 and HTTP/2 carry the same events.

use std::collections::BTreeMap;

use ssekit_record::{EndKind, Head, HttpVersion, Level, Transcript};

use crate::check::answer::told;
use crate::check::sighting::quoted;
use crate::check::source::RFC9113_SEMANTICS;
use crate::{Applies, Case, EventSeen, Judgement, Needs, Probe, Reading, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.same-events",
    title: "HTTP/1.1 and HTTP/2 carry the same events",
    level: Level::Practice,
    needs: Needs::Active,
    applies: Applies::Stream,
    probes: &[
        Probe::OverHttp11,
        Probe::Parallel1,
        Probe::Parallel2,
        Probe::Session,
    ],
    sources: &[RFC9113_SEMANTICS],
    expected: "an event of the same id has the same type and data over both",
    impact: "Which version a client gets depends on proxies and settings on its way: some users \
             see other events than others.",
    remedy: "Serve both versions by the same handler; look for a proxy that changes content on one \
             of them.",
    good: "id: 7, data: a over both",
    bad: "event: tick over HTTP/1.1, no event type over HTTP/2",
    judge: same_events,
}];

/// Events without ids by which streams can be compared.
const ENOUGH: usize = 3;

/// Type and data.
type Content<'a> = (&'a str, &'a str);

fn same_events(case: &Case<'_>) -> Judgement {
    let Some(other) = case.transcript(Probe::OverHttp11) else {
        return match case.skipped(Probe::OverHttp11) {
            Some(skipped) if skipped.not_applicable => {
                Judgement::not_applicable(skipped.reason.clone())
            }
            _ => Judgement::unverified("the stream was not asked for over HTTP/1.1"),
        };
    };
    if let Some(judgement) = no_stream(other) {
        return judgement;
    }
    let Some(reading) = case.reading_of(Probe::OverHttp11) else {
        return Judgement::unverified("the stream over HTTP/1.1 could not be read");
    };
    let over2 = over_http2(case);
    compare(other, reading, &over2)
}

/// What to say where HTTP/1.1 brought no event stream.
fn no_stream(other: &Transcript) -> Option<Judgement> {
    let Some(head) = &other.head else {
        let is_slow = other.end.kind == EndKind::TimedOut;
        let why = format!("over HTTP/1.1 there is no answer: {}", told(other));
        return Some(match is_slow {
            true => Judgement::unverified(why),
            false => Judgement::not_applicable(why),
        });
    };
    if other.is_event_stream() {
        return None;
    }
    let why = format!("over HTTP/1.1 the answer is {}", told(other));
    Some(match head.status {
        // This version is not wanted, or not here.
        400 | 421 | 426 | 505 => Judgement::not_applicable(why),
        429 | 500.. => Judgement::unverified(why),
        _ => Judgement::warn(why).noted(other, Some(head.at_us), "the head arrived"),
    })
}

/// The readings of event streams over HTTP/2.
fn over_http2<'c>(case: &'c Case<'_>) -> Vec<&'c Reading> {
    let is_h2 = |head: &Head| head.version == HttpVersion::Http2;
    let several = [Probe::Main, Probe::Parallel1, Probe::Parallel2].map(Probe::name);
    let alone = case
        .transcripts()
        .filter(|t| several.contains(&t.probe.as_str()));
    let streams = alone.chain(case.session_streams());
    let streams = streams.filter(|t| t.is_event_stream() && t.head.as_ref().is_some_and(is_h2));
    streams
        .filter_map(|t| case.reading_named(&t.probe))
        .collect()
}

/// Compares by ids, and where there are none by content. Streams over HTTP/2 must agree with each
/// other first: where they do not, content depends on the stream or the moment.
fn compare(other: &Transcript, reading: &Reading, over2: &[&Reading]) -> Judgement {
    let by_id: Vec<_> = over2.iter().map(|reading| by_id(reading)).collect();
    let agreed = match agreed(&by_id) {
        Ok(agreed) => agreed,
        Err(id) => {
            return Judgement::unverified(format!(
                "streams over HTTP/2 differ from each other in the event with the id {}: content \
                 depends on the stream",
                quoted(id)
            ));
        }
    };
    let mut same = 0;
    let mut different: Vec<(&EventSeen, Content<'_>)> = Vec::new();
    for (id, event) in ids(reading) {
        match agreed.get(id) {
            Some(content) if *content == content_of(event) => same += 1,
            Some(content) => different.push((event, *content)),
            None => {}
        }
    }
    if different.len() >= 2 && different.len() >= same {
        return differs(other, &different, same);
    }
    if !different.is_empty() {
        return Judgement::unverified(format!(
            "{} of {} events with an id in common differ, too few to tell",
            different.len(),
            different.len() + same
        ));
    }
    if same > 0 {
        return Judgement::pass(format!("{same} events with the same ids are the same"));
    }
    let alike = alike(reading, over2);
    if alike >= ENOUGH {
        return Judgement::pass(format!("{alike} events are the same"));
    }
    Judgement::unverified("no events that several streams have in common, by id or by content")
}

fn differs(other: &Transcript, different: &[(&EventSeen, Content<'_>)], same: usize) -> Judgement {
    let (first, content) = &different[0];
    let of = different.len() + same;
    let what = |(kind, data): Content<'_>| format!("type {}, data {}", quoted(kind), quoted(data));
    let actual = format!(
        "{} of {of} events with the same id differ; {}: over HTTP/1.1 {}, over HTTP/2 {}",
        different.len(),
        quoted(&first.last_event_id),
        what(content_of(first)),
        what(*content)
    );
    different
        .iter()
        .fold(Judgement::warn(actual), |judgement, (event, content)| {
            let note = format!("over HTTP/2: {}", what(*content));
            judgement.seen(other, event.start, event.end - event.start, note)
        })
}

fn content_of(event: &EventSeen) -> Content<'_> {
    (&event.event, &event.data)
}

/// Events by an id of their own, where one stands for one event only.
fn ids(reading: &Reading) -> BTreeMap<&str, &EventSeen> {
    let mut ids: BTreeMap<&str, Option<&EventSeen>> = BTreeMap::new();
    let own = reading.events.iter();
    for event in own.filter(|event| event.has_id && !event.last_event_id.is_empty()) {
        ids.entry(&event.last_event_id)
            .and_modify(|known| *known = None)
            .or_insert(Some(event));
    }
    ids.into_iter()
        .filter_map(|(id, event)| Some((id, event?)))
        .collect()
}

fn by_id(reading: &Reading) -> BTreeMap<&str, Content<'_>> {
    let ids = ids(reading).into_iter();
    ids.map(|(id, event)| (id, content_of(event))).collect()
}

/// What two streams or more have under the same id; an id under which they differ.
fn agreed<'r>(
    streams: &[BTreeMap<&'r str, Content<'r>>],
) -> Result<BTreeMap<&'r str, Content<'r>>, &'r str> {
    let mut seen: BTreeMap<&str, (Content<'_>, usize)> = BTreeMap::new();
    for (id, content) in streams.iter().flatten() {
        let known = seen.entry(id).or_insert((*content, 0));
        if known.0 != *content {
            return Err(id);
        }
        known.1 += 1;
    }
    let several = seen.into_iter().filter(|(_, (_, count))| *count >= 2);
    Ok(several.map(|(id, (content, _))| (id, content)).collect())
}

/// Events with different contents that came over HTTP/1.1 and on two streams over HTTP/2.
fn alike(reading: &Reading, over2: &[&Reading]) -> usize {
    let mut contents: Vec<Content<'_>> = reading.events.iter().map(content_of).collect();
    contents.sort_unstable();
    contents.dedup();
    let has = |other: &Reading, content: &Content<'_>| {
        other
            .events
            .iter()
            .any(|event| content_of(event) == *content)
    };
    let on_two =
        |content: &&Content<'_>| over2.iter().filter(|other| has(other, content)).count() >= 2;
    contents.iter().filter(on_two).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding};
    use ssekit_record::Verdict;

    const ID: &str = "http2.same-events";
    const TICKS: &str = "event: tick\nid: 1\ndata: a\n\nevent: tick\nid: 2\ndata: b\n\n";

    fn h2(text: &str, probe: Probe) -> Sample {
        Sample::stream(text).version(HttpVersion::Http2).by(probe)
    }

    fn judged(over2: [&str; 2], over1: Sample) -> Verdict {
        let [main, beside] = over2;
        let samples = [
            h2(main, Probe::Main),
            h2(beside, Probe::Parallel1),
            over1.by(Probe::OverHttp11),
        ];
        finding(ID, samples).verdict
    }

    #[test]
    fn the_same_ids_have_the_same_events() {
        assert_eq!(judged([TICKS, TICKS], Sample::stream(TICKS)), Verdict::Pass);
        let untyped = TICKS.replace("event: tick\n", "");
        let over1 = || Sample::stream(&untyped);
        assert_eq!(judged([TICKS, TICKS], over1()), Verdict::Warn);
        // Written in another way, but the same events.
        let crlf = Sample::stream(format!(": hello\r\n{}", TICKS.replace('\n', "\r\n")));
        assert_eq!(judged([TICKS, TICKS], crlf), Verdict::Pass);
    }

    #[test]
    fn content_that_depends_on_the_stream_is_not_compared() {
        let own = |n: u32| format!("id: 1\ndata: {n}\n\nid: 2\ndata: {n}\n\n");
        let over1 = Sample::stream(own(3));
        assert_eq!(judged([&own(1), &own(2)], over1), Verdict::Unverified);
        // No other moment in common.
        let later = Sample::stream("id: 7\ndata: g\n\n");
        assert_eq!(judged([TICKS, TICKS], later), Verdict::Unverified);
        // One id for everything.
        let one = |text: &str| format!("id: x\ndata: {text}\n\nid: x\ndata: {text}{text}\n\n");
        let over1 = Sample::stream(one("c"));
        assert_eq!(judged([&one("a"), &one("b")], over1), Verdict::Unverified);
    }

    #[test]
    fn without_ids_contents_are_compared() {
        let text = "data: a\n\ndata: b\n\ndata: c\n\n";
        assert_eq!(judged([text, text], Sample::stream(text)), Verdict::Pass);
        let other = Sample::stream("data: d\n\n");
        assert_eq!(judged([text, text], other), Verdict::Unverified);
    }

    #[test]
    fn a_server_without_http11_breaks_nothing() {
        let refused = Sample::silence(EndKind::Unreachable, 5);
        assert_eq!(judged([TICKS, TICKS], refused), Verdict::NotApplicable);
        let upgrade = Sample::answer(426, "", "");
        assert_eq!(judged([TICKS, TICKS], upgrade), Verdict::NotApplicable);
        let busy = Sample::answer(503, "", "");
        assert_eq!(judged([TICKS, TICKS], busy), Verdict::Unverified);
        let page = Sample::answer(404, "text/html", "no");
        assert_eq!(judged([TICKS, TICKS], page), Verdict::Warn);
    }
}
