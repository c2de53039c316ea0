//! How the end of a stream is marked.

use ssekit_record::{EndKind, FaultKind, Head, HttpVersion, Level, Transcript};

use crate::check::sighting::seconds;
use crate::{Case, Judgement};

pub(super) fn clean_end(case: &Case<'_>) -> Judgement {
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
    let has_length = |head: &Head| head.first("content-length").is_some();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, place, verdict};
    use ssekit_record::Verdict;

    fn two() -> Sample {
        Sample::chunked([(20, "data: a\n\n"), (30, "data: b\n\n")])
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
}
