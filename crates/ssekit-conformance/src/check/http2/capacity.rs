//! How many streams one HTTP/2 connection carries.

use ssekit_record::{FrameKind, Level};

use super::stage::Stage;
use crate::check::answer::told;
use crate::check::source::{RFC9113_CONCURRENCY, RFC9113_SETTINGS};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.concurrency",
    title: "One connection carries many streams",
    level: Level::Info,
    needs: Needs::Active,
    applies: Applies::Stream,
    probes: &[Probe::Session],
    sources: &[RFC9113_CONCURRENCY, RFC9113_SETTINGS],
    expected: "SETTINGS_MAX_CONCURRENT_STREAMS of 100 or more, or none; streams up to it answered",
    impact: "A browser has one connection to a server for all its tabs: an event stream beyond \
             the limit waits until another ends, and so do ordinary requests.",
    remedy: "Raise the limit: `http2_max_concurrent_streams` (nginx), \
             `maxConcurrentStreams` (Node), `max_concurrent_streams` (hyper).",
    good: "SETTINGS_MAX_CONCURRENT_STREAMS = 128",
    bad: "SETTINGS_MAX_CONCURRENT_STREAMS = 4",
    judge: concurrency,
}];

const MAX_CONCURRENT_STREAMS: u16 = 3;
/// The least that RFC 9113 6.5.2 recommends.
const RECOMMENDED: u32 = 100;

fn concurrency(case: &Case<'_>) -> Judgement {
    let stage = match Stage::of(case) {
        Ok(stage) => stage,
        Err(judgement) => return judgement,
    };
    let streams = &stage.session.streams;
    let settings = stage.frames(false, FrameKind::Settings, 0);
    let settings = settings.flat_map(|(_, frame)| &frame.settings);
    let bounds = settings.filter(|(id, _)| *id == MAX_CONCURRENT_STREAMS);
    let most = bounds.map(|(_, most)| *most).last();
    let refused = streams
        .iter()
        .find(|stream| !stream.transcript.is_event_stream());
    if let Some(refused) = refused {
        if let Some(how) = stage.lost() {
            return Judgement::unverified(format!("the connection was lost: {how}"));
        }
        let answered = streams
            .iter()
            .filter(|s| s.transcript.is_event_stream())
            .count();
        let actual = format!(
            "of {} streams on one connection {answered} were answered with an event stream; one \
             got {}",
            streams.len(),
            told(&refused.transcript)
        );
        let end_us = refused.transcript.end.at_us;
        return Judgement::info(actual).noted(&refused.transcript, Some(end_us), "its end");
    }
    match most {
        Some(most) if most < RECOMMENDED => Judgement::info(format!(
            "the server allows {most} at once on a connection, fewer than {RECOMMENDED}"
        )),
        Some(most) => Judgement::pass(format!("{} at once; {most} allowed", streams.len())),
        None => Judgement::pass(format!("{} at once; no limit set", streams.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{HELD, Script};
    use ssekit_record::{EndKind, Verdict};

    const ID: &str = "http2.concurrency";

    #[test]
    fn limits_of_a_hundred_and_more_pass() {
        assert_eq!(Script::fair().finding(ID).actual, "3 at once; no limit set");
        for (most, verdict) in [
            (100, Verdict::Pass),
            (u32::MAX, Verdict::Pass),
            (99, Verdict::Info),
            (1, Verdict::Info),
        ] {
            let mut script = Script::fair();
            script.allows(most);
            assert_eq!(script.verdict(ID), verdict, "{most}");
        }
    }

    #[test]
    fn a_stream_refused_is_told() {
        let mut script = Script::fair();
        let refused = &mut script.stream(HELD).transcript;
        refused.head = None;
        refused.end.kind = EndKind::Reset;
        refused.end.detail = "the server sent RST_STREAM REFUSED_STREAM".into();
        let finding = script.clone().finding(ID);
        assert_eq!(finding.verdict, Verdict::Info);
        assert!(
            finding.actual.contains("REFUSED_STREAM"),
            "{}",
            finding.actual
        );
        assert_eq!(script.lost(500).verdict(ID), Verdict::Unverified);
    }
}
