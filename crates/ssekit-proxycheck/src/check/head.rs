//! What the hop does to heads.

use std::collections::BTreeMap;

use ssekit_record::HeadChange;

use crate::case::{Case, Seen};
use crate::judgement::Judgement;
use crate::plan;

/// Fields that belong to one connection or to the framing on it (RFC 9110 section 7.6.1), and the
/// date, which any hop may set.
const OF_CONNECTION: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "te",
    "trailer",
    "upgrade",
    "date",
    "host",
    "proxy-authenticate",
];
/// Fields that a stream depends on.
const NEEDED: [&str; 6] = [
    "content-type",
    "cache-control",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "x-ssekit",
];

/// The content coding of an answer.
pub(crate) fn coding(seen: &Seen) -> Option<String> {
    let coding = seen.head()?.first("content-encoding")?.trim();
    let plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    (!plain).then(|| coding.to_ascii_lowercase())
}

type Values = BTreeMap<String, Vec<String>>;

fn values<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> Values {
    let mut values = Values::new();
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        if !OF_CONNECTION.contains(&name.as_str()) {
            values.entry(name).or_default().push(value);
        }
    }
    values
}

/// Names in `to` alone, in `from` alone, and those whose values differ.
fn compared(from: &Values, to: &Values) -> (Vec<String>, Vec<String>, Vec<String>) {
    let added = to.keys().filter(|name| !from.contains_key(*name));
    let removed = from.keys().filter(|name| !to.contains_key(*name));
    let differ = from.iter().filter(|(name, values)| {
        to.get(*name)
            .is_some_and(|other| joined(other) != joined(values))
    });
    (
        added.cloned().collect(),
        removed.cloned().collect(),
        differ.map(|(name, _)| name.clone()).collect(),
    )
}

/// Several lines of a field and one line with a list say the same (RFC 9110 section 5.3).
fn joined(values: &[String]) -> String {
    let all = values.join(",");
    let items: Vec<&str> = all.split(',').map(str::trim).collect();
    items.join(", ")
}

fn sent(case: &Case<'_>) -> Option<Values> {
    // What the origin sends is planned, so the plan says what it was.
    let probes = plan::probes(case.options);
    let probe = probes.into_iter().find(|probe| probe.name == "fields")?;
    let crate::act::Act::Answer(answer) = probe.act else {
        return None;
    };
    Some(values(answer.fields.iter().map(|(n, v)| (*n, v.clone()))))
}

fn got(seen: &Seen) -> Option<Values> {
    let head = seen.head()?;
    let fields = head.fields.iter();
    Some(values(fields.map(|f| (f.name.as_str(), f.value.clone()))))
}

/// How the heads of one exchange were changed.
pub(crate) fn change(case: &Case<'_>) -> HeadChange {
    let Some(seen) = case.seen("fields").filter(|seen| seen.trouble().is_none()) else {
        return HeadChange::default();
    };
    let mut change = HeadChange::default();
    if let (Some(from), Some(to)) = (sent(case), got(seen)) {
        (change.added, change.removed, change.changed) = compared(&from, &to);
    }
    if let Some(visit) = seen.visit() {
        let asked = seen.sight.transcript.request.fields.iter();
        let from = values(asked.map(|f| (f.name.as_str(), f.value.clone())));
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let came = visit.fields.iter().map(|(n, v)| (n.as_str(), text(v)));
        let to = values(came);
        let (added, removed, mut changed) = compared(&from, &to);
        // The transcript keeps no secrets to compare.
        changed.retain(|name| {
            let values = from.get(name);
            !values.is_some_and(|v| v.iter().any(|v| v == ssekit_record::REDACTED))
        });
        (change.request_added, change.request_removed) = (added, removed);
        change.request_changed = changed;
        change.origin_asked_with = Some(visit.version.clone());
    }
    change
}

pub(super) fn fields(case: &Case<'_>) -> Judgement {
    let seen = match case.stream("fields") {
        Ok(seen) => seen,
        Err(judgement) => return judgement,
    };
    let change = change(case);
    let needed = |name: &&String| NEEDED.contains(&name.as_str());
    let mut wrong: Vec<String> = change
        .removed
        .iter()
        .filter(needed)
        .map(|name| format!("{name} is taken out"))
        .collect();
    for name in change.changed.iter().filter(needed) {
        if !is_same(case, seen, name) {
            let value = seen.head().and_then(|head| head.first(name));
            wrong.push(format!("{name} becomes \"{}\"", value.unwrap_or_default()));
        }
    }
    let vary = seen
        .head()
        .is_some_and(|head| head.has_token("vary", "origin"));
    let starred = seen.head().is_some_and(|head| head.has_token("vary", "*"));
    if !vary && !starred {
        wrong.push("Vary loses Origin".to_owned());
    }
    let said = told(&change);
    if wrong.is_empty() {
        return Judgement::pass(format!("what a stream needs is kept; {said}"));
    }
    Judgement::warn(format!("{}; {said}", wrong.join(", "))).seen("fields", None, "the head")
}

/// Whether a field says the same in other letters: the type without regard to case and blanks.
fn is_same(case: &Case<'_>, seen: &Seen, name: &str) -> bool {
    let squeezed = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    let before = sent(case).and_then(|v| v.get(name).cloned());
    let after = got(seen).and_then(|v| v.get(name).cloned());
    match (before, after) {
        (Some(before), Some(after)) => squeezed(&joined(&before)) == squeezed(&joined(&after)),
        _ => false,
    }
}

fn told(change: &HeadChange) -> String {
    let list = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let parts = [
        list("response: added", &change.added),
        list("taken out", &change.removed),
        list("changed", &change.changed),
        list("request: added", &change.request_added),
        list("taken out", &change.request_removed),
        list("changed", &change.request_changed),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let asked = change.origin_asked_with.as_deref().unwrap_or("HTTP");
    if parts.is_empty() {
        return format!(
            "the origin is asked with {asked}, and no field is added, changed or taken out"
        );
    }
    format!("the origin is asked with {asked}; {}", parts.join("; "))
}

/// Longest id that every hop should carry, in bytes: heads of 8 KiB are the usual limit.
const CARRIED: usize = 4096;

pub(super) fn last_event_id(case: &Case<'_>) -> Judgement {
    let (mut wrong, mut noted, mut kept) = (Vec::new(), Vec::new(), 0);
    let mut evidence = Vec::new();
    for (name, about, id) in plan::ids() {
        let Some(seen) = case.seen(name) else {
            return Judgement::unverified(case.missing());
        };
        let fate = match (seen.visit(), seen.sight.status()) {
            (Some(visit), _) => match visit.field("last-event-id") {
                Some(got) if got == id => {
                    kept += 1;
                    continue;
                }
                Some(got) => format!("{about} arrives changed, as {} bytes", got.len()),
                None => format!("{about} is taken out"),
            },
            (None, Some(status @ (429 | 503))) => {
                let why =
                    format!("the hop answered {status} and did not ask: it has too much to do");
                return Judgement::unverified(why);
            }
            (None, Some(status)) => format!("{about} is answered with {status}"),
            (None, None) => format!(
                "{about} gets no answer: {}",
                seen.sight.transcript.end.detail
            ),
        };
        let refused = seen.visit().is_none() && seen.sight.status().is_some_and(|s| s < 500);
        if id.is_empty() || (id.len() > CARRIED && refused) {
            noted.push(fate);
        } else {
            evidence.push((name, fate.clone()));
            wrong.push(fate);
        }
    }
    let total = plan::ids().len();
    let all = [wrong.as_slice(), noted.as_slice()].concat().join("; ");
    if wrong.is_empty() {
        return match noted.as_slice() {
            [] => Judgement::pass(format!(
                "{kept} of {total} ids reach the origin, up to 16 KiB"
            )),
            _ => Judgement::pass(format!("{kept} of {total} ids reach the origin; {all}")),
        };
    }
    let mut judgement = Judgement::warn(all);
    for (name, fate) in evidence {
        judgement = judgement.seen(name, None, fate);
    }
    judgement
}
