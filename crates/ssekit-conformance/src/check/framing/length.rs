//! The length a stream declares.

use ssekit_record::{EndKind, FaultKind, HttpVersion, Level, Transcript};

use crate::{Case, Judgement};

pub(super) fn no_cl_and_te(case: &Case<'_>) -> Judgement {
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

pub(super) fn no_content_length(case: &Case<'_>) -> Judgement {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding, verdict};
    use ssekit_record::Verdict;

    fn two() -> Sample {
        Sample::chunked([(20, "data: a\n\n"), (30, "data: b\n\n")])
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
}
