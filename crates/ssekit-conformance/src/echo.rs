//! The echo contract seen from the tester: which values are sent through the server's SSE library.

mod member;
mod row;
mod script;
mod value;

pub(crate) use member::Member;

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

impl EchoCase {
    /// Name of the probe that sends it, permanent.
    pub(crate) fn name(self) -> &'static str {
        row::of(self).0
    }

    /// What is sent, in words.
    pub(crate) fn about(self) -> &'static str {
        row::of(self).1
    }

    /// As what it is sent.
    pub(crate) fn member(self) -> Member {
        row::of(self).2
    }

    /// Whether it needs a POST: too long for a URL.
    pub(crate) fn is_large(self) -> bool {
        matches!(
            self,
            Self::DataLarge
                | Self::DataLargeLines
                | Self::DataSplit
                | Self::TypeLarge
                | Self::IdLarge
                | Self::RetryLarge
                | Self::CommentLarge
        )
    }
}
