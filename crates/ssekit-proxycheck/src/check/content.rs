//! Whether bytes and framing come through sound.

use ssekit_record::{Excerpt, FaultKind, Transcript};

use crate::case::Case;
use crate::judgement::Judgement;
use crate::plan::ODD;

pub(super) fn bytes(case: &Case<'_>) -> Judgement {
    let seen = match case.stream("bytes") {
        Ok(seen) => seen,
        Err(judgement) => return judgement,
    };
    let got = &seen.sight.transcript.stream().bytes;
    if got == ODD {
        return Judgement::pass(format!(
            "{} odd bytes, one a chunk, arrived unchanged",
            ODD.len()
        ));
    }
    let at = got.iter().zip(ODD).take_while(|(a, b)| a == b).count();
    let what = if got.len() < ODD.len() && ODD.starts_with(got) {
        format!("only {} of {} bytes arrived", got.len(), ODD.len())
    } else {
        format!(
            "changed from byte {at} on: {} bytes sent, {} got",
            ODD.len(),
            got.len()
        )
    };
    let mut judgement = Judgement::fail(what).seen("bytes", None, "the first difference");
    if let Some(evidence) = judgement.evidence.last_mut() {
        evidence.offset = Some(at as u64);
        evidence.excerpt = Some(Excerpt::of(got, at as u64, 1, 16));
    }
    judgement
}

/// Exchanges whose broken end is the right answer to what the origin did.
const BROKEN: [&str; 5] = [
    "origin-fin",
    "origin-reset",
    "unanswered-close",
    "unanswered-reset",
    "h2-fin",
];

pub(super) fn framing(case: &Case<'_>) -> Judgement {
    let mut faults = Vec::new();
    let mut looked = 0;
    for (name, seen) in case.all() {
        if name == "direct" || seen.head().is_none() {
            continue;
        }
        looked += 1;
        if BROKEN.contains(&name) {
            continue;
        }
        let found = faulty(&seen.sight.transcript);
        faults.extend(found.map(|(kind, text, at)| (name, kind, text, at)));
    }
    let Some((name, _, text, _)) = faults.first() else {
        let old = match case.seen("http10").and_then(|seen| seen.sight.status()) {
            Some(200) => "that to HTTP/1.0 among them".to_owned(),
            Some(status) => format!("HTTP/1.0 is answered with {status}"),
            None if case.is_of_views => "HTTP/1.0 was not asked".to_owned(),
            None => "HTTP/1.0 got no answer".to_owned(),
        };
        return Judgement::pass(format!("{looked} answers are sound; {old}"));
    };
    let more = match faults.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let mut judgement = Judgement::fail(format!("in the answer to {name}: {text}{more}"));
    for (name, _, text, at) in faults.iter().take(5) {
        judgement = judgement.seen(name, *at, text.clone());
    }
    judgement
}

fn faulty(transcript: &Transcript) -> impl Iterator<Item = (FaultKind, String, u64)> {
    let sound = |kind: FaultKind| {
        // Content codings are judged elsewhere, and a stream that is cut is judged by when.
        matches!(
            kind,
            FaultKind::ContentCodingInvalid
                | FaultKind::ContentCodingUnknown
                | FaultKind::LastChunkMissing
                | FaultKind::LengthShort
                | FaultKind::TlsUnclean
        )
    };
    let left = transcript.end.kind == ssekit_record::EndKind::Left;
    let faults = transcript.faults.iter();
    let faults = faults.filter(move |f| !(sound(f.kind) || left && f.kind == FaultKind::Http2));
    faults.map(|f| (f.kind, f.detail.clone(), f.at_us))
}
