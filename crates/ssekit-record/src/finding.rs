//! What one check found.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Acceptance, Flakiness};

/// How binding the rule behind a check is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing; nothing is wrong either way.
    Info,
    /// Wide practice without normative force.
    Practice,
    /// A SHOULD of a standard.
    Should,
    /// A MUST of a standard, or what makes every conforming client fail the connection.
    Must,
}

impl Level {
    /// The word used in records and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Practice => "practice",
            Self::Should => "should",
            Self::Must => "must",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Info, Self::Practice, Self::Should, Self::Must]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| format!("unknown level {text:?}: use must, should, practice or info"))
    }
}

/// What a check concluded. The words never merge: "violates", "does not apply" and "could not
/// look" are different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// The rule is kept, as far as was looked.
    #[serde(rename = "pass")]
    Pass,
    /// A MUST is violated.
    #[serde(rename = "fail")]
    Fail,
    /// A SHOULD or wide practice is not followed.
    #[serde(rename = "warn")]
    Warn,
    /// Something worth knowing, neither good nor bad.
    #[serde(rename = "info")]
    Info,
    /// The rule does not apply to this target; `actual` says why.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// The rule applies and could not be judged; `actual` names what was missing.
    #[serde(rename = "unverified")]
    Unverified,
    /// ssekit or the set-up is at fault, not the target.
    #[serde(rename = "error")]
    Error,
}

impl Verdict {
    /// Every verdict, worst first, as reports list them.
    pub const ALL: [Self; 7] = [
        Self::Fail,
        Self::Error,
        Self::Warn,
        Self::Unverified,
        Self::Info,
        Self::Pass,
        Self::NotApplicable,
    ];

    /// The word used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::NotApplicable => "n/a",
            Self::Unverified => "unverified",
            Self::Error => "error",
        }
    }

    /// This verdict of a rule of that level: only a MUST fails, and what is merely worth knowing is
    /// neither good nor bad.
    #[must_use]
    pub fn of(self, level: Level) -> Self {
        match (self, level) {
            (Self::Fail, Level::Should | Level::Practice) => Self::Warn,
            (Self::Fail | Self::Warn, Level::Info) => Self::Info,
            (verdict, _) => verdict,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Standard and section, such as `RFC 9112 7.1`; `practice` rules may cite documentation.
    pub name: String,
    /// Link to that section; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
}

impl Source {
    /// The sources with these names and links.
    pub fn all(named: &[(&str, &str)]) -> Vec<Self> {
        let sources = named.iter().map(|(name, url)| Self {
            name: (*name).into(),
            url: (*url).into(),
        });
        sources.collect()
    }
}

/// One piece of evidence: what in which transcript shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Name of the probe whose transcript shows it.
    pub probe: String,
    /// Byte offset in the decoded event stream, or in the wire bytes for faults of framing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Elapsed time in microseconds since that exchange began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<u64>,
    /// What is seen there, in one sentence.
    pub note: String,
    /// The bytes around the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

/// Bytes around a place, readable: control and non-UTF-8 bytes are escaped (`\r`, `\n`, `\xff`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excerpt {
    /// Offset of the first byte shown.
    pub offset: u64,
    /// The bytes, escaped.
    pub text: String,
    /// Position of the place in `text`, in characters.
    pub caret: usize,
    /// How many characters of `text` are meant, at least one.
    pub width: usize,
}

impl Excerpt {
    /// Shows up to `around` bytes before `at` and after `at + len`.
    pub fn of(bytes: &[u8], at: u64, len: u64, around: usize) -> Self {
        let at = usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
        let end = usize::try_from(len).map_or(bytes.len(), |len| at.saturating_add(len));
        let end = end.clamp(at, bytes.len()).min(at.saturating_add(64));
        // What is no UTF-8 has no characters to keep whole.
        let from = char_start(bytes, at.saturating_sub(around)).min(at);
        let to = char_end(bytes, end.saturating_add(around).min(bytes.len())).max(end);
        let before = escape(&bytes[from..at]);
        let marked = escape(&bytes[at..end]);
        let after = escape(&bytes[end..to]);
        Self {
            offset: from as u64,
            caret: before.chars().count(),
            width: marked.chars().count().max(1),
            text: before + &marked + &after,
        }
    }
}

/// Moves a cut forward so that it does not split a UTF-8 character.
fn char_start(bytes: &[u8], at: usize) -> usize {
    (at..bytes.len().min(at + 3))
        .find(|&i| bytes[i] & 0xC0 != 0x80)
        .unwrap_or(at)
}

/// Moves a cut backward so that it does not split a UTF-8 character.
fn char_end(bytes: &[u8], at: usize) -> usize {
    if at >= bytes.len() {
        return bytes.len();
    }
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|&i| bytes[i] & 0xC0 != 0x80)
        .unwrap_or(at)
}

/// Text safe on a terminal and in a report: controls, format characters and broken UTF-8 escaped.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0' => out.push_str("\\0"),
                c if is_unsafe_to_show(c) => out.push_str(&c.escape_unicode().to_string()),
                c => out.push(c),
            }
        }
        for byte in part.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Controls, and characters that reorder or hide text (bidirectional and zero-width marks): what
/// [`escape`] escapes besides the backslash.
pub fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What one check found: the object in `checks` of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Id of the check, permanent.
    pub id: String,
    /// How binding the rule is; in a finding, that of the part found.
    pub level: Level,
    /// Conclusion.
    pub verdict: Verdict,
    /// The rule in one line.
    pub title: String,
    /// What a conforming target would have shown.
    pub expected: String,
    /// What was seen; for `n/a` and `unverified`, why.
    pub actual: String,
    /// Where the rule comes from. In JSON `source` names it in one string, and `sources` lists
    /// names and links.
    #[serde(flatten, with = "named_sources")]
    #[schemars(with = "named_sources::Written<'_>")]
    pub source: Vec<Source>,
    /// What a violation does to users.
    pub impact: String,
    /// What to change.
    pub remedy: String,
    /// Why a baseline or a scenario accepts it, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
    /// How often each verdict came, where several runs did not agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaky: Option<Flakiness>,
    /// Where it was seen.
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// What the run as a whole says of it, labelled: that it is accepted, that it is flaky.
    pub fn remarks(&self) -> Vec<(&'static str, String)> {
        let accepted = self.accepted.as_ref().map(|accepted| {
            let Acceptance { reason, until } = accepted;
            let text = match until {
                Some(until) => format!("until {until}: {reason}"),
                None => reason.clone(),
            };
            ("accepted", text)
        });
        let flaky = self.flaky.as_ref().map(|flaky| ("flaky", flaky.told()));
        accepted.into_iter().chain(flaky).collect()
    }
}

mod named_sources {
    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Source;

    #[derive(Serialize, JsonSchema)]
    pub(super) struct Written<'a> {
        /// Names of the standards and sections the rule comes from, in one string.
        source: String,
        /// The same with links.
        sources: &'a [Source],
    }

    #[derive(Deserialize)]
    struct Read {
        #[serde(default)]
        sources: Vec<Source>,
    }

    pub(super) fn serialize<S: Serializer>(sources: &[Source], to: S) -> Result<S::Ok, S::Error> {
        let names: Vec<_> = sources.iter().map(|s| s.name.as_str()).collect();
        let source = names.join("; ");
        Written { source, sources }.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Source>, D::Error> {
        Ok(Read::deserialize(from)?.sources)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_a_must_fails() {
        assert_eq!(Verdict::Fail.of(Level::Must), Verdict::Fail);
        for level in [Level::Should, Level::Practice] {
            assert_eq!(Verdict::Fail.of(level), Verdict::Warn);
            assert_eq!(Verdict::Warn.of(level), Verdict::Warn);
        }
        for verdict in [Verdict::Fail, Verdict::Warn] {
            assert_eq!(verdict.of(Level::Info), Verdict::Info);
        }
        assert_eq!(Verdict::Error.of(Level::Info), Verdict::Error);
    }

    #[test]
    fn sources_are_written_as_text_and_as_a_list_and_read_back() {
        let finding = Finding {
            id: "a.b".into(),
            level: Level::Must,
            verdict: Verdict::Fail,
            title: String::new(),
            expected: String::new(),
            actual: String::new(),
            source: Source::all(&[("RFC 9112 7.1", ""), ("HTML", "")]),
            impact: String::new(),
            remedy: String::new(),
            accepted: None,
            flaky: None,
            evidence: Vec::new(),
        };
        let json = serde_json::to_string(&finding).unwrap();
        assert!(json.contains(r#""source":"RFC 9112 7.1; HTML""#), "{json}");
        assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
    }

    #[test]
    fn excerpt_marks_the_place_and_escapes() {
        let excerpt = Excerpt::of(b"data: a\r\nda\xFFta: \xE2\x82\xAC", 7, 2, 6);
        assert_eq!(excerpt.text, "ata: a\\r\\nda\\xffta:");
        assert_eq!((excerpt.offset, excerpt.caret, excerpt.width), (1, 6, 4));
    }

    #[test]
    fn excerpt_survives_any_place() {
        for at in [0, 3, 4, 99, u64::MAX] {
            for len in [0, 1, u64::MAX] {
                let _ = Excerpt::of("a€b".as_bytes(), at, len, 2);
                let _ = Excerpt::of(b"", at, len, 2);
            }
        }
    }

    #[test]
    fn excerpt_survives_what_is_no_utf8() {
        let bytes = [
            0x80, 0xBF, 0xE2, 0x82, 0x80, 0xFF, 0xF0, 0x9F, 0x98, 0x80, 0x80, 0x80,
        ];
        for at in 0..14 {
            for len in 0..14 {
                for around in 0..5 {
                    let excerpt = Excerpt::of(&bytes, at, len, around);
                    assert!(excerpt.caret <= excerpt.text.chars().count());
                }
            }
        }
    }

    #[test]
    fn escape_leaves_no_control_character() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        assert!(!escape(all.as_bytes()).chars().any(char::is_control));
        assert_eq!(escape("\u{1b}[31m".as_bytes()), "\\u{1b}[31m");
        assert_eq!(escape("\u{202e}x".as_bytes()), "\\u{202e}x");
    }
}
