//! The same over HTTP/2 on the client side.

use ssekit_http::HttpChoice;
use ssekit_record::{EndKind, HttpVersion, Verdict};

use crate::case::{Case, Seen};
use crate::check::delivery::{large_of, mend, too_noisy};
use crate::judgement::Judgement;
use crate::remedy::Fault;
use crate::shape::Shape;

pub(super) fn same(case: &Case<'_>) -> Judgement {
    if case.options.http == HttpChoice::Http2 {
        return Judgement::not_applicable(
            "everything was asked over HTTP/2, so the other checks say it",
        );
    }
    if case.options.via.scheme() != "https" {
        return Judgement::not_applicable(
            "the client side is plain HTTP: an https:// URL as --via, or --http 2, looks at HTTP/2",
        );
    }
    let Some(seen) = case.seen("h2-release") else {
        return Judgement::unverified(case.missing());
    };
    let end = &seen.sight.transcript.end;
    if end.kind == EndKind::Unreachable {
        return Judgement::not_applicable(format!("the hop offers no HTTP/2: {}", end.detail));
    }
    match over_http2(case, seen) {
        Ok(judgement) | Err(judgement) => judgement,
    }
}

fn over_http2(case: &Case<'_>, seen: &Seen) -> Result<Judgement, Judgement> {
    let seen_head = seen.head().map(|head| head.version);
    if seen_head != Some(HttpVersion::Http2) {
        let detail = &seen.sight.transcript.end.detail;
        return Err(Judgement::warn(format!("no answer over HTTP/2: {detail}")));
    }
    let delivery = case.stream("h2-release")?.delivery();
    let delivery = delivery.ok_or_else(|| Judgement::unverified("no event was sent"))?;
    let shape = Shape::of(delivery, None, case.bar_us());
    let mut wrong = Vec::new();
    if !shape.is_immediate() && !case.holds_small() {
        wrong.push(shape.told());
    }
    let (large, plain) = (large_of(case, "h2-large"), large_of(case, "large"));
    if large.verdict == Verdict::Warn && plain.verdict != Verdict::Warn {
        wrong.push(large.actual);
    }
    let ended = |probe: &str| case.seen(probe).map(|seen| seen.sight.transcript.end.kind);
    let died = (ended("h2-fin"), ended("origin-fin"));
    if matches!(
        died,
        (
            Some(EndKind::Clean | EndKind::Left),
            Some(EndKind::Truncated | EndKind::Reset)
        )
    ) {
        wrong.push("an origin that dies looks like a clean end, or like nothing at all".into());
    }
    if wrong.is_empty() {
        return Ok(Judgement::pass(compared(&shape, case.holds_small())));
    }
    let text = format!("over HTTP/2, unlike HTTP/1.1: {}", wrong.join("; "));
    Err(too_noisy(case).unwrap_or_else(|| {
        let judgement = Judgement::warn(text).seen("h2-release", None, "HTTP/2");
        mend(case, judgement, Fault::Http2)
    }))
}

/// What events do over HTTP/2 where that is no worse than over HTTP/1.1, which holds them or not.
fn compared(shape: &Shape, holds: bool) -> String {
    let beside = match (shape.is_immediate(), holds) {
        (true, true) => "better than over HTTP/1.1",
        (false, true) => "held back over HTTP/1.1 as well",
        (_, false) => "as over HTTP/1.1",
    };
    format!("{beside}: {}", shape.told())
}

#[cfg(test)]
mod tests {
    use ssekit_record::Piece;

    use super::*;
    use crate::delivery::Delivery;

    #[test]
    fn what_is_better_is_not_called_the_same() {
        let piece = |sent_us| Piece {
            sent_us,
            got_us: Some(sent_us + 100),
            bytes: 40,
        };
        let delivery = Delivery {
            pieces: vec![piece(0), piece(100_000)],
            ..Delivery::default()
        };
        let shape = Shape::of(delivery, None, 50_000);
        let told = compared(&shape, true);
        assert!(
            told.starts_with("better than over HTTP/1.1: 2 of 2"),
            "{told}"
        );
        let told = compared(&shape, false);
        assert!(told.starts_with("as over HTTP/1.1: 2 of 2"), "{told}");
    }
}
