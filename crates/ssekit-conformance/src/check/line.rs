//! Rules of the group `line`.

use std::ops::Range;

use ssekit_record::{Level, Transcript};

use super::ending::{self, SplitCrLf};
use super::sighting::{Sightings, last_cr_stands_alone, no_event, own_streams};
use super::source::{HTML_AUTHORING, HTML_INTERPRETING, HTML_PARSING};
use crate::{Applies, Case, Judgement, LineEnd, LineSeen, LineShape, Needs, Reading, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "line.consistent",
        title: "One style of line ending per stream",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING],
        expected: "every line of a stream ends in the same way: LF, or CRLF, or CR",
        impact: "Clients that look for one kind of empty line miss the others: events are glued \
                 together or never dispatched.",
        remedy: "Write every line ending as LF, in the library and in hand-written parts alike.",
        good: "data: a\\n\\ndata: b\\n\\n",
        bad: "data: a\\n\\ndata: b\\r\\n\\r\\n",
        judge: consistent,
    },
    Rule {
        id: "line.kind",
        title: "Which line ending the stream uses",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING],
        expected: "LF, CRLF or CR; all are legal, LF is what every client reads",
        impact: "Clients that only split at LF LF see no event in a stream of CRLF or CR.",
        remedy: "End lines with LF unless a client needs otherwise.",
        good: "data: a\\n\\n",
        bad: "data: a\\r\\n\\r\\n",
        judge: kind,
    },
    Rule {
        id: "line.cr-only",
        title: "Lines do not end with CR alone",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING],
        expected: "LF or CRLF; CR alone is legal",
        impact: "Many clients wait for the byte after a CR, in case it is LF, and so dispatch each \
                 event only when the next one comes; some never split at CR.",
        remedy: "End lines with LF.",
        good: "data: a\\n\\n",
        bad: "data: a\\r\\r",
        judge: cr_only,
    },
    Rule {
        id: "line.no-lfcr",
        title: "No LF CR pairs",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "CR LF, in this order, where both are used",
        impact: "LF CR is two line ends: every line is followed by an empty one, so an event of \
                 several lines falls apart and loses its type, its id or its data.",
        remedy: "Write \\r\\n or, better, \\n.",
        good: "event: a\\r\\ndata: b\\r\\n\\r\\n",
        bad: "event: a\\n\\rdata: b\\n\\r\\n\\r",
        judge: no_lfcr,
    },
    Rule {
        id: "line.crlf-split",
        title: "CR and LF of one line ending are written together",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_AUTHORING],
        expected: "no write, chunk or frame that ends between the CR and the LF of one ending",
        impact: "Clients that parse write by write take the LF for a further line end: an empty \
                 line too many dispatches an event before it is complete.",
        remedy: "Write whole events at once, with their line endings; or use LF alone.",
        good: "data: a\\r\\n\\r\\n | data: b\\r\\n\\r\\n",
        bad: "data: a\\r | \\n\\r | \\ndata: b\\r | \\n\\r | \\n",
        judge: crlf_split,
    },
    Rule {
        id: "line.blank-runs",
        title: "Extra empty lines between events",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "one empty line after each event; more dispatch nothing",
        impact: "None for clients that keep the standard; some dispatch an empty event.",
        remedy: "End each event with exactly one empty line.",
        good: "data: a\\n\\ndata: b\\n\\n",
        bad: "data: a\\n\\n\\n\\ndata: b\\n\\n",
        judge: blank_runs,
    },
];

/// Lines whose ending is known: not a CR that is the last byte of a capture we cut, since an LF
/// might have followed.
fn decided<'r>(
    transcript: &Transcript,
    reading: &'r Reading,
) -> impl Iterator<Item = &'r LineSeen> + Clone {
    let open_end = (!last_cr_stands_alone(transcript)).then_some(transcript.stream().len());
    reading.lines.iter().filter(move |line| {
        line.ending != LineEnd::Cr || Some(line.offset + line.len + 1) != open_end
    })
}

fn reversed_pairs(transcript: &Transcript) -> Vec<Range<u64>> {
    let whole = last_cr_stands_alone(transcript);
    ending::reversed_pairs(&transcript.stream().bytes, whole)
}

fn no_line(case: &Case<'_>) -> Option<Judgement> {
    let none = own_streams(case).all(|(t, r)| decided(t, r).next().is_none());
    none.then(|| Judgement::unverified("no complete line arrived; try --observe 30s"))
}

fn consistent(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_line(case) {
        return missing;
    }
    let mut seen = Sightings::default();
    for (transcript, reading) in own_streams(case) {
        let reversed = reversed_pairs(transcript);
        let mut lines = decided(transcript, reading).filter(|line| {
            let at = line.offset + line.len;
            let after = reversed.partition_point(|pairs| pairs.start <= at);
            after == 0 || !reversed[after - 1].contains(&at)
        });
        let Some(first) = lines.next() else { continue };
        for odd in lines.filter(|line| line.ending != first.ending) {
            let (odd_kind, kind) = (odd.ending.as_str(), first.ending.as_str());
            let note = format_args!("{odd_kind}, where the stream began with {kind}");
            seen.add(transcript, odd.offset + odd.len, odd.ending.width(), note);
        }
    }
    if seen.is_empty() {
        return Judgement::pass("every line of a stream ends in the same way");
    }
    let actual = format!(
        "line endings are mixed: {} ({})",
        seen.first_note(),
        seen.tally()
    );
    seen.attach(Judgement::warn(actual))
}

fn kind(case: &Case<'_>) -> Judgement {
    let (Some(transcript), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let Some(first) = decided(transcript, reading).next() else {
        return Judgement::unverified("no complete line arrived; try --observe 30s");
    };
    let actual = format!("lines end with {}", first.ending.as_str());
    if first.ending == LineEnd::Lf {
        return Judgement::pass(actual);
    }
    Judgement::info(actual).seen(
        transcript,
        first.offset + first.len,
        first.ending.width(),
        "the first line ending",
    )
}

fn cr_only(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_line(case) {
        return missing;
    }
    let mut seen = Sightings::default();
    for (transcript, reading) in own_streams(case) {
        let mut lines = decided(transcript, reading);
        let first = lines.clone().next();
        if let Some(first) = first
            && lines.all(|line| line.ending == LineEnd::Cr)
        {
            let at = first.offset + first.len;
            seen.add(transcript, at, 1, "the first line ends with CR alone");
        }
    }
    if seen.is_empty() {
        return Judgement::pass("lines do not end with CR alone");
    }
    seen.attach(Judgement::warn("every line ends with CR alone"))
}

fn no_lfcr(case: &Case<'_>) -> Judgement {
    if let Some(missing) = no_line(case) {
        return missing;
    }
    let mut seen = Sightings::default();
    for (transcript, _) in own_streams(case) {
        for pairs in reversed_pairs(transcript) {
            let len = pairs.end - pairs.start;
            seen.add(transcript, pairs.start, len, "LF CR: two line ends");
        }
    }
    if seen.is_empty() {
        return Judgement::pass("no LF CR pair");
    }
    let actual = format!("line ends written as LF CR ({})", seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn crlf_split(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    let mut pairs = 0;
    for (transcript, _) in own_streams(case) {
        let split = SplitCrLf::of(transcript);
        pairs += split.pairs;
        if split.is_habit() {
            for at in split.places {
                seen.add(transcript, at - 1, 2, "CR ends a write, LF begins the next");
            }
        }
    }
    if !seen.is_empty() {
        let actual = format!("CR and LF are written apart ({})", seen.tally());
        return seen.attach(Judgement::warn(actual));
    }
    if pairs > 0 {
        return Judgement::pass("CR and LF are written together");
    }
    no_line(case).unwrap_or_else(|| Judgement::not_applicable("no line ends with CRLF"))
}

fn blank_runs(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in own_streams(case) {
        if !reversed_pairs(transcript).is_empty() {
            continue;
        }
        let mut after_blank = true;
        for line in &reading.lines {
            let blank = line.shape == LineShape::Blank;
            if blank && after_blank {
                let note = "an empty line that ends nothing";
                seen.add(transcript, line.offset, line.ending.width(), note);
            }
            after_blank = blank;
        }
    }
    if !seen.is_empty() {
        let actual = format!("empty lines that end nothing ({})", seen.tally());
        return seen.attach(Judgement::info(actual));
    }
    match no_event(case) {
        Some(missing) if no_line(case).is_some() => missing,
        _ => Judgement::pass("no extra empty line"),
    }
}

#[cfg(test)]
mod tests {
    use ssekit_record::{EndKind, Verdict};

    use crate::check::sample::{Sample, finding, place, verdict};

    #[test]
    fn mixed_endings_warn_at_the_first_odd_one() {
        let id = "line.consistent";
        for fine in [
            "data: a\n\ndata: b\n\n",
            "data: a\r\n\r\n:\r\n\r\n",
            "data: a\r\rdata: b\r\r",
        ] {
            assert_eq!(verdict(id, Sample::stream(fine)), Verdict::Pass, "{fine:?}");
        }
        let odd = Sample::stream("data: a\n\ndata: b\r\n\r\n");
        assert_eq!(place(id, odd), (Verdict::Warn, Some(16)));
        let lone = Sample::stream("data: a\n\r\ndata: b\n\r\n");
        assert_eq!(place(id, lone), (Verdict::Warn, Some(8)));
        assert_eq!(verdict(id, Sample::stream("data: a")), Verdict::Unverified);
    }

    #[test]
    fn a_crlf_that_our_leaving_cut_is_no_cr() {
        let id = "line.consistent";
        let cut = Sample::stream("data: a\r\n\r\ndata: b\r");
        let at_once = |sample: &Sample| sample.clone().end(EndKind::Left, 12);
        assert_eq!(verdict(id, at_once(&cut)), Verdict::Pass);
        assert_eq!(place(id, cut.clone().ended(12)), (Verdict::Warn, Some(18)));
        // Held back for the next event, however long: see line.crlf-split.
        assert_eq!(verdict(id, cut), Verdict::Pass);
        let lone = Sample::stream("data: a\n\ndata: b\r");
        assert_eq!(place(id, lone), (Verdict::Warn, Some(16)));
        let only = Sample::stream("data: a\r");
        assert_eq!(verdict("line.cr-only", at_once(&only)), Verdict::Unverified);
        assert_eq!(verdict("line.cr-only", only), Verdict::Warn);
    }

    #[test]
    fn lf_cr_pairs_are_told_from_lf_before_crlf() {
        let id = "line.no-lfcr";
        let reversed = Sample::stream("data: a\n\r\n\rdata: b\n\r\n\r");
        assert_eq!(place(id, reversed.clone()), (Verdict::Warn, Some(7)));
        assert_eq!(verdict("line.consistent", reversed), Verdict::Pass);
        let mixed = Sample::stream("data: a\n\r\ndata: b\n\r\n");
        assert_eq!(verdict(id, mixed), Verdict::Pass);
        let cut = Sample::stream("data: a\n\r").end(EndKind::Left, 12);
        assert_eq!(verdict(id, cut), Verdict::Pass);
        assert_eq!(
            verdict(id, Sample::stream("data: a\r\n\r\n")),
            Verdict::Pass
        );
        let then_crs = Sample::stream("data: a\n\rdata: b\n\r\n\r");
        assert_eq!(place(id, then_crs), (Verdict::Warn, Some(7)));
    }

    #[test]
    fn cr_alone_warns_only_when_it_is_the_style() {
        let id = "line.cr-only";
        let crs = Sample::stream("data: a\r\rdata: b\r\r");
        assert_eq!(place(id, crs.clone()), (Verdict::Warn, Some(7)));
        assert_eq!(verdict("line.kind", crs), Verdict::Info);
        let crlf = Sample::stream("data: a\r\n\r\n");
        assert_eq!(verdict(id, crlf), Verdict::Pass);
        let lf = Sample::stream("data: a\n\n");
        assert_eq!(verdict(id, lf.clone()), Verdict::Pass);
        assert_eq!(verdict("line.kind", lf), Verdict::Pass);
    }

    #[test]
    fn crlf_split_between_chunks_warns() {
        let id = "line.crlf-split";
        let split = [
            (20, "data: a\r"),
            (20, "\n\r"),
            (20, "\ndata: b\r"),
            (900, "\n\r\n"),
        ];
        let found = finding(id, [Sample::chunked(split)]);
        assert_eq!(found.verdict, Verdict::Warn);
        assert_eq!(found.evidence[0].offset, Some(7));
        let whole = Sample::chunked([(20, "data: a\r\n\r\n"), (90, "data: b\r\n\r\n")]);
        assert_eq!(verdict(id, whole), Verdict::Pass);
        let lf = Sample::chunked([(20, "data: a\n\n")]);
        assert_eq!(verdict(id, lf), Verdict::NotApplicable);
    }

    #[test]
    fn a_crlf_split_by_chance_is_no_habit() {
        let id = "line.crlf-split";
        let once = Sample::slices([(20, "data: a\r"), (30, "\n\r\ndata: b\r\n\r\n")]);
        assert_eq!(verdict(id, once), Verdict::Pass);
        let bytes = "data: a\r\n\r\n".repeat(4);
        let single = bytes.bytes().zip(20..).map(|(b, ms)| (ms, [b]));
        assert_eq!(verdict(id, Sample::chunked(single.clone())), Verdict::Pass);
        assert_eq!(verdict(id, Sample::slices(single)), Verdict::Pass);
        // Slices of one burst say nothing about writes.
        let burst = Sample::slices([(20, "data: a\r"), (20, "\n\r"), (20, "\n")]);
        assert_eq!(verdict(id, burst), Verdict::Pass);
        let apart = Sample::slices([(20, "data: a\r"), (25, "\n\r"), (31, "\n")]);
        assert_eq!(place(id, apart), (Verdict::Warn, Some(7)));
    }

    #[test]
    fn extra_empty_lines_are_noted() {
        let id = "line.blank-runs";
        let fine = Sample::stream(":ok\n\ndata: a\n\n: ping\n\n");
        assert_eq!(verdict(id, fine), Verdict::Pass);
        let extra = Sample::stream("data: a\n\n\n\ndata: b\n\n").end(EndKind::Left, 900);
        assert_eq!(place(id, extra), (Verdict::Info, Some(9)));
        assert_eq!(place(id, Sample::stream("\n")), (Verdict::Info, Some(0)));
        assert_eq!(verdict(id, Sample::stream("")), Verdict::Unverified);
    }
}
