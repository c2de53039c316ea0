//! Rules of the group `lifecycle`: how long, how many, and for whom a stream goes on.

mod end_mark;
mod parallel;
mod timeout;
mod unread;

use ssekit_record::{HttpVersion, Level};

use super::sighting::quoted;
use super::source::{HTML_AUTHORING, RFC9112_PERSISTENCE};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "lifecycle.min-duration",
        title: "No timeout cuts the stream",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_AUTHORING],
        expected: "a stream that stays open, or ends with an event that says so",
        impact: "Clients lose the connection again and again at the same age, and with it the \
                 events in between.",
        remedy: "Find the timeout of that length and lift it for this path; send a comment every \
                 15 s against those that count silence only.",
        good: "(open after 45 s)",
        bad: "(closed 30.0 s after the request, without a last event)",
        judge: timeout::min_duration,
    },
    Rule {
        id: "lifecycle.half-open",
        title: "A client that stops reading costs a bounded amount",
        level: Level::Practice,
        needs: Needs::Long,
        applies: Applies::Stream,
        probes: &[Probe::Stalled],
        sources: &[],
        expected: "a bounded queue per client: wait, drop events, or drop the client",
        impact: "One client that stops reading makes the server's memory grow until it fails for \
                 everyone.",
        remedy: "Bound the queue of each client, and drop events or the client when it is full.",
        good: "(after 15 s unread: what the kernel holds, then go on)",
        bad: "(after 15 s unread: everything since, out of the server's memory)",
        judge: unread::half_open,
    },
    Rule {
        id: "lifecycle.parallel",
        title: "Several streams of one client work at once",
        level: Level::Info,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Parallel1, Probe::Parallel2],
        sources: &[HTML_AUTHORING],
        expected: "two further streams, answered while others are open",
        impact: "A second tab, or any other request of that user, waits until the first stream \
                 ends.",
        remedy: "PHP: `session_write_close()` before streaming; WSGI: threaded or asynchronous \
                 workers; else look for a lock or a limit per client.",
        good: "stream 2 → 200 at once",
        bad: "stream 2 → 200 when stream 1 has ended",
        judge: parallel::parallel,
    },
    Rule {
        id: "lifecycle.keepalive-headers",
        title: "Connection: keep-alive is not sent over HTTP/1.1",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9112_PERSISTENCE],
        expected: "no Connection: keep-alive and no Keep-Alive: HTTP/1.1 persists without",
        impact: "None here; passed on to HTTP/2 by a careless proxy, Safari and others refuse \
                 the response.",
        remedy: "Do not set Connection or Keep-Alive in the application.",
        good: "(no Connection)",
        bad: "Connection: keep-alive",
        judge: keepalive_headers,
    },
];

fn keepalive_headers(case: &Case<'_>) -> Judgement {
    let Some(head) = case.head() else {
        return Judgement::unverified("no main observation");
    };
    if head.version != HttpVersion::Http11 {
        return Judgement::not_applicable(format!("the answer is {}", head.version));
    }
    let mut seen = Vec::new();
    if head.has_token("connection", "keep-alive") {
        seen.push("Connection: keep-alive".to_owned());
    }
    if let Some(value) = head.first("keep-alive") {
        seen.push(format!("Keep-Alive: {}", quoted(value)));
    }
    if seen.is_empty() {
        return Judgement::pass("neither is sent");
    }
    Judgement::info(seen.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, verdict};
    use ssekit_record::Verdict;

    #[test]
    fn keep_alive_is_noted_over_http_1_1_only() {
        let id = "lifecycle.keepalive-headers";
        let main = || Sample::stream("data: a\n\n");
        assert_eq!(verdict(id, main()), Verdict::Pass);
        assert_eq!(
            verdict(id, main().with_field("Connection", "close")),
            Verdict::Pass
        );
        let kept = main().with_field("Connection", "Keep-Alive");
        assert_eq!(verdict(id, kept.clone()), Verdict::Info);
        assert_eq!(
            verdict(id, kept.version(HttpVersion::Http10)),
            Verdict::NotApplicable
        );
        assert_eq!(
            verdict(id, main().with_field("Keep-Alive", "timeout=5")),
            Verdict::Info
        );
    }
}
