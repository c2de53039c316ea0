//! Rules of the group `framing` about where a message begins and ends.

mod end;
mod grammar;
mod length;

use ssekit_record::{EndKind, HttpVersion, Level};

use super::answer::{status_of, told};
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
        judge: grammar::well_formed,
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
        judge: length::no_cl_and_te,
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
        judge: length::no_content_length,
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
        judge: end::clean_end,
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
    use crate::check::sample::{Sample, finding};
    use ssekit_record::Verdict;

    fn two() -> Sample {
        Sample::chunked([(20, "data: a\n\n"), (30, "data: b\n\n")])
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
