//! Whether requests and statuses go through as they are.

use crate::case::{Case, Seen};
use crate::check::delivery::mend;
use crate::judgement::Judgement;
use crate::plan::{MOVED, RETRY_AFTER};
use crate::remedy::Fault;

pub(super) fn retries(case: &Case<'_>) -> Judgement {
    let scenes = [
        ("status-503", "on a 503"),
        (
            "unanswered-close",
            "when the origin closes without an answer",
        ),
        ("unanswered-reset", "when the origin resets"),
    ];
    let (mut wrong, mut told) = (Vec::new(), Vec::new());
    for (probe, scene) in scenes {
        let Some(seen) = case.seen(probe) else {
            return Judgement::unverified(case.missing());
        };
        let got = seen.sight.status();
        let got = got.map_or("no answer".to_owned(), |status| status.to_string());
        match seen.visits.len() {
            0 => return Judgement::unverified(format!("the origin was not asked {scene}")),
            1 => told.push(format!("{scene}: asked once, the client gets {got}")),
            n => wrong.push((
                probe,
                format!("{scene}: asked {n} times, the client gets {got}"),
            )),
        }
    }
    if wrong.is_empty() {
        return Judgement::pass(told.join("; "));
    }
    let texts: Vec<&str> = wrong.iter().map(|(_, text)| text.as_str()).collect();
    let mut judgement = Judgement::warn(texts.join("; "));
    for (probe, text) in &wrong {
        judgement = judgement.seen(probe, None, text.clone());
    }
    mend(case, judgement, Fault::Retries)
}

pub(super) fn statuses(case: &Case<'_>) -> Judgement {
    let mut wrong = Vec::new();
    let mut told = Vec::new();
    for (probe, status) in [
        ("status-204", 204),
        ("status-301", 301),
        ("status-307", 307),
        ("status-404", 404),
        ("status-503", 503),
    ] {
        let Some(seen) = case.seen(probe) else {
            return Judgement::unverified(case.missing());
        };
        if let (Some(got), None) = (seen.sight.status(), seen.visit()) {
            let why = format!("{}: the hop answered {got} and did not ask", seen.about);
            return Judgement::unverified(why);
        }
        match seen.sight.status() {
            Some(got) if got == status => {}
            Some(got) => wrong.push((probe, format!("{status} becomes {got}"))),
            None => wrong.push((probe, format!("{status} gets no answer"))),
        }
        if let Some(text) = field_fault(seen, status) {
            wrong.push((probe, text));
        }
    }
    match head_method(case) {
        Ok(text) => told.push(text),
        Err(text) => wrong.push(("head-method", text)),
    }
    if wrong.is_empty() {
        let told = told.join("; ");
        return Judgement::pass(format!(
            "204, 301, 307, 404 and 503 arrive as sent, with Location and Retry-After; {told}"
        ));
    }
    let texts: Vec<&str> = wrong.iter().map(|(_, text)| text.as_str()).collect();
    let mut judgement = Judgement::warn(texts.join("; "));
    for (probe, text) in &wrong {
        judgement = judgement.seen(probe, None, text.clone());
    }
    mend(case, judgement, Fault::Status)
}

/// What is wrong with the field that gives this status its meaning.
fn field_fault(seen: &Seen, status: u16) -> Option<String> {
    let head = seen.head().filter(|head| head.status == status)?;
    match status {
        301 | 307 => match head.first("location") {
            // A hop may make it absolute, or put its own prefix before it.
            Some(location) if location.ends_with(MOVED) => None,
            Some(location) => Some(format!("the Location of {status} becomes {location}")),
            None => Some(format!("{status} loses its Location")),
        },
        503 => match head.first("retry-after") {
            Some(RETRY_AFTER) => None,
            Some(other) => Some(format!("Retry-After {RETRY_AFTER} becomes {other}")),
            None => Some("503 loses its Retry-After".to_owned()),
        },
        _ => None,
    }
}

/// How HEAD was answered; the error says what is wrong.
fn head_method(case: &Case<'_>) -> Result<String, String> {
    let Some(seen) = case.seen("head-method") else {
        return Err("HEAD was not asked".to_owned());
    };
    match (seen.sight.status(), seen.visit()) {
        (Some(200), Some(visit)) => Ok(format!("HEAD reaches the origin as {}", visit.method)),
        (Some(status), _) => Err(format!("HEAD is answered with {status}")),
        (None, _) => Err(format!(
            "HEAD gets no answer: {}",
            seen.sight.transcript.end.detail
        )),
    }
}
