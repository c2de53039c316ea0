//! Rules of the group `encoding`.

use ssekit_record::{Level, Transcript, Verdict};

use super::fidelity::surrogates;
use super::ill_formed::{Form, Hex, Run, runs};
use super::sighting::{Sightings, tail_is_meant};
use super::source::{HTML_INTERPRETING, HTML_PARSING, RFC3629_SECURITY, RFC3629_UTF8};
use crate::reading::DiagnosticKind;
use crate::{Applies, Case, EchoCase, Judgement, Needs, Probe, Reading, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "encoding.valid-utf8",
        title: "The stream is well-formed UTF-8",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING, RFC3629_UTF8],
        expected: "every byte sequence is well-formed UTF-8, also across writes",
        impact: "Clients replace ill-formed bytes with U+FFFD: text arrives damaged, and an id \
                 damaged so cannot be resumed from.",
        remedy: "Encode text as UTF-8 before it is written, and never write or cut in the middle \
                 of a character.",
        good: "data: M\\xc3\\xbcnchen\\n\\n",
        bad: "data: M\\xfcnchen\\n\\n",
        judge: valid_utf8,
    },
    Rule {
        id: "encoding.no-surrogates",
        title: "No encoded surrogates and no overlong forms",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            Probe::Capabilities,
            Probe::Echo(EchoCase::CanaryData),
            Probe::Echo(EchoCase::CanaryType),
            Probe::Echo(EchoCase::CanaryId),
            Probe::Echo(EchoCase::CanaryRetry),
            Probe::Echo(EchoCase::CanaryComment),
            Probe::Echo(EchoCase::DataSurrogate),
            Probe::Echo(EchoCase::TypeSurrogate),
            Probe::Echo(EchoCase::IdSurrogate),
            Probe::Echo(EchoCase::RetrySurrogate),
            Probe::Echo(EchoCase::CommentSurrogate),
        ],
        sources: &[RFC3629_UTF8, RFC3629_SECURITY],
        expected: "each character in its one shortest form; characters beyond U+FFFF as four bytes",
        impact: "Emoji and other characters beyond U+FFFF arrive as several U+FFFD; overlong \
                 forms are also used to slip characters past filters.",
        remedy: "Convert from UTF-16 with a real encoder (not CESU-8 or Java's \"modified \
                 UTF-8\"), and pair surrogates before encoding.",
        good: "data: \\xf0\\x9f\\x98\\x80\\n\\n",
        bad: "data: \\xed\\xa0\\xbd\\xed\\xb8\\x80\\n\\n",
        judge: no_surrogates,
    },
    Rule {
        id: "encoding.no-replacement",
        title: "The text is not full of U+FFFD",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[],
        expected: "no U+FFFD REPLACEMENT CHARACTER where the text had another character",
        impact: "The original characters were lost before the stream was written; no client can \
                 bring them back.",
        remedy: "Find the place that decodes bytes with the wrong charset, or in pieces that split \
                 characters, before the text reaches the stream.",
        good: "data: M\\xc3\\xbcnchen\\n\\n",
        bad: "data: M\\xef\\xbf\\xbdnchen\\n\\n",
        judge: no_replacement,
    },
    Rule {
        id: "encoding.bom-start",
        title: "Whether the stream begins with a BOM",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING],
        expected: "no BOM, or one as the very first bytes: clients remove it",
        impact: "Clients that do not remove it miss the first field.",
        remedy: "Write UTF-8 without a BOM; it marks nothing in a format that is always UTF-8.",
        good: "data: a\\n\\n",
        bad: "\\xef\\xbb\\xbfdata: a\\n\\n",
        judge: bom_start,
    },
    Rule {
        id: "encoding.bom-mid",
        title: "No BOM at the start of a later line",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PARSING, HTML_INTERPRETING],
        expected: "BOM bytes nowhere but at the start of the stream",
        impact: "The BOM becomes part of the field name, so the client ignores the line: data, \
                 ids and event types are lost.",
        remedy: "Write with an encoder that emits no BOM (.NET: `new UTF8Encoding(false)`), and \
                 strip BOMs from files and messages that are passed on.",
        good: "data: a\\n\\ndata: b\\n\\n",
        bad: "data: a\\n\\n\\xef\\xbb\\xbfdata: b\\n\\n",
        judge: bom_mid,
    },
    Rule {
        id: "encoding.bom-on-reconnect",
        title: "No BOM in the middle of a resumed stream",
        level: Level::Practice,
        needs: Needs::Reconnect,
        applies: Applies::Stream,
        probes: &[Probe::Resume, Probe::ResumeFinished, Probe::ResumeUnknown],
        sources: &[HTML_PARSING, HTML_INTERPRETING],
        expected: "also after a reconnect, BOM bytes nowhere but at the start of the stream",
        impact: "The client ignores the line that follows the BOM: the first event after a \
                 reconnect is lost, or damaged.",
        remedy: "Use one encoder per connection, or one that emits no BOM; a new writer for \
                 replayed events starts with a BOM of its own.",
        good: "id: 8\\ndata: b\\n\\n",
        bad: ": resumed\\n\\n\\xef\\xbb\\xbfid: 8\\ndata: b\\n\\n",
        judge: bom_on_reconnect,
    },
];

/// Ill-formed runs of a stream, without one that our leaving or a broken connection has cut.
fn judged_runs(transcript: &Transcript) -> impl Iterator<Item = Run<'_>> {
    let meant = tail_is_meant(transcript);
    runs(&transcript.stream().bytes).filter(move |run| meant || !run.cut)
}

fn nothing_sent(case: &Case<'_>) -> Option<Judgement> {
    let silent = case.streams().all(|(t, _)| t.stream().is_empty());
    silent.then(|| Judgement::unverified("no content arrived; try --observe 30s"))
}

fn valid_utf8(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, _) in case.streams() {
        for run in judged_runs(transcript) {
            let note = format_args!("ill-formed: {}", Hex(run.bytes));
            seen.add(transcript, run.offset, run.len(), note);
        }
    }
    if seen.is_empty() {
        return nothing_sent(case).unwrap_or_else(|| Judgement::pass("well-formed UTF-8"));
    }
    let actual = format!(
        "bytes that are not UTF-8 ({}), first {}",
        seen.tally(),
        seen.first_note()
    );
    seen.attach(Judgement::fail(actual))
}

fn no_surrogates(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, _) in case.streams() {
        for run in judged_runs(transcript) {
            for (at, form) in Form::find_in(run.bytes) {
                let len = form.len() as u64;
                let offset = run.offset + at as u64;
                let hex = Hex(&run.bytes[at..at + form.len()]);
                let note = format_args!("{}: {hex}", form.name());
                seen.add(transcript, offset, len, note);
            }
        }
    }
    if seen.is_empty() {
        let fine = "no encoded surrogate, overlong form or code point beyond U+10FFFF";
        let by_echo = surrogates(case).filter(|judgement| judgement.verdict != Verdict::Pass);
        if let Some(judgement) = by_echo {
            return judgement;
        }
        return nothing_sent(case).unwrap_or_else(|| Judgement::pass(fine));
    }
    let actual = format!(
        "forms that UTF-8 forbids ({}), first {}",
        seen.tally(),
        seen.first_note()
    );
    seen.attach(Judgement::fail(actual))
}

/// U+FFFD in a stream from which so many warn.
const FLOOD: usize = 3;

fn no_replacement(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    let mut flood = false;
    for (transcript, _) in case.streams() {
        let text = &transcript.stream().bytes;
        let places: Vec<usize> = memchr_all(text, "\u{fffd}".as_bytes());
        let others = non_ascii(text).saturating_sub(places.len());
        // Damage by a wrong decoder hits every such character; one among many may be meant.
        flood |= places.len() >= FLOOD && places.len() * 9 >= others;
        for at in places {
            seen.add(transcript, at as u64, 3, "U+FFFD as sent");
        }
    }
    if seen.is_empty() {
        return nothing_sent(case).unwrap_or_else(|| Judgement::pass("no U+FFFD was sent"));
    }
    let actual = format!("U+FFFD in the text as sent ({})", seen.tally());
    seen.attach(if flood {
        Judgement::warn(actual)
    } else {
        Judgement::info(actual)
    })
}

fn memchr_all(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(needle.len()).enumerate();
    windows
        .filter(|(_, window)| *window == needle)
        .map(|(at, _)| at)
        .collect()
}

/// Lead bytes of characters beyond ASCII.
fn non_ascii(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte >= 0xC0).count()
}

fn bom_start(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        if reading.first(DiagnosticKind::LeadingBom).is_some() {
            seen.add(transcript, 0, 3, "a BOM, which clients remove");
        }
    }
    if seen.is_empty() {
        return nothing_sent(case).unwrap_or_else(|| Judgement::pass("no leading BOM"));
    }
    seen.attach(Judgement::info("the stream begins with a BOM"))
}

fn mid_boms<'a>(streams: impl Iterator<Item = (&'a Transcript, &'a Reading)>) -> Sightings<'a> {
    let mut seen = Sightings::default();
    for (transcript, reading) in streams {
        for bom in reading.all(DiagnosticKind::MidStreamBom) {
            seen.add(transcript, bom.offset, 3, "a BOM in front of a field name");
        }
    }
    seen
}

fn is_resumed(transcript: &Transcript) -> bool {
    let mut fields = transcript.request.fields.iter();
    fields.any(|field| field.name.eq_ignore_ascii_case("last-event-id"))
}

fn bom_mid(case: &Case<'_>) -> Judgement {
    let seen = mid_boms(case.streams().filter(|(t, _)| !is_resumed(t)));
    if seen.is_empty() {
        return nothing_sent(case).unwrap_or_else(|| Judgement::pass("no BOM in mid-stream"));
    }
    let actual = format!("a BOM at the start of a later line ({})", seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn bom_on_reconnect(case: &Case<'_>) -> Judgement {
    if !mid_boms(case.streams().filter(|(t, _)| !is_resumed(t))).is_empty() {
        return Judgement::not_applicable(
            "BOMs in mid-stream come without a reconnect too: see encoding.bom-mid",
        );
    }
    let resumed = || case.streams().filter(|(t, _)| is_resumed(t));
    let seen = mid_boms(resumed());
    if seen.is_empty() {
        if resumed().all(|(t, _)| t.stream().is_empty()) {
            return Judgement::unverified("no resumed stream sent anything");
        }
        return Judgement::pass("no BOM in mid-stream after a reconnect");
    }
    let actual = format!("a BOM at the start of a later line ({})", seen.tally());
    seen.attach(Judgement::warn(actual))
}

#[cfg(test)]
mod tests {
    use ssekit_record::{EndKind, Verdict};

    use super::*;
    use crate::check::sample::{Sample, finding, place, verdict};

    #[test]
    fn utf8_cut_by_our_leaving_is_not_judged() {
        let id = "encoding.valid-utf8";
        assert_eq!(verdict(id, Sample::stream("data: ü€😀\n\n")), Verdict::Pass);
        let cut = Sample::stream(b"data: \xf0\x9f");
        assert_eq!(verdict(id, cut.clone()), Verdict::Pass);
        let reset = cut.clone().end(EndKind::Truncated, 50);
        assert_eq!(verdict(id, reset), Verdict::Pass);
        assert_eq!(place(id, cut.ended(50)), (Verdict::Fail, Some(6)));
        assert_eq!(verdict(id, Sample::stream("")), Verdict::Unverified);
    }

    #[test]
    fn ill_formed_bytes_fail_where_they_are() {
        let id = "encoding.valid-utf8";
        let latin = Sample::stream(b"data: caf\xe9 au lait\n\ndata: \xff\n\n");
        let finding = finding(id, [latin]);
        assert_eq!(finding.verdict, Verdict::Fail);
        let offsets: Vec<_> = finding.evidence.iter().map(|e| e.offset).collect();
        assert_eq!(offsets, [Some(9), Some(26)]);
        assert!(finding.actual.contains("e9"), "{}", finding.actual);
        // A character split over two slices is whole.
        let split = Sample::slices([(20, b"data: \xc3".as_slice()), (30, b"\xbc\n\n")]);
        assert_eq!(verdict(id, split), Verdict::Pass);
        // Also comments are text of the stream.
        assert_eq!(
            place(id, Sample::stream(b": \xc3(\n\n")),
            (Verdict::Fail, Some(2))
        );
    }

    #[test]
    fn a_defect_in_a_resumed_stream_is_seen() {
        let main = Sample::stream("data: a\n\n");
        let resumed = Sample::stream(b"data: \xff\n\n").by(Probe::Resume);
        let finding = finding("encoding.valid-utf8", [main, resumed]);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(finding.evidence[0].probe, "resume");
    }

    #[test]
    fn surrogates_and_overlong_forms_are_named() {
        let id = "encoding.no-surrogates";
        let seen = |bytes: &[u8]| {
            let finding = finding(id, [Sample::stream(bytes)]);
            let offset = finding.evidence.first().and_then(|e| e.offset);
            (finding.verdict, offset, finding.actual)
        };
        let (verdict, offset, actual) = seen(b"data: \xed\xa0\xbd\xed\xb8\x80\n\n");
        assert_eq!((verdict, offset), (Verdict::Fail, Some(6)));
        assert!(actual.contains("CESU-8"), "{actual}");
        assert!(seen(b"data: \xed\xa0\xbd\n\n").2.contains("surrogate"));
        assert!(seen(b"data: x\xc0\x80\n\n").2.contains("overlong"));
        assert!(seen(b"data: x\xe0\x80\xaf\n\n").2.contains("overlong"));
        assert!(seen(b"data: \xf5\x80\x80\x80\n\n").2.contains("U+10FFFF"));
        // Latin-1 is ill-formed, but none of these; the real character U+D7FF is fine.
        assert_eq!(seen(b"data: \xc0 la carte\n\n").0, Verdict::Pass);
        assert_eq!(seen(b"data: \xed\x9f\xbf\n\n").0, Verdict::Pass);
    }

    #[test]
    fn replacement_characters_warn_only_in_numbers() {
        let id = "encoding.no-replacement";
        assert_eq!(verdict(id, Sample::stream("data: ü\n\n")), Verdict::Pass);
        let one = Sample::stream("data: the character \u{fffd}\n\n");
        assert_eq!(place(id, one), (Verdict::Info, Some(20)));
        let flood = "data: M\u{fffd}nchen\n\n".repeat(3);
        assert_eq!(verdict(id, Sample::stream(flood)), Verdict::Warn);
        let chart = format!("data: {}\u{fffd}\u{fffd}\u{fffd}\n\n", "ж".repeat(400));
        assert_eq!(verdict(id, Sample::stream(chart)), Verdict::Info);
    }

    #[test]
    fn boms_are_told_apart_by_place() {
        let led = Sample::stream("\u{feff}data: a\n\n");
        assert_eq!(
            place("encoding.bom-start", led.clone()),
            (Verdict::Info, Some(0))
        );
        assert_eq!(verdict("encoding.bom-mid", led), Verdict::Pass);
        let mid = Sample::stream("data: a\n\n\u{feff}data: b\n\n");
        assert_eq!(verdict("encoding.bom-start", mid.clone()), Verdict::Pass);
        assert_eq!(place("encoding.bom-mid", mid), (Verdict::Warn, Some(9)));
        let inside = Sample::stream("data: \u{feff}text with a ZWNBSP\n\n");
        assert_eq!(verdict("encoding.bom-mid", inside), Verdict::Pass);
    }

    #[test]
    fn a_bom_in_a_resumed_stream_is_its_own_finding() {
        let id = "encoding.bom-on-reconnect";
        let main = Sample::stream("id: 1\ndata: a\n\n");
        let resumed = |bytes: &str| {
            let sample = Sample::stream(bytes).by(Probe::Resume);
            sample.asked("Last-Event-ID", "1")
        };
        let bad = resumed(": hi\n\n\u{feff}data: b\n\n");
        let found = finding(id, [main.clone(), bad.clone()]);
        assert_eq!(found.verdict, Verdict::Warn);
        assert_eq!(found.evidence[0].offset, Some(6));
        assert_eq!(
            finding("encoding.bom-mid", [main.clone(), bad]).verdict,
            Verdict::Pass
        );
        let led = resumed("\u{feff}data: b\n\n");
        assert_eq!(finding(id, [main, led.clone()]).verdict, Verdict::Pass);
        let always = Sample::stream("data: a\n\n\u{feff}data: b\n\n");
        assert_eq!(finding(id, [always, led]).verdict, Verdict::NotApplicable);
    }
}
