//! What a failed assertion says.

use std::fmt::{Display, Formatter, Result};

use ssekit_record::{CheckOutcome, CheckRecord, Evidence, Finding, Verdict};

/// Findings told in full; the others are named.
const TOLD: usize = 10;

/// A record told to the author of a test that fails.
pub(crate) struct Complaint<'a>(pub(crate) &'a CheckRecord);

impl Display for Complaint<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let record = self.0;
        let blamed: Vec<&Finding> = record
            .checks
            .iter()
            .filter(|c| is_told(c, record))
            .collect();
        match record.outcome {
            CheckOutcome::Nonconformant => write!(
                f,
                "{} does not conform: {} of {} checks",
                record.target,
                blamed.len(),
                record.checks.len()
            )?,
            CheckOutcome::Incomplete => {
                write!(f, "{} was not judged: {}", record.target, record.summary)?;
            }
            CheckOutcome::Conformant => {
                writeln!(f, "{}: none of the checks could be judged", record.target)?;
                return unjudged(f, record);
            }
        }
        for finding in blamed.iter().take(TOLD) {
            tell(f, finding)?;
        }
        if blamed.len() > TOLD {
            let more: Vec<&str> = blamed[TOLD..].iter().map(|c| c.id.as_str()).collect();
            write!(f, "\n\nand {}", more.join(", "))?;
        }
        Ok(())
    }
}

fn is_told(finding: &Finding, record: &CheckRecord) -> bool {
    CheckRecord::reddens(finding, record.gate) || finding.verdict == Verdict::Error
}

fn unjudged(f: &mut Formatter<'_>, record: &CheckRecord) -> Result {
    for finding in record.checks.iter().take(TOLD) {
        write!(
            f,
            "\n  {} is {}: {}",
            finding.id, finding.verdict, finding.actual
        )?;
    }
    let more = record.checks.len().saturating_sub(TOLD);
    if more > 0 {
        write!(f, "\n  and {more} more")?;
    }
    Ok(())
}

fn tell(f: &mut Formatter<'_>, finding: &Finding) -> Result {
    let verdict = finding.verdict.as_str().to_uppercase();
    write!(
        f,
        "\n\n{verdict} {} [{}]: {}",
        finding.id, finding.level, finding.title
    )?;
    let mut said = |label: &str, text: &str| {
        if text.is_empty() {
            return Ok(());
        }
        write!(f, "\n  {label:9} {}", text.replace('\n', "\n            "))
    };
    said("expected", &finding.expected)?;
    said("actual", &finding.actual)?;
    for evidence in &finding.evidence {
        said("where", &place(evidence))?;
        if let Some(excerpt) = &evidence.excerpt {
            said("", &excerpt.text)?;
            let caret = " ".repeat(excerpt.caret) + &"^".repeat(excerpt.width);
            said("", &caret)?;
        }
    }
    for source in &finding.source {
        said(
            "source",
            format!("{} {}", source.name, source.url).trim_end(),
        )?;
    }
    said("impact", &finding.impact)?;
    said("remedy", &finding.remedy)
}

fn place(evidence: &Evidence) -> String {
    let mut place = format!("probe {}", evidence.probe);
    if let Some(offset) = evidence.offset {
        place += &format!(", byte {offset}");
    }
    if let Some(us) = evidence.at_us {
        place += &format!(", after {}.{} ms", us / 1_000, us % 1_000 / 100);
    }
    format!("{place}: {}", evidence.note)
}
