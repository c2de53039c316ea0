//! What a check says.

use ssekit_record::{Evidence, Level, Verdict};

/// The answer of one check, before the texts of its rule are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub verdict: Verdict,
    pub actual: String,
    /// How binding the part found is, where that differs from the rule.
    pub level: Option<Level>,
    pub remedy: Option<String>,
    pub evidence: Vec<Evidence>,
}

impl Judgement {
    fn new(verdict: Verdict, actual: impl Into<String>) -> Self {
        Self {
            verdict,
            actual: actual.into(),
            level: None,
            remedy: None,
            evidence: Vec::new(),
        }
    }

    pub(crate) fn pass(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, actual)
    }

    pub(crate) fn warn(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, actual)
    }

    /// A requirement of a standard is violated.
    pub(crate) fn fail(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, actual).at(Level::Must)
    }

    pub(crate) fn info(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Info, actual)
    }

    pub(crate) fn not_applicable(actual: impl Into<String>) -> Self {
        Self::new(Verdict::NotApplicable, actual)
    }

    pub(crate) fn unverified(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Unverified, actual)
    }

    pub(crate) fn error(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Error, actual)
    }

    pub(crate) fn at(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What shows it: the probe, and when after its exchange began.
    pub(crate) fn seen(
        mut self,
        probe: &str,
        at_us: impl Into<Option<u64>>,
        note: impl Into<String>,
    ) -> Self {
        self.evidence.push(Evidence {
            probe: probe.into(),
            offset: None,
            at_us: at_us.into(),
            note: note.into(),
            excerpt: None,
        });
        self
    }
}
