//! Rules of the group `cache`, and the hint against buffering.

use ssekit_record::{Head, Level};

use super::answer::status_of;
use super::sighting::{quoted, shortened};
use super::source::{
    NGINX_BUFFERING, RFC9110_CONDITIONAL, RFC9110_ETAG, RFC9110_TRANSFORMATIONS, RFC9111_AGE,
    RFC9111_NO_CACHE, RFC9111_NO_STORE, RFC9111_NO_TRANSFORM, RFC9111_PUBLIC, RFC9111_S_MAXAGE,
};
use crate::product::Family;
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cache.no-store",
        title: "Caches are told not to keep the stream",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9111_NO_STORE, RFC9111_NO_CACHE],
        expected: "Cache-Control with no-store, no-cache or private",
        impact: "A shared cache may keep the stream, join clients to one upstream request, or \
                 replay old events; Varnish keeps an unmarked answer for two minutes.",
        remedy: "Send `Cache-Control: no-store`, or `no-cache, no-transform`.",
        good: "Cache-Control: no-store, no-transform",
        bad: "(no Cache-Control)",
        judge: no_store,
    },
    Rule {
        id: "cache.not-shared",
        title: "The stream does not come out of a shared cache",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9111_PUBLIC, RFC9111_S_MAXAGE, RFC9111_AGE],
        expected: "no public, no s-maxage, no Age and no sign of a cache hit",
        impact: "Users get events of the past, or those of somebody else.",
        remedy: "Remove public and s-maxage; let the cache in front bypass this path.",
        good: "Cache-Control: no-store",
        bad: "Cache-Control: public, s-maxage=60\\r\\nAge: 12",
        judge: not_shared,
    },
    Rule {
        id: "cache.no-transform",
        title: "Intermediaries are told not to transform the stream",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[RFC9111_NO_TRANSFORM, RFC9110_TRANSFORMATIONS],
        expected: "Cache-Control with no-transform",
        impact: "Proxies and development servers that compress on the way hold small events back \
                 until their window fills.",
        remedy: "Add no-transform: `Cache-Control: no-store, no-transform`. HAProxy, Envoy, \
                 Express `compression` and webpack-dev-server heed it.",
        good: "Cache-Control: no-store, no-transform",
        bad: "Cache-Control: no-store",
        judge: no_transform,
    },
    Rule {
        id: "cache.validators",
        title: "A live stream has no ETag and is never 304",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Main, Probe::Conditional],
        sources: &[RFC9110_ETAG, RFC9110_CONDITIONAL],
        expected: "no ETag, and 200 to a conditional request",
        impact: "Middleware that computes an ETag must read the whole content first, so it holds \
                 the stream; a 304 gives a client no stream at all.",
        remedy: "Take this path out of ETag and conditional-GET middleware (Rack before 3: set \
                 Last-Modified yourself).",
        good: "(no ETag)",
        bad: "ETag: W/\"1a2b\"",
        judge: validators,
    },
    Rule {
        id: "buffering.hint",
        title: "nginx is told not to buffer the stream",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[NGINX_BUFFERING],
        expected: "X-Accel-Buffering: no",
        impact: "nginx, and what is built on it, buffers proxied answers: users get events late \
                 and in blocks.",
        remedy: "Send `X-Accel-Buffering: no`; servers other than nginx ignore it.",
        good: "X-Accel-Buffering: no",
        bad: "X-Accel-Buffering: off",
        judge: buffering_hint,
    },
];

/// Response directives of Cache-Control, names in lower case; an argument is kept without quotes.
fn directives(head: &Head) -> Vec<(String, Option<String>)> {
    let values: Vec<&str> = head.all("cache-control").collect();
    split_list(&values.join(","))
        .into_iter()
        .map(|item| match item.split_once('=') {
            Some((name, argument)) => (
                name.trim().to_ascii_lowercase(),
                Some(argument.trim().trim_matches('"').to_owned()),
            ),
            None => (item.to_ascii_lowercase(), None),
        })
        .collect()
}

/// The items of a comma-separated list, commas inside quotes left alone.
fn split_list(value: &str) -> Vec<&str> {
    split_at(value, ',')
}

/// What stands between separators that are not inside quotes.
fn split_at(value: &str, separator: char) -> Vec<&str> {
    let mut inside = false;
    let items = value.split(|c| {
        inside ^= c == '"';
        c == separator && !inside
    });
    items
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect()
}

/// Whether a directive without an argument is there; with one it speaks of single fields only.
fn has(directives: &[(String, Option<String>)], name: &str) -> bool {
    let found = |(known, argument): &(String, Option<String>)| known == name && argument.is_none();
    directives.iter().any(found)
}

fn seconds_of(directives: &[(String, Option<String>)], name: &str) -> Option<u64> {
    let (_, argument) = directives.iter().find(|(known, _)| known == name)?;
    argument.as_deref()?.parse().ok()
}

fn shown(head: &Head) -> String {
    let values: Vec<&str> = head.all("cache-control").collect();
    if values.is_empty() {
        return "no Cache-Control".into();
    }
    format!("Cache-Control: {}", shortened(&values.join(", ")))
}

fn no_store(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    if main.request.method != "GET" {
        let method = &main.request.method;
        return Judgement::not_applicable(format!(
            "caches do not keep answers to {method} unasked"
        ));
    }
    let known = directives(head);
    let kept_out = ["no-store", "no-cache", "private"]
        .iter()
        .any(|name| has(&known, name));
    if kept_out || seconds_of(&known, "max-age") == Some(0) {
        return Judgement::pass(shown(head));
    }
    let pragma = if known.is_empty() && head.first("pragma").is_some() {
        "; Pragma means nothing in an answer"
    } else {
        ""
    };
    Judgement::warn(format!("{}{pragma}", shown(head))).noted(
        main,
        Some(head.at_us),
        "the head arrived",
    )
}

fn not_shared(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let known = directives(head);
    let mut signs = Vec::new();
    if !has(&known, "no-store") {
        if has(&known, "public") {
            signs.push("Cache-Control: public".into());
        }
        if let Some(age) = seconds_of(&known, "s-maxage").filter(|age| *age > 0) {
            signs.push(format!("Cache-Control: s-maxage={age}"));
        }
    }
    let age = head
        .first("age")
        .and_then(|age| age.trim().parse::<u64>().ok());
    if let Some(age) = age.filter(|age| *age > 0) {
        signs.push(format!("Age: {age}"));
    }
    signs.extend(hits(head));
    if signs.is_empty() {
        return Judgement::pass("no sign of a shared cache");
    }
    let judgement =
        Judgement::warn(signs.join("; ")).noted(main, Some(head.at_us), "the head arrived");
    match case.hop() {
        Some(Family::Varnish) => judgement.remedy("Varnish: `return (pass);` for this path."),
        Some(Family::Cloudflare) => {
            judgement.remedy("Cloudflare: a cache rule that bypasses this path.")
        }
        Some(Family::CloudFront) => {
            judgement.remedy("CloudFront: a behaviour for this path with caching disabled.")
        }
        _ => judgement,
    }
}

/// Fields by which caches say that they answered themselves.
fn hits(head: &Head) -> Vec<String> {
    let says_hit = |name: &str| match name {
        "x-cache" | "x-cache-status" | "x-proxy-cache" | "cf-cache-status" | "x-drupal-cache" => {
            |value: &str| value.split(',').any(names_a_hit)
        }
        // RFC 9211: `hit` is a parameter of a member, which begins with the name of the cache.
        "cache-status" => |value: &str| {
            let members = split_list(value);
            let mut parameters = members
                .iter()
                .flat_map(|member| split_at(member, ';').into_iter().skip(1));
            parameters.any(|item| matches!(item.to_ascii_lowercase().as_str(), "hit" | "hit=?1"))
        },
        // Two transactions: this one and the one that filled the cache.
        "x-varnish" => |value: &str| value.split_ascii_whitespace().count() > 1,
        _ => |_: &str| false,
    };
    let fields = head
        .fields
        .iter()
        .filter(|field| says_hit(&field.name.to_ascii_lowercase())(&field.value));
    fields
        .map(|field| format!("{}: {}", field.name, shortened(&field.value)))
        .collect()
}

/// Whether one cache says that it answered itself: before its name, which may be any word.
fn names_a_hit(item: &str) -> bool {
    let words = item.split(|c: char| !c.is_ascii_alphanumeric());
    let mut said = words.take_while(|word| !word.eq_ignore_ascii_case("from"));
    let hits = ["hit", "stale", "updating", "revalidated"];
    said.any(|word| hits.iter().any(|hit| word.eq_ignore_ascii_case(hit)))
}

fn no_transform(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    if has(&directives(head), "no-transform") {
        return Judgement::pass(shown(head));
    }
    Judgement::warn(shown(head)).noted(main, Some(head.at_us), "the head arrived")
}

fn validators(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    if let Some((transcript, answer)) = case
        .answered(Probe::Conditional)
        .filter(|(_, answer)| answer.status == 304)
    {
        let condition = transcript.request.fields.iter().find(|field| {
            field.name.eq_ignore_ascii_case("if-none-match")
                || field.name.eq_ignore_ascii_case("if-modified-since")
        });
        let condition = condition.map_or_else(
            || "a conditional request".into(),
            |field| format!("{}: {}", field.name, shortened(&field.value)),
        );
        return Judgement::warn(format!("{condition} gets {}", status_of(answer))).noted(
            transcript,
            Some(answer.at_us),
            "the head of the 304",
        );
    }
    if let Some(etag) = head.first("etag") {
        return Judgement::warn(format!("ETag: {}", shortened(etag))).noted(
            main,
            Some(head.at_us),
            "the head arrived",
        );
    }
    if case.transcript(Probe::Conditional).is_none() {
        let why = case
            .skipped(Probe::Conditional)
            .map(|skipped| skipped.reason.clone());
        let why = why.unwrap_or_else(|| "no conditional request was made".into());
        return Judgement::unverified(format!("no ETag; as to 304: {why}"));
    }
    Judgement::pass("no ETag, no 304")
}

fn buffering_hint(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    match head.first("x-accel-buffering") {
        Some(value) if value.eq_ignore_ascii_case("no") => Judgement::pass("X-Accel-Buffering: no"),
        Some(value) if value.eq_ignore_ascii_case("yes") => Judgement::warn(
            "X-Accel-Buffering: yes, which asks nginx to buffer",
        )
        .noted(main, Some(head.at_us), "the head arrived"),
        Some(value) => Judgement::warn(format!(
            "X-Accel-Buffering: {}; nginx reads only yes and no",
            quoted(value)
        ))
        .noted(main, Some(head.at_us), "the head arrived"),
        None if case.hop() == Some(Family::Nginx) => Judgement::unverified(
            "nginx keeps this field to itself, so its absence shows nothing; ask the origin directly",
        ),
        None => Judgement::warn("no X-Accel-Buffering").noted(
            main,
            Some(head.at_us),
            "the head arrived",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding, verdict};
    use ssekit_record::Verdict;

    fn main() -> Sample {
        Sample::stream("data: a\n\n")
    }

    fn with(fields: &[(&str, &str)]) -> Sample {
        let add = |sample: Sample, (name, value): &(&str, &str)| sample.with_field(name, value);
        fields.iter().fold(main(), add)
    }

    #[test]
    fn any_directive_that_keeps_it_out_of_shared_caches_will_do() {
        let id = "cache.no-store";
        for (value, expected) in [
            ("no-store", Verdict::Pass),
            ("No-Cache, no-transform", Verdict::Pass),
            ("private", Verdict::Pass),
            ("max-age=0", Verdict::Pass),
            ("max-age=60", Verdict::Warn),
            ("no-cache=\"Set-Cookie, X\"", Verdict::Warn),
            ("no-transform", Verdict::Warn),
        ] {
            let sample = with(&[("cache-control", value)]);
            assert_eq!(verdict(id, sample), expected, "{value}");
        }
        assert_eq!(verdict(id, main()), Verdict::Warn);
        let lines = with(&[
            ("Cache-Control", "max-age=60"),
            ("Cache-Control", "no-store"),
        ]);
        assert_eq!(verdict(id, lines), Verdict::Pass);
        let mut post = main();
        post.0.request.method = "POST".into();
        assert_eq!(verdict(id, post), Verdict::NotApplicable);
    }

    #[test]
    fn signs_of_a_shared_cache_are_told_from_their_absence() {
        let id = "cache.not-shared";
        for (field, value, expected) in [
            ("Cache-Control", "public, max-age=5", Verdict::Warn),
            ("Cache-Control", "public, no-store", Verdict::Pass),
            ("Cache-Control", "s-maxage=0", Verdict::Pass),
            ("Cache-Control", "s-maxage=10", Verdict::Warn),
            ("Age", "0", Verdict::Pass),
            ("Age", "12", Verdict::Warn),
            ("X-Cache", "Hit from cloudfront", Verdict::Warn),
            ("X-Cache", "MISS, HIT", Verdict::Warn),
            ("X-Cache", "Miss from cloudfront", Verdict::Pass),
            ("CF-Cache-Status", "DYNAMIC", Verdict::Pass),
            ("CF-Cache-Status", "HIT", Verdict::Warn),
            ("X-Varnish", "123 45", Verdict::Warn),
            ("X-Varnish", "123", Verdict::Pass),
            ("Cache-Status", "edge; hit; ttl=5", Verdict::Warn),
            ("Cache-Status", "edge; fwd=miss", Verdict::Pass),
        ] {
            assert_eq!(
                verdict(id, with(&[(field, value)])),
                expected,
                "{field}: {value}"
            );
        }
    }

    #[test]
    fn no_transform_is_looked_for() {
        let id = "cache.no-transform";
        assert_eq!(verdict(id, main()), Verdict::Warn);
        let told = with(&[("cache-control", "no-cache,No-Transform")]);
        assert_eq!(verdict(id, told), Verdict::Pass);
    }

    #[test]
    fn a_live_stream_has_no_validator() {
        let id = "cache.validators";
        let conditional = |sample: Sample| sample.by(Probe::Conditional);
        let judged = |sample| finding(id, [sample, conditional(main())]).verdict;
        assert_eq!(judged(main()), Verdict::Pass);
        assert_eq!(judged(with(&[("Last-Modified", "x")])), Verdict::Pass);
        assert_eq!(judged(with(&[("ETag", "W/\"1\"")])), Verdict::Warn);
        let told = finding(id, [with(&[("ETag", "\"1\"")])]);
        assert_eq!(told.actual, "ETag: \"1\"");
        let not_modified = conditional(Sample::answer(304, "", ""));
        assert_eq!(finding(id, [main(), not_modified]).verdict, Verdict::Warn);
        assert_eq!(verdict(id, main()), Verdict::Unverified);
    }

    #[test]
    fn the_hint_is_exactly_no_and_nginx_hides_it() {
        let id = "buffering.hint";
        assert_eq!(
            verdict(id, with(&[("x-accel-buffering", "No")])),
            Verdict::Pass
        );
        assert_eq!(
            verdict(id, with(&[("x-accel-buffering", "off")])),
            Verdict::Warn
        );
        assert_eq!(verdict(id, main()), Verdict::Warn);
        let behind = with(&[("Server", "nginx/1.22.1"), ("X-Powered-By", "Express")]);
        assert_eq!(verdict(id, behind), Verdict::Unverified);
    }
}
