//! Places in event streams that a check has found, over every transcript.

use std::fmt::Display;

use ssekit_record::{EndKind, Transcript, escape};

use crate::{Case, Judgement, LineSeen, LineShape, Probe, Reading};

/// Places kept as evidence; all of them are counted.
const KEPT: usize = 5;
/// Characters of the target shown in a sentence.
const SHOWN: usize = 60;

/// Places found by one check. The first ones become evidence, main's before the others'.
#[derive(Debug, Default)]
pub(super) struct Sightings<'a> {
    kept: Vec<Sighting<'a>>,
    counts: Vec<(&'a str, usize)>,
}

#[derive(Debug)]
struct Sighting<'a> {
    transcript: &'a Transcript,
    offset: u64,
    len: u64,
    note: String,
}

impl<'a> Sightings<'a> {
    /// Adds a place in the decoded stream of a transcript. The note is only written out if kept.
    pub(super) fn add(
        &mut self,
        transcript: &'a Transcript,
        offset: u64,
        len: u64,
        note: impl Display,
    ) {
        match self.counts.last_mut() {
            Some((probe, count)) if *probe == transcript.probe => *count += 1,
            _ => self.counts.push((&transcript.probe, 1)),
        }
        if self.kept.len() < KEPT {
            self.kept.push(Sighting {
                transcript,
                offset,
                len,
                note: note.to_string(),
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The note of the first place.
    pub(super) fn first_note(&self) -> &str {
        self.kept.first().map_or("", |seen| seen.note.as_str())
    }

    /// How many places there are in which transcript, such as `2 in main, 1 in resume`.
    pub(super) fn tally(&self) -> String {
        let shown: Vec<String> = self
            .counts
            .iter()
            .take(3)
            .map(|(probe, count)| format!("{count} in {probe}"))
            .collect();
        match self.counts.len().saturating_sub(3) {
            0 => shown.join(", "),
            more => format!("{} and more in {more} further streams", shown.join(", ")),
        }
    }

    /// The judgement with these places as its evidence.
    pub(super) fn attach(self, judgement: Judgement) -> Judgement {
        self.kept.into_iter().fold(judgement, |judgement, seen| {
            judgement.seen(seen.transcript, seen.offset, seen.len, seen.note)
        })
    }
}

/// Text of the target, made safe and short, between quotation marks.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

/// Text of the target, made safe and short.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    let cut = shown.len() < text.len();
    shown = escape(shown.as_bytes());
    if cut {
        shown.push('…');
    }
    shown
}

/// Seconds with one decimal, for sentences.
pub(super) fn seconds(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

/// The streams but for that of the marker probe: lines which a client brought in there are
/// resume.no-reflection's.
pub(super) fn own_streams<'a, 'c>(
    case: &'c Case<'a>,
) -> impl Iterator<Item = (&'a Transcript, &'c Reading)> + use<'a, 'c> {
    case.streams()
        .filter(|(transcript, _)| transcript.probe != Probe::ResumeMarker.name())
}

/// The streams but for those that answer an id of ours: what the server makes of such an id is not
/// an id it would issue.
pub(super) fn own_id_streams<'a, 'c>(
    case: &'c Case<'a>,
) -> impl Iterator<Item = (&'a Transcript, &'c Reading)> + use<'a, 'c> {
    let ours = [
        Probe::ResumeUnknown,
        Probe::ResumeLong,
        Probe::ResumeNonAscii,
        Probe::ResumeMarker,
    ];
    case.streams()
        .filter(move |(transcript, _)| ours.iter().all(|probe| probe.name() != transcript.probe))
}

/// Why rules about events cannot be judged, if no stream dispatched any.
pub(super) fn no_event(case: &Case<'_>) -> Option<Judgement> {
    if case
        .streams()
        .any(|(_, reading)| !reading.events.is_empty())
    {
        return None;
    }
    let observed = seconds(case.observed_us());
    Some(Judgement::unverified(if case.ended_by_server() {
        format!("the stream ended after {observed} without an event")
    } else {
        format!("no event arrived in {observed}; try --observe 30s")
    }))
}

/// Whether the last bytes of a capture are what the server meant to send last. They are not when
/// ssekit left, nor when the connection broke.
pub(super) fn tail_is_meant(transcript: &Transcript) -> bool {
    transcript.end.kind == EndKind::Clean && transcript.faults.is_empty()
}

/// Whether a CR as the very last byte is a line ending of its own: an LF that belongs to it would
/// have come. So it is when the server ended the stream, or was silent for a while after it.
pub(super) fn last_cr_stands_alone(transcript: &Transcript) -> bool {
    const A_WHILE_US: u64 = 100_000;
    let stream = transcript.stream();
    let last = stream.slices.last().map_or(0, |s| s.at_us);
    // A server that ends lines with CRLF may hold the LF back until its next event.
    let is_crlf = |three: &[u8]| three[0] != b'\n' && three[1..] == *b"\r\n";
    let uses_crlf = || stream.bytes.windows(3).any(is_crlf);
    tail_is_meant(transcript)
        || (transcript.end.kind == EndKind::Left
            && transcript.end.at_us >= last + A_WHILE_US
            && !(stream.bytes.ends_with(b"\r") && uses_crlf()))
}

/// Whether a value has white space of this kind at an end. The end of a very long one may be where
/// the reading cut it.
pub(super) fn is_padded(value: &str, space: fn(char) -> bool) -> bool {
    const SURELY_WHOLE: usize = 1000;
    value.starts_with(space) || (value.len() < SURELY_WHOLE && value.ends_with(space))
}

/// The line of a field that took effect in the block from `start` to `end`: the last of its name.
pub(super) fn field_in<'r>(
    reading: &'r Reading,
    name: &str,
    start: u64,
    end: u64,
) -> Option<&'r LineSeen> {
    let from = reading.lines.partition_point(|line| line.offset < start);
    reading.lines[from..]
        .iter()
        .take_while(|line| line.offset < end)
        .filter(|line| matches!(&line.shape, LineShape::Field { name: n, .. } if n == name))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::Sample;

    #[test]
    fn sightings_count_all_and_keep_the_first() {
        let (main, other) = (Sample::stream("data: a\n\n"), Sample::stream("data: a\n\n"));
        let other = other.by(crate::Probe::Resume);
        let mut seen = Sightings::default();
        for offset in 0..7 {
            seen.add(&main.0, offset, 1, "here");
        }
        seen.add(&other.0, 0, 1, "there");
        assert_eq!(seen.tally(), "7 in main, 1 in resume");
        assert_eq!(seen.first_note(), "here");
        assert_eq!(seen.attach(Judgement::warn("")).evidence.len(), 5);
    }

    #[test]
    fn quotes_are_short_and_safe() {
        assert_eq!(quoted("a\u{1b}b"), "\"a\\u{1b}b\"");
        assert!(quoted(&"x".repeat(1000)).chars().count() < 70);
    }
}
