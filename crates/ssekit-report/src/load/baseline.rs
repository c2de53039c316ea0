//! A load record judged against an earlier one.

use std::collections::BTreeSet;

use ssekit_record::{LoadFinding, LoadOutcome, LoadRecord, Verdict};

use super::compare::{Change, Compared, caveats, compare, compare_by, is_invalid};

/// How two records are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The earlier record, as findings name it.
    pub name: String,
    /// Share of a figure within which a difference is none.
    pub noise: f64,
    /// Metrics to compare; those of `ssekit report compare` where there are none.
    pub metrics: Vec<String>,
    /// Whether a regression fails the run, or is only said.
    pub fails: bool,
}

/// Compares a record with an earlier one and adds what that gives to its findings: a regression, or
/// that there was nothing to compare, fails the run where the terms say so.
pub fn judge(record: &mut LoadRecord, before: &LoadRecord, terms: &Terms) {
    let rows = match terms.metrics.as_slice() {
        [] => compare(before, record, terms.noise),
        names => compare_by(names, before, record, terms.noise),
    };
    let finding = finding(record, before, terms, &rows);
    let reddens = finding.verdict == Verdict::Fail && record.outcome == LoadOutcome::Pass;
    if reddens {
        record.summary = format!("{} {}", record.summary, finding.detail);
    }
    let interrupted = record.outcome == LoadOutcome::Interrupted;
    record.findings.push(finding);
    record.outcome = record.judged(interrupted);
}

fn finding(
    record: &LoadRecord,
    before: &LoadRecord,
    terms: &Terms,
    rows: &[Compared],
) -> LoadFinding {
    let red = if terms.fails {
        Verdict::Fail
    } else {
        Verdict::Warn
    };
    let name = &terms.name;
    let of_both = || rows.iter().filter(|row| row.change.is_of_both());
    let clear = of_both().filter(|row| row.change != Change::Unclear);
    let (worse, compared) = (worse(rows), clear.count());
    let named = terms.metrics.iter().map(String::as_str);
    let gone = rows.iter().filter(|row| row.change == Change::Missing);
    let missing: BTreeSet<&str> = named
        .filter(|metric| !is_among(metric, rows))
        .chain(gone.map(|row| row.name.as_str()))
        .collect();
    let (id, verdict, detail) = if is_invalid(before, record) {
        // Whatever differs may be the generator's doing: that accuses nobody.
        let detail = format!("Nothing can be compared with {name}.");
        ("baseline.no-data", red, detail)
    } else if !worse.is_empty() {
        let detail = format!("Worse than in {name}: {}.", worse.join("; "));
        ("baseline.regression", red, detail)
    } else if !missing.is_empty() {
        let detail = format!(
            "Not in both this record and {name}: {}. What was not measured cannot be compared.",
            missing.into_iter().collect::<Vec<_>>().join(", ")
        );
        ("baseline.no-data", red, detail)
    } else if compared == 0 {
        let detail = format!("Nothing could be compared with {name}: too few samples.");
        ("baseline.no-data", red, detail)
    } else {
        let noise = terms.noise * 100.0;
        let detail = match of_both().count() - compared {
            0 => format!(
                "{compared} figures compared with {name}: none is more than {noise:.0} % worse."
            ),
            few => format!(
                "{compared} figures compared with {name}: none is more than {noise:.0} % worse. {few} had too few samples."
            ),
        };
        ("baseline.held", Verdict::Info, detail)
    };
    let caveats = caveats(before, record).into_iter();
    let detail = caveats.fold(detail, |detail, caveat| {
        format!("{detail} Note that {caveat}.")
    });
    LoadFinding {
        id: id.into(),
        verdict,
        detail,
    }
}

/// What became worse, in words.
fn worse(rows: &[Compared]) -> Vec<String> {
    let worse = rows.iter().filter(|row| row.change == Change::Worse);
    let told = worse.map(|row| {
        let relative = row.relative.map_or(String::new(), |change| {
            format!(" ({:+.0} %)", change * 100.0)
        });
        format!(
            "{} {} \u{2192} {}{relative}",
            row.name, row.before, row.after
        )
    });
    told.collect()
}

fn is_among(metric: &str, rows: &[Compared]) -> bool {
    let name = if metric == "e2e" { "delivery" } else { metric };
    let rows = rows.iter().filter(|row| row.change.is_of_both());
    let mut names = rows.map(|row| row.name.split(' ').next());
    names.any(|known| known == Some(name))
}
