//! Whether head, chunks and frames keep the grammar of HTTP.

use ssekit_record::{EndKind, Fault, FaultKind, HttpVersion, Level, Transcript};

use crate::{Case, Judgement};

/// Faults that break the grammar of a message.
const GRAMMAR: [FaultKind; 6] = [
    FaultKind::HeadInvalid,
    FaultKind::TransferCodingUnknown,
    FaultKind::ChunkSizeInvalid,
    FaultKind::ChunkSizeUnterminated,
    FaultKind::ChunkDataUnterminated,
    FaultKind::TrailerInvalid,
];

pub(super) fn well_formed(case: &Case<'_>) -> Judgement {
    if let Some(broken) = broken_session(case) {
        return broken;
    }
    // Without a head, main is judged only where the server broke HTTP/2 before one.
    let headless = case.main().filter(|main| main.head.is_none());
    let streams = case.streams().map(|(transcript, _)| transcript);
    let faults: Vec<(&Transcript, &Fault)> = streams
        .chain(headless)
        .flat_map(|transcript| {
            transcript
                .faults
                .iter()
                .map(move |fault| (transcript, fault))
        })
        .filter(|(transcript, fault)| is_grammar(transcript, fault))
        .collect();
    if let Some((_, first)) = faults.first() {
        let more = match faults.len() {
            1 => String::new(),
            several => format!(", and {} more faults", several - 1),
        };
        let judgement = Judgement::fail(format!("{}{more}", first.detail));
        return faults.into_iter().fold(judgement, show);
    }
    if let Some((transcript, fault)) = trailing_bytes(case) {
        return Judgement::warn(format!("bytes after the last chunk: {}", fault.detail))
            .at_level(Level::Practice)
            .seen_on_wire(transcript, fault.offset, 1, "nothing may follow here");
    }
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    Judgement::pass(match main.head.as_ref().map(|head| head.version) {
        Some(HttpVersion::Http2) => "the HTTP/2 frames could all be read".into(),
        _ if main.chunks.is_empty() => "the head is well formed; no chunked coding".to_owned(),
        _ => format!("{} chunks", main.chunks.len()),
    })
}

/// The frames of several streams on one connection could not be read to the end.
fn broken_session(case: &Case<'_>) -> Option<Judgement> {
    let session = case.session()?;
    let stream = &session.streams.first()?.transcript;
    (session.end.kind == EndKind::Malformed).then(|| {
        let actual = format!(
            "with several streams on one connection: {}",
            session.end.detail
        );
        Judgement::fail(actual).noted(stream, Some(session.end.at_us), "reading stopped here")
    })
}

fn is_grammar(transcript: &Transcript, fault: &Fault) -> bool {
    // A trailer section that was cut off is a matter of how the stream ended, and so is the reset
    // of an HTTP/2 stream.
    let cut = matches!(transcript.end.kind, EndKind::Truncated | EndKind::Reset);
    match fault.kind {
        FaultKind::TrailerInvalid => !(cut && fault.offset >= transcript.wire.len()),
        FaultKind::Http2 | FaultKind::NotHttp2 => transcript.end.kind == EndKind::Malformed,
        kind => GRAMMAR.contains(&kind),
    }
}

fn show(judgement: Judgement, (transcript, fault): (&Transcript, &Fault)) -> Judgement {
    let in_head = matches!(
        fault.kind,
        FaultKind::HeadInvalid
            | FaultKind::TransferCodingUnknown
            | FaultKind::Http2
            | FaultKind::NotHttp2
    );
    if in_head {
        judgement.noted(transcript, Some(fault.at_us), fault.detail.clone())
    } else {
        judgement.seen_on_wire(transcript, fault.offset, 1, fault.detail.clone())
    }
}

/// Bytes other than empty lines after the end of a chunked message.
fn trailing_bytes<'a>(case: &Case<'a>) -> Option<(&'a Transcript, &'a Fault)> {
    let main = case.main().filter(|main| !main.chunks.is_empty())?;
    let fault = main.fault(FaultKind::BytesAfterEnd)?;
    let from = usize::try_from(fault.offset).ok()?;
    let rest = main.wire.bytes.get(from..)?;
    let only_lines = rest.iter().all(|b| matches!(b, b'\r' | b'\n'));
    (!only_lines).then_some((main, fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Probe;
    use crate::check::sample::{Sample, finding, place, verdict};
    use ssekit_record::Verdict;

    fn two() -> Sample {
        Sample::chunked([(20, "data: a\n\n"), (30, "data: b\n\n")])
    }

    #[test]
    fn every_fault_of_the_grammar_fails_where_it_is() {
        let id = "framing.well-formed";
        assert_eq!(verdict(id, two()), Verdict::Pass);
        assert_eq!(verdict(id, two().ended(40)), Verdict::Pass);
        for kind in GRAMMAR {
            let sample = two().fault(kind, 5, "x").end(EndKind::Malformed, 40);
            assert_eq!(verdict(id, sample), Verdict::Fail, "{kind:?}");
        }
        let sample = two().fault(FaultKind::ChunkSizeInvalid, 14, "\"zz\"");
        assert_eq!(place(id, sample), (Verdict::Fail, Some(14)));
        let in_other = two()
            .by(Probe::Resume)
            .fault(FaultKind::ChunkSizeInvalid, 0, "x");
        assert_eq!(finding(id, [two(), in_other]).verdict, Verdict::Fail);
    }

    #[test]
    fn a_cut_is_no_fault_of_the_grammar() {
        let id = "framing.well-formed";
        let len = two().0.wire.len();
        let cut = two().end(EndKind::Truncated, 40);
        let trailer = cut.clone().fault(FaultKind::TrailerInvalid, len, "cut");
        assert_eq!(verdict(id, trailer), Verdict::Pass);
        let missing = cut.fault(FaultKind::LastChunkMissing, len, "cut");
        assert_eq!(verdict(id, missing), Verdict::Pass);
        let reset = two()
            .version(HttpVersion::Http2)
            .fault(FaultKind::Http2, 0, "CANCEL");
        assert_eq!(
            verdict(id, reset.clone().end(EndKind::Reset, 40)),
            Verdict::Pass
        );
        assert_eq!(
            verdict(id, reset.end(EndKind::Malformed, 40)),
            Verdict::Fail
        );
    }
}
