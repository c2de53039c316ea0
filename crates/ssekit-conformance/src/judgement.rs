//! What a check concludes, before the rule's own texts are added.

use ssekit_record::{Evidence, Excerpt, Level, Transcript, Verdict};

/// A conclusion with what was seen and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) level: Option<Level>,
    pub(crate) actual: String,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) expected: Option<String>,
    pub(crate) remedy: Option<String>,
}

/// Evidence kept per finding; the count of all places belongs in `actual`.
const MOST_EVIDENCE: usize = 5;
/// Bytes shown on either side of a place.
const AROUND: usize = 24;

impl Judgement {
    fn new(verdict: Verdict, actual: impl Into<String>) -> Self {
        Self {
            verdict,
            level: None,
            actual: actual.into(),
            evidence: Vec::new(),
            expected: None,
            remedy: None,
        }
    }

    /// The rule is kept.
    pub fn pass(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, actual)
    }

    /// A MUST is violated. Becomes a warning when the level of the finding is below `must`.
    pub fn fail(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, actual)
    }

    /// A SHOULD or practice is not followed.
    pub fn warn(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, actual)
    }

    /// Worth knowing.
    pub fn info(actual: impl Into<String>) -> Self {
        Self::new(Verdict::Info, actual)
    }

    /// The rule does not apply, and why.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::new(Verdict::NotApplicable, reason)
    }

    /// The rule applies but could not be judged, and what was missing.
    pub fn unverified(missing: impl Into<String>) -> Self {
        Self::new(Verdict::Unverified, missing)
    }

    /// ssekit failed, in what, so that nothing is known of the target.
    pub fn error(what: impl Into<String>) -> Self {
        Self::new(Verdict::Error, what)
    }

    /// Lowers the level of this finding below the rule's.
    #[must_use]
    pub fn at_level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Says more precisely than the rule what was expected.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// A remedy that fits this finding better than the rule's general one.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Evidence in the decoded event stream of a transcript: offset, elapsed time and excerpt.
    #[must_use]
    pub fn seen(
        mut self,
        transcript: &Transcript,
        offset: u64,
        len: u64,
        note: impl Into<String>,
    ) -> Self {
        if self.evidence.len() < MOST_EVIDENCE {
            let stream = transcript.stream();
            self.evidence.push(Evidence {
                probe: transcript.probe.clone(),
                offset: Some(offset),
                at_us: stream.arrival_us(offset).or(Some(transcript.end.at_us)),
                note: note.into(),
                excerpt: Some(Excerpt::of(&stream.bytes, offset, len, AROUND)),
            });
        }
        self
    }

    /// Evidence in the wire bytes (chunked coding included) of a transcript.
    #[must_use]
    pub fn seen_on_wire(
        mut self,
        transcript: &Transcript,
        offset: u64,
        len: u64,
        note: impl Into<String>,
    ) -> Self {
        if self.evidence.len() < MOST_EVIDENCE {
            let wire = &transcript.wire;
            self.evidence.push(Evidence {
                probe: transcript.probe.clone(),
                offset: Some(offset),
                // What was due behind the last byte is missed when the exchange ends.
                at_us: wire.arrival_us(offset).or(Some(transcript.end.at_us)),
                note: note.into(),
                excerpt: (!wire.is_empty()).then(|| Excerpt::of(&wire.bytes, offset, len, AROUND)),
            });
        }
        self
    }

    /// Evidence without a place in the bytes: a head, a time, an end.
    #[must_use]
    pub fn noted(
        mut self,
        transcript: &Transcript,
        at_us: Option<u64>,
        note: impl Into<String>,
    ) -> Self {
        if self.evidence.len() < MOST_EVIDENCE {
            self.evidence.push(Evidence {
                probe: transcript.probe.clone(),
                offset: None,
                at_us,
                note: note.into(),
                excerpt: None,
            });
        }
        self
    }
}
