//! Rules of the group `framing` about where a message begins and ends.

use ssekit_record::{EndKind, Fault, FaultKind, HttpVersion, Level, Transcript};

use super::answer::{status_of, told};
use super::sighting::seconds;
use super::source::{
    RFC9110_CONTENT_LENGTH, RFC9112_BODY_LENGTH, RFC9112_CHUNKED, RFC9112_CONTENT_LENGTH,
    RFC9112_FIELDS, RFC9112_INCOMPLETE, RFC9112_TRANSFER_ENCODING, RFC9113_FRAMING,
    RFC9113_MALFORMED,
};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "framing.well-formed",
        title: "Head and chunks keep the grammar of HTTP",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9112_CHUNKED, RFC9112_FIELDS, RFC9113_MALFORMED],
        expected: "field lines, chunk sizes, CRLFs and the last chunk as the grammar has them",
        impact: "Strict clients and proxies drop the connection, lenient ones may read other \
                 events than were sent.",
        remedy: "Let the HTTP server write head and chunks; do not write chunk sizes by hand.",
        good: "9\\r\\ndata: a\\n\\n\\r\\n",
        bad: "9\\ndata: a\\n\\n",
        judge: well_formed,
    },
    Rule {
        id: "framing.no-cl-and-te",
        title: "Content-Length and Transfer-Encoding are not sent together",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9112_CONTENT_LENGTH, RFC9112_BODY_LENGTH],
        expected: "one of them at most",
        impact: "Hops that believe different fields split the message differently: streams end \
                 early, and responses can be smuggled.",
        remedy: "Remove Content-Length from the stream; do not copy it from an upstream answer.",
        good: "Transfer-Encoding: chunked",
        bad: "Content-Length: 100\\r\\nTransfer-Encoding: chunked",
        judge: no_cl_and_te,
    },
    Rule {
        id: "framing.no-content-length",
        title: "The stream declares no length it does not keep",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[
            RFC9110_CONTENT_LENGTH,
            RFC9112_BODY_LENGTH,
            RFC9113_MALFORMED,
        ],
        expected: "no Content-Length, or exactly that many bytes",
        impact: "Clients end the stream at the declared length, or wait for bytes that never \
                 come.",
        remedy: "Remove Content-Length; the server then uses the chunked coding or DATA frames.",
        good: "Transfer-Encoding: chunked",
        bad: "Content-Length: 0",
        judge: no_content_length,
    },
    Rule {
        id: "framing.clean-end",
        title: "A stream the server ends is marked as ended",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9112_CHUNKED, RFC9112_INCOMPLETE, RFC9113_FRAMING],
        expected: "the last chunk, or END_STREAM, before the connection goes",
        impact: "Clients see a network error instead of an end, and what was still under way may \
                 be lost.",
        remedy: "End the response (`end()`, return from the handler) rather than drop the \
                 connection; look for a timeout or a crash that cuts it.",
        good: "0\\r\\n\\r\\n",
        bad: "(the connection closes between two chunks)",
        judge: clean_end,
    },
    Rule {
        id: "framing.http10",
        title: "An HTTP/1.0 request gets no Transfer-Encoding",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Http10],
        sources: &[RFC9112_TRANSFER_ENCODING],
        expected: "an answer that ends with the connection",
        impact: "HTTP/1.0 clients, and nginx with its old default towards upstreams, take chunk \
                 sizes for content.",
        remedy: "Chunk only where the request says HTTP/1.1; else end with the connection.",
        good: "GET /events HTTP/1.0 → 200, content until close",
        bad: "GET /events HTTP/1.0 → Transfer-Encoding: chunked",
        judge: http10,
    },
];

/// Faults that break the grammar of a message.
const GRAMMAR: [FaultKind; 6] = [
    FaultKind::HeadInvalid,
    FaultKind::TransferCodingUnknown,
    FaultKind::ChunkSizeInvalid,
    FaultKind::ChunkSizeUnterminated,
    FaultKind::ChunkDataUnterminated,
    FaultKind::TrailerInvalid,
];

fn well_formed(case: &Case<'_>) -> Judgement {
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

fn no_cl_and_te(case: &Case<'_>) -> Judgement {
    let Some(head) = case.head() else {
        return Judgement::unverified("no main observation");
    };
    if head.version == HttpVersion::Http2 {
        return Judgement::not_applicable("HTTP/2 has no Transfer-Encoding");
    }
    let found = case.streams().find_map(|(transcript, _)| {
        let fault = transcript.fault(FaultKind::LengthWithTransferEncoding)?;
        Some((transcript, fault))
    });
    match found {
        Some((transcript, fault)) => Judgement::fail(fault.detail.clone()).noted(
            transcript,
            Some(fault.at_us),
            "the head arrived",
        ),
        None if head.first("transfer-encoding").is_some() => {
            Judgement::pass("Transfer-Encoding alone")
        }
        None if head.first("content-length").is_some() => Judgement::pass("Content-Length alone"),
        None => Judgement::pass("neither: the content ends with the connection"),
    }
}

fn no_content_length(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let Some(declared) = head.first("content-length") else {
        return Judgement::pass("no Content-Length");
    };
    if main.fault(FaultKind::LengthWithTransferEncoding).is_some() {
        return Judgement::not_applicable(
            "Transfer-Encoding overrides the length; see framing.no-cl-and-te",
        );
    }
    if let Some(fault) = main.fault(FaultKind::LengthInvalid) {
        return Judgement::fail(fault.detail.clone()).noted(main, Some(fault.at_us), "the head");
    }
    let received = main.body.len();
    if let Some(fault) = main.fault(FaultKind::LengthShort) {
        return Judgement::fail(format!("Content-Length: {declared}, {received} bytes came"))
            .seen_on_wire(main, fault.offset, 1, fault.detail.clone());
    }
    if let Some(fault) = main.fault(FaultKind::BytesAfterEnd) {
        return Judgement::fail(format!("Content-Length: {declared}, and more bytes came"))
            .seen_on_wire(main, fault.offset, 1, format!("{} follows", fault.detail));
    }
    within_length(main, head.at_us, declared)
}

/// Nothing contradicts the declared length.
fn within_length(main: &Transcript, head_us: u64, declared: &str) -> Judgement {
    let received = main.body.len();
    let length = declared.split(',').next().unwrap_or_default().trim();
    let actual = match (main.end.kind, length.parse::<u64>()) {
        (EndKind::Clean, Ok(0)) => "Content-Length: 0, so clients see an empty stream".into(),
        (EndKind::Clean, Ok(length)) if length == received => {
            return Judgement::pass(format!(
                "Content-Length: {length}, and exactly that came: a finite stream"
            ));
        }
        (EndKind::Clean | EndKind::Malformed | EndKind::Reset, Ok(length))
            if length != received =>
        {
            return Judgement::fail(format!("Content-Length: {length}, {received} bytes came"))
                .noted(main, Some(main.end.at_us), "the end");
        }
        _ => format!("Content-Length: {declared} on a stream still open after {received} bytes"),
    };
    Judgement::warn(actual)
        .at_level(Level::Practice)
        .noted(main, Some(head_us), "the head arrived")
}

fn clean_end(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let after = seconds(main.end.at_us.saturating_sub(head.at_us));
    match main.end.kind {
        EndKind::Left | EndKind::Limit => Judgement::not_applicable(format!(
            "the stream did not end while it was observed ({after})"
        )),
        EndKind::Clean => ended_cleanly(main, head.version),
        EndKind::Truncated | EndKind::Reset => cut(main, head.version, &after),
        _ => Judgement::not_applicable("the content could not be read; see framing.well-formed"),
    }
}

fn ended_cleanly(main: &Transcript, version: HttpVersion) -> Judgement {
    if version == HttpVersion::Http2 {
        return Judgement::pass("END_STREAM");
    }
    if !main.chunks.is_empty() {
        return Judgement::pass("the last chunk");
    }
    let has_length = |head: &ssekit_record::Head| head.first("content-length").is_some();
    if main.head.as_ref().is_some_and(has_length) {
        return Judgement::pass("the declared length");
    }
    if main.fault(FaultKind::TlsUnclean).is_some() {
        return Judgement::warn("the connection closed without close_notify, and nothing else marks the end")
            .at_level(Level::Practice)
            .remedy("Close TLS with close_notify, or use the chunked coding: as it is, an end cannot be told from a cut.")
            .noted(main, Some(main.end.at_us), "the end");
    }
    Judgement::pass(
        "the end of the connection; without chunked coding a client cannot tell an end from a loss",
    )
}

fn cut(main: &Transcript, version: HttpVersion, after: &str) -> Judgement {
    let how = if main.end.detail.is_empty() {
        "the connection closed"
    } else {
        &main.end.detail
    };
    let actual = format!("after {after}: {how}");
    let is_h2 = version == HttpVersion::Http2;
    let is_chunked = main
        .head
        .as_ref()
        .is_some_and(|head| head.has_token("transfer-encoding", "chunked"));
    if main.fault(FaultKind::LengthShort).is_some() {
        return Judgement::not_applicable(
            "the declared length was not reached; see framing.no-content-length",
        );
    }
    let judgement = if is_h2 || is_chunked {
        Judgement::fail(actual)
    } else {
        // Nothing but an error of the connection says that this content is incomplete.
        Judgement::warn(actual).at_level(Level::Practice)
    };
    if is_h2 {
        return judgement.noted(main, Some(main.end.at_us), "no END_STREAM came before");
    }
    judgement.seen_on_wire(main, main.wire.len(), 1, "the last chunk was due here")
}

fn http10(case: &Case<'_>) -> Judgement {
    let Some(transcript) = case.transcript(Probe::Http10) else {
        return Judgement::unverified("no HTTP/1.0 request was made");
    };
    let Some(head) = &transcript.head else {
        let how = told(transcript);
        return match transcript.end.kind {
            EndKind::TimedOut => Judgement::unverified(format!("an HTTP/1.0 request got {how}")),
            _ => Judgement::not_applicable(format!("HTTP/1.0 is not served: {how}")),
        };
    };
    if head.version == HttpVersion::Http2 {
        return Judgement::not_applicable("the server speaks HTTP/2 only");
    }
    if let Some(coding) = head.first("transfer-encoding") {
        return Judgement::fail(format!(
            "{} with Transfer-Encoding: {coding}",
            status_of(head)
        ))
        .noted(
            transcript,
            Some(head.at_us),
            "the head of the answer to HTTP/1.0",
        );
    }
    if head.status != 200 {
        return Judgement::pass(format!("HTTP/1.0 gets {}", status_of(head)));
    }
    Judgement::pass("200 without Transfer-Encoding")
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn length_beside_coding_fails() {
        let id = "framing.no-cl-and-te";
        assert_eq!(verdict(id, two()), Verdict::Pass);
        let both = two().fault(FaultKind::LengthWithTransferEncoding, 40, "both");
        assert_eq!(verdict(id, both), Verdict::Fail);
        let h2 = two().version(HttpVersion::Http2);
        assert_eq!(verdict(id, h2), Verdict::NotApplicable);
    }

    #[test]
    fn a_declared_length_is_kept_or_not_declared() {
        let id = "framing.no-content-length";
        let with =
            |length: &str| Sample::stream("data: a\n\n").with_field("content-length", length);
        let judged = |sample| {
            let finding = finding(id, [sample]);
            (finding.verdict, finding.level)
        };
        assert_eq!(judged(Sample::stream("data: a\n\n")).0, Verdict::Pass);
        assert_eq!(judged(with("9").ended(20)).0, Verdict::Pass);
        assert_eq!(judged(with("9, 9").ended(20)).0, Verdict::Pass);
        assert_eq!(judged(with("500")), (Verdict::Warn, Level::Practice));
        let empty = Sample::stream("")
            .with_field("content-length", "0")
            .ended(20);
        assert_eq!(judged(empty), (Verdict::Warn, Level::Practice));
        let short = with("500").fault(FaultKind::LengthShort, 9, "x");
        assert_eq!(judged(short.end(EndKind::Truncated, 20)).0, Verdict::Fail);
        let more = with("9").fault(FaultKind::BytesAfterEnd, 9, "x").ended(20);
        assert_eq!(judged(more).0, Verdict::Fail);
        assert_eq!(
            judged(with("x").fault(FaultKind::LengthInvalid, 0, "x")).0,
            Verdict::Fail
        );
    }

    #[test]
    fn an_end_without_its_mark_fails() {
        let id = "framing.clean-end";
        assert_eq!(verdict(id, two()), Verdict::NotApplicable);
        assert_eq!(verdict(id, two().ended(40)), Verdict::Pass);
        for kind in [EndKind::Truncated, EndKind::Reset] {
            assert_eq!(verdict(id, two().end(kind, 40)), Verdict::Fail, "{kind:?}");
            let h2 = two().version(HttpVersion::Http2).end(kind, 40);
            assert_eq!(verdict(id, h2), Verdict::Fail, "{kind:?}");
        }
        let len = two().0.wire.len();
        assert_eq!(
            place(id, two().end(EndKind::Truncated, 40)),
            (Verdict::Fail, Some(len))
        );
    }

    #[test]
    fn content_that_ends_with_the_connection_passes() {
        let id = "framing.clean-end";
        let plain = Sample::stream("data: a\n\n");
        assert_eq!(verdict(id, plain.clone().ended(20)), Verdict::Pass);
        assert_eq!(
            verdict(id, plain.clone().end(EndKind::Reset, 20)),
            Verdict::Warn
        );
        let unclean = plain.fault(FaultKind::TlsUnclean, 9, "x").ended(20);
        assert_eq!(verdict(id, unclean), Verdict::Warn);
        let complete = two().fault(FaultKind::TlsUnclean, 9, "x").ended(40);
        assert_eq!(verdict(id, complete), Verdict::Pass);
    }

    #[test]
    fn http10_may_be_refused_but_not_chunked() {
        let id = "framing.http10";
        let judged = |sample: Sample| finding(id, [two(), sample.by(Probe::Http10)]).verdict;
        assert_eq!(judged(Sample::stream("data: a\n\n")), Verdict::Pass);
        assert_eq!(judged(two()), Verdict::Fail);
        assert_eq!(judged(Sample::answer(505, "", "")), Verdict::Pass);
        let refused = Sample::answer(426, "", "").with_field("Transfer-Encoding", "chunked");
        assert_eq!(judged(refused), Verdict::Fail);
        let closed = Sample::silence(EndKind::Truncated, 20);
        assert_eq!(judged(closed), Verdict::NotApplicable);
        let hangs = Sample::silence(EndKind::TimedOut, 2_500);
        assert_eq!(judged(hangs), Verdict::Unverified);
    }
}
