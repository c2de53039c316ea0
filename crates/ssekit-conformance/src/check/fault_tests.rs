//! A fault of ours is an `error`, and never laid to the target.

use ssekit_record::{
    Capture, CheckOutcome, CheckRecord, ExitCode, Level, Observation, Slice, Transcript, Verdict,
};

use super::sample::Sample;
use crate::judge::judge_by;
use crate::{Applies, Case, Judgement, Needs, Probe, Rule};

const SOUND: Rule = Rule {
    id: "test.sound",
    title: "",
    level: Level::Must,
    needs: Needs::Passive,
    applies: Applies::Stream,
    probes: &[],
    sources: &[],
    expected: "",
    impact: "",
    remedy: "",
    good: "",
    bad: "",
    judge: |case| match case.reading() {
        Some(reading) => Judgement::pass(format!("{} events", reading.events.len())),
        None => Judgement::fail("no reading"),
    },
};

static RULES: [Rule; 3] = [
    SOUND,
    Rule {
        id: "test.breaks",
        judge: |_: &Case<'_>| panic!("index out of bounds"),
        ..SOUND
    },
    Rule {
        id: "test.resumes",
        needs: Needs::Reconnect,
        probes: &[Probe::Resume],
        judge: |case| match case.transcript(Probe::Resume) {
            Some(_) => Judgement::pass("resumed"),
            None => Judgement::fail("not resumed"),
        },
        ..SOUND
    },
];

fn judged(ids: &[&str], transcripts: Vec<Transcript>) -> CheckRecord {
    let mut observation = Observation::new("http://h.example/events");
    observation.transcripts = transcripts;
    let rules: Vec<&'static Rule> = RULES.iter().filter(|r| ids.contains(&r.id)).collect();
    judge_by(&rules, &observation, Level::Must)
}

fn verdicts(record: &CheckRecord) -> Vec<Verdict> {
    record.checks.iter().map(|f| f.verdict).collect()
}

fn main() -> Sample {
    Sample::slices([(11, "data: a\n"), (20, "\n")])
}

#[test]
fn a_check_that_breaks_is_an_error_and_the_others_stand() {
    let record = judged(&["test.sound", "test.breaks"], vec![main().0]);
    assert_eq!(verdicts(&record), [Verdict::Pass, Verdict::Error]);
    assert_eq!(
        record.checks[1].actual,
        "the check failed: index out of bounds"
    );
    assert_eq!(record.outcome, CheckOutcome::Incomplete);
    assert_eq!(record.exit_code(), ExitCode::Invalid);
    assert!(
        record
            .summary
            .starts_with("ssekit could not carry out test.breaks")
    );
}

#[test]
fn what_cannot_have_been_seen_says_nothing_of_the_target() {
    type Spoil = fn(&mut Transcript);
    let spoilt: [(&str, Spoil); 9] = [
        ("do not cover", |t| t.body.bytes.push(b'x')),
        ("do not follow", |t| t.body.slices[1].offset += 1),
        ("do not follow", |t| {
            t.wire.slices.insert(
                0,
                Slice {
                    offset: 0,
                    len: 0,
                    at_us: 0,
                },
            )
        }),
        ("a slice came before", |t| {
            t.body.slices[0].at_us = 2_000_000
        }),
        ("came after the end", |t| t.end.at_us = 0),
        ("before the head", |t| t.body.slices[0].at_us = 1),
        ("went on after the end", |t| t.end.at_us = 15_000),
        ("no head", |t| t.head = None),
        ("content: ", |t| {
            let mut content = Capture::default();
            content.push(b"x", 1);
            content.bytes.clear();
            t.content = Some(content);
        }),
    ];
    for (says, spoil) in spoilt {
        let mut transcript = main().0;
        assert_eq!(transcript.contradiction(), None);
        spoil(&mut transcript);
        let record = judged(&["test.sound", "test.resumes"], vec![transcript]);
        assert_eq!(verdicts(&record), [Verdict::Error; 2], "{says}");
        assert!(
            record.checks[0].actual.contains(says),
            "{}",
            record.checks[0].actual
        );
        assert_eq!(record.outcome, CheckOutcome::Incomplete, "{says}");
        assert_eq!(record.exit_code(), ExitCode::Invalid, "{says}");
    }
    let mut chunked = Sample::chunked([(11, "data: a\n\n")]).0;
    assert_eq!(chunked.contradiction(), None);
    chunked.chunks[0].body_offset = 1_000;
    assert!(chunked.contradiction().is_some());
}

#[test]
fn a_fault_in_one_exchange_leaves_the_rules_of_others_alone() {
    let mut resumed = main().by(Probe::Resume).0;
    let ids = ["test.sound", "test.resumes"];
    let record = judged(&ids, vec![main().0, resumed.clone()]);
    assert_eq!(verdicts(&record), [Verdict::Pass; 2]);
    let twice = judged(&ids, vec![main().0, resumed.clone(), resumed.clone()]);
    assert_eq!(verdicts(&twice), [Verdict::Pass, Verdict::Error]);
    resumed.end.at_us = 0;
    let record = judged(&ids, vec![main().0, resumed]);
    assert_eq!(verdicts(&record), [Verdict::Pass, Verdict::Error]);
    assert!(
        record.checks[1]
            .actual
            .contains("resume contradicts itself")
    );
}
