//! Rules of the group `framing` about the size of chunks, and trailers.

use std::ops::Range;

use ssekit_record::{EndKind, HttpVersion, Level, Transcript};

use super::sighting::quoted;
use super::source::{HTML_AUTHORING, RFC9110_TRAILERS};
use crate::{Applies, Case, EventSeen, Judgement, Needs, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "framing.tiny-storm",
        title: "Events are not cut into chunks of a few bytes",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_AUTHORING],
        expected: "about one chunk or DATA frame per event",
        impact: "Each chunk costs framing, a system call and often a packet: many times the \
                 bytes of the event, and lines that arrive apart.",
        remedy: "Build the whole event, empty line included, and write it once.",
        good: "write(\"event: a\\ndata: b\\n\\n\")",
        bad: "write(\"event: a\\n\"); write(\"data: \"); write(\"b\"); write(\"\\n\\n\")",
        judge: tiny_storm,
    },
    Rule {
        id: "framing.trailers",
        title: "Whether trailer fields follow the stream",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9110_TRAILERS],
        expected: "none; those there are can be ignored",
        impact: "No EventSource reads trailers, and proxies drop them.",
        remedy: "Put what clients must know into the head or into an event.",
        good: "0\\r\\n\\r\\n",
        bad: "0\\r\\nX-Status: done\\r\\n\\r\\n",
        judge: trailers,
    },
];

/// Bytes of a chunk or DATA frame that carries next to nothing.
const TINY: u64 = 2;
/// So many pieces show a pattern.
const MANY: usize = 30;
/// Mean size below which pieces of an event are small.
const SMALL: u64 = 64;
/// Pieces of one write arrive within this time of each other, in microseconds.
const TOGETHER_US: u64 = 5_000;

/// A chunk or DATA frame: offset in the body, size, arrival.
#[derive(Debug, Clone, Copy)]
struct Piece {
    offset: u64,
    size: u64,
    at_us: u64,
}

fn tiny_storm(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let Some((pieces, name)) = pieces(main) else {
        return Judgement::not_applicable(
            "neither chunks nor DATA frames: the server's writes cannot be told apart",
        );
    };
    if pieces.is_empty() {
        return Judgement::unverified(format!("no {name} arrived"));
    }
    let mut sizes: Vec<u64> = pieces.iter().map(|piece| piece.size).collect();
    sizes.sort_unstable();
    let median = sizes[sizes.len() / 2];
    let shown = format!(
        "{} {name}{}, half of them of {} or less",
        pieces.len(),
        if pieces.len() == 1 { "" } else { "s" },
        bytes(median)
    );
    if pieces.len() >= MANY && median <= TINY {
        return at(
            Judgement::warn(shown),
            main,
            &pieces[..4.min(pieces.len())],
            name,
        );
    }
    if main.content.is_some() {
        return Judgement::pass(format!("{shown}, of coded content"));
    }
    let cut: Vec<Range<usize>> = reading
        .events
        .iter()
        .filter_map(|event| small_pieces(event, &pieces))
        .collect();
    let total: usize = cut.iter().map(Range::len).sum();
    // The first of the worst.
    let Some(example) = cut.iter().rev().max_by_key(|range| range.len()) else {
        return Judgement::pass(shown);
    };
    let mean = total as f64 / cut.len() as f64;
    let actual = format!(
        "{} of {} events came in {mean:.1} small {name}s each, all at one time",
        cut.len(),
        reading.events.len()
    );
    let most = cut.len() >= 3 && cut.len() * 5 >= reading.events.len() * 4;
    let judgement = match most {
        false => return Judgement::pass(shown),
        true if mean > 3.5 => Judgement::warn(actual),
        true => Judgement::info(actual),
    };
    at(judgement, main, &pieces[example.clone()], name)
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".into(),
        _ => format!("{count} bytes"),
    }
}

fn at(judgement: Judgement, main: &Transcript, pieces: &[Piece], name: &str) -> Judgement {
    pieces.iter().fold(judgement, |judgement, piece| {
        let note = format!("a {name} of {}", bytes(piece.size));
        if main.content.is_some() {
            judgement.noted(main, Some(piece.at_us), note)
        } else {
            judgement.seen(main, piece.offset, piece.size, note)
        }
    })
}

/// What the server wrote, piece by piece, and what such a piece is called.
fn pieces(main: &Transcript) -> Option<(Vec<Piece>, &'static str)> {
    let head = main.head.as_ref()?;
    if head.version == HttpVersion::Http2 {
        let slices = main.body.slices.iter().map(|slice| Piece {
            offset: slice.offset,
            size: slice.len,
            at_us: slice.at_us,
        });
        return Some((slices.collect(), "DATA frame"));
    }
    if !head.has_token("transfer-encoding", "chunked") {
        return None;
    }
    let chunks = main.chunks.iter().filter(|chunk| chunk.size > 0);
    let chunks = chunks.map(|chunk| Piece {
        offset: chunk.body_offset,
        size: chunk.size,
        at_us: main.wire.arrival_us(chunk.wire_offset).unwrap_or(0),
    });
    Some((chunks.collect(), "chunk"))
}

/// The pieces an event was cut into, where they are three or more, small, and came together.
fn small_pieces(event: &EventSeen, pieces: &[Piece]) -> Option<Range<usize>> {
    let from = pieces.partition_point(|piece| piece.offset < event.start);
    let to = pieces.partition_point(|piece| piece.offset < event.end);
    let own = pieces.get(from..to)?;
    let (first, last) = (own.first()?, own.last()?);
    let is_small = own.len() >= 3
        && event.end - event.start <= SMALL * own.len() as u64
        && last.at_us - first.at_us <= TOGETHER_US;
    is_small.then_some(from..to)
}

fn trailers(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    if !main.trailers.is_empty() {
        let names = main
            .trailers
            .iter()
            .take(5)
            .map(|field| quoted(&field.name));
        let names = names.collect::<Vec<_>>().join(", ");
        return Judgement::info(format!("trailer fields {names}")).noted(
            main,
            Some(main.end.at_us),
            "after the last chunk",
        );
    }
    if main.end.kind == EndKind::Clean {
        return Judgement::pass("no trailer fields");
    }
    Judgement::not_applicable("the stream did not end while it was observed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, place, verdict};
    use ssekit_record::{Field, Verdict};

    const STORM: &str = "framing.tiny-storm";

    fn chunks(parts: &[&str], times: usize, apart_ms: u64) -> Sample {
        let parts = parts.iter().cycle().take(parts.len() * times).enumerate();
        Sample::chunked(parts.map(|(i, part)| (20 + i as u64 * apart_ms, part.to_owned())))
    }

    #[test]
    fn whole_events_and_large_ones_pass() {
        assert_eq!(
            verdict(STORM, chunks(&["data: a\n\n"], 50, 0)),
            Verdict::Pass
        );
        assert_eq!(
            verdict(STORM, chunks(&["id: 1\n", "data: a\n\n"], 50, 0)),
            Verdict::Pass
        );
        let long = "x".repeat(4096);
        let large = ["data: ", &long, &long, &long, "\n\n"];
        assert_eq!(verdict(STORM, chunks(&large, 10, 0)), Verdict::Pass);
        let slow = ["data: a", " token", " more", "\n\n"];
        assert_eq!(verdict(STORM, chunks(&slow, 10, 50)), Verdict::Pass);
    }

    #[test]
    fn bytes_and_parts_of_lines_are_warned_of_and_lines_noted() {
        let byte = ["d", "a", "t", "a", ":", "a", "\n", "\n"];
        assert_eq!(place(STORM, chunks(&byte, 8, 2)), (Verdict::Warn, Some(0)));
        let parts = ["id: 1\n", "data: ", "a", "\n\n"];
        assert_eq!(verdict(STORM, chunks(&parts, 8, 0)), Verdict::Warn);
        let lines = ["event: x\n", "data: a\n", "\n"];
        assert_eq!(verdict(STORM, chunks(&lines, 8, 0)), Verdict::Info);
    }

    #[test]
    fn reads_of_plain_content_accuse_nobody_and_frames_do() {
        let bytes = || {
            "data: a\n\n"
                .repeat(10)
                .bytes()
                .map(|b| (20, [b]))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            verdict(STORM, Sample::slices(bytes())),
            Verdict::NotApplicable
        );
        let h2 = Sample::slices(bytes()).version(HttpVersion::Http2);
        assert_eq!(verdict(STORM, h2), Verdict::Warn);
        let silent: [(u64, &str); 0] = [];
        let silent = Sample::chunked(silent);
        assert_eq!(verdict(STORM, silent), Verdict::Unverified);
    }

    #[test]
    fn trailers_are_noted() {
        let id = "framing.trailers";
        let ended = || chunks(&["data: a\n\n"], 1, 0).ended(30);
        assert_eq!(verdict(id, ended()), Verdict::Pass);
        assert_eq!(
            verdict(id, chunks(&["data: a\n\n"], 1, 0)),
            Verdict::NotApplicable
        );
        let mut sample = ended();
        sample.0.trailers.push(Field {
            name: "X-Status".into(),
            value: "done".into(),
        });
        assert_eq!(verdict(id, sample), Verdict::Info);
    }
}
