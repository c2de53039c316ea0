//! As what a value is sent.

use super::EchoCase as C;

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

    /// The value that proves the capability.
    pub(crate) fn canary(self) -> C {
        match self {
            Self::Data => C::CanaryData,
            Self::Type => C::CanaryType,
            Self::Id => C::CanaryId,
            Self::Retry => C::CanaryRetry,
            Self::Comment => C::CanaryComment,
        }
    }
}
