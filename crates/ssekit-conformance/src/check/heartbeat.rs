//! Rules of the group `heartbeat`.

use ssekit_record::{Level, Transcript};

use super::pulse::{self, LONG_ENOUGH_US, LONGEST_SILENCE_US, Silence};
use super::sighting::{Sightings, no_event, quoted, seconds};
use super::source::{HTML_AUTHORING, HTML_PARSING};
use crate::product::Family;
use crate::{Applies, Case, Judgement, LineSeen, LineShape, Needs, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "heartbeat.interval",
        title: "Some byte at least every 15 seconds or so",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_AUTHORING],
        expected: "no silence of more than about 15 s",
        impact: "Proxies, load balancers and mobile networks cut idle connections, many after 30 \
                 to 60 s, and the server does not notice clients that are gone.",
        remedy: "Send a comment line (`: keep-alive`) whenever nothing was sent for 15 s.",
        good: "data: a\\n\\n (15 s) : keep-alive\\n\\n",
        bad: "data: a\\n\\n (silence for minutes)",
        judge: interval,
    },
    Rule {
        id: "heartbeat.is-comment",
        title: "Heartbeats are comments, not events",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_AUTHORING],
        expected: "a comment line as heartbeat, which dispatches nothing",
        impact: "Every client must know and skip such events; listeners that parse the data as \
                 JSON throw on an empty or unexpected one.",
        remedy: "Send `: ping` instead of an event, unless clients are meant to see it.",
        good: ": ping\\n\\n",
        bad: "event: ping\\ndata: {}\\n\\n",
        judge: is_comment,
    },
    Rule {
        id: "heartbeat.colon-form",
        title: "A comment begins with its colon",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING],
        expected: "the colon as the first character of the line",
        impact: "After `data:` the comment is data: every client dispatches an event \":ping\".",
        remedy: "Write the comment raw, as `: ping` and a line end, not through the function that \
                 writes data.",
        good: ": ping\\n\\n",
        bad: "data: : ping\\n\\n",
        judge: colon_form,
    },
    Rule {
        id: "heartbeat.not-mid-event",
        title: "Whether comments stand inside events",
        level: Level::Info,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING],
        expected: "comments between events",
        impact: "Legal, but a heartbeat there shows that two writers share the stream without a \
                 lock; one day it lands inside a line and damages it.",
        remedy: "Serialise writes, and write heartbeats only between events.",
        good: "data: a\\ndata: b\\n\\n: ping\\n\\n",
        bad: "data: a\\n: ping\\ndata: b\\n\\n",
        judge: not_mid_event,
    },
    Rule {
        id: "heartbeat.idle-start",
        title: "Silence before the first event is bridged",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_AUTHORING],
        expected: "a first byte within 15 s or so of the head",
        impact: "A client that connects at a quiet time is cut by the first idle timer on the way, \
                 reconnects, and is cut again, without ever seeing an event.",
        remedy: "Send a comment right after the head, and start the heartbeat then, not with the \
                 first event.",
        good: "<head> : connected\\n\\n",
        bad: "<head> (silence until the first event)",
        judge: idle_start,
    },
];

fn needs_long(case: &Case<'_>, what: &str) -> Judgement {
    let observed = seconds(case.observed_us());
    Judgement::unverified(format!(
        "{what} in {observed}, too short to tell; needs --long"
    ))
}

fn too_silent(case: &Case<'_>, main: &Transcript, silence: Silence, actual: &str) -> Judgement {
    let len = seconds(silence.len_us());
    let judgement = Judgement::warn(format!("{actual} {len}")).noted(
        main,
        Some(silence.from_us),
        format!("no byte for {len} from here"),
    );
    match case.product().map(|product| product.family) {
        Some(Family::Nginx) => judgement.remedy(
            "Send a comment line (`: keep-alive`) whenever nothing was sent for 15 s; nginx cuts \
             an upstream that is silent for `proxy_read_timeout`, 60 s unless set.",
        ),
        _ => judgement,
    }
}

fn interval(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    // Silence before the first byte has a rule of its own; silence throughout breaks both.
    let longest = Silence::longest_after_first_byte(main)
        .or_else(|| Silence::before_first_byte(main))
        .unwrap_or(Silence {
            from_us: 0,
            to_us: 0,
        });
    let len = seconds(longest.len_us());
    if longest.len_us() > LONGEST_SILENCE_US {
        return too_silent(case, main, longest, "nothing was sent for");
    }
    let observed = seconds(case.observed_us());
    if case.observed_us() >= LONG_ENOUGH_US {
        return Judgement::pass(format!("longest silence {len} in {observed}"));
    }
    if case.ended_by_server() {
        return Judgement::not_applicable(format!("the stream ended after {observed}"));
    }
    needs_long(case, &format!("longest silence {len}"))
}

fn is_comment(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    let mut comments = 0_usize;
    for (transcript, reading) in case.streams() {
        comments += reading.comments.len();
        // One empty message is data like any other; several are a heartbeat.
        let empty = |data: &str, event: &str| data.is_empty() && event == "message";
        let empties = reading.events.iter().filter(|e| empty(&e.data, &e.event));
        let several = empties.count() >= 2;
        for event in &reading.events {
            if pulse::is_heartbeat(event) || (several && empty(&event.data, &event.event)) {
                let note = format_args!(
                    "a heartbeat as an event: type {}, data {}",
                    quoted(&event.event),
                    quoted(&event.data)
                );
                seen.add(transcript, event.start, event.end - event.start, note);
            }
        }
    }
    if !seen.is_empty() {
        let actual = format!("{} ({})", seen.first_note(), seen.tally());
        return seen.attach(Judgement::warn(actual));
    }
    if comments > 0 {
        return Judgement::pass("comments were sent, and no event looks like a heartbeat");
    }
    if case.observed_us() >= LONG_ENOUGH_US || case.ended_by_server() {
        return Judgement::not_applicable("no heartbeat of any kind was sent");
    }
    needs_long(case, "no heartbeat was sent")
}

fn colon_form(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for event in &reading.events {
            if pulse::is_comment_in_data(event) {
                let note = format_args!("an event whose data is {}", quoted(&event.data));
                seen.add(transcript, event.start, event.end - event.start, note);
            }
        }
        for line in reading.lines.iter().filter(|line| is_indented(line)) {
            let note = "white space in front of the colon: an ignored field, no comment";
            seen.add(transcript, line.offset, line.len, note);
        }
    }
    if !seen.is_empty() {
        let actual = format!("{} ({})", seen.first_note(), seen.tally());
        return seen.attach(Judgement::warn(actual));
    }
    let comments = case.streams().any(|(_, r)| !r.comments.is_empty());
    match no_event(case) {
        Some(missing) if !comments => missing,
        _ => Judgement::pass("no data looks like a comment"),
    }
}

/// Whether a line would be a comment but for white space in front of the colon.
pub(super) fn is_indented(line: &LineSeen) -> bool {
    matches!(&line.shape, LineShape::Field { name, colon: true, .. } if name.trim().is_empty())
}

/// Comments with a field before and after them in the same block.
fn comments_inside(block: &[LineSeen]) -> impl Iterator<Item = &LineSeen> {
    let is_field = |line: &LineSeen| matches!(line.shape, LineShape::Field { .. });
    let first = block.iter().position(is_field).unwrap_or(block.len());
    let last = block.iter().rposition(is_field).map_or(first, |at| at + 1);
    let inside = block.get(first..last).unwrap_or_default().iter();
    inside.filter(|line| line.shape == LineShape::Comment)
}

fn not_mid_event(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    let mut comments = 0_usize;
    for (transcript, reading) in case.streams() {
        comments += reading.comments.len();
        for line in reading
            .lines
            .split(|line| line.shape == LineShape::Blank)
            .flat_map(comments_inside)
        {
            let note = "a comment between the fields of one event";
            seen.add(transcript, line.offset, line.len, note);
        }
    }
    if !seen.is_empty() {
        let actual = format!("comments inside events ({})", seen.tally());
        return seen.attach(Judgement::info(actual));
    }
    if comments > 0 {
        return Judgement::pass("comments stand between events");
    }
    if case.observed_us() >= LONG_ENOUGH_US || case.ended_by_server() {
        return Judgement::not_applicable("no comment was sent");
    }
    needs_long(case, "no comment was sent")
}

fn idle_start(case: &Case<'_>) -> Judgement {
    let Some((main, start)) = case
        .main()
        .and_then(|main| Some((main, Silence::before_first_byte(main)?)))
    else {
        return Judgement::unverified("no main observation");
    };
    let len = seconds(start.len_us());
    let came = !main.body.is_empty();
    if start.len_us() > LONGEST_SILENCE_US {
        let actual = if came {
            "the first byte came after"
        } else {
            "no byte followed the head in"
        };
        return too_silent(case, main, start, actual);
    }
    if came {
        return Judgement::pass(format!("the first byte came {len} after the head"));
    }
    if case.ended_by_server() {
        return Judgement::not_applicable(format!("the stream ended after {len} without a byte"));
    }
    needs_long(case, "no byte followed the head")
}

#[cfg(test)]
mod tests {
    use ssekit_record::EndKind;
    use ssekit_record::Verdict::{Info, NotApplicable, Pass, Unverified, Warn};

    use crate::check::sample::{HEAD_MS, Sample, finding, place, verdict};

    /// Comments at these seconds, left at the last number.
    fn beats(seconds: &[u64], left: u64) -> Sample {
        let slices = seconds.iter().map(|s| (s * 1000 + HEAD_MS, ": hb\n\n"));
        Sample::slices(slices).end(EndKind::Left, left * 1000 + HEAD_MS)
    }

    #[test]
    fn silence_is_judged_once_it_is_long_enough() {
        let id = "heartbeat.interval";
        assert_eq!(verdict(id, beats(&[0, 15, 30], 45)), Pass);
        assert_eq!(verdict(id, beats(&[0, 17, 30], 45)), Warn);
        assert_eq!(verdict(id, beats(&[0], 45)), Warn);
        assert_eq!(verdict(id, beats(&[0], 3)), Unverified);
        assert_eq!(verdict(id, beats(&[0], 17)), Warn);
        assert_eq!(verdict(id, beats(&[], 45)), Warn);
        assert_eq!(verdict(id, beats(&[], 3)), Unverified);
        // A late first byte belongs to idle-start.
        assert_eq!(verdict(id, beats(&[18, 30], 45)), Pass);
        let finite = beats(&[0, 1], 45).ended(2_000);
        assert_eq!(verdict(id, finite), NotApplicable);
        let found = finding(id, [beats(&[1, 5], 45)]);
        assert_eq!(found.evidence[0].at_us, Some(5_000_000 + HEAD_MS * 1000));
    }

    #[test]
    fn a_silent_start_is_judged_once_it_is_long_enough() {
        let id = "heartbeat.idle-start";
        assert_eq!(verdict(id, beats(&[1], 3)), Pass);
        assert_eq!(verdict(id, beats(&[15], 20)), Pass);
        assert_eq!(verdict(id, beats(&[17], 20)), Warn);
        assert_eq!(verdict(id, beats(&[], 45)), Warn);
        assert_eq!(verdict(id, beats(&[], 3)), Unverified);
        let ended = beats(&[], 45).ended(1_000);
        assert_eq!(verdict(id, ended), NotApplicable);
    }

    #[test]
    fn heartbeats_as_events_warn() {
        let id = "heartbeat.is-comment";
        for bad in [
            "event: ping\ndata: 12:00\n\n",
            "data: heartbeat\n\n",
            "event: keep-alive\ndata\n\n",
            "data: {\"type\":\"ping\"}\n\n",
            "data: \"KEEPALIVE\"\n\n",
        ] {
            assert_eq!(place(id, Sample::stream(bad)), (Warn, Some(0)), "{bad:?}");
        }
        let empties = Sample::stream("data: a\n\ndata:\n\ndata:\n\n");
        assert_eq!(place(id, empties), (Warn, Some(9)));
        for fine in [
            ": ping\n\ndata: a\n\n",
            ": x\n\ndata:\n\ndata: a\n\n",
            ": x\n\nevent: done\ndata\n\nevent: done\ndata\n\n",
            ": x\n\ndata: a ping was sent\n\ndata: {\"type\":\"pinged\"}\n\n",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
        assert_eq!(verdict(id, Sample::stream("data: a\n\n")), Unverified);
        let long = Sample::stream("data: a\n\n").end(EndKind::Left, 45_000);
        assert_eq!(verdict(id, long), NotApplicable);
    }

    #[test]
    fn a_comment_written_as_data_warns() {
        let id = "heartbeat.colon-form";
        for bad in [
            "data: :ping\n\n",
            "data: : keep-alive\n\n",
            "data::heartbeat\n\n",
        ] {
            assert_eq!(place(id, Sample::stream(bad)), (Warn, Some(0)), "{bad:?}");
            assert_eq!(
                verdict("heartbeat.is-comment", Sample::stream(bad)),
                Unverified
            );
        }
        for fine in [
            "data: :)\n\n",
            "data: :\n\n",
            "data: : a list\n\n",
            ": ping\n\n",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
        assert_eq!(verdict(id, Sample::stream("")), Unverified);
        let indented = Sample::stream("data: a\n\n : ping\n\n");
        assert_eq!(place(id, indented.clone()), (Warn, Some(9)));
        assert_eq!(verdict("data.stray-lines", indented), Pass);
    }

    #[test]
    fn a_comment_inside_an_event_is_noted() {
        let id = "heartbeat.not-mid-event";
        let inside = Sample::stream("data: a\n: ping\ndata: b\n\n");
        assert_eq!(place(id, inside), (Info, Some(8)));
        // Also in a block that is not yet complete.
        let pending = Sample::stream("data: a\n\nid: 1\n:\ndata: b\n");
        assert_eq!(place(id, pending), (Info, Some(15)));
        for fine in [": c\ndata: a\n\n", "data: a\n: c\n\n", ": c\n\ndata: a\n\n"] {
            assert_eq!(verdict(id, Sample::stream(fine)), Pass, "{fine:?}");
        }
        assert_eq!(verdict(id, Sample::stream("data: a\n\n")), Unverified);
    }
}
