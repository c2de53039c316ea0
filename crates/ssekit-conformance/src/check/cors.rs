//! Rules of the group `cors`.

use ssekit_record::{Head, Level};
use url::Url;

use super::sighting::quoted;
use super::source::{
    FETCH_CORS_CACHES, FETCH_CORS_CHECK, FETCH_CORS_PREFLIGHT, FETCH_CORS_PROTOCOL, RFC9110_VARY,
};
use crate::plan::{ORIGIN, OTHER_ORIGIN};
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cors.acao",
        title: "Access-Control-Allow-Origin is one value that can match an origin",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::CorsOrigin],
        sources: &[FETCH_CORS_CHECK],
        expected: "one field with `*` or one origin, as a browser writes it; or no CORS at all",
        impact: "Browsers fail the CORS check: pages of every other origin get an error event and \
                 no stream.",
        remedy: "Send one `Access-Control-Allow-Origin: *`, or the request's Origin where it is \
                 allowed. Look for a proxy that adds a second field.",
        good: "Access-Control-Allow-Origin: https://app.example",
        bad: "Access-Control-Allow-Origin: https://app.example/",
        judge: allow_origin,
    },
    Rule {
        id: "cors.credentials",
        title: "Access-Control-Allow-Credentials can have an effect",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::CorsOrigin],
        sources: &[FETCH_CORS_CHECK],
        expected: "`true`, in lower case, beside an origin that is not `*`",
        impact: "An EventSource made with withCredentials fails although the server means to allow \
                 it.",
        remedy: "Answer with the request's Origin instead of `*`, for origins that are allowed, \
                 and with `Vary: Origin`; or leave Allow-Credentials out.",
        good: "Access-Control-Allow-Origin: https://app.example\\nAccess-Control-Allow-Credentials: true",
        bad: "Access-Control-Allow-Origin: *\\nAccess-Control-Allow-Credentials: true",
        judge: credentials,
    },
    Rule {
        id: "cors.vary",
        title: "A reflected origin comes with Vary: Origin",
        level: Level::Should,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::CorsOrigin, Probe::CorsOther],
        sources: &[FETCH_CORS_CACHES, RFC9110_VARY],
        expected: "Vary: Origin where the answer may be stored and depends on the Origin",
        impact: "A cache gives one origin's answer to another, whose CORS check then fails.",
        remedy: "Add `Vary: Origin`, or send `Cache-Control: no-store`.",
        good: "Access-Control-Allow-Origin: https://app.example\\nVary: Origin",
        bad: "Access-Control-Allow-Origin: https://app.example",
        judge: vary,
    },
    Rule {
        id: "cors.reflect-any",
        title: "Not every origin may read the stream with credentials",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::CorsOrigin, Probe::CorsOther],
        sources: &[FETCH_CORS_PROTOCOL],
        expected: "credentials are allowed to known origins only",
        impact: "Any page a logged-in user visits can read his stream.",
        remedy: "Compare the Origin with a list before it is sent back together with \
                 Allow-Credentials.",
        good: "Origin: https://other.example -> no Access-Control-Allow-Origin",
        bad: "Origin: https://other.example -> Access-Control-Allow-Origin: https://other.example, \
              Access-Control-Allow-Credentials: true",
        judge: reflects_any,
    },
    Rule {
        id: "cors.preflight-lei",
        title: "Whether a preflight for Last-Event-ID succeeds",
        level: Level::Info,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::CorsOrigin, Probe::Preflight],
        sources: &[FETCH_CORS_PREFLIGHT],
        expected: "a 2xx that allows the origin and the field last-event-id",
        impact: "Clients built on fetch, and EventSource with ids a browser does not count as safe, \
                 may be unable to come back from another origin.",
        remedy: "Answer OPTIONS with `Access-Control-Allow-Headers: Last-Event-ID`.",
        good: "Access-Control-Allow-Headers: Last-Event-ID",
        bad: "405 Method Not Allowed",
        judge: preflight,
    },
    Rule {
        id: "cors.on-errors",
        title: "Errors carry the CORS fields too",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::CorsOrigin, Probe::CorsMissing],
        sources: &[FETCH_CORS_PROTOCOL],
        expected: "an error to an allowed origin carries Access-Control-Allow-Origin",
        impact: "Pages of other origins see a network error where the status would have told them \
                 what is wrong.",
        remedy: "Add the CORS fields to every answer (nginx: `add_header … always`).",
        good: "404, Access-Control-Allow-Origin: *",
        bad: "404 without Access-Control-Allow-Origin",
        judge: on_errors,
    },
];

/// What an answer allows to an origin.
enum Allowed<'a> {
    /// No field.
    Silent,
    /// Every origin, without credentials.
    Any,
    /// The origin that asked.
    This,
    /// Another origin, which may be meant so.
    Another(&'a str),
    /// What no origin can match: why.
    Nothing(String),
}

impl<'a> Allowed<'a> {
    /// Fetch, CORS check: the values of all fields of the name, joined, are compared with the
    /// serialized origin byte for byte.
    fn of(head: &'a Head, origin: &str) -> Self {
        let values: Vec<&str> = head.all(ALLOW_ORIGIN).collect();
        let value = match values[..] {
            [] => return Self::Silent,
            [value] => value.trim_matches([' ', '\t']),
            _ => {
                let shown: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                return Self::Nothing(format!("two values: {}", shown.join(" and ")));
            }
        };
        match value {
            "*" => Self::Any,
            // Said to whom is not allowed; an origin that is may be answered otherwise.
            "null" | "" => Self::Another(value),
            _ if value == origin => Self::This,
            _ if is_serialized(value) => Self::Another(value),
            _ => Self::Nothing(format!("{}, which is not an origin", quoted(value))),
        }
    }

    fn allows(&self) -> bool {
        matches!(self, Self::Any | Self::This)
    }
}

/// Whether a browser, or an application built on one, would write an origin like this.
fn is_serialized(value: &str) -> bool {
    // URL hosts may hold an asterisk; no browser is at such a host.
    let Some(url) = Url::parse(value).ok().filter(|_| !value.contains('*')) else {
        return false;
    };
    let origin = url.origin();
    if origin.is_tuple() {
        return origin.ascii_serialization() == value;
    }
    // Schemes of applications, such as capacitor://localhost: scheme and host, and nothing else.
    let rest = value
        .strip_prefix(url.scheme())
        .and_then(|rest| rest.strip_prefix("://"));
    rest.is_some_and(|host| {
        !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', ',']) && url.has_host()
    })
}

/// The head that answered an Origin, where it is the event stream.
fn head(case: &Case<'_>, probe: Probe) -> Result<Head, Judgement> {
    let Some((transcript, head)) = case.answered(probe) else {
        return Err(Judgement::unverified(
            "no answer to a request with an Origin",
        ));
    };
    if !transcript.is_event_stream() {
        let what = format!("a request with an Origin is answered with {}", head.status);
        return Err(Judgement::not_applicable(what));
    }
    Ok(head.clone())
}

fn allow_origin(case: &Case<'_>) -> Judgement {
    let head = match head(case, Probe::CorsOrigin) {
        Ok(head) => head,
        Err(judgement) => return judgement,
    };
    match Allowed::of(&head, ORIGIN) {
        Allowed::Silent => Judgement::info(
            "no Access-Control-Allow-Origin: pages of other origins cannot read the stream",
        ),
        Allowed::Any => Judgement::pass("*"),
        Allowed::This => Judgement::pass("the origin that asked"),
        Allowed::Another(origin) => Judgement::info(format!("it allows {} only", quoted(origin))),
        Allowed::Nothing(why) => {
            let judgement = Judgement::fail(why);
            match case.transcript(Probe::CorsOrigin) {
                Some(seen) => judgement.noted(seen, Some(head.at_us), "the head arrived"),
                None => judgement,
            }
        }
    }
}

fn credentials(case: &Case<'_>) -> Judgement {
    let head = match head(case, Probe::CorsOrigin) {
        Ok(head) => head,
        Err(judgement) => return judgement,
    };
    let values: Vec<&str> = head.all(ALLOW_CREDENTIALS).collect();
    let wrong = match (values.as_slice(), Allowed::of(&head, ORIGIN)) {
        (["true"], Allowed::Any) => "`true` beside `*`".into(),
        (["true"], _) => return Judgement::pass("true"),
        (values, _)
            if values
                .iter()
                .any(|value| value.to_ascii_lowercase().contains("true")) =>
        {
            quoted(&values.join(", "))
        }
        // Fetch takes any other value for a no.
        _ => return Judgement::pass("credentials are not allowed"),
    };
    let judgement = Judgement::fail(wrong);
    match case.transcript(Probe::CorsOrigin) {
        Some(seen) => judgement.noted(seen, Some(head.at_us), "the head arrived"),
        None => judgement,
    }
}

/// Whether both origins are told that they, and only they, are allowed.
fn reflection(case: &Case<'_>) -> Result<(Head, bool), Judgement> {
    let (first, second) = (
        head(case, Probe::CorsOrigin)?,
        head(case, Probe::CorsOther)?,
    );
    let reflected = matches!(Allowed::of(&first, ORIGIN), Allowed::This)
        && matches!(Allowed::of(&second, OTHER_ORIGIN), Allowed::This);
    Ok((first, reflected))
}

fn vary(case: &Case<'_>) -> Judgement {
    let is_get = |main: &ssekit_record::Transcript| main.request.method == "GET";
    if !case.main().is_some_and(is_get) {
        return Judgement::not_applicable("only answers to GET are stored without being told to");
    }
    let head = match reflection(case) {
        Ok((head, true)) => head,
        Ok((_, false)) => return Judgement::pass("no origin is reflected"),
        Err(judgement) => return judgement,
    };
    if head.has_token("cache-control", "no-store") {
        return Judgement::pass("the answer may not be stored");
    }
    if head.has_token("vary", "origin") || head.has_token("vary", "*") {
        return Judgement::pass("Vary: Origin");
    }
    Judgement::warn("the origin is reflected in an answer that may be stored, without Vary: Origin")
}

fn reflects_any(case: &Case<'_>) -> Judgement {
    let head = match reflection(case) {
        Ok((head, true)) => head,
        Ok((_, false)) => return Judgement::pass("no unknown origin is reflected"),
        Err(judgement) => return judgement,
    };
    if head.first(ALLOW_CREDENTIALS) == Some("true") {
        return Judgement::warn(format!(
            "{ORIGIN} and {OTHER_ORIGIN} are both allowed, with credentials"
        ));
    }
    Judgement::pass("every origin is reflected, without credentials")
}

/// Why there is nothing to ask of a server that does not allow the origin.
fn not_allowed(case: &Case<'_>) -> Option<Judgement> {
    match head(case, Probe::CorsOrigin) {
        Err(judgement) => Some(judgement),
        Ok(head) if Allowed::of(&head, ORIGIN).allows() => None,
        Ok(_) => Some(Judgement::not_applicable(
            "the stream is not offered to the origin that asked",
        )),
    }
}

fn preflight(case: &Case<'_>) -> Judgement {
    if let Some(judgement) = not_allowed(case) {
        return judgement;
    }
    let Some(seen) = case.transcript(Probe::Preflight) else {
        return Judgement::unverified("no preflight was asked");
    };
    let Some(head) = &seen.head else {
        return Judgement::info("no answer to OPTIONS");
    };
    if !(200..300).contains(&head.status) {
        return Judgement::info(format!("OPTIONS is answered with {}", head.status));
    }
    if !Allowed::of(head, ORIGIN).allows() {
        return Judgement::info("the answer to OPTIONS does not allow the origin");
    }
    let field = "access-control-allow-headers";
    if head.has_token(field, "last-event-id") || head.has_token(field, "*") {
        return Judgement::pass("Last-Event-ID is allowed");
    }
    Judgement::info("the answer to OPTIONS does not allow Last-Event-ID")
}

fn on_errors(case: &Case<'_>) -> Judgement {
    if let Some(judgement) = not_allowed(case) {
        return judgement;
    }
    let Some((seen, head)) = case.answered(Probe::CorsMissing) else {
        return Judgement::unverified("no answer for a path that should not exist");
    };
    if head.status < 400 {
        let what = format!(
            "a path that should not exist is answered with {}",
            head.status
        );
        return Judgement::not_applicable(what);
    }
    if Allowed::of(head, ORIGIN).allows() {
        return Judgement::pass(format!("{} with the CORS fields", head.status));
    }
    Judgement::warn(format!(
        "{} without Access-Control-Allow-Origin",
        head.status
    ))
    .noted(seen, Some(head.at_us), "the head of the error")
}

#[cfg(test)]
mod tests {
    use ssekit_record::Verdict;

    use super::super::sample::{Sample, finding};
    use super::*;

    fn acao(values: &[&str]) -> Verdict {
        let add = |sample: Sample, value: &&str| sample.with_field(ALLOW_ORIGIN, value);
        let sample = values.iter().fold(Sample::stream("data: a\n\n"), add);
        let main = Sample::stream("data: a\n\n");
        finding("cors.acao", [main, sample.by(Probe::CorsOrigin)]).verdict
    }

    #[test]
    fn an_allow_list_is_not_accused() {
        assert_eq!(acao(&["*"]), Verdict::Pass);
        assert_eq!(acao(&[ORIGIN]), Verdict::Pass);
        for other in [
            &[][..],
            &["null"],
            &["https://app.example"],
            &["http://localhost:3000"],
        ] {
            assert_eq!(acao(other), Verdict::Info, "{other:?}");
        }
    }

    #[test]
    fn what_no_origin_can_match_fails() {
        for wrong in [
            &["*", "*"][..],
            &["https://app.example/"],
            &["https://a.example, https://b.example"],
            &["https://a.example https://b.example"],
            &["https://*.example"],
            &["app.example"],
            &["HTTPS://app.example"],
            &["https://app.example:443"],
            &["capacitor://localhost/"],
        ] {
            assert_eq!(acao(wrong), Verdict::Fail, "{wrong:?}");
        }
    }

    fn twice(id: &str, fields: &[(&str, &str)]) -> Verdict {
        let with = |origin: &str| {
            let add = |sample: Sample, (name, value): &(&str, &str)| sample.with_field(name, value);
            let sample = Sample::stream("data: a\n\n").with_field(ALLOW_ORIGIN, origin);
            fields.iter().fold(sample, add)
        };
        let first = with(ORIGIN).by(Probe::CorsOrigin);
        let second = with(OTHER_ORIGIN).by(Probe::CorsOther);
        finding(id, [Sample::stream("data: a\n\n"), first, second]).verdict
    }

    #[test]
    fn a_reflected_origin_needs_vary_only_where_it_may_be_stored() {
        assert_eq!(twice("cors.vary", &[]), Verdict::Warn);
        assert_eq!(
            twice("cors.vary", &[("Vary", "Accept, Origin")]),
            Verdict::Pass
        );
        assert_eq!(
            twice("cors.vary", &[("Cache-Control", "no-store")]),
            Verdict::Pass
        );
    }

    #[test]
    fn credentials_for_every_origin_warn() {
        let credentials = [("Access-Control-Allow-Credentials", "true")];
        assert_eq!(twice("cors.reflect-any", &credentials), Verdict::Warn);
        assert_eq!(twice("cors.reflect-any", &[]), Verdict::Pass);
        assert_eq!(twice("cors.credentials", &credentials), Verdict::Pass);
        let shouted = [("Access-Control-Allow-Credentials", "True")];
        assert_eq!(twice("cors.credentials", &shouted), Verdict::Fail);
        for no in ["false", "False", "0", ""] {
            let fields = [("Access-Control-Allow-Credentials", no)];
            assert_eq!(twice("cors.credentials", &fields), Verdict::Pass, "{no:?}");
        }
    }
}
