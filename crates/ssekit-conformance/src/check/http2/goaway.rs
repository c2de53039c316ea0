//! GOAWAY when the server stops.

use ssekit_record::{EndKind, FrameKind, HttpVersion, Level};

use crate::check::source::RFC9113_GOAWAY;
use crate::check::stop::span;
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.goaway",
    title: "A server that stops says so with GOAWAY, and finishes what it began",
    level: Level::Should,
    needs: Needs::Stop,
    applies: Applies::Stream,
    // Also main, by whose version it is told whether the rule applies.
    probes: &[Probe::Main, Probe::Stop],
    sources: &[RFC9113_GOAWAY],
    expected: "GOAWAY with NO_ERROR before the connection closes, and the open streams ended cleanly",
    impact: "Clients cannot tell which requests were acted on, and go on sending requests on a \
             connection that is about to close.",
    remedy: "On SIGTERM let the HTTP/2 library shut its connections down gracefully, end each \
             stream, then exit.",
    good: "SIGTERM → GOAWAY NO_ERROR, END_STREAM",
    bad: "SIGTERM → (the connection closes)",
    judge: goaway,
}];

fn goaway(case: &Case<'_>) -> Judgement {
    if case
        .head()
        .is_none_or(|head| head.version != HttpVersion::Http2)
    {
        return Judgement::not_applicable("the stream came over HTTP/1.1");
    }
    if let Some(skipped) = case.skipped(Probe::Stop) {
        return Judgement::unverified(skipped.reason.clone());
    }
    let Some(session) = case.stop_session() else {
        return Judgement::unverified("no connection was open when the server was stopped");
    };
    let streams = || session.streams.iter().map(|stream| &stream.transcript);
    let Some((first, stop_us)) = streams().find_map(|t| Some((t, t.stop_us?))) else {
        return Judgement::unverified("no stream was open when the server was stopped");
    };
    let mut frames = session.frames.iter().filter(|frame| frame.at_us >= stop_us);
    let Some(said) = frames.find(|frame| frame.came(FrameKind::Goaway, 0)) else {
        return match session.end.kind {
            EndKind::Truncated | EndKind::Reset => {
                let after = span(session.end.at_us.saturating_sub(stop_us));
                Judgement::warn(format!(
                    "closed {after} after the request to stop without GOAWAY"
                ))
                .noted(
                    first,
                    Some(session.end.at_us),
                    "the connection was closed",
                )
            }
            _ => Judgement::unverified(format!(
                "no GOAWAY, but the connection was not closed either in {}",
                span(session.end.at_us.saturating_sub(stop_us))
            )),
        };
    };
    let after = span(said.at_us.saturating_sub(stop_us));
    match said.value {
        None | Some(0) => {}
        Some(code) => {
            let actual = format!("GOAWAY with error code {code}, though nothing was wrong");
            return Judgement::warn(actual).noted(first, Some(said.at_us), "GOAWAY");
        }
    }
    let is_cut = |kind| matches!(kind, EndKind::Reset | EndKind::Truncated);
    let cut: Vec<_> = streams()
        .filter(|t| t.stop_us.is_some() && is_cut(t.end.kind))
        .collect();
    if let Some(one) = cut.first() {
        let actual = format!(
            "GOAWAY came {after} after the request to stop, but {} of {} streams were cut off",
            cut.len(),
            session.streams.len()
        );
        return Judgement::warn(actual).noted(one, Some(one.end.at_us), "the stream was cut off");
    }
    Judgement::pass(format!("GOAWAY came {after} after the request to stop"))
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;
    use ssekit_record::Verdict;

    const ID: &str = "http2.goaway";

    /// Stopped after 3 s.
    fn stopped(end: EndKind, goaway: Option<u64>, streams: EndKind) -> Script {
        let mut script = Script::fair();
        if let Some(code) = goaway {
            script.came(3100, FrameKind::Goaway, 0, Some(code));
        }
        script.session.probe = Probe::Stop.name().into();
        script.session.end.kind = end;
        script.session.end.at_us = 4_000_000;
        for stream in &mut script.session.streams {
            stream.transcript.probe = format!("stop-{}", stream.id);
            stream.transcript.stop_us = Some(3_000_000);
            stream.transcript.end.kind = streams;
        }
        script
    }

    #[test]
    fn goaway_and_clean_ends_pass() {
        let closed = EndKind::Truncated;
        let fair = stopped(closed, Some(0), EndKind::Clean).finding(ID);
        assert_eq!(fair.verdict, Verdict::Pass, "{}", fair.actual);
        assert_eq!(fair.actual, "GOAWAY came 100 ms after the request to stop");
        // That streams go on is another rule's.
        let open = stopped(EndKind::Left, Some(0), EndKind::Left);
        assert_eq!(open.verdict(ID), Verdict::Pass);
    }

    #[test]
    fn a_silent_end_an_error_and_cut_streams_warn() {
        let closed = EndKind::Truncated;
        for script in [
            stopped(closed, None, EndKind::Clean),
            stopped(EndKind::Reset, None, EndKind::Reset),
            stopped(closed, Some(2), EndKind::Clean),
            stopped(closed, Some(0), EndKind::Truncated),
        ] {
            assert_eq!(script.verdict(ID), Verdict::Warn);
        }
    }

    #[test]
    fn a_connection_that_stays_shows_nothing() {
        let open = stopped(EndKind::Left, None, EndKind::Left);
        assert_eq!(open.verdict(ID), Verdict::Unverified);
        assert_eq!(Script::fair().verdict(ID), Verdict::Unverified);
    }
}
