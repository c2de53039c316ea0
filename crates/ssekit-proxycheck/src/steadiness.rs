//! Whether the hop took requests all through the run: one that dies or limits how many it takes would
//! be accused of everything else.

use std::collections::BTreeMap;

use ssekit_record::redact_url;
use url::Url;

use crate::ProxyError;
use crate::case::Seen;

/// Whether a hop that was asked at the end of a run is still there. One that answers with an error has
/// only marked its origin as down, which did not answer when that was its part.
///
/// # Errors
/// When it is not.
pub(crate) fn there(asked: Result<Seen, ProxyError>) -> Result<(), ProxyError> {
    match asked {
        Err(ProxyError::Unreachable(said)) => Err(ProxyError::Unreachable(format!(
            "the hop forwarded at first and does not any more: {said}"
        ))),
        Ok(_) | Err(ProxyError::NotForwarding(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Whether it took most requests.
///
/// # Errors
/// When the hop answered more than half of the requests itself in the same way, or not at all.
pub(crate) fn steady(via: &Url, seen: &BTreeMap<&'static str, Seen>) -> Result<(), ProxyError> {
    let asked = seen.iter().filter(|(name, _)| **name != "direct");
    let all = asked.clone().count();
    let mut refused: BTreeMap<Option<u16>, Vec<&Seen>> = BTreeMap::new();
    for (_, one) in asked.filter(|(_, one)| one.visits.is_empty()) {
        refused.entry(one.sight.status()).or_default().push(one);
    }
    let most = refused.into_iter().max_by_key(|(_, of)| of.len());
    let Some((status, of)) = most.filter(|(_, of)| 2 * of.len() > all) else {
        return Ok(());
    };
    let via = redact_url(via);
    let some = format!(
        "{via}: the hop forwarded at first, then {} of {all} requests",
        of.len()
    );
    let detail = &of[0].sight.transcript.end.detail;
    Err(match status {
        Some(status) => ProxyError::NotForwarding(format!(
            "{some} were answered with {status} without asking the origin: it limits how many it \
             takes, so allow more of them from this address for the run"
        )),
        None => ProxyError::Unreachable(format!("{some} got no answer: {detail}")),
    })
}
