//! The record of a conformance run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    EndKind, ExitCode, Field, Finding, HttpVersion, Launched, Level, Repetition, SCHEMA, Slice,
    StaleEntry, Transcript, Verdict,
};

/// The answer of `ssekit check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// [`crate::SCHEMA`].
    #[schemars(description = "The form of the record.", extend("const" = SCHEMA))]
    pub schema: String,
    /// Always `check`.
    #[schemars(extend("const" = "check"))]
    pub kind: String,
    /// URL or file judged, redacted.
    pub target: String,
    /// The one word.
    pub outcome: CheckOutcome,
    /// The one sentence: what the reader should know first.
    pub summary: String,
    /// Version of ssekit that judged.
    pub ssekit: String,
    /// Wall clock at the beginning, in milliseconds since 1970-01-01T00:00:00Z.
    pub started_unix_ms: u64,
    /// Whole run, in milliseconds.
    pub elapsed_ms: u64,
    /// The subject that was started for this run, with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is known of the server that was started for this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched: Option<Launched>,
    /// How often the check was made, if more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repetition>,
    /// What the head gives away of the product, such as `nginx/1.22.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Protocol the main observation used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpVersion>,
    /// The level from which a finding turns the exit code red.
    pub gate: Level,
    /// Entries of the baseline that accept nothing any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_entries: Vec<StaleEntry>,
    /// How many checks ended in each verdict.
    pub counts: CheckSummary,
    /// One per exchange made.
    pub probes: Vec<ProbeSummary>,
    /// One per selected check, in the order of the registry.
    pub checks: Vec<Finding>,
}

/// The one word of a check record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// Nothing found at or above the gate but what a baseline accepts.
    Conformant,
    /// A finding at or above the gate.
    Nonconformant,
    /// The main observation failed, or ssekit did: nothing can be concluded.
    Incomplete,
}

impl CheckOutcome {
    /// The outcome of a complete run with so many findings that turn the exit code red.
    pub fn of_red(count: usize) -> Self {
        if count == 0 {
            Self::Conformant
        } else {
            Self::Nonconformant
        }
    }

    /// The word used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conformant => "conformant",
            Self::Nonconformant => "nonconformant",
            Self::Incomplete => "incomplete",
        }
    }
}

/// How many checks ended in each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckSummary {
    /// `pass`.
    pub pass: usize,
    /// `fail`.
    pub fail: usize,
    /// `warn`.
    pub warn: usize,
    /// `info`.
    pub info: usize,
    /// `n/a`.
    pub not_applicable: usize,
    /// `unverified`.
    pub unverified: usize,
    /// `error`.
    pub error: usize,
}

impl CheckSummary {
    /// Counts the verdicts of findings.
    pub fn of(findings: &[Finding]) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            *counts.slot(finding.verdict) += 1;
        }
        counts
    }

    /// How many ended in this verdict.
    pub fn get(mut self, verdict: Verdict) -> usize {
        *self.slot(verdict)
    }

    fn slot(&mut self, verdict: Verdict) -> &mut usize {
        match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Warn => &mut self.warn,
            Verdict::Info => &mut self.info,
            Verdict::NotApplicable => &mut self.not_applicable,
            Verdict::Unverified => &mut self.unverified,
            Verdict::Error => &mut self.error,
        }
    }
}

/// One exchange of the run, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSummary {
    /// Name of the probe.
    pub probe: String,
    /// Method and URL, secrets redacted.
    pub request: String,
    /// What was special about it, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Status, if a head arrived.
    pub status: Option<u16>,
    /// How it ended.
    pub end: EndKind,
    /// Content bytes received.
    pub bytes: u64,
    /// Events dispatched.
    pub events: u64,
    /// Duration in microseconds.
    pub elapsed_us: u64,
    /// Field lines as sent, in order; secrets redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Field>,
    /// Length of the content sent, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent_bytes: u64,
    /// When the head had arrived, in microseconds since the exchange began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_us: Option<u64>,
    /// What of the content arrived when; offsets as in the evidence. Of many slices, neighbours are
    /// told as one, with the time of the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arrivals: Vec<Slice>,
}

/// Arrivals told of each exchange, at most.
const MOST_ARRIVALS: usize = 200;

impl ProbeSummary {
    /// An exchange in short: what was special about it, and how many events it dispatched.
    pub fn of(transcript: &Transcript, about: &str, events: u64) -> Self {
        let request = &transcript.request;
        Self {
            probe: transcript.probe.clone(),
            request: format!("{} {}", request.method, request.url),
            about: about.into(),
            status: transcript.head.as_ref().map(|head| head.status),
            end: transcript.end.kind,
            bytes: transcript.body.len(),
            events,
            elapsed_us: transcript.end.at_us,
            sent: request.fields.clone(),
            sent_bytes: request.body_len,
            head_us: transcript.head.as_ref().map(|head| head.at_us),
            arrivals: transcript.stream().outline(MOST_ARRIVALS),
        }
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl CheckRecord {
    /// Whether a finding at this level and verdict turns the exit code red under `gate`; one that a
    /// baseline accepts does not.
    pub fn reddens(finding: &Finding, gate: Level) -> bool {
        if finding.accepted.is_some() {
            return false;
        }
        match finding.verdict {
            Verdict::Fail => true,
            Verdict::Warn => finding.level >= gate,
            _ => false,
        }
    }

    /// The findings that turn the exit code red.
    pub fn red(&self) -> impl Iterator<Item = &Finding> {
        let is_red = |finding: &&Finding| Self::reddens(finding, self.gate);
        self.checks.iter().filter(is_red)
    }

    /// The exit code of this record.
    pub fn exit_code(&self) -> ExitCode {
        match self.outcome {
            CheckOutcome::Conformant if !self.stale_entries.is_empty() => ExitCode::StaleBaseline,
            CheckOutcome::Conformant => ExitCode::AsExpected,
            CheckOutcome::Nonconformant => ExitCode::Findings,
            CheckOutcome::Incomplete if self.counts.error > 0 => ExitCode::Invalid,
            CheckOutcome::Incomplete if self.unanswered() => ExitCode::Unreachable,
            CheckOutcome::Incomplete => ExitCode::Invalid,
        }
    }

    /// Whether the main observation got no answer at all.
    pub fn unanswered(&self) -> bool {
        self.probes.first().is_none_or(|main| main.status.is_none())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A finding of no words.
    pub(crate) fn finding(id: &str, level: Level, verdict: Verdict) -> Finding {
        Finding {
            id: id.into(),
            level,
            verdict,
            title: String::new(),
            expected: String::new(),
            actual: String::new(),
            source: Vec::new(),
            impact: String::new(),
            remedy: String::new(),
            accepted: None,
            flaky: None,
            evidence: Vec::new(),
        }
    }

    /// A complete record of these findings, with the gate at `must`.
    pub(crate) fn record(checks: Vec<Finding>) -> CheckRecord {
        let red = checks
            .iter()
            .filter(|f| CheckRecord::reddens(f, Level::Must));
        CheckRecord {
            schema: SCHEMA.into(),
            kind: "check".into(),
            target: "http://127.0.0.1/".into(),
            outcome: CheckOutcome::of_red(red.count()),
            summary: String::new(),
            ssekit: "0.0.0".into(),
            started_unix_ms: 0,
            elapsed_ms: 1,
            subject: None,
            launched: None,
            repeat: None,
            product: None,
            http: None,
            gate: Level::Must,
            stale_entries: Vec::new(),
            counts: CheckSummary::of(&checks),
            probes: Vec::new(),
            checks,
        }
    }

    #[test]
    fn a_warning_reddens_from_its_level_on() {
        let warned = finding("a.b", Level::Should, Verdict::Warn);
        assert!(!CheckRecord::reddens(&warned, Level::Must));
        assert!(CheckRecord::reddens(&warned, Level::Should));
    }
}
