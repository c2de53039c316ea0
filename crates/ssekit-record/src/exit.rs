//! Exit codes: a public contract.

/// Why the process ends, as a number that CI can trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// As expected.
    AsExpected = 0,
    /// A failed check or threshold.
    Findings = 1,
    /// Usage or scenario error.
    Usage = 2,
    /// Target unreachable: nothing could be measured.
    Unreachable = 3,
    /// Nothing selected, or no data where data was due.
    NoData = 4,
    /// A baseline entry no longer matches anything.
    StaleBaseline = 5,
    /// The generator or set-up was at fault, or a needed part could not run.
    Invalid = 6,
    /// A defect of ssekit.
    Internal = 70,
    /// Interrupted; a partial report was written.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code with its meaning, as `--help` prints them.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::AsExpected, "as expected"),
        (Self::Findings, "findings: a failed check or threshold"),
        (Self::Usage, "usage or scenario error"),
        (
            Self::Unreachable,
            "target unreachable: nothing could be measured",
        ),
        (
            Self::NoData,
            "nothing selected, or no data where data was due",
        ),
        (Self::StaleBaseline, "stale baseline entry"),
        (
            Self::Invalid,
            "invalid measurement: the generator or set-up was at fault, or a needed part could not run",
        ),
        (Self::Internal, "internal error"),
        (Self::Interrupted, "interrupted, partial report written"),
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}
