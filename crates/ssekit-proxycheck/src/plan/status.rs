//! Answers that are no stream.

use std::time::Duration;

use super::Probe;
use crate::act::{Act, Answer};

/// What the answers of status probes carry.
pub(crate) const RETRY_AFTER: &str = "7";
/// Where the redirects lead.
pub(crate) const MOVED: &str = "/ssekit-moved";

pub(super) fn probes() -> Vec<Probe> {
    let moved = |status| Answer::status(status).field("Location", MOVED);
    let bodied = |status| {
        Answer::status(status)
            .field("Content-Type", "text/plain")
            .piece("an answer of the origin\n")
    };
    let unanswered = || Answer::status(200);
    vec![
        Probe::new("status-204", "204 No Content", Answer::status(204)),
        Probe::new("status-301", "301 with a Location", moved(301)),
        Probe::new("status-307", "307 with a Location", moved(307)),
        Probe::new("status-404", "404 Not Found", bodied(404)),
        Probe::new(
            "status-503",
            "503 with Retry-After",
            bodied(503).field("Retry-After", RETRY_AFTER),
        ),
        Probe {
            method: "HEAD",
            ..Probe::new("head-method", "a HEAD request", Answer::stream())
        }
        .within(Duration::from_secs(3)),
        Probe::new(
            "unanswered-close",
            "an origin that closes without an answer",
            unanswered(),
        )
        .act(Act::Close),
        Probe::new(
            "unanswered-reset",
            "an origin that resets without an answer",
            unanswered(),
        )
        .act(Act::Reset),
    ]
}
