//! Rules of the group `lifecycle`: how long, how many, and for whom a stream goes on.

use ssekit_record::{EndKind, HttpVersion, Level, Transcript};

use super::answer::{is_turned_away, told};
use super::sighting::{quoted, seconds};
use super::source::{HTML_AUTHORING, RFC9112_PERSISTENCE};
use crate::product::Family;
use crate::{Applies, Case, EventSeen, Judgement, Needs, Probe, Rule};

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
        judge: min_duration,
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
        judge: half_open,
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
        judge: parallel,
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

/// Ages at which known timeouts cut a stream, in seconds, and whose default that is.
const TIMEOUTS: [(u64, &str); 11] = [
    (8, "Bun (idle)"),
    (10, "Go's WriteTimeout as often set, Bun (idle)"),
    (15, "Envoy's route timeout; Go's WriteTimeout as often set"),
    (
        30,
        "gunicorn's worker timeout, CloudFront's origin read timeout, Google Cloud's backend \
          timeoutSec, API Gateway",
    ),
    (55, "Heroku's router (silence)"),
    (
        60,
        "nginx proxy_read_timeout, httpd ProxyTimeout, Kong, AWS ALB, cowboy idle_timeout \
          (silence); Mercure, Traefik readTimeout",
    ),
    (100, "Cloudflare (silence)"),
    (120, "Cloudflare, node-http-proxy and development servers"),
    (180, "dapr"),
    (
        300,
        "Node's requestTimeout, Envoy stream_idle_timeout, Micronaut",
    ),
    (600, "an age limit"),
];
/// How much earlier and later than the round number a cut may be seen, in microseconds: the
/// timer starts with the connection or with the request, and polls.
const EARLY_US: u64 = 300_000;
const LATER_US: u64 = 700_000;
/// Observed this long, a stream has outlived the shortest common timeouts.
const OUTLIVED_US: u64 = 31_000_000;

fn min_duration(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    let age = main
        .end
        .at_us
        .saturating_sub(main.connection.connected_us.unwrap_or(0));
    if !case.ended_by_server() {
        return if main.end.kind == EndKind::Left && age >= OUTLIVED_US {
            Judgement::pass(format!("open after {}", seconds(age)))
        } else {
            Judgement::unverified(format!("observed for {} only; needs --long", seconds(age)))
        };
    }
    let finished = case
        .answered(Probe::ResumeFinished)
        .is_some_and(|(_, head)| head.status == 204);
    if finished {
        return Judgement::not_applicable("the stream is finished: coming back gets 204");
    }
    let last = case.reading().and_then(|reading| reading.events.last());
    if let Some(mark) = last.and_then(end_mark) {
        return Judgement::not_applicable(format!("the stream ends with {mark}"));
    }
    let silence = main
        .body
        .slices
        .last()
        .map(|slice| main.end.at_us.saturating_sub(slice.at_us));
    let cut = timeout_at(age)
        .map(|known| (known, "after it opened"))
        .or_else(|| Some((timeout_at(silence?)?, "after its last byte")));
    let Some(((at, whose), since)) = cut else {
        return Judgement::pass(format!(
            "ended by the server after {}, no known timeout",
            seconds(age)
        ));
    };
    let actual = format!(
        "ended {at} s {since}, without an event that says so ({})",
        seconds(age)
    );
    let judgement = Judgement::warn(actual).remedy(remedy_for(case, at, whose));
    judgement.noted(main, Some(main.end.at_us), how(main))
}

fn how(main: &Transcript) -> &'static str {
    match main.end.kind {
        EndKind::Clean => "the server ended the stream",
        EndKind::Reset => "the stream was reset",
        _ => "the connection closed",
    }
}

fn timeout_at(age_us: u64) -> Option<(u64, &'static str)> {
    TIMEOUTS.into_iter().find(|(at, _)| {
        let at = at * 1_000_000;
        age_us + EARLY_US >= at && age_us <= at + LATER_US
    })
}

fn remedy_for(case: &Case<'_>, at: u64, whose: &str) -> String {
    let own = match (case.hop(), at) {
        (Some(Family::Nginx), _) => "nginx: `proxy_read_timeout 1h;`",
        (Some(Family::Httpd), _) => "httpd: `ProxyTimeout 3600`",
        (Some(Family::Envoy), 15) => "Envoy: route `timeout: 0s`",
        (Some(Family::Envoy), _) => "Envoy: raise `stream_idle_timeout`",
        (Some(Family::Varnish), _) => "Varnish: raise `.between_bytes_timeout`, or pipe this path",
        (Some(Family::CloudFront), _) => "CloudFront: raise the origin response timeout",
        (Some(Family::Kong), _) => "Kong: raise `read_timeout` of the service",
        (Some(Family::Cloudflare | Family::Heroku), _) => "send a comment every 15 s",
        _ => {
            "Go: clear the write deadline of this request (`SetWriteDeadline(time.Time{})`); \
              Node: `server.requestTimeout = 0`; gunicorn: asynchronous workers"
        }
    };
    format!("Known for {at} s: {whose}. {own}. Against timeouts of silence, a comment every 15 s.")
}

/// What marks an event as the last one of its stream.
fn end_mark(event: &EventSeen) -> Option<String> {
    const TYPES: [&str; 16] = [
        "done",
        "end",
        "close",
        "closed",
        "complete",
        "completed",
        "finish",
        "finished",
        "eof",
        "eos",
        "stop",
        "bye",
        "message_stop",
        "response.completed",
        "response.done",
        "stream_end",
    ];
    let name = event.event.to_ascii_lowercase();
    if TYPES.contains(&name.as_str()) {
        return Some(format!("an event of type {}", quoted(&event.event)));
    }
    let data = event.data.trim();
    let bare = data.trim_matches(['[', ']', '"']).to_ascii_lowercase();
    if TYPES.contains(&bare.as_str()) {
        return Some(format!("the data {}", quoted(data)));
    }
    let json: serde_json::Value = serde_json::from_str(data).ok()?;
    let kind = json.get("type").or_else(|| json.get("event"))?.as_str()?;
    TYPES
        .contains(&kind.to_ascii_lowercase().as_str())
        .then(|| format!("data of type {}", quoted(kind)))
}

/// Bytes that may wait for a client that does not read, with no queue in the server: its kernel's send
/// buffer (4 MiB at most with Linux's `tcp_wmem`, others less), ssekit's receive buffer (half a MiB, asked
/// for) and one write in the server's hands; the sum is doubled for systems tuned to more.
const KERNEL: u64 = 10 * 1024 * 1024;
/// What must have been written while nothing was read, for a bound to show.
const TELLING: u64 = KERNEL * 3 / 2;
/// Shortest pause that counts as not reading, in microseconds.
const STALL_US: u64 = 5_000_000;

fn half_open(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(stalled)) = (case.main(), case.transcript(Probe::Stalled)) else {
        return Judgement::unverified("no stream was left unread");
    };
    if !stalled.is_event_stream() {
        return Judgement::unverified(format!("the stream to leave unread got {}", told(stalled)));
    }
    let dropped = matches!(
        stalled.end.kind,
        EndKind::Clean | EndKind::Truncated | EndKind::Reset
    );
    let Some((from, to)) = pause(stalled) else {
        return if dropped {
            Judgement::pass("the server ended the stream that was not read")
        } else {
            Judgement::unverified("nothing arrived around the time in which nothing was read")
        };
    };
    let rate = main.body.len() as f64 / case.observed_us().max(1) as f64;
    let written = (rate * (to - from) as f64) as u64;
    let backlog = backlog(stalled, to, rate);
    let unread = seconds(to - from);
    if backlog > KERNEL && !is_burst(case, stalled, to, rate) {
        return Judgement::unverified(format!(
            "after {unread} unread the stream came about as fast as before: a queue cannot be told from a \
             server that writes as fast as it is read"
        ));
    }
    if backlog > KERNEL {
        return Judgement::warn(format!(
            "after {unread} unread, {} more came than the stream writes meanwhile: kernels hold \
             no more than {}, so the server kept it, or it reads on from a log",
            mib(backlog),
            mib(KERNEL)
        ))
        .noted(stalled, Some(to), "reading went on");
    }
    if dropped {
        return Judgement::pass(format!("after {unread} unread the server ended the stream"));
    }
    if written < TELLING {
        return Judgement::unverified(format!(
            "the stream writes about {} in {unread}, which kernels hold; a bound shows from {} on",
            mib(written),
            mib(TELLING)
        ));
    }
    Judgement::pass(format!(
        "after {unread} unread, {} of about {} written were waiting",
        mib(backlog),
        mib(written)
    ))
}

/// By how much what arrived after the pause was ahead of the pace of the stream, at most. The
/// rate is in bytes per microsecond.
fn backlog(stalled: &Transcript, since_us: u64, rate: f64) -> u64 {
    let after = stalled
        .body
        .slices
        .iter()
        .filter(|slice| slice.at_us >= since_us);
    let mut arrived = 0_u64;
    let ahead = after.map(|slice| {
        arrived += slice.len;
        arrived.saturating_sub((rate * (slice.at_us - since_us) as f64) as u64)
    });
    ahead.max().unwrap_or(0)
}

/// Observed this long, a stream has a pace of its own, in microseconds: one written as fast as it is
/// read fills what is kept of it in less.
const PACED_US: u64 = 2_000_000;
/// How much faster than that pace a backlog comes, at least: a busy machine alone changes the pace too.
const BURST: f64 = 4.0;

/// Whether what came first after the pause came so much faster than the stream's own pace that it
/// must have been waiting. The rate is in bytes per microsecond.
fn is_burst(case: &Case<'_>, stalled: &Transcript, since_us: u64, rate: f64) -> bool {
    let mut arrived = 0;
    let slices = stalled.body.slices.iter();
    let mut after = slices.filter(|slice| slice.at_us >= since_us);
    let beyond = after.find(|slice| {
        arrived += slice.len;
        arrived > KERNEL
    });
    let took = beyond.map(|slice| slice.at_us.saturating_sub(since_us).max(1));
    let is_paced = case.observed_us() >= PACED_US;
    is_paced && took.is_some_and(|took| KERNEL as f64 / took as f64 >= rate * BURST)
}

/// The longest time in which nothing was read, if it was long.
fn pause(stalled: &Transcript) -> Option<(u64, u64)> {
    let pairs = stalled.body.slices.windows(2);
    let pauses = pairs.map(|pair| (pair[0].at_us, pair[1].at_us));
    let longest = pauses.max_by_key(|(from, to)| to.saturating_sub(*from))?;
    (longest.1.saturating_sub(longest.0) >= STALL_US).then_some(longest)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

fn parallel(case: &Case<'_>) -> Judgement {
    let both = (
        case.transcript(Probe::Parallel1),
        case.transcript(Probe::Parallel2),
    );
    let (Some(first), Some(second)) = both else {
        return Judgement::unverified("two further streams were not both asked for");
    };
    let refused = [first, second]
        .into_iter()
        .find(|stream| !stream.is_event_stream());
    if let Some(stream) = refused {
        let actual = format!("of two further streams one got {}", told(stream));
        let judgement = Judgement::info(actual).noted(stream, Some(stream.end.at_us), "the answer");
        return if is_turned_away(stream) {
            judgement
                .remedy("A limit on streams per client is in force; browsers open one per tab.")
        } else {
            judgement
        };
    }
    let (earlier, later) = if answered_at(second) < answered_at(first) {
        (second, first)
    } else {
        (first, second)
    };
    let (asked, answered) = (begins(later), answered_at(later));
    let over = absolute(earlier, earlier.end.at_us);
    if asked >= over {
        return Judgement::unverified("the two further streams did not overlap");
    }
    let waited = answered.saturating_sub(asked);
    // Each exchange begins at a whole millisecond of the calendar, and runs on its own clock.
    if answered + CLOCKS_US >= over && waited >= 200_000 {
        return Judgement::info(format!(
            "the second stream was answered after {}, when the first had ended",
            seconds(waited)
        ))
        .noted(
            later,
            later.head.as_ref().map(|head| head.at_us),
            "the head arrived",
        );
    }
    Judgement::pass("two further streams were served at the same time")
}

/// How far apart the clocks of two exchanges may be, in microseconds.
const CLOCKS_US: u64 = 20_000;

/// Microseconds since 1970 of a moment in an exchange.
fn absolute(transcript: &Transcript, at_us: u64) -> u64 {
    transcript.started_unix_ms * 1000 + at_us
}

fn begins(transcript: &Transcript) -> u64 {
    absolute(transcript, transcript.connection.request_us.unwrap_or(0))
}

fn answered_at(transcript: &Transcript) -> u64 {
    let head = transcript.head.as_ref();
    absolute(
        transcript,
        head.map_or(transcript.end.at_us, |head| head.at_us),
    )
}

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
    use crate::check::sample::{Sample, finding, verdict};
    use ssekit_record::Verdict;

    #[test]
    fn a_cut_at_a_round_age_is_named_and_a_natural_end_is_not() {
        let id = "lifecycle.min-duration";
        let ended = |at_ms, kind| Sample::stream("data: a\n\n").end(kind, at_ms);
        for (at_ms, expected) in [
            (200, Verdict::Pass),
            (10_100, Verdict::Warn),
            (12_000, Verdict::Pass),
            (29_900, Verdict::Warn),
            (30_600, Verdict::Warn),
            (31_500, Verdict::Pass),
            (60_000, Verdict::Warn),
        ] {
            for kind in [EndKind::Clean, EndKind::Truncated, EndKind::Reset] {
                assert_eq!(verdict(id, ended(at_ms, kind)), expected, "{at_ms}");
            }
        }
        assert_eq!(
            verdict(id, ended(3_000, EndKind::Left)),
            Verdict::Unverified
        );
        assert_eq!(verdict(id, ended(45_000, EndKind::Left)), Verdict::Pass);
        let idle =
            Sample::slices([(20, "data: a\n\n"), (3_000, ":\n")]).end(EndKind::Clean, 33_010);
        assert_eq!(verdict(id, idle), Verdict::Warn);
    }

    #[test]
    fn a_stream_that_says_it_is_over_was_not_cut() {
        let id = "lifecycle.min-duration";
        for last in [
            "data: [DONE]",
            "event: done\ndata: x",
            "data: {\"type\":\"message_stop\"}",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}",
        ] {
            let sample = Sample::stream(format!("data: a\n\n{last}\n\n")).ended(30_000);
            assert_eq!(verdict(id, sample), Verdict::NotApplicable, "{last}");
        }
        let finished = Sample::answer(204, "", "").by(Probe::ResumeFinished);
        let main = Sample::stream("data: a\n\n").ended(30_000);
        assert_eq!(
            finding(id, [main, finished]).verdict,
            Verdict::NotApplicable
        );
    }

    fn unread(rate_mib: u64, backlog: usize) -> Verdict {
        unread_after(3_000, rate_mib, backlog)
    }

    fn unread_after(observed_ms: u64, rate_mib: u64, backlog: usize) -> Verdict {
        let bytes = |n: usize| vec![b'x'; n];
        let total = ((observed_ms * rate_mib) << 20) / 1_000;
        let main = Sample::slices([(20, bytes(total as usize))]).end(EndKind::Left, observed_ms);
        let stalled = Sample::slices([
            (20, bytes(100)),
            (15_020, bytes(backlog)),
            (18_000, bytes(9)),
        ]);
        let stalled = stalled.end(EndKind::Left, 20_000).by(Probe::Stalled);
        finding("lifecycle.half-open", [main, stalled]).verdict
    }

    #[test]
    fn a_backlog_beyond_the_kernel_is_the_servers() {
        assert_eq!(unread(1, 12 << 20), Verdict::Warn);
        assert_eq!(unread(1, 3 << 20), Verdict::Pass);
        assert_eq!(unread(0, 3 << 10), Verdict::Unverified);
        // Written as fast as it is read: its pace is ours, and nothing was seen waiting.
        assert_eq!(unread_after(500, 20, 12 << 20), Verdict::Unverified);
        let main = Sample::stream("data: a\n\n");
        let dropped = Sample::stream("data: a\n\n").end(EndKind::Reset, 15_000);
        let judged = finding("lifecycle.half-open", [main, dropped.by(Probe::Stalled)]);
        assert_eq!(judged.verdict, Verdict::Pass);
    }

    #[test]
    fn a_stream_that_became_faster_is_no_backlog() {
        let mib = |n: usize| vec![b'x'; n << 20];
        let main = Sample::slices([(20, mib(3))]).end(EndKind::Left, 3_000);
        let faster = (0..20).map(|n| (15_020 + n * 400, mib(1)));
        let stalled = [(20, mib(1))].into_iter().chain(faster);
        let stalled = Sample::slices(stalled).end(EndKind::Left, 23_000);
        let judged = finding("lifecycle.half-open", [main, stalled.by(Probe::Stalled)]);
        assert_eq!(judged.verdict, Verdict::Unverified);
    }

    #[test]
    fn streams_that_wait_for_each_other_are_noted() {
        let id = "lifecycle.parallel";
        let stream = |began_ms: u64, head_ms: u64, end_ms: u64, probe| {
            let sample = Sample::slices([(head_ms + 1, "data: a\n\n")]).head_at(head_ms);
            let mut sample = sample.end(EndKind::Left, end_ms).by(probe);
            sample.0.started_unix_ms += began_ms;
            sample
        };
        let main = || Sample::stream("data: a\n\n");
        let judged = |second: Sample| {
            let first = stream(0, 10, 1_000, Probe::Parallel1);
            finding(id, [main(), first, second]).verdict
        };
        assert_eq!(
            judged(stream(5, 10, 1_000, Probe::Parallel2)),
            Verdict::Pass
        );
        assert_eq!(
            judged(stream(5, 1_020, 2_000, Probe::Parallel2)),
            Verdict::Info
        );
        // Asked a little later, and answered first.
        let waits = stream(0, 1_020, 2_000, Probe::Parallel1);
        let served = stream(5, 10, 1_010, Probe::Parallel2);
        assert_eq!(finding(id, [main(), waits, served]).verdict, Verdict::Info);
        assert_eq!(
            judged(stream(1_100, 10, 1_000, Probe::Parallel2)),
            Verdict::Unverified
        );
        let silent = Sample::silence(EndKind::TimedOut, 2_500).by(Probe::Parallel2);
        assert_eq!(judged(silent), Verdict::Info);
        let busy = Sample::answer(429, "", "").by(Probe::Parallel2);
        assert_eq!(judged(busy), Verdict::Info);
    }

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
