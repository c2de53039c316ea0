//! The echo contract seen from the tester: which values are sent through the server's SSE library. A
//! table, long because it is one.

use ssekit_scenario::{Retry, Script, Step};

/// Where the echo endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EchoTarget {
    /// The target itself, `echo` in its folder, or `/echo` of its origin: the first that answers
    /// with a capabilities document.
    Beside,
    /// Here.
    At(url::Url),
}

/// The event before the value in each script.
pub(crate) const BEFORE: &str = "ssekit-before";
/// The event after it.
pub(crate) const AFTER: &str = "ssekit-after";
/// The data of an event whose other members are what matters.
pub(crate) const PLAIN: &str = "ssekit-case";
/// What a field or event that nobody asked for would carry.
pub(crate) const FORGED: &str = "ssekit-forged";
/// The reconnection time that nobody asked for.
pub(crate) const FORGED_RETRY: u64 = 48_151;
/// Stands for half a surrogate pair, which JSON can ask for and no text holds.
const HALF: &str = "ssekit-half";
/// Bytes of the large values.
const LARGE: usize = 1 << 20;

/// What a value is given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    Data,
    Type,
    Id,
    Retry,
    Comment,
}

impl Member {
    /// The name of the capability in the capabilities document.
    pub(crate) fn capability(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Type => "type",
            Self::Id => "id",
            Self::Retry => "retry",
            Self::Comment => "comment",
        }
    }
}

/// One value sent through the library: one script, one exchange, so that what one value breaks is
/// not laid to another and a refusal is known for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`EchoCase::about` says it for each")]
pub enum EchoCase {
    CanaryData,
    CanaryType,
    CanaryId,
    CanaryRetry,
    CanaryComment,
    DataLines,
    DataCr,
    DataCrLf,
    DataFields,
    DataFieldsCr,
    DataBlankLine,
    DataTrailingLf,
    DataTrailingLfs,
    DataEmpty,
    DataSpace,
    DataSpaces,
    DataColonFirst,
    DataColon,
    DataUnicodeBreaks,
    DataNul,
    DataBom,
    DataAstral,
    DataSplit,
    DataLarge,
    DataLargeLines,
    TypeNonAscii,
    TypeColon,
    TypeLf,
    TypeCr,
    TypeCrLf,
    IdNonAscii,
    IdColon,
    IdReset,
    IdLf,
    IdCr,
    IdCrLf,
    RetryAlone,
    RetryText,
    RetryLf,
    CommentLf,
    CommentCr,
    CommentCrLf,
    DataField,
    DataSurrogate,
    TypeNul,
    TypeBreaks,
    TypeSpaces,
    TypeEmpty,
    TypeBom,
    TypeField,
    TypeLarge,
    TypeSurrogate,
    IdNul,
    IdBreaks,
    IdSpaces,
    IdBom,
    IdField,
    IdLarge,
    IdSurrogate,
    RetryCr,
    RetryCrLf,
    RetryNul,
    RetryBreaks,
    RetrySpaces,
    RetryEmpty,
    RetryBom,
    RetryColon,
    RetryField,
    RetryLarge,
    RetrySurrogate,
    CommentNul,
    CommentBreaks,
    CommentSpaces,
    CommentEmpty,
    CommentBom,
    CommentColon,
    CommentField,
    CommentLarge,
    CommentSurrogate,
}

use EchoCase as C;

impl Member {
    /// The value that proves the capability.
    pub(crate) fn canary(self) -> EchoCase {
        match self {
            Self::Data => C::CanaryData,
            Self::Type => C::CanaryType,
            Self::Id => C::CanaryId,
            Self::Retry => C::CanaryRetry,
            Self::Comment => C::CanaryComment,
        }
    }
}

impl EchoCase {
    /// Name of the probe that sends it, permanent.
    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }

    /// What is sent, in words.
    pub(crate) fn about(self) -> &'static str {
        self.row().1
    }

    /// As what it is sent.
    pub(crate) fn member(self) -> Member {
        self.row().2
    }

    /// Whether it needs a POST: too long for a URL.
    pub(crate) fn is_large(self) -> bool {
        matches!(
            self,
            C::DataLarge
                | C::DataLargeLines
                | C::DataSplit
                | C::TypeLarge
                | C::IdLarge
                | C::RetryLarge
                | C::CommentLarge
        )
    }

    fn row(self) -> (&'static str, &'static str, Member) {
        use Member::{Comment, Data, Id, Retry, Type};
        match self {
            C::CanaryData => ("echo-canary-data", "plain data", Data),
            C::CanaryType => ("echo-canary-type", "a plain event type", Type),
            C::CanaryId => ("echo-canary-id", "a plain id", Id),
            C::CanaryRetry => ("echo-canary-retry", "a plain reconnection time", Retry),
            C::CanaryComment => ("echo-canary-comment", "a plain comment", Comment),
            C::DataLines => ("echo-data-lines", "data of three lines", Data),
            C::DataCr => ("echo-data-cr", "data with CR", Data),
            C::DataCrLf => ("echo-data-crlf", "data with CRLF", Data),
            C::DataFields => ("echo-data-fields", "data with fields after LF", Data),
            C::DataFieldsCr => ("echo-data-fields-cr", "data with fields after CR", Data),
            C::DataBlankLine => ("echo-data-blank-line", "data with an event inside", Data),
            C::DataTrailingLf => ("echo-data-trailing-lf", "data that ends with LF", Data),
            C::DataTrailingLfs => ("echo-data-trailing-lfs", "data that ends with two LF", Data),
            C::DataEmpty => ("echo-data-empty", "empty data", Data),
            C::DataSpace => ("echo-data-space", "data that begins with a space", Data),
            C::DataSpaces => ("echo-data-spaces", "data between double spaces", Data),
            C::DataColonFirst => (
                "echo-data-colon-first",
                "data that begins with a colon",
                Data,
            ),
            C::DataColon => ("echo-data-colon", "data with colons", Data),
            C::DataUnicodeBreaks => (
                "echo-data-unicode-breaks",
                "data with NEL, LS, PS, VT, FF",
                Data,
            ),
            C::DataNul => ("echo-data-nul", "data with NUL", Data),
            C::DataBom => ("echo-data-bom", "data that begins with U+FEFF", Data),
            C::DataAstral => ("echo-data-astral", "data with 4-byte characters", Data),
            C::DataSplit => ("echo-data-split", "20 KB of 4-byte characters", Data),
            C::DataLarge => ("echo-data-large", "1 MiB of data in one line", Data),
            C::DataLargeLines => ("echo-data-large-lines", "1 MiB of data in lines", Data),
            C::TypeNonAscii => ("echo-type-non-ascii", "a non-ASCII event type", Type),
            C::TypeColon => ("echo-type-colon", "an event type with a colon", Type),
            C::TypeLf => ("echo-type-lf", "an event type with LF and a field", Type),
            C::TypeCr => ("echo-type-cr", "an event type with CR and a field", Type),
            C::TypeCrLf => (
                "echo-type-crlf",
                "an event type with CRLF and an event",
                Type,
            ),
            C::IdNonAscii => ("echo-id-non-ascii", "a non-ASCII id", Id),
            C::IdColon => ("echo-id-colon", "an id with a colon", Id),
            C::IdReset => ("echo-id-reset", "an id, then the empty id", Id),
            C::IdLf => ("echo-id-lf", "an id with LF and a field", Id),
            C::IdCr => ("echo-id-cr", "an id with CR and a field", Id),
            C::IdCrLf => ("echo-id-crlf", "an id with CRLF and an event", Id),
            C::RetryAlone => (
                "echo-retry-alone",
                "a reconnection time without data",
                Retry,
            ),
            C::RetryText => (
                "echo-retry-text",
                "a reconnection time that is no number",
                Retry,
            ),
            C::RetryLf => (
                "echo-retry-lf",
                "a reconnection time with LF and a field",
                Retry,
            ),
            C::CommentLf => ("echo-comment-lf", "a comment with LF and an event", Comment),
            C::CommentCr => ("echo-comment-cr", "a comment with CR and an event", Comment),
            C::CommentCrLf => (
                "echo-comment-crlf",
                "a comment with CRLF and an event",
                Comment,
            ),
            C::DataField => ("echo-data-field", "data that looks like a field", Data),
            C::DataSurrogate => (
                "echo-data-surrogate",
                "data with half a surrogate pair",
                Data,
            ),
            C::TypeNul => ("echo-type-nul", "an event type with NUL", Type),
            C::TypeBreaks => (
                "echo-type-unicode-breaks",
                "an event type with fields after NEL, LS, PS, VT, FF",
                Type,
            ),
            C::TypeSpaces => (
                "echo-type-spaces",
                "an event type between double spaces",
                Type,
            ),
            C::TypeEmpty => ("echo-type-empty", "an event type that is empty", Type),
            C::TypeBom => (
                "echo-type-bom",
                "an event type that begins with U+FEFF",
                Type,
            ),
            C::TypeField => (
                "echo-type-field",
                "an event type that looks like a field",
                Type,
            ),
            C::TypeLarge => ("echo-type-large", "an event type of 1 MiB", Type),
            C::TypeSurrogate => (
                "echo-type-surrogate",
                "an event type with half a surrogate pair",
                Type,
            ),
            C::IdNul => ("echo-id-nul", "an id with NUL", Id),
            C::IdBreaks => (
                "echo-id-unicode-breaks",
                "an id with fields after NEL, LS, PS, VT, FF",
                Id,
            ),
            C::IdSpaces => ("echo-id-spaces", "an id between double spaces", Id),
            C::IdBom => ("echo-id-bom", "an id that begins with U+FEFF", Id),
            C::IdField => ("echo-id-field", "an id that looks like a field", Id),
            C::IdLarge => ("echo-id-large", "an id of 1 MiB", Id),
            C::IdSurrogate => ("echo-id-surrogate", "an id with half a surrogate pair", Id),
            C::RetryCr => (
                "echo-retry-cr",
                "a reconnection time with CR and a field",
                Retry,
            ),
            C::RetryCrLf => (
                "echo-retry-crlf",
                "a reconnection time with CRLF and an event",
                Retry,
            ),
            C::RetryNul => ("echo-retry-nul", "a reconnection time with NUL", Retry),
            C::RetryBreaks => (
                "echo-retry-unicode-breaks",
                "a reconnection time with fields after NEL, LS, PS, VT, FF",
                Retry,
            ),
            C::RetrySpaces => (
                "echo-retry-spaces",
                "a reconnection time between double spaces",
                Retry,
            ),
            C::RetryEmpty => (
                "echo-retry-empty",
                "a reconnection time that is empty",
                Retry,
            ),
            C::RetryBom => (
                "echo-retry-bom",
                "a reconnection time that begins with U+FEFF",
                Retry,
            ),
            C::RetryColon => (
                "echo-retry-colon",
                "a reconnection time with a colon",
                Retry,
            ),
            C::RetryField => (
                "echo-retry-field",
                "a reconnection time that looks like a field",
                Retry,
            ),
            C::RetryLarge => ("echo-retry-large", "a reconnection time of 1 MiB", Retry),
            C::RetrySurrogate => (
                "echo-retry-surrogate",
                "a reconnection time with half a surrogate pair",
                Retry,
            ),
            C::CommentNul => ("echo-comment-nul", "a comment with NUL", Comment),
            C::CommentBreaks => (
                "echo-comment-unicode-breaks",
                "a comment with fields after NEL, LS, PS, VT, FF",
                Comment,
            ),
            C::CommentSpaces => (
                "echo-comment-spaces",
                "a comment between double spaces",
                Comment,
            ),
            C::CommentEmpty => ("echo-comment-empty", "a comment that is empty", Comment),
            C::CommentBom => (
                "echo-comment-bom",
                "a comment that begins with U+FEFF",
                Comment,
            ),
            C::CommentColon => ("echo-comment-colon", "a comment with a colon", Comment),
            C::CommentField => (
                "echo-comment-field",
                "a comment that looks like a field",
                Comment,
            ),
            C::CommentLarge => ("echo-comment-large", "a comment of 1 MiB", Comment),
            C::CommentSurrogate => (
                "echo-comment-surrogate",
                "a comment with half a surrogate pair",
                Comment,
            ),
        }
    }

    /// The value as it is asked for.
    pub(crate) fn value(self) -> String {
        match self {
            C::CanaryData => "ssekit-canary".into(),
            C::CanaryType => "ssekit-type".into(),
            C::CanaryId => "ssekit-id".into(),
            C::CanaryRetry => "2345".into(),
            C::CanaryComment => "ssekit-comment".into(),
            C::DataLines => "first\nsecond\n third".into(),
            C::DataCr => "before\rafter".into(),
            C::DataCrLf => "before\r\nafter".into(),
            C::DataFields => forgery("text", "\n"),
            C::DataFieldsCr => forgery("text", "\r"),
            C::DataBlankLine => format!("text\n\ndata: {FORGED}\n\n"),
            C::DataTrailingLf => "text\n".into(),
            C::DataTrailingLfs => "text\n\n".into(),
            C::DataEmpty | C::IdReset => String::new(),
            C::DataSpace => " text".into(),
            C::DataSpaces => "  text  ".into(),
            C::DataColonFirst => ":text".into(),
            C::DataColon => "a:b: c".into(),
            C::DataUnicodeBreaks => "a\u{85}b\u{2028}c\u{2029}d\u{b}e\u{c}f".into(),
            C::DataNul => "before\0after".into(),
            C::DataBom => "\u{feff}text".into(),
            C::DataAstral => "\u{1f600}\u{10348}\u{10ffff}".into(),
            // An odd first byte, so that no block of a power of two ends between two characters.
            C::DataSplit => format!("x{}", "\u{1f600}".repeat(5_000)),
            C::DataLarge => "0123456789abcdef".repeat(LARGE / 16),
            C::DataLargeLines => {
                let line = "0123456789abcdef".repeat(4);
                format!("{line}\n").repeat(LARGE / 65) + "."
            }
            C::TypeNonAscii => "ssekit-\u{e9}\u{4e16}".into(),
            C::IdNonAscii => "ssekit-\u{e9}\u{4e16}\u{1f600}".into(),
            C::TypeColon | C::IdColon => "ssekit: a".into(),
            C::TypeLf | C::IdLf | C::RetryLf => format!("1\ndata: {FORGED}"),
            C::TypeCr | C::IdCr => format!("1\rdata: {FORGED}"),
            C::TypeCrLf | C::IdCrLf | C::CommentCrLf => {
                format!("1\r\n\r\ndata: {FORGED}\r\n\r\n")
            }
            C::RetryCr => format!("1\rdata: {FORGED}"),
            C::RetryCrLf => format!("1\r\n\r\ndata: {FORGED}\r\n\r\n"),
            C::TypeNul | C::IdNul | C::RetryNul | C::CommentNul => "1\0 2".into(),
            C::TypeBreaks | C::IdBreaks | C::RetryBreaks | C::CommentBreaks => {
                ["\u{85}", "\u{2028}", "\u{2029}", "\u{b}", "\u{c}"]
                    .map(|line_end| format!("{line_end}data: {FORGED}"))
                    .concat()
            }
            C::TypeSpaces | C::IdSpaces | C::RetrySpaces | C::CommentSpaces => "  5  ".into(),
            C::TypeEmpty | C::RetryEmpty | C::CommentEmpty => String::new(),
            C::TypeBom | C::IdBom | C::RetryBom | C::CommentBom => "\u{feff}1".into(),
            C::RetryColon | C::CommentColon => ":1: 2".into(),
            C::DataField | C::TypeField | C::IdField | C::RetryField | C::CommentField => {
                format!("data: {FORGED}")
            }
            C::RetryLarge => "9".repeat(LARGE),
            C::TypeLarge | C::IdLarge | C::CommentLarge => "0123456789abcdef".repeat(LARGE / 16),
            C::DataSurrogate
            | C::TypeSurrogate
            | C::IdSurrogate
            | C::RetrySurrogate
            | C::CommentSurrogate => format!("a{HALF}b"),
            C::RetryAlone => "3456".into(),
            C::RetryText => "3s".into(),
            C::CommentLf => format!("1\n\ndata: {FORGED}\n\n"),
            C::CommentCr => format!("1\r\rdata: {FORGED}\r\r"),
        }
    }

    /// The script as it is sent.
    pub(crate) fn json(self) -> String {
        let json = self.script().to_json();
        match self {
            C::DataSurrogate
            | C::TypeSurrogate
            | C::IdSurrogate
            | C::RetrySurrogate
            | C::CommentSurrogate => json.replace(HALF, "\\ud800"),
            _ => json,
        }
    }

    /// The steps that send it, between the two events that frame it.
    fn script(self) -> Script {
        let value = self.value();
        let mut steps = vec![data(BEFORE)];
        match self.member() {
            Member::Data => steps.push(data(&value)),
            Member::Type => steps.push(event(Some(PLAIN), Some(value), None, None)),
            Member::Id => {
                if self == C::IdReset {
                    let id = Some("ssekit-id".to_owned());
                    steps.push(event(Some(PLAIN), None, id, None));
                }
                steps.push(event(Some(PLAIN), None, Some(value), None));
            }
            Member::Retry => {
                let text = (self != C::RetryAlone).then_some(PLAIN);
                let retry = match value.parse() {
                    Ok(ms) => Retry::Ms(ms),
                    Err(_) => Retry::Text(value),
                };
                steps.push(event(text, None, None, Some(retry)));
            }
            Member::Comment => steps.push(Step::Comment { text: value }),
        }
        steps.push(data(AFTER));
        steps.push(Step::Close {});
        Script::new(steps)
    }
}

fn forgery(text: &str, line_end: &str) -> String {
    [
        text,
        &format!("id: {FORGED}"),
        &format!("event: {FORGED}"),
        &format!("retry: {FORGED_RETRY}"),
        "data: more",
    ]
    .join(line_end)
}

fn data(text: &str) -> Step {
    event(Some(text), None, None, None)
}

fn event(
    data: Option<&str>,
    event: Option<String>,
    id: Option<String>,
    retry: Option<Retry>,
) -> Step {
    Step::Event {
        data: data.map(Into::into),
        event,
        id,
        retry,
    }
}
