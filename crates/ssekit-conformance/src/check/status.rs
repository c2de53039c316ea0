//! The status of the answer: the first rule of the group `response`.

use ssekit_record::{Field, Head, Level, Transcript};

use super::answer::{status_of, told};
use super::sighting::quoted;
use super::source::{HTML_EVENTSOURCE, RFC9110_STATUS_2XX};
use crate::{Applies, Case, Judgement, Needs, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "response.status-200",
    title: "The stream is answered with exactly 200",
    level: Level::Must,
    needs: Needs::Passive,
    applies: Applies::Answer,
    probes: &[],
    sources: &[HTML_EVENTSOURCE, RFC9110_STATUS_2XX],
    expected: "status 200",
    impact: "EventSource fails the connection on any other status and does not come back.",
    remedy: "Answer 200 before the first byte of the stream.",
    good: "HTTP/1.1 200 OK",
    bad: "HTTP/1.1 201 Created",
    judge: status_200,
}];

fn status_200(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    let Some(head) = &main.head else {
        return no_head(main);
    };
    if head.status == 200 {
        return Judgement::pass(format!("{}{}", status_of(head), after_redirects(main)));
    }
    let stopped = match main.end.detail.as_str() {
        detail if (300..400).contains(&head.status) && !detail.is_empty() => format!(": {detail}"),
        _ => String::new(),
    };
    let actual = format!("{}{}{stopped}", told(main), after_redirects(main));
    Judgement::fail(actual)
        .remedy(advice(head))
        .noted(main, Some(head.at_us), "the head arrived")
}

/// Bytes came, and no response can be read out of them.
fn no_head(main: &Transcript) -> Judgement {
    let Some(fault) = main.faults.first() else {
        return Judgement::unverified(told(main));
    };
    let actual = if main.end.detail.is_empty() {
        format!("no response can be read: {}", fault.detail)
    } else {
        main.end.detail.clone()
    };
    Judgement::fail(actual)
        .expecting("an HTTP response with status 200")
        .remedy("Check scheme, host and port: this port does not answer as HTTP here.")
        .seen_on_wire(
            main,
            fault.offset,
            1,
            "no response can be read from here on",
        )
}

fn after_redirects(main: &Transcript) -> String {
    match main.redirects.len() {
        0 => String::new(),
        1 => " after a redirect".into(),
        several => format!(" after {several} redirects"),
    }
}

/// What to do about a status, for whoever ran the check or owns the endpoint.
fn advice(head: &Head) -> String {
    let field = |name: &str| {
        head.fields
            .iter()
            .find(|f| f.name.eq_ignore_ascii_case(name))
    };
    let with = |field: Option<&Field>| match field {
        Some(field) => format!(" It says {}: {}.", field.name, quoted(&field.value)),
        None => String::new(),
    };
    match head.status {
        204 => "204 tells a client that there is nothing (more) and to stop for good; answer 200 \
                with the stream while there is one."
            .into(),
        200..=299 => "Answer exactly 200: clients treat every other 2xx as a failure.".into(),
        300..=399 => format!(
            "Redirect with 301, 302, 303, 307 or 308 and a Location that leads to the stream, or \
             check the URL itself.{}",
            with(field("location"))
        ),
        401 | 407 => "Pass credentials: --header 'Authorization: …', or the Cookie the page \
                      sends; EventSource itself can send cookies only."
            .into(),
        403 => "Pass credentials with --header if the stream needs them; else check who may read \
                this path."
            .into(),
        404 | 410 => {
            "Check the path: ask for the stream itself, not for the page that shows it.".into()
        }
        405 => format!(
            "If the stream is asked for with another method, say so: --method POST --body \
             @request.json --header 'Content-Type: application/json'.{}",
            with(field("allow"))
        ),
        406 => "Answer `Accept: text/event-stream` with the stream; EventSource sends exactly \
                that."
            .into(),
        400 | 415 | 422 => "The request lacks something: give query, --header, --method or --body \
                            as your client does."
            .into(),
        429 => format!(
            "The server turns clients away for now; check again later.{}",
            with(field("retry-after"))
        ),
        502..=504 => "A gateway got no answer from the origin, or the server is overloaded: check \
                      the origin itself."
            .into(),
        500..=599 => "The server fails while it answers: see its log.".into(),
        _ => "Answer 200 before the first byte of the stream.".into(),
    }
}

#[cfg(test)]
mod tests {
    use ssekit_record::{EndKind, FaultKind, Verdict};

    use crate::check::sample::{Sample, finding, verdict};

    const ID: &str = "response.status-200";

    #[test]
    fn only_200_passes() {
        assert_eq!(verdict(ID, Sample::stream("data: a\n\n")), Verdict::Pass);
        for status in [201, 204, 206, 226, 301, 401, 404, 405, 429, 500, 503] {
            let sample = Sample::answer(status, "text/event-stream", "");
            assert_eq!(verdict(ID, sample), Verdict::Fail, "{status}");
        }
    }

    #[test]
    fn bytes_that_are_no_response_fail_and_silence_is_no_verdict() {
        let mut sample = Sample::silence(EndKind::Malformed, 20);
        sample.0.wire.push(b"SSH-2.0-x\r\n", 20_000);
        let sample = sample.fault(FaultKind::NotHttp, 0, "SSH-2.0-x");
        assert_eq!(verdict(ID, sample), Verdict::Fail);
        let silent = Sample::silence(EndKind::TimedOut, 10_000);
        assert_eq!(verdict(ID, silent), Verdict::Unverified);
    }

    #[test]
    fn advice_fits_the_status() {
        let told = |status| finding(ID, [Sample::answer(status, "text/html", "<p>")]);
        assert!(told(401).remedy.contains("--header"));
        assert!(told(405).remedy.contains("--method"));
        assert!(told(204).remedy.contains("stop"));
        let stopped = Sample::answer(307, "", "").with_field("Location", "/b");
        assert!(finding(ID, [stopped]).remedy.contains("\"/b\""));
        assert_eq!(told(404).actual, "404 OK, text/html");
    }
}
