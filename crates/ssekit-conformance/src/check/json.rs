//! Whether the data of an event is JSON, looks like broken JSON, or is something else.

use serde::de::IgnoredAny;

/// What data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// A JSON object or array.
    Json,
    /// Begins like a JSON object or array and is none.
    Broken,
    /// Text, markers such as `[DONE]`, log lines such as `[info] …`, or a lone JSON value.
    Other,
}

/// Tells by the first characters and by parsing. Grammar alone counts: numbers of any size and
/// lone surrogates are JSON (RFC 8259).
pub(super) fn text_of(data: &str) -> Text {
    let text = data.trim_matches([' ', '\t', '\n', '\r']);
    if !begins_like_json(text) {
        return Text::Other;
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Text::Json,
        Err(_) => Text::Broken,
    }
}

fn begins_like_json(text: &str) -> bool {
    let inner = |rest: &str| rest.trim_start().chars().next();
    if let Some(rest) = text.strip_prefix('{') {
        return matches!(inner(rest), None | Some('"' | '}' | '\''));
    }
    if let Some(rest) = text.strip_prefix('[') {
        return match inner(rest) {
            None | Some('{' | '"' | '[' | ']') => true,
            Some('0'..='9' | '-') => !text.ends_with(|c: char| c.is_alphabetic()),
            _ => false,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_judged_by_grammar_alone() {
        for json in [
            "{}",
            " {\"a\":1e999} ",
            "[1,2]",
            "[{\"a\":\"\\ud800\"}]",
            "{\n\"a\": 1\n}",
        ] {
            assert_eq!(text_of(json), Text::Json, "{json}");
        }
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert_eq!(text_of(&deep), Text::Json);
    }

    #[test]
    fn text_that_only_looks_like_json_is_no_broken_json() {
        for other in [
            "[DONE]",
            "[info] up",
            "{name}",
            "12",
            "null",
            "",
            "[12:30] hello",
            "{{x}}",
        ] {
            assert_eq!(text_of(other), Text::Other, "{other}");
        }
        for broken in ["{", "{\"a\":", "{\"a\":1}}", "[\"a\"", "{'a': 1}", "[{]"] {
            assert_eq!(text_of(broken), Text::Broken, "{broken}");
        }
    }
}
