//! A record as Markdown, for a pull request or a step summary.

use std::fmt::Write as _;

use ssekit_record::{CheckOutcome, CheckRecord, Evidence, Finding, Verdict};

use crate::excerpt::Window;
use crate::group::{by_reason, groups, headline, with_verdict};
use crate::note::notes;
use crate::text::{bounded, counted, duration};

/// The record as GitHub-flavoured Markdown, with a line feed at the end.
pub fn render(record: &CheckRecord) -> String {
    let mut out = String::new();
    let mark = match record.outcome {
        CheckOutcome::Conformant => "✅",
        CheckOutcome::Nonconformant => "❌",
        CheckOutcome::Incomplete => "❔",
    };
    let _ = writeln!(out, "## {mark} {}\n", headline(record));
    let _ = writeln!(out, "{}\n", facts(record));
    if !record.summary.is_empty() {
        let _ = writeln!(out, "{}\n", escaped(&record.summary));
    }
    group_table(record, &mut out);
    for verdict in [Verdict::Fail, Verdict::Error, Verdict::Warn] {
        for finding in with_verdict(record, verdict) {
            write_finding(finding, &mut out);
        }
    }
    write_notes(record, &mut out);
    write_facts(record, &mut out);
    write_reasons(record, &mut out);
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

fn facts(record: &CheckRecord) -> String {
    let mut facts = vec![code(&record.target)];
    facts.extend(record.http.map(|version| version.to_string()));
    facts.extend(record.subject.as_deref().map(escaped));
    facts.extend(record.product.as_deref().map(escaped));
    facts.push(format!(
        "{} in {}",
        counted(record.probes.len(), "exchange"),
        duration(record.elapsed_ms.saturating_mul(1_000))
    ));
    facts.push(format!("ssekit {}", escaped(&record.ssekit)));
    facts.join(" · ")
}

fn group_table(record: &CheckRecord, out: &mut String) {
    const COLUMNS: [Verdict; 7] = [
        Verdict::Pass,
        Verdict::Fail,
        Verdict::Warn,
        Verdict::Info,
        Verdict::NotApplicable,
        Verdict::Unverified,
        Verdict::Error,
    ];
    let groups = groups(record);
    if groups.is_empty() {
        return;
    }
    let heads = COLUMNS.map(|verdict| verdict.as_str()).join(" | ");
    let _ = writeln!(out, "| group | {heads} |");
    let _ = writeln!(out, "|---|{}", "--:|".repeat(COLUMNS.len()));
    for group in &groups {
        let counts = COLUMNS.map(|verdict| match group.count(verdict) {
            0 => String::new(),
            n => n.to_string(),
        });
        let _ = writeln!(out, "| {} | {} |", escaped(group.name), counts.join(" | "));
    }
    out.push('\n');
}

/// One finding with all it says, under a heading of its own.
fn write_finding(finding: &Finding, out: &mut String) {
    let _ = writeln!(
        out,
        "### {} {} ({}, {})\n\n{}\n",
        mark(finding.verdict),
        code(&finding.id),
        finding.verdict,
        finding.level,
        escaped(&finding.title)
    );
    for (label, text) in finding.remarks() {
        let _ = writeln!(out, "- **{label}:** {}", escaped(&text));
    }
    let said = [
        ("Expected", &finding.expected),
        ("Actual", &finding.actual),
        ("Impact", &finding.impact),
    ];
    for (label, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "- **{label}:** {}", escaped(text));
    }
    write_remedy(&finding.remedy, out);
    for source in &finding.source {
        let _ = writeln!(out, "- **Source:** {}", link(&source.name, &source.url));
    }
    for evidence in finding.evidence.iter().take(3) {
        write_evidence(evidence, out);
    }
    out.push('\n');
}

/// A remedy may go on with indented lines of configuration.
fn write_remedy(text: &str, out: &mut String) {
    let mut label = "- **Remedy:** ";
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with(' ') {
            let _ = writeln!(out, "{label}{}", escaped(line));
            label = "  ";
            continue;
        }
        out.push_str("\n  ```text\n");
        let _ = writeln!(out, "  {}", bounded(line));
        while let Some(line) = lines.next_if(|line| line.starts_with(' ')) {
            let _ = writeln!(out, "  {}", bounded(line));
        }
        out.push_str("  ```\n\n");
    }
}

fn write_evidence(evidence: &Evidence, out: &mut String) {
    let mut place = vec![format!("probe {}", code(&evidence.probe))];
    place.extend(evidence.offset.map(|offset| format!("byte {offset}")));
    place.extend(evidence.at_us.map(|us| format!("after {}", duration(us))));
    let note = escaped(&evidence.note);
    let _ = writeln!(out, "- **Where:** {}: {note}", place.join(", "));
    if let Some(excerpt) = &evidence.excerpt {
        let Window { text, caret, width } = Window::around(excerpt, 400);
        let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
        let carets = "^".repeat(width);
        let _ = writeln!(
            out,
            "\n  {fence}text\n  {text}\n  {:caret$}{carets}\n  {fence}\n",
            ""
        );
    }
}

fn write_notes(record: &CheckRecord, out: &mut String) {
    for note in notes(record) {
        let _ = writeln!(out, "### {}\n", note.title);
        for line in &note.lines {
            let _ = writeln!(out, "- {}", escaped(line));
        }
        out.push('\n');
    }
}

fn write_facts(record: &CheckRecord, out: &mut String) {
    let mut facts = with_verdict(record, Verdict::Info).peekable();
    if facts.peek().is_none() {
        return;
    }
    out.push_str("### Facts\n\n");
    for fact in facts {
        let _ = writeln!(out, "- {}: {}", code(&fact.id), escaped(&fact.actual));
    }
    out.push('\n');
}

fn write_reasons(record: &CheckRecord, out: &mut String) {
    for (verdict, heading) in [
        (Verdict::NotApplicable, "Not applicable"),
        (Verdict::Unverified, "Not verified"),
    ] {
        let reasons = by_reason(record, verdict);
        if reasons.is_empty() {
            continue;
        }
        let _ = writeln!(out, "### {heading}\n");
        for (reason, findings) in reasons {
            let ids: Vec<String> = findings.iter().map(|f| code(&f.id)).collect();
            let _ = writeln!(out, "- {}: {}", escaped(reason), ids.join(", "));
        }
        out.push('\n');
    }
}

/// The emoji of a verdict.
pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Warn => "⚠️",
        Verdict::Info => "ℹ️",
        Verdict::NotApplicable => "–",
        Verdict::Unverified => "❔",
        Verdict::Error => "💥",
    }
}

/// Text that Markdown shows as it is: no markup, no HTML, no table cell ended.
pub(crate) fn escaped(text: &str) -> String {
    let text = bounded(text);
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // As entities they neither mention a person, nor link, nor end a cell.
            '@' => out.push_str("&#64;"),
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '$' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text in a code span, whatever backticks it holds.
pub(crate) fn code(text: &str) -> String {
    let text = bounded(text);
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let touches = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) || text.is_empty();
    let pad = if touches { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A link where the address is an http(s) URL that cannot end the link, otherwise the name alone.
fn link(name: &str, url: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'*+,;=%".contains(c);
    let sound = url.starts_with("https://") || url.starts_with("http://");
    if sound && url.chars().all(plain) {
        format!("[{}](<{url}>)", escaped(name))
    } else {
        escaped(name)
    }
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_spans_hold_any_backticks() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`x"), "`` `x ``");
    }

    #[test]
    fn a_link_that_could_break_out_is_only_its_name() {
        assert_eq!(link("x", "https://e/#a"), "[x](<https://e/#a>)");
        assert_eq!(link("x", "https://e/>)"), "x");
        assert_eq!(link("x", "javascript:alert(1)"), "x");
    }
}
