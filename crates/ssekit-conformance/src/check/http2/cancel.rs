//! What RST_STREAM(CANCEL) ends over HTTP/2: its stream, and nothing else.

use ssekit_record::{End, EndKind, FrameKind, Level};

use super::stage::Stage;
use crate::check::source::RFC9113_RST_STREAM;
use crate::session::{PING_CANCELLED, PING_LAST, PING_SETTLED};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.rst-cancel",
    title: "RST_STREAM ends its stream, and nothing else",
    level: Level::Must,
    needs: Needs::Active,
    applies: Applies::Stream,
    probes: &[Probe::Session],
    sources: &[RFC9113_RST_STREAM],
    expected: "no further frame on the cancelled stream; connection and other streams go on",
    impact: "Browsers cancel a stream when a tab closes: a server that writes on wastes the \
             connection, one that closes it cuts every other tab.",
    remedy: "Stop the handler when its stream is reset; treat a reset as the end of one request, \
             not of the connection.",
    good: "RST_STREAM(CANCEL) on 3 → no more frames on 3; DATA on 1",
    bad: "RST_STREAM(CANCEL) on 3 → DATA on 3 for ever; or the connection closes",
    judge: rst_cancel,
}];

fn rst_cancel(case: &Case<'_>) -> Judgement {
    let stage = match Stage::of(case) {
        Ok(stage) => stage,
        Err(judgement) => return judgement,
    };
    let Some(held) = stage.held else {
        return Judgement::unverified(stage.no_second());
    };
    let Some((cancelled, at)) = stage.cancelled() else {
        return Judgement::unverified(match stage.lost() {
            Some(how) => format!("the connection was lost before a stream was cancelled: {how}"),
            None => format!(
                "the stream to cancel ended before: {}",
                ending(&held.transcript.end)
            ),
        });
    };
    let answered = stage.pong(PING_CANCELLED);
    // What overtook the answer has left the server by the next one.
    let settled = answered.and_then(|_| stage.pong(PING_SETTLED));
    if let Some((settled, _)) = settled {
        let later = stage.session.frames.iter().enumerate().skip(settled);
        let later = later.filter(|(_, frame)| {
            frame.came(FrameKind::Data, held.id) || frame.came(FrameKind::Headers, held.id)
        });
        let later: Vec<_> = later.collect();
        if let Some((_, first)) = later.first() {
            let actual = format!(
                "{} more frames on stream {} after RST_STREAM and two answers to PING",
                later.len(),
                held.id
            );
            let note = "a frame on a stream that is closed";
            return Judgement::fail(actual).noted(&held.transcript, Some(first.at_us), note);
        }
    }
    if let Some(judgement) = others_lost(&stage, at.at_us) {
        return judgement;
    }
    let Some((settled, _)) = settled else {
        return Judgement::unverified(
            "PING was not answered, so nothing shows what was on its way",
        );
    };
    if stage.content_beside(settled..stage.end()) == 0 {
        return silent(&stage, cancelled);
    }
    Judgement::pass(format!(
        "no frame on stream {} once the server knew; the other streams went on",
        held.id
    ))
}

fn ending(end: &End) -> &str {
    match end.detail.as_str() {
        "" => "with END_STREAM",
        detail => detail,
    }
}

/// The connection, or another stream, ended with the one that was cancelled.
fn others_lost(stage: &Stage<'_>, cancelled_us: u64) -> Option<Judgement> {
    if let Some(how) = stage.lost() {
        let actual = format!("the connection did not outlive the cancel of a stream: {how}");
        let judgement = Judgement::warn(actual).at_level(Level::Practice);
        let end_us = stage.session.end.at_us;
        return Some(judgement.noted(stage.transcript(), Some(end_us), "the connection ended"));
    }
    let reset = stage.others().find(|other| {
        let end = &other.transcript.end;
        end.kind == EndKind::Reset && end.at_us >= cancelled_us
    })?;
    let actual = format!(
        "stream {} ended too when another was cancelled: {}",
        reset.id, reset.transcript.end.detail
    );
    let end_us = reset.transcript.end.at_us;
    let judgement = Judgement::warn(actual).at_level(Level::Practice);
    Some(judgement.noted(&reset.transcript, Some(end_us), "the stream ended"))
}

/// Nothing came on the other streams afterwards.
fn silent(stage: &Stage<'_>, cancelled: usize) -> Judgement {
    let frames = &stage.session.frames;
    let from_us = frames[cancelled].at_us;
    let alive = stage.pong(PING_LAST);
    let overdue = alive.is_some_and(|(_, last)| stage.is_overdue(from_us, last.at_us - from_us));
    let running = stage.transcript().end.kind == EndKind::Left;
    if !overdue || !running {
        return Judgement::unverified("no content came on any stream afterwards");
    }
    Judgement::warn("no content came on the other streams any more")
        .at_level(Level::Practice)
        .noted(
            stage.transcript(),
            Some(from_us),
            "another stream was cancelled",
        )
}

#[cfg(test)]
mod tests {
    use super::super::script::{HELD, STEADY, Script};
    use super::*;
    use ssekit_record::Verdict;

    const ID: &str = "http2.rst-cancel";

    #[test]
    fn a_stream_that_ends_alone_passes() {
        assert_eq!(Script::fair().verdict(ID), Verdict::Pass);
    }

    #[test]
    fn frames_on_their_way_are_no_fault() {
        let mut script = Script::fair();
        // Before the answer, and overtaken by it.
        script.content(HELD, [1551, 1554, 1557]);
        // Neither is an end or a window that crosses the cancel.
        script.came(1570, FrameKind::RstStream, HELD, Some(5));
        script.came(1571, FrameKind::WindowUpdate, HELD, Some(1));
        assert_eq!(script.verdict(ID), Verdict::Pass);
    }

    #[test]
    fn content_once_the_server_knew_fails() {
        let mut script = Script::fair();
        script.content(HELD, [1600]);
        let finding = script.finding(ID);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(finding.evidence[0].at_us, Some(1_600_000));
    }

    #[test]
    fn a_connection_that_goes_with_it_warns() {
        assert_eq!(Script::fair().lost(1552).verdict(ID), Verdict::Warn);
        assert_eq!(Script::fair().lost(1800).verdict(ID), Verdict::Warn);
        // Lost for another reason.
        assert_eq!(Script::fair().lost(1500).verdict(ID), Verdict::Unverified);
        let mut script = Script::fair();
        let end = &mut script.stream(STEADY).transcript.end;
        (end.kind, end.at_us) = (EndKind::Reset, 1_560_000);
        assert_eq!(script.verdict(ID), Verdict::Warn);
    }

    #[test]
    fn silence_afterwards_warns_only_where_content_was_due() {
        let late = |f: &ssekit_record::FrameSeen| f.kind == FrameKind::Data && f.at_us > 1_555_000;
        assert_eq!(Script::fair().without(late).verdict(ID), Verdict::Warn);
        let slow =
            |f: &ssekit_record::FrameSeen| f.kind == FrameKind::Data && f.at_us % 500_000 > 10_000;
        let slow = Script::fair().without(late).without(slow);
        assert_eq!(slow.verdict(ID), Verdict::Unverified);
        // The stream simply ended.
        let mut ended = Script::fair().without(late);
        ended.stream(STEADY).transcript.end.kind = EndKind::Clean;
        assert_eq!(ended.verdict(ID), Verdict::Unverified);
    }

    #[test]
    fn without_an_answer_to_ping_nothing_is_said() {
        let deaf = Script::fair().without(|frame| frame.kind == FrameKind::Ping);
        assert_eq!(deaf.verdict(ID), Verdict::Unverified);
        assert_eq!(Script::fair().alone().verdict(ID), Verdict::Unverified);
    }
}
