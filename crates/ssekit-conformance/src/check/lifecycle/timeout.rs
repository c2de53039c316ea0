//! Timeouts that cut a stream, known by the age or the silence they end it at.

use ssekit_record::{EndKind, Transcript};

use super::end_mark::end_mark;
use crate::check::sighting::seconds;
use crate::product::Family;
use crate::{Case, Judgement, Probe};

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

pub(super) fn min_duration(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    let connected_us = main.connection.connected_us.unwrap_or(0);
    let age = main.end.at_us.saturating_sub(connected_us);
    if !case.ended_by_server() {
        return if main.end.kind == EndKind::Left && age >= OUTLIVED_US {
            Judgement::pass(format!("open after {}", seconds(age)))
        } else {
            Judgement::unverified(format!("observed for {} only; needs --long", seconds(age)))
        };
    }
    if let Some(why) = meant_to_end(case) {
        return Judgement::not_applicable(why);
    }
    let age_told = seconds(age);
    let Some(((at, whose), since)) = cut(main, age) else {
        return Judgement::pass(format!(
            "ended by the server after {age_told}, no known timeout"
        ));
    };
    let actual = format!("ended {at} s {since}, without an event that says so ({age_told})");
    let judgement = Judgement::warn(actual).remedy(remedy_for(case, at, whose));
    judgement.noted(main, Some(main.end.at_us), how(main))
}

/// What shows that the server meant the stream to end.
fn meant_to_end(case: &Case<'_>) -> Option<String> {
    let again = case.answered(Probe::ResumeFinished);
    if again.is_some_and(|(_, head)| head.status == 204) {
        return Some("the stream is finished: coming back gets 204".into());
    }
    let last = case.reading()?.events.last()?;
    Some(format!("the stream ends with {}", end_mark(last)?))
}

/// The timeout whose length the stream had, or its last silence, and which of the two.
fn cut(main: &Transcript, age_us: u64) -> Option<((u64, &'static str), &'static str)> {
    if let Some(known) = timeout_at(age_us) {
        return Some((known, "after it opened"));
    }
    let last = main.body.slices.last()?;
    let silence_us = main.end.at_us.saturating_sub(last.at_us);
    Some((timeout_at(silence_us)?, "after its last byte"))
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
}
