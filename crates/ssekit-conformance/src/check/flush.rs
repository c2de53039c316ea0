//! Whether events are held back until the next one.

use ssekit_record::{EndKind, Level, Transcript, Verdict};

use super::burst::PAUSE_US;
use super::lag::{Lag, by_stamps};
use super::sighting::seconds;
use super::source::HTML_AUTHORING;
use super::staged::by_spaced;
use crate::{Applies, Case, EchoScene, EventSeen, Judgement, Needs, Probe, Reading, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
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
}];

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
        return with_remedy(case, judgement.clone());
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
            with_remedy(case, judgement)
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

/// Told to flush, and how to switch off the buffer of the product in front, if one is known.
pub(super) fn with_remedy(case: &Case<'_>, judgement: Judgement) -> Judgement {
    match case.unbuffer() {
        Some(how) => judgement.remedy(format!("Flush after each event. {how}.")),
        None => judgement,
    }
}

#[cfg(test)]
mod tests {
    use crate::check::sample::{Sample, place, verdict};
    use ssekit_record::Verdict;

    const FLUSH: &str = "framing.event-per-flush";
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
}
