//! Flow control over HTTP/2: a stream without a window waits, and only that stream.

use std::collections::BTreeMap;

use ssekit_record::{EndKind, FrameKind, Level, Session, SessionStream};

use super::stage::Stage;
use crate::check::source::{RFC9113_FLOW_CONTROL, RFC9113_WINDOW};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.flow-control",
    title: "A stream without a window waits, and no other waits for it",
    level: Level::Must,
    needs: Needs::Active,
    applies: Applies::Stream,
    probes: &[Probe::Session],
    sources: &[RFC9113_WINDOW, RFC9113_FLOW_CONTROL],
    expected: "no content beyond the window; the other streams go on; after WINDOW_UPDATE this one \
               does too",
    impact: "Clients must end a connection whose windows are overrun. Where streams wait for each \
             other, one slow tab stops all tabs of a browser.",
    remedy: "Leave flow control to the HTTP/2 library, one queue a stream; drop or end a subscriber \
             that does not read rather than block the loop that writes to all.",
    good: "WINDOW_UPDATE on stream 3 → DATA on stream 3",
    bad: "DATA on stream 3 without a window; or none on stream 1 until stream 3 is read",
    judge: flow_control,
}];

/// What every connection starts with (RFC 9113 6.9.2).
const FIRST_WINDOW: i64 = 65_535;
/// What the settings of the session give every stream.
const STREAM_WINDOW: i64 = 0;
/// Content that was held back comes this soon once it may, in microseconds.
const AT_ONCE_US: u64 = 250_000;
/// Content frames that each of the others shows while nothing comes on this one.
const PLENTY: usize = 3;

fn flow_control(case: &Case<'_>) -> Judgement {
    let stage = match Stage::of(case) {
        Ok(stage) => stage,
        Err(judgement) => return judgement,
    };
    if let Some(judgement) = overrun(&stage) {
        return judgement;
    }
    let Some(held) = stage.held else {
        return Judgement::unverified(stage.no_second());
    };
    if !held.transcript.is_event_stream() && held.transcript.head.is_some() {
        let told = crate::check::answer::told(&held.transcript);
        return Judgement::unverified(format!("the stream to hold back got {told}"));
    }
    let asked = stage.frames(true, FrameKind::Headers, held.id).next();
    let widened = stage.frames(true, FrameKind::WindowUpdate, held.id).next();
    let (Some((asked, _)), Some((widened, at))) = (asked, widened) else {
        return not_widened(&stage, held);
    };
    let held_us = at.at_us - stage.session.frames[asked].at_us;
    if stage.content_beside(asked..widened) == 0 {
        return stopped(&stage, asked, widened);
    }
    recovery(&stage, held, widened, held_us)
}

/// Content beyond a window, of a stream or of the connection.
fn overrun(stage: &Stage<'_>) -> Option<Judgement> {
    let (stream, at_us, beyond) = first_overrun(stage.session)?;
    let whose = match stream {
        0 => "of the connection".to_owned(),
        stream => format!("of stream {stream}"),
    };
    let transcript = stage.session.stream(stream).unwrap_or(stage.transcript());
    let actual = format!("{beyond} bytes of content beyond the window {whose}");
    Some(Judgement::fail(actual).noted(transcript, Some(at_us), "a DATA frame too much"))
}

/// The first DATA frame for which a window had no room: its stream or 0 for the connection, when,
/// and how much. A window counts from when it was given, which is before the server knows of it.
fn first_overrun(session: &Session) -> Option<(u32, u64, i64)> {
    let mut windows: BTreeMap<u32, i64> = BTreeMap::from([(0, FIRST_WINDOW)]);
    for frame in &session.frames {
        let size = i64::from(frame.len);
        match frame.kind {
            FrameKind::WindowUpdate if frame.sent => {
                let window = windows.entry(frame.stream).or_insert(STREAM_WINDOW);
                *window += frame
                    .value
                    .and_then(|by| i64::try_from(by).ok())
                    .unwrap_or(0);
            }
            FrameKind::Data if !frame.sent && size > 0 => {
                for stream in [frame.stream, 0] {
                    let window = windows.entry(stream).or_insert(STREAM_WINDOW);
                    *window -= size;
                    if *window < 0 {
                        return Some((stream, frame.at_us, -*window));
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// The stream was over before it could go on.
fn not_widened(stage: &Stage<'_>, held: &SessionStream) -> Judgement {
    let end = &held.transcript.end;
    match (stage.lost(), end.kind) {
        (Some(how), _) => {
            Judgement::unverified(format!("the connection was lost meanwhile: {how}"))
        }
        (None, EndKind::Reset) => Judgement::pass(format!(
            "the server ended the stream that could not be written to: {}",
            end.detail
        )),
        _ => Judgement::unverified("the stream that was held back ended by itself meanwhile"),
    }
}

/// Nothing came on the others while one was held back.
fn stopped(stage: &Stage<'_>, asked: usize, widened: usize) -> Judgement {
    let frames = &stage.session.frames;
    let (from_us, to_us) = (frames[asked].at_us, frames[widened].at_us);
    let soon = stage.others().flat_map(|other| stage.content(other.id));
    let soon = soon.filter(|(at, at_us)| *at > widened && *at_us <= to_us + AT_ONCE_US);
    if soon.count() == 0 || !stage.is_overdue(from_us, to_us - from_us) {
        return Judgement::unverified("no content came on the other streams meanwhile");
    }
    let held_ms = (to_us - from_us) / 1000;
    let actual = format!(
        "nothing came on the other streams either for {held_ms} ms, until the one that was held \
         back could go on"
    );
    Judgement::warn(actual).at_level(Level::Practice).noted(
        stage.transcript(),
        Some(to_us),
        "all go on",
    )
}

fn recovery(stage: &Stage<'_>, held: &SessionStream, widened: usize, held_us: u64) -> Judgement {
    let held_ms = held_us / 1000;
    let given_us = stage.session.frames[widened].at_us;
    if let Some((_, at_us)) = stage.content(held.id).find(|(at, _)| *at > widened) {
        return Judgement::pass(format!(
            "held back for {held_ms} ms while the others went on; content {} ms after \
             WINDOW_UPDATE",
            at_us.saturating_sub(given_us) / 1000
        ));
    }
    if let Some(how) = stage.lost() {
        return Judgement::unverified(format!("the connection was lost: {how}"));
    }
    let until = stage.cancelled().map_or(stage.end(), |(at, _)| at);
    if held.transcript.end.kind == EndKind::Reset || until <= widened {
        return Judgement::pass(format!(
            "the server ended the stream after {held_ms} ms in which it could not write"
        ));
    }
    let others: Vec<_> = stage.others().collect();
    let each_has_plenty = others.iter().all(|other| {
        let content = stage.content(other.id);
        content
            .filter(|(at, _)| (widened..until).contains(at))
            .count()
            >= PLENTY
    });
    if others.len() < 2 || !each_has_plenty {
        return Judgement::unverified("no content came once there was a window again");
    }
    let waited_ms = (stage.session.frames[until - 1].at_us - given_us) / 1000;
    let actual = format!(
        "after {held_ms} ms without a window, nothing came for {waited_ms} ms with one, while each \
         of {} like it went on",
        others.len()
    );
    Judgement::warn(actual).at_level(Level::Practice).noted(
        &held.transcript,
        Some(given_us),
        "WINDOW_UPDATE",
    )
}

#[cfg(test)]
mod tests {
    use super::super::script::{HELD, STEADY, Script};
    use super::*;
    use ssekit_record::Verdict;

    const ID: &str = "http2.flow-control";

    #[test]
    fn a_stream_that_waits_alone_passes() {
        assert_eq!(Script::fair().verdict(ID), Verdict::Pass);
    }

    #[test]
    fn content_without_a_window_fails() {
        let mut script = Script::fair();
        script.content(HELD, [900]);
        let finding = script.finding(ID);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(finding.evidence[0].at_us, Some(900_000));
        assert_eq!(finding.evidence[0].probe, "http2-3");
        // The window of the connection counts as well.
        let mut script = Script::fair();
        script.session.frames.retain(|frame| frame.stream != 0);
        for frame in &mut script.session.frames {
            frame.len = if frame.kind == FrameKind::Data {
                16_384
            } else {
                8
            };
        }
        assert_eq!(script.verdict(ID), Verdict::Fail);
    }

    #[test]
    fn an_empty_frame_needs_no_window() {
        let mut script = Script::fair();
        script.content(HELD, [900]);
        for frame in &mut script.session.frames {
            if frame.at_us == 900_000 && frame.stream == HELD {
                frame.len = 0;
            }
        }
        assert_eq!(script.verdict(ID), Verdict::Pass);
    }

    #[test]
    fn streams_that_wait_for_each_other_warn() {
        let between = |frame: &ssekit_record::FrameSeen| {
            frame.kind == FrameKind::Data && (451_000..1_450_000).contains(&frame.at_us)
        };
        let stopped = Script::fair().without(between);
        assert_eq!(stopped.verdict(ID), Verdict::Warn);
        // A pace of one event a second is silent as long.
        let slow = |frame: &ssekit_record::FrameSeen| {
            frame.kind == FrameKind::Data
                && frame.at_us % 1_000_000 > 10_000
                && frame.stream != HELD
        };
        let slow = Script::fair().without(slow).without(between);
        assert_eq!(slow.verdict(ID), Verdict::Unverified);
    }

    #[test]
    fn a_stream_that_never_goes_on_warns_where_its_like_do() {
        let held = |frame: &ssekit_record::FrameSeen| frame.came(FrameKind::Data, HELD);
        // Too soon to tell.
        assert_eq!(
            Script::fair().without(held).verdict(ID),
            Verdict::Unverified
        );
        let mut script = Script::fair().without(held);
        for frame in &mut script.session.frames {
            if frame.sent && frame.at_us >= 1_550_000 {
                frame.at_us = 3_950_000;
            }
        }
        script.session.frames.sort_by_key(|frame| frame.at_us);
        assert_eq!(script.clone().verdict(ID), Verdict::Warn);
        let quiet = script.without(|frame| frame.kind == FrameKind::Data && frame.stream > HELD);
        assert_eq!(quiet.verdict(ID), Verdict::Unverified);
    }

    #[test]
    fn a_slow_subscriber_may_be_dropped() {
        let mut script = Script::fair().without(|f| f.came(FrameKind::Data, HELD));
        let end = &mut script.stream(HELD).transcript.end;
        (end.kind, end.at_us) = (EndKind::Reset, 1_400_000);
        script
            .session
            .frames
            .retain(|f| f.kind != FrameKind::WindowUpdate || f.stream != HELD);
        assert_eq!(script.verdict(ID), Verdict::Pass);
    }

    #[test]
    fn without_a_second_stream_nothing_is_said() {
        assert_eq!(Script::fair().alone().verdict(ID), Verdict::Unverified);
        assert_eq!(Script::fair().lost(1000).verdict(ID), Verdict::Unverified);
        let silent = Script::fair().without(|f| f.kind == FrameKind::Data && f.stream != STEADY);
        let silent = silent.without(|f| f.kind == FrameKind::Data && f.at_us > 460_000);
        assert_eq!(silent.verdict(ID), Verdict::Unverified);
    }
}
