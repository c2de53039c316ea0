//! PING over HTTP/2.

use ssekit_record::{FrameKind, Level};

use super::stage::Stage;
use crate::check::source::RFC9113_PING;
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.ping",
    title: "PING is answered while streams run",
    level: Level::Must,
    needs: Needs::Active,
    applies: Applies::Stream,
    probes: &[Probe::Session],
    sources: &[RFC9113_PING],
    expected: "an answer with the same eight bytes",
    impact: "Clients and proxies that look after idle connections take the server for gone and \
             close every stream on the connection.",
    remedy: "Use an HTTP/2 library that answers PING, and do not block its loop while streaming.",
    good: "PING 1122334455667788 → PING ACK 1122334455667788",
    bad: "PING → DATA, DATA, DATA …",
    judge: ping,
}];

/// A server that goes on sending has this long to answer, in microseconds.
const LONG_US: u64 = 4_000_000;

fn ping(case: &Case<'_>) -> Judgement {
    let stage = match Stage::of(case) {
        Ok(stage) => stage,
        Err(judgement) => return judgement,
    };
    let sent: Vec<_> = stage.frames(true, FrameKind::Ping, 0).collect();
    let sent: Vec<_> = sent
        .into_iter()
        .filter(|(_, frame)| !frame.is_ack())
        .collect();
    if let Some((_, strange)) = stage.frames(false, FrameKind::Ping, 0).find(|(at, frame)| {
        let asked = sent
            .iter()
            .any(|(before, ping)| before < at && ping.value == frame.value);
        frame.is_ack() && !asked
    }) {
        let actual = "an answer to PING with bytes that were not sent";
        return Judgement::fail(actual).noted(stage.transcript(), Some(strange.at_us), "PING ACK");
    }
    let mut slowest_us = 0;
    let mut answered = 0;
    for (_, ping) in &sent {
        let pong = ping.value.and_then(|value| stage.pong(value));
        if let Some((_, pong)) = pong {
            slowest_us = slowest_us.max(pong.at_us.saturating_sub(ping.at_us));
            answered += 1;
            continue;
        }
        let last = stage.session.frames.iter().rfind(|frame| !frame.sent);
        let alive_us = last.map_or(0, |last| last.at_us.saturating_sub(ping.at_us));
        if alive_us >= LONG_US {
            let actual = format!(
                "no answer, though frames came for {:.1} s after PING",
                alive_us as f64 / 1e6
            );
            let at = Some(ping.at_us);
            return Judgement::fail(actual).noted(stage.transcript(), at, "PING was sent");
        }
    }
    match answered {
        0 => Judgement::unverified(match stage.lost() {
            Some(how) => format!("the connection was lost: {how}"),
            None => "no answer, but nothing else came long enough either".into(),
        }),
        answered => Judgement::pass(format!(
            "{answered} answered, the slowest after {:.1} ms",
            slowest_us as f64 / 1e3
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{STEADY, Script};
    use super::*;
    use ssekit_record::{FrameSeen, Verdict};

    const ID: &str = "http2.ping";

    #[test]
    fn every_answer_counts() {
        let finding = Script::fair().finding(ID);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert_eq!(finding.actual, "4 answered, the slowest after 5.0 ms");
    }

    #[test]
    fn no_answer_fails_only_while_frames_come() {
        let deaf = || Script::fair().without(|frame| frame.kind == FrameKind::Ping);
        assert_eq!(deaf().verdict(ID), Verdict::Unverified);
        let mut script = deaf();
        script.content(STEADY, [4300, 4500]);
        assert_eq!(script.verdict(ID), Verdict::Fail);
        assert_eq!(deaf().lost(2000).verdict(ID), Verdict::Unverified);
    }

    #[test]
    fn other_bytes_fail_and_pings_of_the_server_are_its_own() {
        let mut script = Script::fair();
        script.came(700, FrameKind::Ping, 0, Some(77));
        assert_eq!(script.clone().verdict(ID), Verdict::Pass);
        for frame in &mut script.session.frames {
            if frame.value == Some(77) {
                frame.flags = FrameSeen::ACK;
            }
        }
        assert_eq!(script.verdict(ID), Verdict::Fail);
    }
}
