//! Whether a compressor holds events back, and until when.

use ssekit_record::{EndKind, FaultKind, Transcript, Verdict};

use super::burst::{PAUSE_US, bursts};
use super::lag::{Lag, by_stamps};
use super::staged::{TOGETHER_US, by_spaced, times};
use crate::coding::{codings, is_coded};
use crate::scene::WAIT_MS;
use crate::{Case, EchoScene, Judgement, LineEnd, Offer, Probe, Reading};

/// Until when an event is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// It is not.
    Not,
    /// Until the next event is written.
    Next,
    /// Until a block is full.
    Block,
    /// Until the end of the stream.
    End,
    /// Longer than it was watched.
    Beyond,
}

impl Hold {
    fn told(self) -> &'static str {
        match self {
            Self::Not => "as they were written",
            Self::Next => "each only when the next one was written",
            Self::Block => "in blocks, each when it was full",
            Self::End => "all with the end of the stream",
            Self::Beyond => "not at all while it was watched",
        }
    }
}

/// Silence in a coded stream that is longer than any chance, in microseconds.
const SILENCE_US: u64 = 1_000_000;

/// The rule `compression.flush`.
pub(super) fn flush(case: &Case<'_>) -> Judgement {
    let mut prompt = Vec::new();
    let mut seen = false;
    for offer in Offer::EACH {
        for probe in [Probe::Scene(EchoScene::Coded(offer)), Probe::Coded(offer)] {
            let Some(transcript) = case.transcript(probe).filter(|t| is_readable(t)) else {
                continue;
            };
            seen = true;
            let hold = match probe {
                Probe::Scene(scene) => by_script(case, scene),
                _ => by_comparison(case, transcript, probe),
            };
            let coding = named(transcript);
            match hold {
                Some(Hold::Not) => prompt.push(coding),
                Some(hold) => return held(case, transcript, &coding, hold),
                None => {}
            }
        }
    }
    prompt.sort_unstable();
    prompt.dedup();
    if !prompt.is_empty() {
        return Judgement::pass(format!(
            "events coded with {} can be decoded when they arrive",
            prompt.join(", ")
        ));
    }
    if seen {
        return Judgement::unverified(
            "content codings are sent, but events come too rarely or too unevenly to tell whether \
             they are held; --echo or --long may",
        );
    }
    let mut offered = Offer::EACH.iter().map(|offer| Probe::Coded(*offer));
    if offered.any(|probe| {
        case.transcript(probe)
            .is_some_and(Transcript::is_event_stream)
    }) {
        return Judgement::not_applicable("no content coding was sent, whichever was offered");
    }
    Judgement::unverified("no stream came for a client that accepts content codings")
}

fn named(transcript: &Transcript) -> String {
    let head = transcript.head.as_ref();
    head.map(codings).unwrap_or_default().join(", ")
}

/// Coded, and decoded without a fault: what is broken is another rule's.
fn is_readable(transcript: &Transcript) -> bool {
    let faults = [
        FaultKind::ContentCodingInvalid,
        FaultKind::ContentCodingUnknown,
    ];
    let broken = faults.iter().any(|kind| transcript.fault(*kind).is_some());
    transcript.is_event_stream() && is_coded(transcript) && !broken
}

fn held(case: &Case<'_>, transcript: &Transcript, coding: &str, hold: Hold) -> Judgement {
    let whose = if transcript.probe.starts_with("echo-") {
        "events of the echo endpoint"
    } else {
        "events"
    };
    let judgement = Judgement::warn(format!(
        "coded with {coding}, {whose} could be decoded {}",
        hold.told()
    ));
    let first = case
        .reading_named(&transcript.probe)
        .and_then(|reading| reading.events.first());
    let judgement = match first {
        Some(event) => judgement.seen(
            transcript,
            event.start,
            event.end - event.start,
            "the first event that could be decoded",
        ),
        None => judgement.noted(
            transcript,
            Some(transcript.end.at_us),
            format!(
                "{} bytes of coded content came, and no event could be decoded",
                transcript.body.len()
            ),
        ),
    };
    match case.unbuffer() {
        Some(how) => judgement.remedy(format!(
            "Flush the compressor after each event, or take this path out of it. {how}."
        )),
        None => judgement,
    }
}

/// By the script of three events, the second larger than any block, with a wait after each. `None`
/// where events without a coding are late too, or the times prove nothing.
fn by_script(case: &Case<'_>, scene: EchoScene) -> Option<Hold> {
    if by_spaced(case).is_none_or(|judgement| judgement.verdict != Verdict::Pass) {
        return None;
    }
    let (events, ended) = times(case, scene, 3 * WAIT_MS - 100)?;
    let [first, second, third] = events[..] else {
        return None;
    };
    let wait = WAIT_MS * 1000;
    let at_end = |at: u64| ended.saturating_sub(at) < TOGETHER_US;
    let apart = |from: u64, to: u64| to.saturating_sub(from) >= wait / 2;
    // A pause of ours shows at one end only: the first event must be a wait late, and the last one
    // come with the end.
    if first >= wait - 50_000 && at_end(third) {
        return match (at_end(first), at_end(second)) {
            (true, _) => Some(Hold::End),
            (false, true) => Some(Hold::Block),
            (false, false) => apart(first, second).then_some(Hold::Next),
        };
    }
    let prompt = apart(first, second) && apart(second, third) && apart(third, ended);
    prompt.then_some(Hold::Not)
}

/// When a stream shows something new.
struct Pace {
    /// Moments at which events arrived, well apart.
    moments: Vec<u64>,
    /// Longest time without one, from the head to the last.
    longest_us: u64,
    median_us: u64,
}

impl Pace {
    fn of(transcript: &Transcript, reading: &Reading) -> Self {
        let mut moments: Vec<u64> = reading.events.iter().map(|event| event.at_us).collect();
        moments.dedup_by(|later, earlier| later.saturating_sub(*earlier) < PAUSE_US);
        let head_us = transcript.head.as_ref().map_or(0, |head| head.at_us);
        let mut gaps: Vec<u64> = [head_us]
            .iter()
            .chain(&moments)
            .zip(&moments)
            .map(|(from, to)| to.saturating_sub(*from))
            .collect();
        if transcript.end.kind == EndKind::Left {
            let last = moments.last().copied().unwrap_or(head_us);
            gaps.push(transcript.end.at_us.saturating_sub(last));
        }
        gaps.sort_unstable();
        Self {
            longest_us: gaps.last().copied().unwrap_or(0),
            median_us: gaps.get(gaps.len() / 2).copied().unwrap_or(0),
            moments,
        }
    }

    /// Whether events come so evenly that a long silence means something.
    fn is_even(&self) -> bool {
        self.moments.len() >= 4 && self.longest_us <= 3 * self.median_us.max(PAUSE_US)
    }
}

/// By the same stream without a coding. `None` where that does not come evenly enough.
fn by_comparison(case: &Case<'_>, coded: &Transcript, probe: Probe) -> Option<Hold> {
    let reading = case.reading_of(probe)?;
    let (plain, plain_reading) = [Probe::Main, Probe::Identity]
        .into_iter()
        .find_map(|probe| {
            let transcript = case.transcript(probe)?;
            let usable = transcript.is_event_stream() && !is_coded(transcript);
            usable.then_some((transcript, case.reading_of(probe)?))
        })?;
    if let Some(Lag::Prompt { .. }) = by_stamps(plain, plain_reading)
        && let Some(Lag::OneBehind { .. }) = by_stamps(coded, reading)
    {
        return Some(Hold::Next);
    }
    let (usual, pace) = (Pace::of(plain, plain_reading), Pace::of(coded, reading));
    if !usual.is_even() {
        return None;
    }
    let silent = pace.longest_us >= SILENCE_US.max(4 * usual.longest_us);
    let in_blocks = ends_inside(coded, reading) && !ends_inside(plain, plain_reading);
    if silent || in_blocks {
        return Some(match pace.moments.len() {
            0 => Hold::Beyond,
            1 if coded.end.kind == EndKind::Clean => Hold::End,
            _ => Hold::Block,
        });
    }
    (pace.moments.len() >= 4 && pace.longest_us <= 3 * usual.longest_us.max(PAUSE_US))
        .then_some(Hold::Not)
}

/// Whether most bursts end inside a line, as blocks of a buffer do.
fn ends_inside(transcript: &Transcript, reading: &Reading) -> bool {
    let all = bursts(transcript);
    // The last one may be cut short by the end.
    let complete = &all[..all.len().saturating_sub(1)];
    let is_line_end = |offset: u64| {
        let ends = |line: &crate::LineSeen| line.offset + line.len + LineEnd::width(line.ending);
        reading.lines.binary_search_by_key(&offset, ends).is_ok()
    };
    let inside = complete
        .iter()
        .filter(|burst| !is_line_end(burst.offset + burst.len));
    complete.len() >= 3 && inside.count() * 5 >= complete.len() * 3
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, finding};
    use super::*;

    const ID: &str = "compression.flush";

    /// Events at these times, in milliseconds.
    fn events(at_ms: impl IntoIterator<Item = u64>) -> Sample {
        Sample::slices(at_ms.into_iter().map(|at_ms| (at_ms, "data: a\n\n")))
    }

    fn every_100_ms() -> Sample {
        events((1..30).map(|n| n * 100))
    }

    fn compared(plain: Sample, coded: Sample) -> Verdict {
        let coded = coded.coded("gzip").end(EndKind::Left, 2_010);
        finding(ID, [plain, coded.by(Probe::Coded(Offer::All))]).verdict
    }

    #[test]
    fn a_coded_stream_is_compared_with_the_plain_one() {
        let prompt = || events((1..20).map(|n| n * 100));
        assert_eq!(compared(every_100_ms(), prompt()), Verdict::Pass);
        assert_eq!(compared(every_100_ms(), events([])), Verdict::Warn);
        assert_eq!(
            compared(every_100_ms(), events([1_400, 1_401])),
            Verdict::Warn
        );
        let blocks = [
            (300, "data: a\n\ndata: b\n\ndat"),
            (600, "a: c\n\ndata: d\n\nda"),
            (900, "ta: e\n\ndata: f\n\nd"),
            (1_200, "ata: g\n\n"),
        ];
        assert_eq!(
            compared(every_100_ms(), Sample::slices(blocks)),
            Verdict::Warn
        );
    }

    #[test]
    fn nothing_is_concluded_from_an_uneven_or_uncoded_stream() {
        let uneven = || events([100, 200, 300, 2_900]);
        assert_eq!(compared(uneven(), events([])), Verdict::Unverified);
        let rare = || events([100, 1_100, 2_100]);
        assert_eq!(compared(rare(), events([100])), Verdict::Unverified);
        let same = every_100_ms().by(Probe::Coded(Offer::All));
        let plain = finding(ID, [every_100_ms(), same]);
        assert_eq!(plain.verdict, Verdict::NotApplicable);
        assert_eq!(finding(ID, [every_100_ms()]).verdict, Verdict::Unverified);
    }

    fn scripted(at_ms: [u64; 3], end_ms: u64) -> String {
        let json = r#"{"echo":1,"capabilities":["wait"]}"#;
        let document = Sample::answer(200, "application/json", json).by(Probe::Capabilities);
        let ended = |at_ms: [u64; 3], end_ms| events(at_ms).end(EndKind::Clean, end_ms);
        let plain = ended([20, 620, 1_220], 1_820).by(Probe::Scene(EchoScene::Spaced));
        let coded = ended(at_ms, end_ms).coded("br");
        let coded = coded.by(Probe::Scene(EchoScene::Coded(Offer::Br)));
        finding(ID, [every_100_ms(), document, plain, coded]).actual
    }

    #[test]
    fn a_script_tells_until_when_events_are_held() {
        let told = |at_ms, end_ms, hold: Hold| {
            let actual = scripted(at_ms, end_ms);
            assert!(actual.contains(hold.told()), "{actual}");
        };
        told([620, 1_220, 1_820], 1_821, Hold::Next);
        told([620, 1_820, 1_820], 1_821, Hold::Block);
        told([1_820, 1_820, 1_820], 1_821, Hold::End);
        let prompt = scripted([20, 620, 1_220], 1_820);
        assert!(prompt.contains("when they arrive"), "{prompt}");
        // A slow start, and a pause of ours before the end.
        for (at_ms, end_ms) in [([720, 1_320, 1_920], 2_520), ([20, 620, 1_820], 1_821)] {
            let actual = scripted(at_ms, end_ms);
            assert!(
                !actual.contains("only when") && !actual.contains("end of"),
                "{actual}"
            );
        }
    }
}
