//! Rules of fidelity and injection: what the server's SSE library makes of chosen values. A table,
//! long because it is one.

use ssekit_record::{Level, Verdict};

use super::echoed::{Outcome, Sent, shown};
use super::source::{HTML_INTERPRETING, HTML_PARSING};
use crate::{Applies, Case, EchoCase as C, Judgement, Needs, Probe as P, Rule, endpoint};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "encoding.astral",
        title: "4-byte characters survive",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataAstral),
        ],
        sources: &[HTML_PARSING],
        expected: "characters beyond U+FFFF arrive as they were sent",
        impact: "Emoji and rare scripts arrive as other characters, or not at all.",
        remedy: "Encode the whole stream as UTF-8; do not convert UTF-16 halves one by one.",
        good: "data: \\u{1f600}\\n\\n",
        bad: "data: \\u{fffd}\\u{fffd}\\n\\n",
        judge: |case| exact(case, &[C::DataAstral]),
    },
    Rule {
        id: "encoding.split-char",
        title: "A character that falls on a buffer's edge arrives whole",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataSplit),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "20 KB of 4-byte characters arrive as they were sent",
        impact: "Characters on the edge of a buffer arrive as U+FFFD, now and then, in long events only.",
        remedy: "Join bytes before decoding, or decode with a decoder that keeps its state between blocks.",
        good: "F0 9F | 98 80",
        bad: "EF BF BD | EF BF BD",
        judge: |case| exact(case, &[C::DataSplit]),
    },
    Rule {
        id: "encoding.nul",
        title: "U+0000 in data is sent or refused",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[P::Capabilities, P::Echo(C::CanaryData), P::Echo(C::DataNul)],
        sources: &[HTML_PARSING],
        expected: "the data arrives with its U+0000, or the value is refused",
        impact: "What follows the U+0000 is lost without a word.",
        remedy: "Send the character as it is, which the grammar allows in data, or refuse the value.",
        good: "data: a\\0b\\n\\n",
        bad: "data: a\\n\\n",
        judge: |case| exact(case, &[C::DataNul]),
    },
    Rule {
        id: "data.multiline",
        title: "Data of several lines arrives as it was",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataLines),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "each line in a data field of its own, so that clients join them with LF",
        impact: "Text after the first line is lost, or arrives changed.",
        remedy: "Write one `data:` line for each line of the value.",
        good: "data: a\\ndata: b\\n\\n",
        bad: "data: a\\nb\\n\\n",
        judge: |case| exact(case, &[C::DataLines]),
    },
    Rule {
        id: "data.crlf-normalised",
        title: "CR and CRLF in data end a line, or are refused",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataCr),
            P::Echo(C::DataCrLf),
        ],
        sources: &[HTML_PARSING],
        expected: "a CR or CRLF in a value arrives as LF, or the value is refused",
        impact: "A raw CR ends the line for every client: the rest of the value is lost or read as another field.",
        remedy: "Split values at CR and CRLF as well as at LF.",
        good: "data: a\\ndata: b\\n\\n",
        bad: "data: a\\rb\\n\\n",
        judge: |case| exact(case, &[C::DataCr, C::DataCrLf]),
    },
    Rule {
        id: "data.injection",
        title: "Data cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataFields),
            P::Echo(C::DataFieldsCr),
            P::Echo(C::DataBlankLine),
        ],
        sources: &[HTML_PARSING],
        expected: "line ends in data make no new field and no new event",
        impact: "Whoever controls a value sends other users events, ids and reconnection times of his choice.",
        remedy: "Split every value at LF, CR and CRLF and write each part behind its own `data:`.",
        good: "data: text\\ndata: id: 7\\n\\n",
        bad: "data: text\\nid: 7\\n\\n",
        judge: |case| forge(case, &[C::DataFields, C::DataFieldsCr, C::DataBlankLine]),
    },
    Rule {
        id: "data.trailing-newline",
        title: "A line end at the end of data is kept",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataTrailingLf),
            P::Echo(C::DataTrailingLfs),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "data that ends with LF arrives with it",
        impact: "Texts that are sent in pieces, such as answers of language models, lose their line ends.",
        remedy: "Write an empty `data:` line for each line end at the end.",
        good: "data: a\\ndata: \\n\\n",
        bad: "data: a\\n\\n",
        judge: |case| exact(case, &[C::DataTrailingLf, C::DataTrailingLfs]),
    },
    Rule {
        id: "data.empty",
        title: "Empty data dispatches an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataEmpty),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "an event with empty data is dispatched",
        impact: "Events that say all by their type never reach the client.",
        remedy: "Write `data:` even when there is nothing to say.",
        good: "data:\\n\\n",
        bad: "event: ping\\n\\n",
        judge: |case| exact(case, &[C::DataEmpty]),
    },
    Rule {
        id: "data.leading-space",
        title: "Spaces at the edges of data are kept",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataSpace),
            P::Echo(C::DataSpaces),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "data that begins or ends with a space arrives with it",
        impact: "The one space after the colon is not data: without it the value loses its own. Words sent in pieces run together.",
        remedy: "Always write a space after `data:`, and do not trim values.",
        good: "data:  text\\n\\n",
        bad: "data: text\\n\\n",
        judge: |case| exact(case, &[C::DataSpace, C::DataSpaces]),
    },
    Rule {
        id: "data.colon",
        title: "Colons in data are kept",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataColonFirst),
            P::Echo(C::DataColon),
            P::Echo(C::DataField),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "data that begins with a colon, or holds one, arrives as it was",
        impact: "URLs, times and JSON texts arrive cut, or are taken for comments.",
        remedy: "Write the value as it is after `data: `; only the first colon of a line divides it.",
        good: "data: :text\\n\\n",
        bad: "data::text\\n\\n, cut at the colon",
        judge: |case| exact(case, &[C::DataColonFirst, C::DataColon, C::DataField]),
    },
    Rule {
        id: "data.unicode-breaks",
        title: "Only CR and LF end a line",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryData),
            P::Echo(C::DataUnicodeBreaks),
            P::Echo(C::DataBom),
        ],
        sources: &[HTML_PARSING],
        expected: "NEL, U+2028, U+2029, VT and FF arrive as they were, and so does a U+FEFF at the beginning",
        impact: "Functions that split at every Unicode line end turn these characters into LF, and the text changes.",
        remedy: "Split at CR, LF and CRLF only (in Python, not with splitlines()).",
        good: "data: a\\u{2028}b\\n\\n",
        bad: "data: a\\ndata: b\\n\\n",
        judge: |case| exact(case, &[C::DataUnicodeBreaks, C::DataBom]),
    },
    Rule {
        id: "event.injection",
        title: "An event type cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryType),
            P::Echo(C::TypeLf),
            P::Echo(C::TypeCr),
            P::Echo(C::TypeCrLf),
            P::Echo(C::TypeBreaks),
            P::Echo(C::TypeNul),
            P::Echo(C::TypeBom),
        ],
        sources: &[HTML_PARSING],
        expected: "a type with a line end is refused, or makes no new field",
        impact: "Whoever controls the type sends events of his choice.",
        remedy: "Refuse types that hold CR or LF.",
        good: "refused, or event: 1 data: x\\n",
        bad: "event: 1\\ndata: x\\n",
        judge: |case| {
            forge(
                case,
                &[
                    C::TypeLf,
                    C::TypeCr,
                    C::TypeCrLf,
                    C::TypeBreaks,
                    C::TypeNul,
                    C::TypeBom,
                ],
            )
        },
    },
    Rule {
        id: "event.fidelity",
        title: "The event type arrives",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryType),
            P::Echo(C::TypeNonAscii),
            P::Echo(C::TypeColon),
            P::Echo(C::TypeBreaks),
            P::Echo(C::TypeNul),
            P::Echo(C::TypeSpaces),
            P::Echo(C::TypeEmpty),
            P::Echo(C::TypeBom),
            P::Echo(C::TypeField),
            P::Echo(C::TypeLarge),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "the type arrives as it was sent, ASCII or not",
        impact: "Listeners for that type are never called.",
        remedy: "Write the type in UTF-8, as it is.",
        good: "event: caf\\u{e9}\\n",
        bad: "event: caf?\\n",
        judge: |case| {
            exact(
                case,
                &[
                    C::TypeNonAscii,
                    C::TypeColon,
                    C::TypeBreaks,
                    C::TypeNul,
                    C::TypeSpaces,
                    C::TypeEmpty,
                    C::TypeBom,
                    C::TypeField,
                    C::TypeLarge,
                ],
            )
        },
    },
    Rule {
        id: "id.reset",
        title: "An empty id resets the last event ID",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[P::Capabilities, P::Echo(C::CanaryId), P::Echo(C::IdReset)],
        sources: &[HTML_INTERPRETING],
        expected: "an empty id is sent as an `id` line, and resets the last event ID string",
        impact: "Clients come back with an id that no longer means anything.",
        remedy: "Tell an empty id from none: write `id:` for it.",
        good: "id\\ndata: a\\n\\n",
        bad: "data: a\\n\\n",
        judge: |case| exact(case, &[C::IdReset]),
    },
    Rule {
        id: "id.injection",
        title: "An id cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryId),
            P::Echo(C::IdLf),
            P::Echo(C::IdCr),
            P::Echo(C::IdCrLf),
            P::Echo(C::IdBreaks),
            P::Echo(C::IdNul),
            P::Echo(C::IdBom),
        ],
        sources: &[HTML_PARSING],
        expected: "an id with a line end is refused, or makes no new field",
        impact: "Whoever controls the id sends events of his choice.",
        remedy: "Refuse ids that hold CR, LF or NUL.",
        good: "refused, or id: 1 data: x\\n",
        bad: "id: 1\\ndata: x\\n",
        judge: |case| {
            forge(
                case,
                &[C::IdLf, C::IdCr, C::IdCrLf, C::IdBreaks, C::IdNul, C::IdBom],
            )
        },
    },
    Rule {
        id: "id.fidelity",
        title: "The id arrives",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryId),
            P::Echo(C::IdNonAscii),
            P::Echo(C::IdColon),
            P::Echo(C::IdBreaks),
            P::Echo(C::IdSpaces),
            P::Echo(C::IdBom),
            P::Echo(C::IdField),
            P::Echo(C::IdLarge),
            P::Echo(C::IdNul),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "the id arrives as it was sent, ASCII or not",
        impact: "Clients come back with an id that the server never gave.",
        remedy: "Write the id in UTF-8, as it is.",
        good: "id: a: 1\\n",
        bad: "id: a%3A%201\\n",
        judge: |case| {
            id_exact(
                case,
                &[
                    C::IdNonAscii,
                    C::IdColon,
                    C::IdBreaks,
                    C::IdSpaces,
                    C::IdBom,
                    C::IdField,
                    C::IdLarge,
                    C::IdNul,
                ],
            )
        },
    },
    Rule {
        id: "retry.fidelity",
        title: "The reconnection time arrives",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryRetry),
            P::Echo(C::RetryAlone),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "the reconnection time arrives, with data and without",
        impact: "Clients keep another reconnection time than they were given.",
        remedy: "Write `retry:` and whole milliseconds, also in a block without data.",
        good: "retry: 3456\\n\\n",
        bad: "retry: 3\\n\\n",
        judge: |case| exact(case, &[C::CanaryRetry, C::RetryAlone]),
    },
    Rule {
        id: "retry.injection",
        title: "A reconnection time cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryRetry),
            P::Echo(C::RetryText),
            P::Echo(C::RetryLf),
            P::Echo(C::RetryCr),
            P::Echo(C::RetryCrLf),
            P::Echo(C::RetryNul),
            P::Echo(C::RetryBreaks),
            P::Echo(C::RetrySpaces),
            P::Echo(C::RetryEmpty),
            P::Echo(C::RetryBom),
            P::Echo(C::RetryColon),
            P::Echo(C::RetryField),
            P::Echo(C::RetryLarge),
        ],
        sources: &[HTML_PARSING],
        expected: "what is no number is refused, or makes no new field",
        impact: "Whoever controls the value sends events of his choice.",
        remedy: "Take whole numbers only.",
        good: "refused",
        bad: "retry: 1\\ndata: x\\n",
        judge: |case| {
            forge(
                case,
                &[
                    C::RetryText,
                    C::RetryLf,
                    C::RetryCr,
                    C::RetryCrLf,
                    C::RetryNul,
                    C::RetryBreaks,
                    C::RetrySpaces,
                    C::RetryEmpty,
                    C::RetryBom,
                    C::RetryColon,
                    C::RetryField,
                    C::RetryLarge,
                ],
            )
        },
    },
    Rule {
        id: "heartbeat.injection",
        title: "A comment cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryComment),
            P::Echo(C::CommentLf),
            P::Echo(C::CommentCr),
            P::Echo(C::CommentCrLf),
            P::Echo(C::CommentNul),
            P::Echo(C::CommentBreaks),
            P::Echo(C::CommentSpaces),
            P::Echo(C::CommentEmpty),
            P::Echo(C::CommentBom),
            P::Echo(C::CommentColon),
            P::Echo(C::CommentField),
            P::Echo(C::CommentLarge),
        ],
        sources: &[HTML_PARSING],
        expected: "a comment with line ends stays a comment, or is refused",
        impact: "Whoever controls the text of a comment sends events of his choice.",
        remedy: "Begin each line of the text with a colon, split at LF, CR and CRLF, or refuse it.",
        good: ":a\\n:b\\n",
        bad: ":a\\nb\\n",
        judge: |case| {
            forge(
                case,
                &[
                    C::CommentLf,
                    C::CommentCr,
                    C::CommentCrLf,
                    C::CommentNul,
                    C::CommentBreaks,
                    C::CommentSpaces,
                    C::CommentEmpty,
                    C::CommentBom,
                    C::CommentColon,
                    C::CommentField,
                    C::CommentLarge,
                ],
            )
        },
    },
];

/// Every value arrives exactly, or is refused.
fn exact(case: &Case<'_>, values: &[C]) -> Judgement {
    judge(case, values, |sent| sent.wrong())
}

/// As [`exact`]. What is left of an id with U+0000, which clients ignore, is no MUST.
fn id_exact(case: &Case<'_>, values: &[C]) -> Judgement {
    let (lost, others): (Vec<C>, Vec<C>) = values.iter().partition(|value| **value == C::IdNul);
    let judgement = exact(case, &others);
    if judgement.verdict != Verdict::Pass {
        return judgement;
    }
    let lost = exact(case, &lost);
    match lost.verdict {
        Verdict::Fail => lost
            .at_level(Level::Practice)
            .remedy("Refuse ids that hold U+0000: clients ignore them."),
        _ => judgement,
    }
}

/// No lone half of a surrogate pair, which JSON can ask for, becomes bytes of the stream. Nothing
/// where none was sent.
pub(super) fn surrogates(case: &Case<'_>) -> Option<Judgement> {
    let mut tally = Tally::default();
    for value in SURROGATES {
        let Some(transcript) = case.transcript(P::Echo(value)) else {
            continue;
        };
        if offered(case, &[value]).is_err() {
            continue;
        }
        let bytes = &transcript.stream().bytes;
        // U+D800 to U+DFFF as UTF-8 would have it (RFC 3629 3).
        let is_half = |three: &[u8]| three[0] == 0xed && three[1] >= 0xa0;
        if let Some(at) = bytes.windows(3).position(is_half) {
            let actual = format!("{} was encoded as it is", value.about());
            let judgement = Judgement::fail(actual);
            return Some(judgement.seen(transcript, at as u64, 3, "half a surrogate pair"));
        }
        match Outcome::of(case, value) {
            Some(Outcome::Refused(_)) => tally.refused += 1,
            Some(Outcome::Broken(what)) => {
                let told = format!("{}: {what}", value.about());
                tally.broken.get_or_insert(told);
            }
            Some(Outcome::Sent(_)) => tally.sent += 1,
            None => {}
        }
    }
    (tally.sent + tally.refused > 0 || tally.broken.is_some()).then(|| tally.rest())
}

const SURROGATES: [C; 5] = [
    C::DataSurrogate,
    C::TypeSurrogate,
    C::IdSurrogate,
    C::RetrySurrogate,
    C::CommentSurrogate,
];

/// No value makes a field or an event that was not asked for.
fn forge(case: &Case<'_>, values: &[C]) -> Judgement {
    judge(case, values, |sent| sent.forged())
}

/// What was seen of the values of a rule.
#[derive(Default)]
struct Tally {
    sent: usize,
    refused: usize,
    broken: Option<String>,
    wrong: Vec<String>,
}

fn judge(case: &Case<'_>, values: &[C], wrong: fn(&Sent<'_>) -> Option<String>) -> Judgement {
    if let Err(judgement) = offered(case, values) {
        return judgement;
    }
    let mut tally = Tally::default();
    let mut first: Option<Sent<'_>> = None;
    for value in values {
        match Outcome::of(case, *value) {
            None => {}
            Some(Outcome::Refused(_)) => tally.refused += 1,
            Some(Outcome::Broken(what)) => {
                tally
                    .broken
                    .get_or_insert(format!("{}: {what}", value.about()));
            }
            Some(Outcome::Sent(sent)) => {
                tally.sent += 1;
                if let Some(what) = wrong(&sent) {
                    let asked = shown(&value.value());
                    tally
                        .wrong
                        .push(format!("{} ({asked}): {what}", value.about()));
                    first.get_or_insert(sent);
                }
            }
        }
    }
    match first {
        Some(sent) => tally.failure(&sent),
        None => tally.rest(),
    }
}

impl Tally {
    fn failure(&self, sent: &Sent<'_>) -> Judgement {
        let (start, len) = sent.place();
        Judgement::fail(self.wrong.join("; ")).seen(
            sent.transcript,
            start,
            len,
            format!("sent: {}", sent.case.about()),
        )
    }

    fn rest(self) -> Judgement {
        if let Some(broken) = self.broken {
            return Judgement::warn(broken)
                .at_level(Level::Practice)
                .expecting("the value is sent, or refused with a 4xx before the stream begins");
        }
        match (self.sent, self.refused) {
            (0, 0) => Judgement::unverified("the values were not sent"),
            (0, _) => Judgement::pass("refused"),
            (_, 0) => Judgement::pass("as asked for"),
            (sent, refused) => Judgement::pass(format!("{sent} as asked for, {refused} refused")),
        }
    }
}

/// Whether the endpoint offers the member the values are given as, proved by its canary.
pub(super) fn offered(case: &Case<'_>, values: &[C]) -> Result<(), Judgement> {
    let (Some(value), Some(document)) = (values.first(), case.transcript(P::Capabilities)) else {
        return Err(Judgement::unverified("no echo endpoint was asked"));
    };
    let name = value.member().capability();
    let known = endpoint::capabilities(document).unwrap_or_default();
    if !known.iter().any(|capability| capability == name) {
        let missing = format!("the echo endpoint does not offer `{name}`");
        return Err(Judgement::unverified(missing));
    }
    let canary = value.member().canary();
    let what = match Outcome::of(case, canary) {
        None => "it was not sent".into(),
        Some(Outcome::Refused(status)) => format!("it was refused with {status}"),
        Some(Outcome::Broken(what)) => what,
        // What a reconnection time becomes is the rule's own question.
        Some(Outcome::Sent(sent)) => match sent.wrong() {
            Some(what) if canary != C::CanaryRetry => what,
            _ => return Ok(()),
        },
    };
    Err(Judgement::unverified(format!(
        "the echo endpoint offers `{name}`, but {} did not arrive: {what}",
        canary.about()
    )))
}
