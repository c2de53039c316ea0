//! Whether the hop took requests all through the run: one that dies or limits how many it takes would
//! be accused of everything else.

use std::collections::BTreeMap;

use ssekit_record::redact_url;
use url::Url;

use crate::ProxyError;
use crate::case::Seen;

/// The error of a hop that no longer forwards at the end of a run, from that of asking it.
pub(crate) fn gone(error: ProxyError) -> ProxyError {
    let before = |said| format!("the hop forwarded at first and does not any more: {said}");
    match error {
        ProxyError::Unreachable(said) => ProxyError::Unreachable(before(said)),
        ProxyError::NotForwarding(said) => ProxyError::NotForwarding(before(said)),
        other => other,
    }
}

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
