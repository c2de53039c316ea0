//! Why a command ends early, by blame, and the exit code and the one line that go with it.

use std::io;

use ssekit_conformance::ConformanceError;
use ssekit_http::HttpError;
use ssekit_launch::LaunchError;
use ssekit_record::ExitCode;
use ssekit_report::text::harmless;

/// Why a command ends early. Each message is one line that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Caller: an argument, a file or a URL that cannot be used.
    #[error("{0}")]
    Usage(String),
    /// Target: no connection, so nothing could be measured.
    #[error("{0}")]
    Unreachable(String),
    /// Caller: the selection leaves nothing, or a run produced no data.
    #[error("{0}")]
    NoData(String),
    /// Input: read on only beyond a bound.
    #[error("{0}")]
    Beyond(String),
    /// Environment: a needed part could not run.
    #[error("{0}")]
    Environment(String),
    /// Environment: the server under test could not be started or stopped; the end of its log
    /// follows on lines of their own.
    #[error(transparent)]
    Subject(#[from] LaunchError),
    /// Caller: interrupted before there was anything to report.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// Environment: the output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Ssekit: an invariant did not hold.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Failure {
    /// The exit code of this failure. A reader that left has seen enough: that is no failure.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::Usage,
            Self::Unreachable(_) => ExitCode::Unreachable,
            Self::NoData(_) => ExitCode::NoData,
            Self::Beyond(_) => ExitCode::Findings,
            Self::Environment(_) | Self::Subject(_) => ExitCode::Invalid,
            Self::Interrupted(_) => ExitCode::Interrupted,
            Self::Output(error) if is_departure(error) => ExitCode::AsExpected,
            Self::Output(_) => ExitCode::Invalid,
            Self::Internal(_) => ExitCode::Internal,
        }
    }

    /// The line for standard error, if there is anything to say.
    pub fn line(&self) -> Option<String> {
        match self {
            Self::Output(error) if is_departure(error) => None,
            Self::Subject(error) => {
                let text = error.to_string();
                let lines: Vec<_> = text.lines().map(harmless).collect();
                Some(format!("ssekit: {}", lines.join("\n")))
            }
            _ => Some(format!("ssekit: {}", harmless(&self.to_string()))),
        }
    }
}

/// Whether the reader of our output has gone.
pub fn is_departure(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

impl From<ConformanceError> for Failure {
    fn from(error: ConformanceError) -> Self {
        match error {
            ConformanceError::NothingSelected => Self::NoData(error.to_string()),
            ConformanceError::Http(error) => error.into(),
            _ => Self::Usage(error.to_string()),
        }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Usage(error.to_string())
    }
}
