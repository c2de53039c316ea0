//! Compression on the way.

use crate::case::Case;
use crate::check::delivery::{mend, too_noisy, word};
use crate::check::head::coding;
use crate::judgement::Judgement;
use crate::remedy::Fault;
use crate::shape::Shape;
use ssekit_record::FaultKind;

pub(super) fn compression(case: &Case<'_>) -> Judgement {
    let seen = match case.stream("gzip") {
        Ok(seen) => seen,
        Err(judgement) => return judgement,
    };
    let Some(delivery) = seen.delivery() else {
        return Judgement::unverified("no event was sent");
    };
    let shape = Shape::of(delivery, None, case.bar_us());
    let Some(coding) = coding(seen) else {
        let held = if shape.is_immediate() {
            "events arrive at once"
        } else {
            "events are late as they are without it"
        };
        if !shape.is_immediate() && !case.holds_small() {
            let judgement = Judgement::warn(format!(
                "the hop does not compress, yet to a client that accepts it events come {}: {}",
                word(shape.kind),
                shape.told()
            ));
            return too_noisy(case).unwrap_or(judgement);
        }
        return Judgement::not_applicable(format!("the hop does not compress; {held}"));
    };
    let transcript = &seen.sight.transcript;
    let unreadable = [
        FaultKind::ContentCodingInvalid,
        FaultKind::ContentCodingUnknown,
    ];
    if let Some(fault) = unreadable.iter().find_map(|kind| transcript.fault(*kind)) {
        return Judgement::fail(format!(
            "the hop sends Content-Encoding: {coding}, which does not decode: {}",
            fault.detail
        ));
    }
    if shape.is_immediate() {
        return Judgement::pass(format!(
            "{coding}, flushed for each event: {}",
            shape.told()
        ));
    }
    too_noisy(case).unwrap_or_else(|| {
        let judgement = Judgement::warn(format!("with {coding}, {}", shape.told()));
        let judgement = judgement.seen("gzip", None, format!("Content-Encoding: {coding}"));
        mend(case, judgement, Fault::Compression)
    })
}

pub(super) fn no_transform(case: &Case<'_>) -> Judgement {
    let (open, marked) = match (case.stream("gzip"), case.stream("no-transform")) {
        (Ok(open), Ok(marked)) => (open, marked),
        (Err(judgement), _) | (_, Err(judgement)) => return judgement,
    };
    match (coding(open), coding(marked)) {
        (_, Some(coding)) => {
            let judgement = Judgement::fail(format!(
                "Cache-Control: no-cache, no-transform, and the hop compresses with {coding}"
            ));
            let note = format!("Content-Encoding: {coding}");
            mend(
                case,
                judgement.seen("no-transform", None, note),
                Fault::Transform,
            )
        }
        (Some(coding), None) => {
            Judgement::pass(format!("{coding} without the directive, no coding with it"))
        }
        (None, None) => Judgement::not_applicable("the hop does not compress event streams"),
    }
}
