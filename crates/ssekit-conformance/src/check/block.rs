//! Whether events are gathered in a buffer of a fixed size, or until the end.

use std::collections::BTreeSet;

use ssekit_record::{EndKind, Level, Transcript, Verdict};

use super::burst::{Burst, PAUSE_US, bursts};
use super::flush::with_remedy;
use super::lag::stamped;
use super::sighting::seconds;
use super::source::{HTML_AUTHORING, HTML_PARSING};
use super::staged::{performed, times};
use crate::scene::{DENSE, DENSE_WAIT_MS};
use crate::{Applies, Case, EchoScene, Judgement, LineEnd, LineSeen, Needs, Probe, Reading, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
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
}];

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
    let judgement = show_cuts(judgement, transcript, &inside);
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
    let judgement = show_cuts(judgement, main, &inside);
    with_remedy(case, judgement)
}

/// Shows where bursts end inside lines.
fn show_cuts(judgement: Judgement, transcript: &Transcript, inside: &[&Burst]) -> Judgement {
    inside.iter().fold(judgement, |judgement, burst| {
        let note = format!("a burst of {} bytes ends inside this line", burst.len);
        judgement.seen(transcript, burst.offset + burst.len, 1, note)
    })
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

fn after_line(line: &LineSeen) -> u64 {
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

    const BLOCK: &str = "framing.no-fixed-block";
    /// When samples begin.
    const BEGAN_MS: u64 = 1_700_000_000_000;

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
