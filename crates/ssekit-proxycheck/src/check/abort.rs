//! Whether each end learns that the other is gone.

use ssekit_record::EndKind;

use crate::case::{Case, Seen};
use crate::check::delivery::mend;
use crate::judgement::Judgement;
use crate::plan;
use crate::remedy::Fault;
use crate::shape::span;

/// Within this, in microseconds, the origin is told at once.
const AT_ONCE_US: u64 = 700_000;
/// Within this, in microseconds, an origin that writes is told soon enough.
const SOON_US: u64 = 2_000_000;

/// What the origin could tell of a client's leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// After so many microseconds, and whether it had written meanwhile.
    After(u64, bool),
    Never,
}

fn told(seen: &Seen) -> Option<Told> {
    let visit = seen.visit()?;
    let left = seen.sight.ended_us();
    // A side closed before the client left says nothing: some hops close theirs after the request.
    let closed = visit.closed_us.filter(|at| *at + 1_000 >= left);
    let gone = [closed, visit.failed_us].into_iter().flatten().min();
    Some(match gone {
        Some(gone) => {
            let mut between = visit
                .writes
                .iter()
                .filter(|w| w.at_us > left && w.at_us < gone);
            Told::After(gone.saturating_sub(left), between.next().is_some())
        }
        None => Told::Never,
    })
}

/// From the client's leaving until the origin could tell, in microseconds.
pub(crate) fn seen_us(case: &Case<'_>, probe: &str) -> Option<u64> {
    let seen = case.seen(probe)?;
    if seen.sight.transcript.end.kind != EndKind::Left {
        return None;
    }
    match told(seen)? {
        Told::After(us, _) => Some(us),
        Told::Never => None,
    }
}

pub(super) fn client(case: &Case<'_>) -> Judgement {
    let scenes = [
        ("abort-active", "a busy stream"),
        ("abort-idle", "a silent stream"),
        ("abort-early", "before the head"),
    ];
    let (mut said, mut wrong) = (Vec::new(), Vec::new());
    let mut heard = true;
    for (probe, scene) in scenes {
        let Some(seen) = case.seen(probe) else {
            return Judgement::unverified(case.missing());
        };
        if seen.sight.transcript.end.kind != EndKind::Left {
            let why = format!("{scene} ended before the client left it");
            return Judgement::unverified(why);
        }
        let Some(told) = told(seen) else {
            return Judgement::unverified(format!("{scene} did not reach the origin"));
        };
        let (text, fine) = match told {
            Told::After(us, false) if us <= AT_ONCE_US => (format!("after {}", span(us)), true),
            Told::After(us, true) if probe == "abort-active" && us <= SOON_US => {
                (format!("after {}, by its writes", span(us)), true)
            }
            Told::After(us, true) => (format!("only by its writes, {} later", span(us)), false),
            Told::After(us, false) => (format!("only {} later", span(us)), false),
            Told::Never => ("never, although it goes on writing".to_owned(), false),
        };
        heard &= told != Told::Never;
        said.push(format!("{scene}: {text}"));
        if !fine {
            wrong.push((probe, format!("{scene}: told {text}")));
        }
    }
    let said = format!("the origin learns that the client left {}", said.join("; "));
    if wrong.is_empty() {
        return Judgement::pass(said);
    }
    let mut judgement = Judgement::warn(said);
    for (probe, text) in wrong {
        judgement = judgement.seen(probe, None, text);
    }
    let judgement = mend(case, judgement, Fault::ClientAbort);
    if judgement.remedy.is_none() && heard {
        return judgement.remedy(
            "Send heartbeats: the origin learns that nobody listens when one of them cannot be \
             delivered.",
        );
    }
    judgement
}

/// How the client's stream ended when the origin died, in words, and whether that is right.
fn fate(case: &Case<'_>, seen: &Seen, died_us: u64) -> (String, bool) {
    let end = &seen.sight.transcript.end;
    let after = span(seen.sight.ended_us().saturating_sub(died_us));
    match end.kind {
        EndKind::Truncated => (format!("broken off after {after}"), true),
        EndKind::Reset => (format!("reset after {after}"), true),
        EndKind::Clean => ("a clean end".to_owned(), false),
        EndKind::Left => {
            let time = span(plan::mourning(case.options).as_micros() as u64);
            (format!("nothing: still open {time} later"), false)
        }
        _ => (format!("an error: {}", end.detail), true),
    }
}

pub(super) fn origin(case: &Case<'_>) -> Judgement {
    let (mut said, mut wrong) = (Vec::new(), false);
    for (probe, cause) in [
        ("origin-fin", "it closes within the content"),
        ("origin-reset", "it resets"),
    ] {
        // A hop that collects a response before it answers can still say that it failed.
        let failed = case.seen(probe).filter(|seen| !seen.visits.is_empty());
        let failed = failed.and_then(|seen| seen.sight.status());
        if let Some(status) = failed.filter(|status| *status >= 500) {
            said.push(format!("{cause}: {status}"));
            continue;
        }
        let seen = match case.stream(probe) {
            Ok(seen) => seen,
            Err(_) if case.is_of_views && probe == "origin-reset" => continue,
            Err(judgement) => return judgement,
        };
        if case.is_of_views && seen.visit().is_none_or(|visit| visit.failed_us.is_none()) {
            return Judgement::unverified("the origin does not break off when it is asked to");
        }
        let Some(died) = seen.visit().and_then(|visit| visit.ended_us) else {
            return Judgement::unverified("the origin did not come to its end");
        };
        if seen.sight.transcript.head.is_none() {
            // Nothing was passed on before the death, so an error status or a broken connection is
            // all a client can get.
            let end = &seen.sight.transcript.end;
            let waits = matches!(end.kind, EndKind::Left | EndKind::TimedOut);
            wrong |= waits;
            said.push(format!(
                "{cause}: {}",
                if waits {
                    "no answer at all"
                } else {
                    "no answer"
                }
            ));
            continue;
        }
        let (text, right) = fate(case, seen, died);
        wrong |= !right;
        said.push(format!("{cause}: {text}"));
    }
    let said = format!(
        "what the client gets when the origin dies: {}",
        said.join("; ")
    );
    if !wrong {
        return Judgement::pass(said);
    }
    let asked = case.seen("origin-fin").and_then(Seen::visit);
    let old = asked.is_some_and(|visit| visit.version == "HTTP/1.0");
    let said = if old {
        said + "; the hop asks in HTTP/1.0, which cannot tell an early end from the end"
    } else {
        said
    };
    mend(
        case,
        Judgement::warn(said).seen("origin-fin", None, "the end"),
        Fault::OriginAbort,
    )
}
