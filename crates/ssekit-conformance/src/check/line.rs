//! Rules of the group `line`.

use ssekit_record::Level;

use super::source::HTML_PARSING;
use crate::{Applies, Case, Judgement, LineEnd, Needs, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
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
}];

fn kind(case: &Case<'_>) -> Judgement {
    let (Some(transcript), Some(reading)) = (case.main(), case.reading()) else {
        return Judgement::unverified("no main observation");
    };
    let Some(first) = reading.lines.first() else {
        return Judgement::unverified("no line arrived");
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
