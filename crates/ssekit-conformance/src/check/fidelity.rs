//! Rules of fidelity and injection: what the server's SSE library makes of chosen values.

pub(super) mod comment;
pub(super) mod data;
pub(super) mod event_type;
pub(super) mod id;
pub(super) mod retry;
mod surrogate;
mod tally;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::echoed::{Outcome, Sent, shown};
use crate::{Case, EchoCase as C, Judgement, Probe as P, endpoint};
use tally::Tally;

pub(super) use surrogate::surrogates;

/// The values among the probes of a rule: all it sends but for the canary.
fn values(probes: &[P]) -> Vec<C> {
    let sent = probes.iter().filter_map(|probe| match probe {
        P::Echo(value) => Some(*value),
        _ => None,
    });
    sent.filter(|value| *value != value.member().canary())
        .collect()
}

/// Every value arrives exactly, or is refused.
fn exact(case: &Case<'_>, values: &[C]) -> Judgement {
    judge(case, values, |sent| sent.wrong())
}

/// No value makes a field or an event that was not asked for.
fn forge(case: &Case<'_>, values: &[C]) -> Judgement {
    judge(case, values, |sent| sent.forged())
}

fn judge(case: &Case<'_>, values: &[C], wrong: fn(&Sent<'_>) -> Option<String>) -> Judgement {
    if let Err(judgement) = offered(case, values) {
        return judgement;
    }
    let mut tally = Tally::default();
    let mut first: Option<Sent<'_>> = None;
    for value in values {
        let Some(sent) = tally.count(case, *value) else {
            continue;
        };
        if let Some(what) = wrong(&sent) {
            let asked = shown(&value.value());
            tally
                .wrong
                .push(format!("{} ({asked}): {what}", value.about()));
            first.get_or_insert(sent);
        }
    }
    match first {
        Some(sent) => tally.failure(&sent),
        None => tally.rest(),
    }
}

/// Whether the endpoint offers the member the values are given as, proved by its canary.
pub(super) fn offered(case: &Case<'_>, values: &[C]) -> Result<(), Judgement> {
    let (Some(value), Some(document)) = (values.first(), case.transcript(P::Capabilities)) else {
        return Err(Judgement::unverified("no echo endpoint was asked"));
    };
    let name = value.member().capability();
    let known = endpoint::capabilities(document).unwrap_or_default();
    if !known.iter().any(|capability| capability == name) {
        let missing = format!("the echo endpoint does not offer `{name}`");
        return Err(Judgement::unverified(missing));
    }
    let canary = value.member().canary();
    let what = match Outcome::of(case, canary) {
        None => "it was not sent".into(),
        Some(Outcome::Refused(status)) => format!("it was refused with {status}"),
        Some(Outcome::Broken(what)) => what,
        // What a reconnection time becomes is the rule's own question.
        Some(Outcome::Sent(sent)) => match sent.wrong() {
            Some(what) if canary != C::CanaryRetry => what,
            _ => return Ok(()),
        },
    };
    Err(Judgement::unverified(format!(
        "the echo endpoint offers `{name}`, but {} did not arrive: {what}",
        canary.about()
    )))
}
