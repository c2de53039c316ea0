//! Views of a load record, over one record with every verdict and hostile text.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod shard;

use shard::shard;
use ssekit_record::{LoadRecord, is_unsafe_to_show};
use ssekit_report::load::{csv, hgrm, hlog, html, json, junit, markdown, terminal};
use ssekit_report::terminal::Layout;

fn plain(styled: &str) -> String {
    let mut out = String::new();
    let mut rest = styled;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("only styles") + at;
        rest = &rest[end + 1..];
    }
    out + rest
}

fn assert_harmless(text: &str) {
    let bad = |c: char| !matches!(c, '\n' | '\r') && is_unsafe_to_show(c);
    assert_eq!(text.chars().find(|c| bad(*c)), None);
}

#[test]
fn a_terminal_shows_it_whole_and_quiet() {
    let text = plain(&terminal::render(&shard(0, 1), Layout::default()));
    assert_harmless(&text);
    insta::assert_snapshot!(text);
    let quiet = Layout {
        quiet: true,
        ..Layout::default()
    };
    let text = plain(&terminal::render(&shard(0, 1), quiet));
    assert!(
        !text.contains("by percentile") && !text.contains("delivery p99 <") || text.contains("✗")
    );
}

#[test]
fn no_line_of_a_terminal_is_wider_than_it() {
    let mut record = shard(0, 1);
    record.target = "http://127.0.0.1/events".into();
    record.scenario.name = "gate".into();
    record.generator.loop_lag_p999_us = 1_234_567;
    record.generator.clock = "wall clock of the same host".into();
    (record.generator.negative, record.generator.ahead_us) = (1_234_567, 1_234);
    record.generator.clock_step_us = 2_345_678;
    for phase in &mut record.phases {
        let counts = &mut phase.all.counts;
        (counts.failed, counts.disconnects, counts.reconnects) = (1_234_567, 2_345_678, 3_456_789);
        (counts.received, counts.skipped, counts.duplicated) = (9_876_543_210, 7_654_321, 1_234);
    }
    record.errors = (0..20)
        .map(|n| (format!("status {}", 500 + n), n))
        .collect();
    record.subject = Some("a server with a name that is rather long, and a version 1.2.3".into());
    record.launched = Some(ssekit_record::Launched {
        log: Some(
            "/var/log/a/rather/long/path/of/the/log/of/the/server/that/was/started.log".into(),
        ),
        tail: vec![
            "what it said last was a line that is much longer than any terminal is wide".into(),
        ],
        ..Default::default()
    });
    for width in [80, 100] {
        let layout = Layout {
            width,
            ..Layout::default()
        };
        for line in plain(&terminal::render(&record, layout)).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn parts_are_told_apart_where_there_are_several() {
    let told = |record: &LoadRecord, verbose| {
        let layout = Layout {
            verbose,
            ..Layout::default()
        };
        let texts = [
            plain(&terminal::render(record, layout)),
            markdown::render(record),
            html::render(record),
        ];
        texts.map(|text| ["population", "planned"].map(|head| is_head(&text, head)))
    };
    let mut record = shard(0, 1);
    assert_eq!(told(&record, false), [[true; 2]; 3]);
    // One population is the run, and a ramp and what comes after it are told apart where there is room.
    record.populations.truncate(1);
    record.phases.truncate(2);
    assert_eq!(
        told(&record, false),
        [[false; 2], [false, true], [false, true]]
    );
    assert_eq!(told(&record, true)[0], [false, true]);
    record.phases.truncate(1);
    assert_eq!(told(&record, true), [[false; 2]; 3]);
}

/// Whether a table has a column of this name.
fn is_head(text: &str, name: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| {
        line.split(|c: char| !c.is_alphabetic())
            .any(|word| word == name)
            && line.contains("events")
    })
}

#[test]
fn other_forms_hold_hostile_text() {
    let record = shard(0, 1);
    for text in [
        markdown::render(&record),
        junit::render(&record),
        csv::render(&record),
        hlog::render(&record),
        json::render(&record).unwrap(),
        html::render(&record),
    ] {
        assert_harmless(&text);
    }
    insta::assert_snapshot!("markdown", markdown::render(&record));
    insta::assert_snapshot!("junit", junit::render(&record));
    insta::assert_snapshot!("csv", csv::render(&record));
    let page = html::render(&record);
    assert!(!page.contains("<&\"]]>") && page.contains("&#60;") || page.contains("&lt;"));
    assert_eq!(page.matches("<svg").count(), 7);
    assert!(!page.contains("<script") && !page.contains("http-equiv=\"refresh"));
}

#[test]
fn json_is_read_back() {
    let record = shard(0, 1);
    assert_eq!(
        json::parse(&json::render(&record).unwrap()).unwrap(),
        record
    );
    assert!(json::parse("{\"schema\":\"ssekit/1\",\"kind\":\"check\"}").is_err());
}

#[test]
fn junit_and_the_exit_code_say_the_same() {
    let record = shard(0, 1);
    let xml = junit::render(&record);
    let parsed = junit_parser::from_reader(std::io::Cursor::new(xml)).unwrap();
    // The threshold that does not hold, and the finding besides.
    assert_eq!((parsed.tests, parsed.failures, parsed.errors), (5, 2, 0));
}

#[test]
fn a_distribution_reads_as_other_tools_print_it() {
    let record = shard(0, 1);
    let delivery = record.metrics["delivery"].samples().unwrap();
    let text = hgrm::render(delivery, 1000.0);
    let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
    assert!(last.contains(" 1.000000000000       1000"), "{last}");
    assert!(text.contains("Total count    =         1000]"), "{text}");
}
