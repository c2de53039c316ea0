//! Rules of the group `framing` about events that are held back.

use std::collections::BTreeSet;

use ssekit_record::{EndKind, Level, Transcript, Verdict};

use super::burst::{Burst, PAUSE_US, bursts};
use super::lag::{Lag, by_stamps, stamped};
use super::sighting::seconds;
use super::source::{HTML_AUTHORING, HTML_PARSING};
use super::staged::{by_spaced, performed, times};
use crate::scene::{DENSE, DENSE_WAIT_MS};
use crate::{Applies, Case, EchoScene, EventSeen, Judgement, LineEnd, Needs, Probe, Reading, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "framing.event-per-flush",
        title: "An event is not held until the next one",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            Probe::Capabilities,
            Probe::Scene(EchoScene::Spaced),
        ],
        sources: &[HTML_AUTHORING],
        expected: "each event arrives whole when it is written, its empty line included",
        impact: "Users always see the event before the last one; the last one never comes.",
        remedy: "Flush after the empty line of each event, and write that line with the event, \
                 not before the next.",
        good: "write(\"data: a\\n\\n\"); flush()",
        bad: "flush(); write(\"data: a\\n\\n\")",
        judge: event_per_flush,
    },
    Rule {
        id: "framing.no-fixed-block",
        title: "Events do not come in blocks of one size",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            Probe::Capabilities,
            Probe::Scene(EchoScene::Dense),
        ],
        sources: &[HTML_AUTHORING, HTML_PARSING],
        expected: "bytes arrive when events are written",
        impact: "Events are late until a buffer is full, or until the stream ends.",
        remedy: "Flush after each event; find the buffer (output buffering, compression, a \
                 proxy) and switch it off for this path.",
        good: "data: a\\n\\n  data: b\\n\\n  (each as it happens)",
        bad: "4096 bytes … 4096 bytes … (ending inside an event)",
        judge: no_fixed_block,
    },
];

fn event_per_flush(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let (held, followed) = held_ends(main, reading);
    if held.len() >= 2 && held.len() * 5 >= followed * 3 {
        let judgement = Judgement::warn(format!(
            "{} of {followed} events got their empty line only with what came next",
            held.len()
        ))
        .remedy("Write the empty line with its event and flush then, not before the next event.");
        return held.iter().fold(judgement, |judgement, (event, late_us)| {
            let note = format!("the empty line came {} ms after its event", late_us / 1000);
            judgement.seen(main, event.end - 1, 1, note)
        });
    }
    let spaced = by_spaced(case);
    if let Some(judgement) = spaced.as_ref().filter(|j| j.verdict == Verdict::Warn) {
        return match case.unbuffer() {
            Some(how) => (judgement.clone()).remedy(format!("Flush after each event. {how}.")),
            None => judgement.clone(),
        };
    }
    match by_stamps(main, reading) {
        Some(Lag::OneBehind { events, first }) => {
            let judgement = Judgement::warn(format!(
                "{events} events arrived when the next one was written, by the times in their data"
            ))
            .seen(
                main,
                first.start,
                first.end - first.start,
                "this event came one event late",
            );
            match case.unbuffer() {
                Some(how) => judgement.remedy(format!("Flush after each event. {how}.")),
                None => judgement,
            }
        }
        Some(Lag::Prompt { events, median_us }) => Judgement::pass(format!(
            "{events} events arrived {:.1} ms (median) after the time in their data",
            median_us as f64 / 1000.0
        )),
        None => spaced.unwrap_or_else(|| without_stamps(case, main, reading)),
    }
}

fn without_stamps(case: &Case<'_>, main: &Transcript, reading: &Reading) -> Judgement {
    let mut moments: Vec<u64> = reading.events.iter().map(|event| event.at_us).collect();
    moments.dedup_by(|later, earlier| later.saturating_sub(*earlier) < PAUSE_US);
    if moments.len() >= 3 {
        return Judgement::pass(
            "events arrived with their empty lines; when they were written cannot be seen",
        );
    }
    if main.end.kind == EndKind::Clean {
        return Judgement::not_applicable("the stream ended with fewer than three events apart");
    }
    Judgement::unverified(format!(
        "fewer than three events apart in {}; needs --long, or a longer --observe",
        seconds(case.observed_us())
    ))
}

/// Events whose text arrived well before their empty line, which came with what follows it; and
/// how many events anything follows.
fn held_ends<'r>(main: &Transcript, reading: &'r Reading) -> (Vec<(&'r EventSeen, u64)>, usize) {
    let stream = main.stream();
    let mut held = Vec::new();
    let mut followed = 0;
    for event in &reading.events {
        // Nothing can follow in the slice that ends the capture with this event.
        let after = event.end + u64::from(stream.bytes.get(to_usize(event.end)) == Some(&b'\n'));
        if after >= stream.len() {
            continue;
        }
        followed += 1;
        let text = stream.arrival_us(event.end.saturating_sub(2));
        let blank = stream.arrival_us(event.end - 1);
        let next = stream.arrival_us(after);
        let (Some(text), Some(blank), Some(next)) = (text, blank, next) else {
            continue;
        };
        if blank.saturating_sub(text) >= PAUSE_US && next == blank {
            held.push((event, blank - text));
        }
    }
    (held, followed)
}

fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Smallest size taken for that of a buffer.
const SMALLEST_BLOCK: u64 = 512;

fn no_fixed_block(case: &Case<'_>) -> Judgement {
    let judgement = in_main(case);
    match judgement.verdict {
        Verdict::Warn => judgement,
        Verdict::Pass => by_dense(case)
            .filter(|dense| dense.verdict == Verdict::Warn)
            .unwrap_or(judgement),
        _ => by_dense(case).unwrap_or(judgement),
    }
}

/// By forty events that the echo endpoint sends one after the other. `None` where it did not keep the
/// waits between them, or sent them all at once, which is another rule's.
fn by_dense(case: &Case<'_>) -> Option<Judgement> {
    let scene = EchoScene::Dense;
    let (events, _) = times(case, scene, DENSE * DENSE_WAIT_MS - 100)?;
    let transcript = performed(case, scene).ok()?;
    let reading = case.reading_of(Probe::Scene(scene))?;
    let all = bursts(transcript);
    let complete = &all[..all.len().saturating_sub(1)];
    if complete.len() < 3 || events.len() as u64 != DENSE {
        return None;
    }
    let (block, inside) = common_size(complete, reading);
    let most_inside = inside.len() * 5 >= complete.len() * 3;
    if block < SMALLEST_BLOCK && most_inside {
        // Blocks that a busy machine took apart look like this, and so does much else.
        return None;
    }
    if !most_inside {
        return Some(Judgement::pass(
            "events of the echo endpoint, 60 ms apart, came in bursts that end with lines",
        ));
    }
    let judgement = Judgement::warn(format!(
        "events that the echo endpoint was to send 60 ms apart came in {} bursts, each of {block} \
         bytes or a multiple of that",
        complete.len()
    ));
    let judgement = inside.into_iter().fold(judgement, |judgement, burst| {
        let note = format!("a burst of {} bytes ends inside this line", burst.len);
        judgement.seen(transcript, burst.offset + burst.len, 1, note)
    });
    Some(with_remedy(case, judgement))
}

/// The largest number that divides the length of every burst, and the bursts that end inside a line.
fn common_size<'b>(complete: &'b [Burst], reading: &Reading) -> (u64, Vec<&'b Burst>) {
    let line_ends: BTreeSet<u64> = reading.lines.iter().map(after_line).collect();
    let inside = complete
        .iter()
        .filter(|burst| !line_ends.contains(&(burst.offset + burst.len)))
        .collect();
    let block = complete
        .iter()
        .fold(0, |block, burst| gcd(block, burst.len));
    (block, inside)
}

fn in_main(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let all = bursts(main);
    if let Some(judgement) = all_at_the_end(case, main, reading, &all) {
        return judgement;
    }
    // The last burst may be cut short by the end.
    let complete = &all[..all.len().saturating_sub(1)];
    if complete.len() < 3 && flows(main) {
        return Judgement::pass("bytes arrive all the time, without a pause");
    }
    if complete.len() < 3 {
        let actual = format!(
            "{} bursts of bytes in {}",
            all.len(),
            seconds(case.observed_us())
        );
        return if main.end.kind == EndKind::Clean {
            Judgement::not_applicable(format!("{actual}, then the stream ended"))
        } else {
            Judgement::unverified(format!("{actual}; needs --long, or a longer --observe"))
        };
    }
    let (block, inside) = common_size(complete, reading);
    let whole_events = reading
        .events
        .iter()
        .filter(|event| event.end <= all[all.len() - 1].offset);
    let many = whole_events.count() >= complete.len();
    if block < SMALLEST_BLOCK || inside.len() * 5 < complete.len() * 3 || !many {
        return Judgement::pass(format!("{} bursts, of no common size", all.len()));
    }
    let judgement = Judgement::warn(format!(
        "{} bursts in a row, each of {block} bytes or a multiple of that, {} of them ending \
         inside a line",
        complete.len(),
        inside.len()
    ));
    let judgement = inside.into_iter().fold(judgement, |judgement, burst| {
        let note = format!("a burst of {} bytes ends inside this line", burst.len);
        judgement.seen(main, burst.offset + burst.len, 1, note)
    });
    with_remedy(case, judgement)
}

/// Whether bytes came in many pieces, over a second or more, without a pause.
fn flows(main: &Transcript) -> bool {
    let slices = &main.stream().slices;
    let (Some(first), Some(last)) = (slices.first(), slices.last()) else {
        return false;
    };
    let longest = slices
        .windows(2)
        .map(|pair| pair[1].at_us.saturating_sub(pair[0].at_us))
        .max();
    slices.len() >= 20
        && last.at_us.saturating_sub(first.at_us) >= 1_000_000
        && longest.is_some_and(|gap| gap < 2 * PAUSE_US)
}

fn with_remedy(case: &Case<'_>, judgement: Judgement) -> Judgement {
    match case.unbuffer() {
        Some(how) => judgement.remedy(format!("Flush after each event. {how}.")),
        None => judgement,
    }
}

fn after_line(line: &crate::LineSeen) -> u64 {
    line.offset + line.len + LineEnd::width(line.ending)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Several events that came all at once, late, together with the end of the stream.
fn all_at_the_end(
    case: &Case<'_>,
    main: &Transcript,
    reading: &Reading,
    all: &[Burst],
) -> Option<Judgement> {
    let [burst] = all else {
        return None;
    };
    let asked_us = main.connection.request_us.unwrap_or(0);
    let waited = burst.first_us.saturating_sub(asked_us);
    let at_end = main.end.at_us.saturating_sub(burst.last_us) < PAUSE_US;
    if main.end.kind != EndKind::Clean || !at_end || waited < 1_000_000 || reading.events.len() < 3
    {
        return None;
    }
    let written: Vec<u64> = stamped(main, reading)
        .iter()
        .map(|one| one.stamp_us)
        .collect();
    if let (Some(first), Some(last)) = (written.iter().min(), written.iter().max())
        && last - first < waited / 4
    {
        return None;
    }
    let judgement = Judgement::warn(format!(
        "all {} events came at once, {} after the request, with the end of the stream",
        reading.events.len(),
        seconds(waited)
    ))
    .seen(main, 0, burst.len, "everything arrived here");
    Some(with_remedy(case, judgement))
}

#[cfg(test)]
mod tests {
    use crate::check::sample::{Sample, finding, place, verdict};
    use crate::{EchoScene, Probe};
    use ssekit_record::Verdict;

    const FLUSH: &str = "framing.event-per-flush";
    const BLOCK: &str = "framing.no-fixed-block";
    /// When samples begin.
    const BEGAN_MS: u64 = 1_700_000_000_000;

    #[test]
    fn an_empty_line_that_comes_with_the_next_event_is_late() {
        let late = Sample::slices([
            (20, "data: a\n"),
            (220, "\ndata: b\n"),
            (420, "\ndata: c\n"),
            (620, "\ndata: d\n"),
        ]);
        assert_eq!(place(FLUSH, late), (Verdict::Warn, Some(8)));
        let crlf = Sample::slices([
            (20, "data: a\r\n"),
            (220, "\r\ndata: b\r\n"),
            (420, "\r\ndata: c\r\n"),
        ]);
        assert_eq!(verdict(FLUSH, crlf), Verdict::Warn);
    }

    #[test]
    fn other_slicings_are_not_late() {
        let own = Sample::slices([
            (20, "data: a\n"),
            (120, "\n"),
            (220, "data: b\n"),
            (320, "\n"),
            (420, "data: c\n"),
            (520, "\n"),
        ]);
        assert_eq!(verdict(FLUSH, own), Verdict::Pass);
        let plain = Sample::slices([
            (20, "data: a\n\n"),
            (220, "data: b\n\n"),
            (420, "data: c\n\n"),
        ]);
        assert_eq!(verdict(FLUSH, plain), Verdict::Pass);
        let together = Sample::stream("data: a\n\n".repeat(20));
        assert_eq!(verdict(FLUSH, together.clone()), Verdict::Unverified);
        assert_eq!(verdict(FLUSH, together.ended(30)), Verdict::NotApplicable);
    }

    /// Events written at these times, each arriving `late` entries later.
    fn written(at: &[u64], late: usize, form: fn(u64) -> String) -> Sample {
        let arrivals = at[late..].iter();
        Sample::slices(at.iter().zip(arrivals).map(|(stamp, arrival)| {
            (
                *arrival + 1,
                format!("data: {}\n\n", form(BEGAN_MS + stamp)),
            )
        }))
    }

    #[test]
    fn times_in_events_show_one_that_is_behind() {
        let even: Vec<u64> = (1..12).map(|i| i * 200).collect();
        let uneven = [100, 300, 800, 950, 1_500, 1_650, 2_100];
        let ms = |ms: u64| format!("{{\"at\":{ms}}}");
        for at in [&even[..], &uneven[..]] {
            assert_eq!(place(FLUSH, written(at, 1, ms)), (Verdict::Warn, Some(0)));
            assert_eq!(verdict(FLUSH, written(at, 0, ms)), Verdict::Pass);
        }
    }

    #[test]
    fn times_of_another_meaning_accuse_nobody() {
        let at: Vec<u64> = (1..6).map(|i| i * 590).collect();
        let whole_seconds = |ms: u64| (ms / 1000).to_string();
        assert_eq!(
            verdict(FLUSH, written(&at, 0, whole_seconds)),
            Verdict::Pass
        );
        let expires = |ms: u64| (ms + 900).to_string();
        assert_eq!(verdict(FLUSH, written(&at, 0, expires)), Verdict::Pass);
        let mut remote = written(&at, 1, |ms| ms.to_string());
        remote.0.connection.peer = Some("192.0.2.1:443".into());
        assert_eq!(verdict(FLUSH, remote), Verdict::Pass);
    }

    fn blocks(size: usize, event: &str) -> Sample {
        let text = event.repeat(1 + 5 * size / event.len());
        let parts: Vec<_> = text.as_bytes()[..5 * size]
            .chunks(size)
            .map(<[u8]>::to_vec)
            .collect();
        Sample::slices(
            parts
                .into_iter()
                .enumerate()
                .map(|(i, part)| (20 + i as u64 * 500, part)),
        )
    }

    #[test]
    fn blocks_of_one_size_that_cut_lines_are_named() {
        let sample = blocks(4096, "data: some text of an event\n\n");
        assert_eq!(place(BLOCK, sample), (Verdict::Warn, Some(4096)));
    }

    #[test]
    fn events_of_one_size_and_large_ones_are_no_blocks() {
        let even = format!("data: {}\n\n", "x".repeat(1016));
        assert_eq!(verdict(BLOCK, blocks(1024, &even)), Verdict::Pass);
        let large = format!("data: {}\n\n", "x".repeat(40_000));
        assert_eq!(verdict(BLOCK, blocks(4096, &large)), Verdict::Pass);
        assert_eq!(
            verdict(BLOCK, blocks(130, "data: some text of an event\n\n")),
            Verdict::Pass
        );
        let mut distant = blocks(14_480, "data: some text of an event\n\n");
        distant.0.connection.connected_us = Some(150_000);
        distant.0.connection.peer = Some("192.0.2.1:443".into());
        assert_eq!(verdict(BLOCK, distant), Verdict::Unverified);
    }

    #[test]
    fn a_slow_connect_to_this_machine_hides_no_blocks() {
        let mut busy = blocks(4096, "data: some text of an event\n\n");
        busy.0.connection.connected_us = Some(150_000);
        assert_eq!(place(BLOCK, busy), (Verdict::Warn, Some(4096)));
    }

    /// The script of forty events, gathered in blocks of which each is taken apart like this.
    fn dense(parts: &[usize]) -> Verdict {
        let text = format!("data: {}\n\n", "x".repeat(3_000)).repeat(40);
        let mut rest = text.as_bytes();
        let mut slices = Vec::new();
        for (at, len) in (0..).zip(parts.iter().cycle()) {
            let (now, next) = rest.split_at(rest.len().min(*len));
            slices.push((20 + at * 2_400 * 4096 / text.len() as u64, now));
            rest = next;
            if rest.is_empty() {
                break;
            }
        }
        let last = slices[slices.len() - 1].0.max(2_400);
        let sample = Sample::slices(slices).ended(last + 10);
        let document = Sample::answer(
            200,
            "application/json",
            r#"{"echo":1,"capabilities":["wait"]}"#,
        )
        .by(Probe::Capabilities);
        let main = Sample::stream("data: a\n\n");
        let sample = sample.by(Probe::Scene(EchoScene::Dense));
        finding(BLOCK, [main, document, sample]).verdict
    }

    #[test]
    fn blocks_that_a_busy_machine_took_apart_prove_nothing() {
        assert_eq!(dense(&[4096]), Verdict::Warn);
        assert_eq!(dense(&[4096, 8192]), Verdict::Warn);
        assert_eq!(dense(&[4096, 1000, 3096]), Verdict::Unverified);
        assert_eq!(dense(&[3008]), Verdict::Pass);
        assert_eq!(dense(&[3008, 6016]), Verdict::Pass);
    }

    #[test]
    fn everything_at_the_end_is_held_unless_written_then() {
        let events = "data: a\n\ndata: b\n\ndata: c\n\n";
        let held = Sample::slices([(2_000, events)]).ended(2_001);
        assert_eq!(verdict(BLOCK, held), Verdict::Warn);
        let quick = Sample::slices([(200, events)]).ended(201);
        assert_eq!(verdict(BLOCK, quick), Verdict::NotApplicable);
        let stamps: String = (0..3)
            .map(|i| format!("data: {}\n\n", BEGAN_MS + 1_990 + i))
            .collect();
        let then = Sample::slices([(2_000, stamps)]).ended(2_001);
        assert_eq!(verdict(BLOCK, then), Verdict::NotApplicable);
    }
}
