//! Whether the hop forwards to this run's origin; if not, one true sentence about what it does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ssekit_record::{EndKind, Head, escape, redact_url};
use tokio::time::sleep;
use url::Url;

use crate::client::Sight;
use crate::journal::{Journal, Visit};
use crate::{ProxyError, product};

/// How long a hop that has marked its origin as down may take to find it up again.
const RECOVERY: Duration = Duration::from_secs(6);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// What one canary showed.
pub(crate) enum Reached {
    /// The answer is that of the origin.
    Yes,
    /// Worth asking again: a hop may still be looking for its origin.
    NotYet(ProxyError),
    /// Not worth it.
    No(ProxyError),
}

/// Asks until the hop forwards, or it is plain that it does not.
pub(crate) async fn reach<F>(
    limit: Duration,
    stopped: impl Fn() -> bool,
    mut ask: impl FnMut() -> F,
) -> Result<Sight, ProxyError>
where
    F: Future<Output = Result<(Reached, Sight), ProxyError>>,
{
    let began = Instant::now();
    loop {
        let (reached, sight) = ask().await?;
        if stopped() {
            return Err(ProxyError::Interrupted);
        }
        match reached {
            Reached::Yes => return Ok(sight),
            Reached::No(error) => return Err(error),
            Reached::NotYet(error) if began.elapsed() >= limit.min(RECOVERY) => return Err(error),
            Reached::NotYet(_) => sleep(PAUSE).await,
        }
    }
}

/// Judges one canary.
pub(crate) fn judge(
    via: &Url,
    origin: SocketAddr,
    sight: &Sight,
    journal: &Journal,
    visits: &[Visit],
) -> Reached {
    let scene = Scene {
        via: redact_url(via),
        origin,
        asked: !visits.is_empty(),
        journal,
    };
    let transcript = &sight.transcript;
    let Some(head) = &transcript.head else {
        return scene.no_head(transcript.end.kind, &transcript.end.detail);
    };
    let stamp = visits.iter().any(|visit| {
        let mut pieces = visit.writes.iter().map(|write| visit.piece(write));
        pieces.any(|piece| memchr::memmem::find(&transcript.stream().bytes, piece).is_some())
    });
    if head.status == 200 && stamp {
        return Reached::Yes;
    }
    scene.other(head, &transcript.stream().bytes)
}

struct Scene<'a> {
    via: String,
    origin: SocketAddr,
    /// Whether the origin saw the request.
    asked: bool,
    journal: &'a Journal,
}

impl Scene<'_> {
    /// What the origin saw instead of the request.
    fn seen(&self) -> String {
        let strange = self.journal.strange();
        let garbled = strange.iter().find(|visit| visit.version.is_empty());
        let ours = |visit: &&Visit| {
            let accept = visit.field("accept").unwrap_or_default();
            accept == b"text/event-stream" && !visit.target.contains("ssekit=")
        };
        if self.asked {
            return format!(
                "although the origin at {} was asked and answered",
                self.origin
            );
        }
        if let Some(visit) = strange.iter().find(ours) {
            return format!(
                "and what the origin at {} was asked for is {}: the hop takes the query away, by \
                 which ssekit tells its requests apart",
                self.origin,
                escape(visit.target.as_bytes())
            );
        }
        match garbled {
            Some(visit) if visit.target.starts_with("\\u{16}") => format!(
                "and the hop speaks TLS to the origin at {}, which is plain HTTP",
                self.origin
            ),
            Some(visit) if visit.target.starts_with("PRI ") => format!(
                "and the hop speaks HTTP/2 to the origin at {}, which is HTTP/1.1",
                self.origin
            ),
            Some(visit) => format!(
                "and what the origin at {} got is no HTTP/1 request: \"{}\"",
                self.origin, visit.target
            ),
            None => format!("and the origin at {} saw no request of it", self.origin),
        }
    }

    fn no_head(&self, end: EndKind, detail: &str) -> Reached {
        let via = &self.via;
        let detail = detail.trim_end_matches('.');
        let error = match end {
            EndKind::Unreachable => {
                return Reached::No(ProxyError::Unreachable(format!("{via}: {detail}")));
            }
            EndKind::Malformed => {
                return Reached::No(ProxyError::Unreachable(format!("{via}: {detail}")));
            }
            EndKind::TimedOut | EndKind::Left if self.asked => {
                return Reached::No(ProxyError::NotForwarding(format!(
                    "{via}: the hop forwards, and the origin at {} answered and closed, but \
                     nothing came back in time",
                    self.origin
                )));
            }
            EndKind::TimedOut | EndKind::Left => {
                return Reached::No(ProxyError::Unreachable(format!(
                    "{via}: no answer in time, {}",
                    self.seen()
                )));
            }
            _ => ProxyError::Unreachable(format!("{via}: {detail}, {}", self.seen())),
        };
        if self.asked {
            Reached::No(error)
        } else {
            Reached::NotYet(error)
        }
    }

    fn other(&self, head: &Head, content: &[u8]) -> Reached {
        let via = &self.via;
        let seen = self.seen();
        let answer = described(head);
        let location = head.first("location").map(|l| escape(l.as_bytes()));
        if let (300..400, Some(location)) = (head.status, location) {
            return Reached::No(ProxyError::NotForwarding(format!(
                "{via}: the hop redirects to {location} ({answer}), {seen}; give the URL that does \
                 not redirect"
            )));
        }
        let tls = content.windows(5).any(|w| w == b"HTTPS") && head.status == 400;
        if tls {
            return Reached::No(ProxyError::NotForwarding(format!(
                "{via}: the hop speaks TLS on this port ({answer}): use https://"
            )));
        }
        if self.asked && head.status == 200 {
            return Reached::No(ProxyError::NotForwarding(format!(
                "{via}: the answer is {answer}, but without the event that the origin at {} sent: the \
                 hop changes the content",
                self.origin
            )));
        }
        if self.asked {
            return Reached::No(ProxyError::NotForwarding(format!(
                "{via}: the answer is {answer}, {seen} with 200 and an event"
            )));
        }
        match head.status {
            401 | 403 | 407 => Reached::No(ProxyError::NotForwarding(format!(
                "{via}: the hop answers {answer} itself, {seen}: it wants to know who asks, which \
                 --header can say"
            ))),
            429 => Reached::No(ProxyError::NotForwarding(format!(
                "{via}: the hop answers {answer} itself, {seen}: it limits how many requests it takes"
            ))),
            502..=504 => Reached::NotYet(ProxyError::NotForwarding(format!(
                "{via}: the hop answers {answer}, {seen}: it cannot reach it, or forwards to \
                 another address"
            ))),
            200..300 if seen.contains("takes the query away") => Reached::No(
                ProxyError::NotForwarding(format!("{via}: {answer}, {seen}")),
            ),
            200..300 => Reached::No(ProxyError::NotForwarding(format!(
                "{via}: {answer} comes from somewhere else, {seen}: the hop forwards to another \
                 server, or this URL is not one that it forwards"
            ))),
            // A hop that has just started may not have read its routes yet.
            _ => Reached::NotYet(ProxyError::NotForwarding(format!(
                "{via}: the hop answers {answer} itself, {seen}: this URL is not one that it \
                 forwards"
            ))),
        }
    }
}

/// `502 Bad Gateway of nginx/1.22.1`.
fn described(head: &Head) -> String {
    let mut text = head.status.to_string();
    if !head.reason.is_empty() {
        text += &format!(" {}", escape(head.reason.as_bytes()));
    }
    if let Some(product) = product::named(head) {
        text += &format!(" of {}", escape(product.as_bytes()));
    }
    text
}
