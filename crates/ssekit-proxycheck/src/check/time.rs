//! How long a stream may live and be silent.

use ssekit_record::EndKind;

use crate::case::{Case, Seen};
use crate::check::delivery::mend;
use crate::judgement::Judgement;
use crate::remedy::Fault;
use crate::shape::span;

/// What the silent stream showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Idle {
    /// Silence after which the hop ended it, in microseconds.
    pub cut_us: Option<u64>,
    /// Silence that it survived.
    pub passed_us: Option<u64>,
    /// How it ended for the client.
    how: String,
}

impl Idle {
    /// Interval to advise: a third of the silence that is too long, so that one lost heartbeat
    /// does no harm; half of one that was survived.
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        let us = match (self.cut_us, self.passed_us) {
            (Some(cut), _) => cut / 3,
            (None, Some(passed)) => passed / 2,
            (None, None) => 0,
        };
        let ms = us / 1_000;
        match ms {
            0..1_000 => ms,
            1_000..10_000 => ms / 500 * 500,
            _ => ms / 5_000 * 5_000,
        }
    }
}

/// The origin's side closes at least this long after the beginning where the hop ends a stream, in
/// microseconds: some hops close it after the request.
const REQUEST_US: u64 = 50_000;
/// A hop that ends a stream tells the client within this, in microseconds: Envoy waits for one second.
const TOLD_US: u64 = 1_500_000;

/// When the hop gave a stream up: it may have told the origin at `left_us`, before the client.
fn given_up(left_us: Option<u64>, from_us: u64, ended_us: u64) -> u64 {
    let told = from_us + REQUEST_US..ended_us;
    let left = left_us.filter(|left| told.contains(left) && ended_us - left <= TOLD_US);
    left.unwrap_or(ended_us)
}

/// Whether the client's stream was ended before the origin ended it, and how long after `from_us`.
fn cut(seen: &Seen, from_us: u64) -> Option<(u64, String)> {
    let visit = seen.visit()?;
    let end = &seen.sight.transcript.end;
    let ended = seen.sight.ended_us();
    let whole = visit.ended_us.is_some_and(|closed| ended >= closed) && visit.failed_us.is_none();
    let left = [visit.closed_us, visit.failed_us]
        .into_iter()
        .flatten()
        .min();
    let how = match end.kind {
        EndKind::Clean => "with a clean end",
        EndKind::Truncated => "by breaking it off",
        EndKind::Reset => "by a reset",
        EndKind::Left => {
            // The client still waited: the origin alone may have been left.
            let before = left.filter(|left| visit.ended_us.is_none_or(|end| *left < end));
            return before.map(|at| {
                let how = "towards the origin alone: the client is told nothing";
                (at.saturating_sub(from_us), how.to_owned())
            });
        }
        _ => "by an error",
    };
    let at = given_up(left, from_us, ended);
    let how = match ended - at {
        0..100_000 => how.to_owned(),
        later => format!("{how}, which the client learns {} later", span(later)),
    };
    (!whole).then(|| (at.saturating_sub(from_us), how))
}

/// What the silent stream showed, if it was looked at.
pub(crate) fn idle(case: &Case<'_>) -> Option<Idle> {
    let seen = case.stream("idle").ok()?;
    let visit = seen.visit()?;
    let first = visit.writes.first()?.at_us;
    let cut = cut(seen, first);
    let second = visit.writes.get(1).map(|write| write.at_us);
    Some(Idle {
        passed_us: match &cut {
            None => second.map(|second| second - first),
            Some(_) => None,
        },
        how: cut.as_ref().map(|(_, how)| how.clone()).unwrap_or_default(),
        cut_us: cut.map(|(us, _)| us),
    })
}

/// The busy stream that the hop ended, and at which age.
pub(crate) fn lifetime_cut(case: &Case<'_>) -> Option<(&'static str, u64)> {
    ["idle-comments", "lifetime"].into_iter().find_map(|probe| {
        let seen = case.stream(probe).ok()?;
        let from = seen.visit()?.asked_us;
        Some((probe, cut(seen, from)?.0))
    })
}

pub(super) fn idle_cut(case: &Case<'_>) -> Judgement {
    if let Err(judgement) = case.stream("idle") {
        return judgement;
    }
    let Some(idle) = idle(case) else {
        return Judgement::unverified("the silent stream was not observed");
    };
    let Some(cut) = idle.cut_us else {
        let passed = span(idle.passed_us.unwrap_or(0));
        return Judgement::pass(format!(
            "{passed} of silence passed; a comment every {} keeps within what was seen",
            span(idle.heartbeat_ms() * 1_000)
        ));
    };
    let commented = case.stream("idle-comments");
    let busy = lifetime_cut(case).filter(|(probe, _)| *probe == "idle-comments");
    if let Some((_, age)) = busy {
        return Judgement::not_applicable(format!(
            "the hop ends the stream after {} whether it is silent or not: see proxy.lifetime-cut",
            span(age)
        ));
    }
    let cure = match commented {
        Ok(_) => "comments keep it alive",
        Err(_) => "whether comments keep it alive was not seen",
    };
    let advice = span(idle.heartbeat_ms() * 1_000);
    let judgement = Judgement::warn(format!(
        "a silent stream is ended after {}, {}; {cure}: send one every {advice} or more often",
        span(cut),
        idle.how
    ));
    let judgement = judgement.seen("idle", None, format!("cut after {}", span(cut)));
    let lines = case
        .family
        .and_then(|f| crate::remedy::lines(f, Fault::Idle));
    let beat = format!("Send a comment every {advice}: `:` and an empty line.");
    judgement.remedy(match lines {
        Some(lines) => format!("{beat} Or allow longer silence. {lines}"),
        None => format!("{beat} Or raise the hop's read timeout towards the origin."),
    })
}

pub(super) fn lifetime(case: &Case<'_>) -> Judgement {
    if case.is_of_views {
        return Judgement::unverified(case.missing());
    }
    if let Some((probe, age)) = lifetime_cut(case) {
        let judgement = Judgement::warn(format!(
            "a stream that is never silent for long is ended after {}: heartbeats do not help",
            span(age)
        ));
        return mend(case, judgement.seen(probe, age, "ended"), Fault::Lifetime);
    }
    match (case.stream("lifetime"), case.options.lifetime) {
        (Ok(seen), _) => {
            let age = seen.sight.transcript.end.at_us;
            Judgement::pass(format!("a busy stream lived for {}", span(age)))
        }
        (Err(judgement), Some(_)) => judgement,
        (Err(_), None) => {
            let lived = case.stream("idle-comments").ok();
            let lived = lived.map(|seen| span(seen.sight.transcript.end.at_us));
            let lived = lived.map_or(String::new(), |age| format!("; one of {age} was not ended"));
            Judgement::unverified(format!(
                "--lifetime TIME looks at a busy stream for that long{lived}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_over_when_the_hop_tells_one_side() {
        let (from, ended) = (1_000_000, 4_000_000);
        let at = |left| given_up(left, from, ended);
        assert_eq!(at(None), ended);
        assert_eq!(at(Some(3_000_000)), 3_000_000, "Envoy");
        assert_eq!(at(Some(1_000_200)), ended, "closed after the request");
        assert_eq!(at(Some(2_000_000)), ended, "too long before");
        assert_eq!(at(Some(5_000_000)), ended, "the client left first");
    }
}
