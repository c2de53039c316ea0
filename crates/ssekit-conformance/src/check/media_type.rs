//! Rules of the group `response` about the media type.

use ssekit_record::{Head, Level, Transcript};

use super::sighting::{quoted, shortened};
use super::source::{
    HTML_EVENTSOURCE, HTML_MEDIA_TYPE, HTML_PARSING, RFC9110_CONTENT_TYPE, RFC9110_FIELD_ORDER,
    RFC9110_MEDIA_TYPE,
};
use crate::{Applies, Case, Judgement, LineShape, Needs, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "response.content-type",
        title: "The media type is text/event-stream",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Answer,
        probes: &[],
        sources: &[HTML_EVENTSOURCE, HTML_PARSING],
        expected: "Content-Type: text/event-stream",
        impact: "EventSource fails the connection and does not come back.",
        remedy: "Set `Content-Type: text/event-stream` before the first write.",
        good: "Content-Type: text/event-stream",
        bad: "Content-Type: text/plain",
        judge: content_type,
    },
    Rule {
        id: "response.content-type-single",
        title: "There is one Content-Type line and it is a media type",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[
            RFC9110_FIELD_ORDER,
            RFC9110_CONTENT_TYPE,
            RFC9110_MEDIA_TYPE,
        ],
        expected: "one Content-Type line that parses",
        impact: "Clients and proxies choose different lines, so some see an event stream and \
                 some do not.",
        remedy: "Set the field once; find the middleware or proxy that adds the other, or mend \
                 the value.",
        good: "Content-Type: text/event-stream; charset=\"utf-8\"",
        bad: "Content-Type: text/event-stream\\r\\nContent-Type: text/html",
        judge: single,
    },
    Rule {
        id: "response.charset-utf8",
        title: "A charset parameter says utf-8",
        level: Level::Must,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_MEDIA_TYPE],
        expected: "no charset parameter, or charset=utf-8",
        impact: "Chrome fails the connection; other clients may decode the text wrongly.",
        remedy: "Drop the parameter or send `charset=utf-8`; look for a default charset of the \
                 platform.",
        good: "Content-Type: text/event-stream; charset=UTF-8",
        bad: "Content-Type: text/event-stream; charset=iso-8859-1",
        judge: charset_utf8,
    },
    Rule {
        id: "response.charset-absent",
        title: "The charset parameter is not needed",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_MEDIA_TYPE],
        expected: "either; an event stream is always UTF-8",
        impact: "None for browsers. A client that compares the whole string exactly refuses a \
                 parameter; one that defaults text to Latin-1 is helped by it.",
        remedy: "Keep it if clients with a wrong default must be served, else leave it out.",
        good: "Content-Type: text/event-stream",
        bad: "Content-Type: text/event-stream; charset=utf-8",
        judge: charset_absent,
    },
];

fn content_type(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    if head.status != 200 {
        return Judgement::not_applicable(format!("the status is {}", head.status));
    }
    if main.is_event_stream() {
        return Judgement::pass(shown(head));
    }
    let is_stream = reads_as_events(case);
    let (looks, remedy) = likeness(main, is_stream);
    let way = match main.redirects.len() {
        0 => String::new(),
        _ => format!(", redirected to {}", main.request.url),
    };
    let actual = format!("{}{looks}{way}", shown(head));
    let judgement = Judgement::fail(actual).remedy(remedy);
    if main.stream().is_empty() {
        return judgement.noted(main, Some(head.at_us), "the head arrived");
    }
    judgement.seen(main, 0, 1, "the content begins")
}

fn shown(head: &Head) -> String {
    let values: Vec<_> = head.all("content-type").collect();
    if values.is_empty() {
        return "no Content-Type".into();
    }
    format!("Content-Type: {}", shortened(&values.join(", ")))
}

fn reads_as_events(case: &Case<'_>) -> bool {
    case.reading().is_some_and(|reading| {
        let is_data = |shape: &LineShape| matches!(shape, LineShape::Field { name, colon: true, .. } if name == "data");
        reading.lines.iter().any(|line| is_data(&line.shape))
    })
}

/// What the content looks like, and what to do about it.
fn likeness(main: &Transcript, is_stream: bool) -> (&'static str, &'static str) {
    let bytes = &main.stream().bytes;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let begin = bytes.trim_ascii_start();
    let begin = String::from_utf8_lossy(&begin[..begin.len().min(64)]).to_ascii_lowercase();
    if is_stream {
        return (
            "; the content is an event stream",
            "Set `Content-Type: text/event-stream` before the first write; check that no proxy or \
             middleware sets a default over it.",
        );
    }
    if ["<!doctype html", "<html", "<head", "<body", "<!--"]
        .iter()
        .any(|mark| begin.starts_with(mark))
    {
        return (
            "; the content is an HTML page",
            "Check that no login page, error page or single-page fallback answers this path: pass \
             credentials with --header, or correct the path.",
        );
    }
    if begin.starts_with(['{', '[']) {
        return (
            "; the content looks like JSON",
            "If this API streams only when asked, ask as your client does (such as --method POST \
             --body '{\"stream\":true}'); else set `Content-Type: text/event-stream`.",
        );
    }
    (
        "",
        "Set `Content-Type: text/event-stream` before the first write; check that this is the \
         path of the stream.",
    )
}

fn single(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let values: Vec<&str> = head.all("content-type").collect();
    let actual = match values.as_slice() {
        [value] if MediaType::parse(value).is_some() => {
            return Judgement::pass(shown(head));
        }
        [value] => format!("{} is not a media type", quoted(value)),
        several => {
            let shown: Vec<_> = several.iter().take(3).map(|value| quoted(value)).collect();
            format!("{} lines: {}", several.len(), shown.join(", "))
        }
    };
    Judgement::fail(actual).noted(main, Some(head.at_us), "the head arrived")
}

fn charset_utf8(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(head)) = (case.main(), case.head()) else {
        return Judgement::unverified("no main observation");
    };
    let Some(media_type) = head.first("content-type").and_then(MediaType::parse) else {
        return Judgement::not_applicable("the Content-Type is not a media type");
    };
    match media_type.parameter("charset") {
        None => Judgement::pass("no charset parameter"),
        Some(charset) if charset.eq_ignore_ascii_case("utf-8") => {
            Judgement::pass(format!("charset={}", quoted(charset)))
        }
        Some(charset) => Judgement::fail(format!("charset={}", quoted(charset))).noted(
            main,
            Some(head.at_us),
            "the head arrived",
        ),
    }
}

fn charset_absent(case: &Case<'_>) -> Judgement {
    let media_type = case
        .head()
        .and_then(|head| head.first("content-type"))
        .and_then(MediaType::parse);
    let Some(media_type) = media_type else {
        return Judgement::not_applicable("the Content-Type is not a media type");
    };
    match media_type.parameter("charset") {
        None => Judgement::pass("no charset parameter"),
        Some(charset) => Judgement::info(format!(
            "charset={}: legal, and without effect",
            quoted(charset)
        )),
    }
}

/// A media type with its parameters (RFC 9110 8.3.1).
#[derive(Debug, PartialEq, Eq)]
struct MediaType {
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// `type "/" subtype *( OWS ";" OWS [ token "=" ( token / quoted-string ) ] )`
    fn parse(value: &str) -> Option<Self> {
        let (essence, mut rest) = match value.find(';') {
            Some(at) => (value[..at].trim_end_matches([' ', '\t']), &value[at..]),
            None => (value, ""),
        };
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters = Vec::new();
        while let Some(after) = rest.strip_prefix(';') {
            let after = after.trim_start_matches([' ', '\t']);
            if after.is_empty() || after.starts_with(';') {
                rest = after;
                continue;
            }
            let (name, value) = after.split_once('=')?;
            let (value, after) = parameter_value(value)?;
            if !is_token(name) {
                return None;
            }
            parameters.push((name.to_ascii_lowercase(), value));
            rest = after.trim_start_matches([' ', '\t']);
        }
        rest.is_empty().then_some(Self { parameters })
    }

    /// The first parameter of this lower-case name.
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }
}

/// A token or a quoted string at the front, unquoted, and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        return is_token(&text[..end]).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// RFC 9110 5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ssekit_record::Verdict;

    use super::MediaType;
    use crate::check::sample::{Sample, finding, verdict};

    fn typed(value: &str) -> Sample {
        Sample::stream("data: a\n\n")
            .without_field("Content-Type")
            .with_field("Content-Type", value)
    }

    #[test]
    fn media_types_parse_as_the_grammar_has_it() {
        for good in [
            "text/event-stream",
            "Text/Event-Stream;Charset=\"UTF-8\"",
            "text/event-stream ; charset=utf-8",
            "text/event-stream;",
            "text/event-stream;; a=b;",
            "text/event-stream; a=\"x;y=\\\"z\"; charset=utf-8",
        ] {
            assert!(MediaType::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "text",
            "text/event-stream, text/html",
            "text/event-stream; charset",
            "text/event-stream; charset =utf-8",
            "text/event-stream; a=\"b",
            "text/event-stream; charset=utf-8 x",
            "text/ event-stream",
        ] {
            assert_eq!(MediaType::parse(bad), None, "{bad}");
        }
        let quoted = MediaType::parse("a/b; x=\"y;charset=no\"; Charset=\"ut\\f-8\"").unwrap();
        assert_eq!(quoted.parameter("charset"), Some("utf-8"));
    }

    #[test]
    fn any_other_type_fails_with_a_word_on_what_came() {
        let id = "response.content-type";
        assert_eq!(verdict(id, typed("TEXT/event-stream;a=b")), Verdict::Pass);
        let page = finding(
            id,
            [Sample::answer(
                200,
                "text/html",
                " <!DOCTYPE html><p>Sign in",
            )],
        );
        assert_eq!(page.verdict, Verdict::Fail);
        assert!(page.actual.contains("HTML"), "{}", page.actual);
        let plain = finding(id, [typed("text/plain")]);
        assert!(plain.actual.contains("is an event stream"));
        let none = Sample::answer(200, "", "");
        assert_eq!(verdict(id, none), Verdict::Fail);
        let missing = Sample::answer(404, "text/html", "");
        assert_eq!(verdict(id, missing), Verdict::NotApplicable);
    }

    #[test]
    fn several_lines_or_an_unreadable_one_fail() {
        let id = "response.content-type-single";
        assert_eq!(
            verdict(id, typed("text/event-stream; a=\"b,c\"")),
            Verdict::Pass
        );
        for (first, second) in [
            ("text/html", "text/event-stream"),
            ("text/event-stream", "text/html"),
        ] {
            let both = typed(first).with_field("content-type", second);
            assert_eq!(verdict(id, both.clone()), Verdict::Fail);
            assert_eq!(verdict("response.content-type", both), Verdict::Pass);
        }
        let list = typed("text/event-stream, text/event-stream");
        assert_eq!(verdict(id, list), Verdict::Fail);
        let twice = typed("text/event-stream").with_field("content-type", "text/event-stream");
        assert_eq!(verdict(id, twice), Verdict::Fail);
        assert_eq!(
            verdict(id, typed("text/event-stream; charset")),
            Verdict::Fail
        );
    }

    #[test]
    fn charset_is_utf_8_or_absent() {
        let utf8 = "response.charset-utf8";
        let absent = "response.charset-absent";
        for (value, first, second) in [
            ("text/event-stream", Verdict::Pass, Verdict::Pass),
            (
                "text/event-stream;charset=\"Utf-8\"",
                Verdict::Pass,
                Verdict::Info,
            ),
            (
                "text/event-stream; charset=utf8",
                Verdict::Fail,
                Verdict::Info,
            ),
            (
                "text/event-stream; charset=latin1",
                Verdict::Fail,
                Verdict::Info,
            ),
            (
                "text/event-stream; charset",
                Verdict::NotApplicable,
                Verdict::NotApplicable,
            ),
        ] {
            assert_eq!(verdict(utf8, typed(value)), first, "{value}");
            assert_eq!(verdict(absent, typed(value)), second, "{value}");
        }
    }
}
