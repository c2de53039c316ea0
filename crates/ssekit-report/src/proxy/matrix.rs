//! Several hops side by side, as Markdown: what each does, then what to set.

use std::fmt::Write as _;

use ssekit_record::{Finding, ProxyRecord, Release, Verdict};

use crate::markdown::{code, escaped, mark};
use crate::text::{bounded, duration};

/// The checks that have a column, with its heading.
const COLUMNS: [(&str, &str); 11] = [
    ("proxy.large-release", "large events"),
    ("proxy.close-delimited", "no chunks"),
    ("proxy.head-prompt", "head at once"),
    ("proxy.compression", "gzip flushed"),
    ("proxy.no-transform", "no-transform"),
    ("proxy.idle-cut", "silence"),
    ("proxy.client-abort", "client leaves"),
    ("proxy.origin-abort", "origin dies"),
    ("proxy.shared-replay", "not shared"),
    ("proxy.slow-reader", "slow reader"),
    ("proxy.status", "statuses"),
];

/// A row for each hop, and below it what was found and the configuration that changes it.
pub fn render(hops: &[(String, ProxyRecord)]) -> String {
    let mut out = String::from("## What each hop does\n\n| hop | product | small events |");
    for (_, heading) in COLUMNS {
        let _ = write!(out, " {heading} |");
    }
    let _ = writeln!(out, "\n|---|---|---|{}", ":-:|".repeat(COLUMNS.len()));
    for (label, record) in hops {
        let product = record.run.subject.as_deref();
        let product = product.or(record.run.product.as_deref());
        let _ = write!(
            out,
            "| [{}](#{}) | {} | {} |",
            escaped(label),
            anchor(label),
            escaped(product.unwrap_or("not told")),
            small_events(record)
        );
        for (id, _) in COLUMNS {
            let verdict = finding(record, id).map(|f| f.verdict);
            let _ = write!(out, " {} |", verdict.map_or("", mark));
        }
        out.push('\n');
    }
    let words = Verdict::ALL.map(|verdict| format!("{} {verdict}", mark(verdict)));
    let _ = writeln!(out, "\n{}\n\n## What to set", words.join(" · "));
    for (label, record) in hops {
        write_hop(label, record, &mut out);
    }
    out
}

fn finding<'a>(record: &'a ProxyRecord, id: &str) -> Option<&'a Finding> {
    record.run.checks.iter().find(|f| f.id == id)
}

/// What happens to small events, with the figure that goes with it.
fn small_events(record: &ProxyRecord) -> String {
    let measured = &record.measurements;
    let latency = measured.added_latency_us.as_ref();
    let (median, worst) = latency.map_or((0, 0), |l| (l.p50_us, l.max_us));
    match measured.release {
        None => "not judged".to_owned(),
        Some(Release::Immediate) => format!("at once, median {}", duration(median)),
        Some(Release::Delayed) => format!("**late**, median {}", duration(median)),
        Some(Release::Coalesced) => {
            format!("**late, together**, up to {}", duration(worst))
        }
        Some(Release::Block) => format!(
            "**in blocks** of {} bytes",
            measured.block_bytes.unwrap_or_default()
        ),
        Some(Release::UntilClose) => "**at the close only**".to_owned(),
    }
}

fn anchor(label: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    label.chars().filter(fits).take(100).collect()
}

fn write_hop(label: &str, record: &ProxyRecord, out: &mut String) {
    let _ = writeln!(out, "\n### {}\n", escaped(label));
    let problems = [Verdict::Fail, Verdict::Warn, Verdict::Error];
    let found = record.run.checks.iter();
    let found: Vec<&Finding> = found.filter(|f| problems.contains(&f.verdict)).collect();
    if found.is_empty() {
        out.push_str("Nothing was found.\n");
        return;
    }
    for finding in &found {
        let _ = writeln!(
            out,
            "- {} {}: {}",
            mark(finding.verdict),
            code(&finding.id),
            escaped(&finding.actual)
        );
    }
    let mut told: Vec<&str> = Vec::new();
    for finding in &found {
        let remedy = finding.remedy.as_str();
        if told.contains(&remedy) || remedy.is_empty() {
            continue;
        }
        told.push(remedy);
        out.push('\n');
        let mut inside = false;
        for line in remedy.lines() {
            if line.starts_with(' ') != inside {
                out.push_str(if inside { "```\n\n" } else { "\n```text\n" });
                inside = !inside;
            }
            let line = if inside {
                bounded(line.strip_prefix("    ").unwrap_or(line))
            } else {
                escaped(line)
            };
            let _ = writeln!(out, "{line}");
        }
        if inside {
            out.push_str("```\n");
        }
    }
}
