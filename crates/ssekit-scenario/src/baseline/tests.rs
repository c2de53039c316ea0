//! Baselines of findings: read and written back, faults in them, and updates.
#![allow(clippy::unwrap_used)]
use super::*;
use ssekit_record::{CheckSummary, Level, SCHEMA, StaleEntry};

const TEXT: &str = "[accept.\"cache.no-store\"]\nverdict = \"warn\"\nreason = \"a CDN needs it\"\n\
                    until = 2027-01-31\n";

fn read(text: &str) -> Result<Baseline, String> {
    Baseline::parse(text, Path::new("b.toml")).map_err(|error| error.to_string())
}

fn record(checks: &[(&str, Verdict)]) -> CheckRecord {
    let checks: Vec<Finding> = checks
        .iter()
        .map(|(id, verdict)| Finding {
            id: (*id).into(),
            level: Level::Must,
            verdict: *verdict,
            title: String::new(),
            expected: String::new(),
            actual: String::new(),
            source: Vec::new(),
            impact: String::new(),
            remedy: String::new(),
            accepted: None,
            flaky: None,
            evidence: Vec::new(),
        })
        .collect();
    CheckRecord {
        schema: SCHEMA.into(),
        kind: "check".into(),
        target: String::new(),
        outcome: CheckOutcome::Nonconformant,
        summary: String::new(),
        ssekit: String::new(),
        started_unix_ms: 0,
        elapsed_ms: 0,
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
fn an_entry_is_read_and_written_back() {
    let baseline = read(TEXT).unwrap();
    let [entry] = baseline.entries.as_slice() else {
        panic!("{baseline:?}");
    };
    assert_eq!(entry.check, "cache.no-store");
    assert_eq!(entry.verdict, Verdict::Warn);
    assert_eq!(entry.until, "2027-01-31");
    let mut odd = baseline.clone();
    odd.entries[0].reason = "two \"words\"\nand a line".into();
    assert_eq!(read(&odd.to_toml()), Ok(odd));
    assert_eq!(read(""), Ok(Baseline::default()));
}

#[test]
fn faults_are_named_with_their_place() {
    for (from, to, told) in [
        ("2027-01-31", "2027-02-30", "b.toml:4:"),
        ("2027-01-31", "\"soon\"", "b.toml:4:9: "),
        (
            "2027-01-31",
            "2027-01-31T10:00:00Z",
            "b.toml:4:9: expected a day",
        ),
        (
            "a CDN needs it",
            " ",
            "b.toml:3:10: a reason must say something",
        ),
        ("warn", "pass", "b.toml:2:11: \"pass\" cannot be accepted"),
        ("until", "expires", "b.toml:4:1: unknown field `expires`"),
    ] {
        let error = read(&TEXT.replace(from, to)).unwrap_err();
        assert!(error.starts_with(told), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn an_update_keeps_reasons_renews_dates_and_drops_what_is_gone() {
    let old = |check: &str, verdict, until: &str| BaselineEntry {
        check: check.into(),
        verdict,
        reason: format!("why {check}"),
        until: until.into(),
    };
    let before = Baseline {
        entries: vec![
            old("a.expired", Verdict::Fail, "2026-01-01"),
            old("b.gone", Verdict::Fail, "2027-06-01"),
            old("c.kept", Verdict::Warn, "2027-06-01"),
            old("d.unjudged", Verdict::Fail, "2027-06-01"),
            old("e.unselected", Verdict::Fail, "2027-06-01"),
            old("f.unknown", Verdict::Fail, "2027-06-01"),
            old("g.worse", Verdict::Warn, "2027-06-01"),
        ],
    };
    let mut seen = record(&[
        ("a.expired", Verdict::Fail),
        ("b.gone", Verdict::Pass),
        ("c.kept", Verdict::Warn),
        ("d.unjudged", Verdict::Unverified),
        ("g.worse", Verdict::Fail),
        ("h.new", Verdict::Fail),
        ("i.fine", Verdict::Pass),
    ]);
    seen.stale_entries = vec![StaleEntry {
        check: "f.unknown".into(),
        why: String::new(),
    }];
    let after = before.updated(&seen, "2026-11-25", "2027-02-23");
    let told: Vec<_> = after
        .entries
        .iter()
        .map(|e| (e.check.as_str(), e.verdict, e.until.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("a.expired", Verdict::Fail, "2027-02-23"),
            ("c.kept", Verdict::Warn, "2027-06-01"),
            ("d.unjudged", Verdict::Fail, "2027-06-01"),
            ("e.unselected", Verdict::Fail, "2027-06-01"),
            ("g.worse", Verdict::Fail, "2027-06-01"),
            ("h.new", Verdict::Fail, "2027-02-23"),
        ]
    );
    assert_eq!(after.entries[0].reason, "why a.expired");
    assert!(after.entries[5].reason.contains("say here why"));
}
