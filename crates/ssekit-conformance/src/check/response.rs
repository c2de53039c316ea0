//! Rules of the group `response` about the head as a whole: date, redirects, errors, promptness.

use ssekit_record::{Level, Transcript};

use super::answer::{status_of, told};
use super::sighting::{quoted, seconds};
use super::source::{
    FETCH_NOSNIFF, HTML_INTRODUCTION, HTML_PROCESSING, RFC6585_429, RFC9110_DATE,
    RFC9110_RETRY_AFTER, RFC9110_STATUS_3XX, RFC9110_STATUS_503,
};
use super::staged::by_late_first;
use crate::product::Family;
use crate::{Applies, Case, EchoScene, Judgement, Needs, Probe, Rule};

/// A head or a first byte later than this is late, in microseconds.
const LATE_US: u64 = 1_000_000;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "response.date",
        title: "The answer carries Date",
        level: Level::Should,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9110_DATE],
        expected: "a Date field; a MUST for an origin server that has a clock",
        impact: "Caches and logs cannot tell how old the answer is.",
        remedy: "Let the HTTP server send Date; do not switch it off.",
        good: "Date: Tue, 15 Nov 1994 08:12:31 GMT",
        bad: "(no Date)",
        judge: date,
    },
    Rule {
        id: "response.redirect-307-301",
        title: "Redirects lead to the stream and stay on https",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTRODUCTION, RFC9110_STATUS_3XX],
        expected: "no step from https to http",
        impact: "Browsers block the step as mixed content; elsewhere cookies and events travel \
                 in the clear.",
        remedy: "Redirect to the https URL of the stream; behind a proxy that ends TLS, let the \
                 application know the outer scheme (X-Forwarded-Proto).",
        good: "307 → https://api.example/events",
        bad: "301 → http://api.example/events",
        judge: redirect,
    },
    Rule {
        id: "response.error-not-sse",
        title: "An error does not claim to be an event stream",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Missing],
        sources: &[HTML_PROCESSING],
        expected: "an error status with a media type of its own",
        impact: "Clients never read the content of an error, so an event in it reaches nobody.",
        remedy: "Give errors another media type, such as application/problem+json.",
        good: "HTTP/1.1 404 Not Found\\r\\nContent-Type: application/problem+json",
        bad: "HTTP/1.1 404 Not Found\\r\\nContent-Type: text/event-stream",
        judge: error_not_sse,
    },
    Rule {
        id: "response.retry-after",
        title: "429 and 503 say when to come back",
        level: Level::Info,
        needs: Needs::Active,
        applies: Applies::Answer,
        probes: &[Probe::Main, Probe::Missing],
        sources: &[RFC9110_RETRY_AFTER, RFC9110_STATUS_503, RFC6585_429],
        expected: "Retry-After in a 429 or 503",
        impact: "Clients that are turned away guess when to come back, often all at once.",
        remedy: "Send Retry-After, with some jitter, in every 429 and 503.",
        good: "HTTP/1.1 503 Service Unavailable\\r\\nRetry-After: 5",
        bad: "HTTP/1.1 503 Service Unavailable",
        judge: retry_after,
    },
    Rule {
        id: "response.headers-prompt",
        title: "The head comes at once, not with the first event",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            Probe::Capabilities,
            Probe::Scene(EchoScene::LateFirst),
        ],
        sources: &[HTML_PROCESSING],
        expected: "the head within 1 s of the request",
        impact: "Until the head arrives `onopen` does not fire, health checks and load balancers \
                 see a request that hangs, and client timeouts run.",
        remedy: "Flush the head on connect, or write a comment line first.",
        good: "HTTP/1.1 200 OK … :ok  (at once)",
        bad: "HTTP/1.1 200 OK … data: a  (with the first event)",
        judge: headers_prompt,
    },
    Rule {
        id: "response.ttfb",
        title: "How long head and first byte take",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[],
        expected: "the first byte of content within 1 s of the request",
        impact: "Some proxies and clients hold back or give up on an answer without content.",
        remedy: "Write a comment line on connect.",
        good: ":ok\\n\\n  (at once)",
        bad: "(nothing for seconds)",
        judge: ttfb,
    },
    Rule {
        id: "response.nosniff",
        title: "X-Content-Type-Options: nosniff is set",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[FETCH_NOSNIFF],
        expected: "X-Content-Type-Options: nosniff",
        impact: "A stream that carries text of others can be loaded as a script or style sheet \
                 of another page.",
        remedy: "Send `X-Content-Type-Options: nosniff`.",
        good: "X-Content-Type-Options: nosniff",
        bad: "(no X-Content-Type-Options)",
        judge: nosniff,
    },
];

fn date(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    match head.first("date") {
        Some(date) => Judgement::pass(format!("Date: {}", quoted(date).trim_matches('"'))),
        None => Judgement::warn("no Date").noted(main, Some(head.at_us), "the head arrived"),
    }
}

fn redirect(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    if main.redirects.is_empty() {
        return Judgement::not_applicable("no redirect");
    }
    let steps = main.redirects.iter().map(|hop| hop.status.to_string());
    let steps = steps.collect::<Vec<_>>().join(", then ");
    let mut urls: Vec<&str> = main.redirects.iter().map(|hop| hop.url.as_str()).collect();
    urls.push(&main.request.url);
    let down = urls
        .windows(2)
        .find(|pair| pair[0].starts_with("https:") && pair[1].starts_with("http:"));
    match down {
        Some(pair) => {
            let note = format!("redirected with {steps}");
            Judgement::warn(format!("{} leads to {}", pair[0], pair[1])).noted(main, None, note)
        }
        None => Judgement::pass(format!("{steps} to {}", main.request.url)),
    }
}

fn error_not_sse(case: &Case<'_>) -> Judgement {
    let Some(transcript) = case.transcript(Probe::Missing) else {
        return Judgement::unverified("no error was asked for");
    };
    let Some(head) = transcript.head.as_ref().filter(|head| head.status >= 400) else {
        return Judgement::not_applicable(format!(
            "a path that should not exist gets {}, so no error was seen",
            told(transcript)
        ));
    };
    if head.content_type_essence().as_deref() != Some("text/event-stream") {
        return Judgement::pass(told(transcript));
    }
    Judgement::warn(told(transcript)).noted(transcript, Some(head.at_us), "the head of the error")
}

fn retry_after(case: &Case<'_>) -> Judgement {
    let mut away = case.transcripts().filter_map(|transcript| {
        let head = transcript.head.as_ref()?;
        matches!(head.status, 429 | 503).then_some((transcript, head))
    });
    let Some(first) = away.next() else {
        return Judgement::not_applicable("no 429 or 503 was seen");
    };
    let without = std::iter::once(first)
        .chain(away)
        .find(|(_, head)| head.first("retry-after").is_none());
    match without {
        Some((transcript, head)) => Judgement::info(format!(
            "{} without Retry-After",
            status_of(head)
        ))
        .noted(transcript, Some(head.at_us), "the head arrived"),
        None => Judgement::pass(format!(
            "{} with Retry-After: {}",
            status_of(first.1),
            quoted(first.1.first("retry-after").unwrap_or_default())
        )),
    }
}

/// From the request to this moment.
fn since_request(transcript: &Transcript, at_us: u64) -> u64 {
    at_us.saturating_sub(transcript.connection.request_us.unwrap_or(0))
}

fn headers_prompt(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let took = since_request(main, head.at_us);
    let first = main.body.slices.first().map(|slice| slice.at_us);
    let with_content = first.is_some_and(|at_us| at_us.saturating_sub(head.at_us) < 5_000);
    let actual = format!("the head took {}", seconds(took));
    if took <= LATE_US {
        return by_late_first(case).unwrap_or_else(|| Judgement::pass(actual));
    }
    let held = if with_content {
        ", and came together with the first content"
    } else {
        ""
    };
    let judgement = Judgement::warn(format!("{actual}{held}")).noted(
        main,
        Some(head.at_us),
        "the head arrived",
    );
    match flush_of(case) {
        Some(how) => judgement.remedy(format!("Flush the head on connect: {how}")),
        None => judgement,
    }
}

/// How the product behind the head sends a head early.
fn flush_of(case: &Case<'_>) -> Option<&'static str> {
    match case.product()?.family {
        Family::Express => Some("`res.writeHead(200, …)` and `res.flushHeaders()`."),
        Family::Aiohttp => Some("`await response.prepare(request)` and write a comment."),
        Family::Php => Some("echo a comment line, then `ob_flush(); flush();`."),
        Family::Caddy => Some("newer Caddy does; older: leave this path out of `encode`."),
        _ => None,
    }
}

fn ttfb(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let head_took = seconds(since_request(main, head.at_us));
    let Some(first) = main.body.slices.first() else {
        let observed = case.observed_us();
        let actual = format!("head {head_took}; no content in {}", seconds(observed));
        return if observed > LATE_US {
            Judgement::info(actual)
        } else {
            Judgement::not_applicable(actual)
        };
    };
    let took = since_request(main, first.at_us);
    let actual = format!("head {head_took}, first byte {}", seconds(took));
    if took > LATE_US {
        Judgement::info(actual).seen(main, 0, 1, "the first byte of content")
    } else {
        Judgement::pass(actual)
    }
}

fn nosniff(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let field = "x-content-type-options";
    let actual = match head.first(field) {
        // "Determine nosniff" looks at the first value only.
        Some(value) if first_is(value, "nosniff") => return Judgement::pass("nosniff"),
        Some(value) => format!("X-Content-Type-Options: {}", quoted(value)),
        None => "no X-Content-Type-Options".into(),
    };
    Judgement::warn(actual).noted(main, Some(head.at_us), "the head arrived")
}

fn first_is(value: &str, wanted: &str) -> bool {
    let first = value.split(',').next().unwrap_or_default();
    first.trim().eq_ignore_ascii_case(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding, verdict};
    use ssekit_record::{Redirect, Verdict};

    fn main() -> Sample {
        Sample::stream("data: a\n\n")
    }

    #[test]
    fn date_is_a_should() {
        let finding = finding("response.date", [main()]);
        assert_eq!(
            (finding.verdict, finding.level),
            (Verdict::Warn, Level::Should)
        );
        let dated = main().with_field("date", "Tue, 15 Nov 1994 08:12:31 GMT");
        assert_eq!(verdict("response.date", dated), Verdict::Pass);
    }

    #[test]
    fn a_redirect_leads_to_a_stream_and_not_down_to_http() {
        let id = "response.redirect-307-301";
        let through = |hops: &[&str], end: &str| {
            let mut sample = main();
            sample.0.request.url = end.into();
            sample.0.redirects = hops
                .iter()
                .map(|url| Redirect {
                    url: (*url).into(),
                    status: 307,
                    location: String::new(),
                })
                .collect();
            verdict(id, sample)
        };
        assert_eq!(through(&[], "http://a/"), Verdict::NotApplicable);
        assert_eq!(through(&["http://a/"], "https://a/"), Verdict::Pass);
        assert_eq!(through(&["https://a/"], "https://b/"), Verdict::Pass);
        assert_eq!(through(&["https://a/"], "http://a/"), Verdict::Warn);
        assert_eq!(
            through(&["https://a/", "http://a/"], "https://a/"),
            Verdict::Warn
        );
    }

    #[test]
    fn an_error_is_no_event_stream() {
        let id = "response.error-not-sse";
        let judged = |status, kind| {
            let error = Sample::answer(status, kind, "data: x\n\n").by(Probe::Missing);
            finding(id, [main(), error]).verdict
        };
        assert_eq!(judged(404, "text/html"), Verdict::Pass);
        assert_eq!(
            judged(404, "text/event-stream; charset=utf-8"),
            Verdict::Warn
        );
        assert_eq!(judged(200, "text/event-stream"), Verdict::NotApplicable);
    }

    #[test]
    fn whoever_is_turned_away_is_told_when_to_come_back() {
        let id = "response.retry-after";
        assert_eq!(verdict(id, main()), Verdict::NotApplicable);
        let busy = || Sample::answer(503, "", "");
        assert_eq!(verdict(id, busy()), Verdict::Info);
        assert_eq!(
            verdict(id, busy().with_field("Retry-After", "5")),
            Verdict::Pass
        );
        let later = busy().by(Probe::Parallel2);
        assert_eq!(finding(id, [main(), later]).verdict, Verdict::Info);
    }

    #[test]
    fn a_late_head_is_warned_of_and_a_late_byte_noted() {
        let late = || Sample::slices([(1_700, "data: a\n\n")]).head_at(1_700);
        let silent = Sample::stream("");
        assert_eq!(verdict("response.headers-prompt", main()), Verdict::Pass);
        assert_eq!(verdict("response.headers-prompt", late()), Verdict::Warn);
        assert_eq!(
            verdict("response.headers-prompt", silent.clone()),
            Verdict::Pass
        );
        assert_eq!(verdict("response.ttfb", main()), Verdict::Pass);
        assert_eq!(verdict("response.ttfb", late()), Verdict::Info);
        assert_eq!(verdict("response.ttfb", silent), Verdict::Info);
    }

    #[test]
    fn nosniff_is_the_first_value() {
        let id = "response.nosniff";
        assert_eq!(verdict(id, main()), Verdict::Warn);
        for (value, expected) in [
            ("NoSniff", Verdict::Pass),
            ("nosniff, x", Verdict::Pass),
            ("x, nosniff", Verdict::Warn),
        ] {
            let sample = main().with_field("X-Content-Type-Options", value);
            assert_eq!(verdict(id, sample), expected, "{value}");
        }
    }
}
