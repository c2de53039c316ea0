//! The values themselves.

use super::script::HALF;
use super::{EchoCase as C, FORGED, FORGED_RETRY};

/// Bytes of the large values.
const LARGE: usize = 1 << 20;

impl C {
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
