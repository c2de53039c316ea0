//! What the live panel and the lines of a log show of a run, calm or in trouble, at any width.

use insta::assert_snapshot;
use ssekit_record::{Distribution, LoadCounts, MetricValue, Unit};

use super::*;

/// A row of one second in which these metrics had these samples.
fn row(second: u64, phase: &str, metrics: &[(&str, &[u64])]) -> Interval {
    let metrics = metrics.iter().map(|(name, values)| {
        let mut samples = Distribution::new(3);
        values.iter().for_each(|value| samples.record(*value));
        let value = MetricValue::Distribution {
            unit: Unit::Us,
            samples,
            synthetic: 0,
        };
        ((*name).to_owned(), value)
    });
    Interval {
        start_us: second * 1_000_000,
        end_us: (second + 1) * 1_000_000,
        phase: phase.into(),
        metrics: metrics.collect(),
        cpu_seconds: 0.45,
        ..Interval::default()
    }
}

fn empty(phases: &[&str]) -> View {
    View {
        phases: phases.iter().map(|phase| (*phase).to_owned()).collect(),
        phase: phases[0].into(),
        length_us: 71_000_000,
        max_lag_us: 250_000,
        ..View::default()
    }
}

/// A run in which nothing goes wrong.
fn calm() -> View {
    let mut view = empty(&["ramp", "hold", "drain"]);
    for second in 0..31 {
        let lag: &[u64] = &[200, 1_100];
        let mut row = match second {
            0..10 => row(
                second,
                "ramp",
                &[("first_event", &[2_000, 31_000]), ("loop_lag", lag)],
            ),
            _ => row(
                second,
                "hold",
                &[
                    ("gap", &[999_000, 1_001_000]),
                    ("delivery", &[800, 1_234, 12_345]),
                    ("loop_lag", lag),
                ],
            ),
        };
        row.streams = Live {
            planned: 10_000,
            live: 9_970,
            open: 12,
            connecting: 18,
            ..Live::default()
        };
        row.counts.received = 9_998;
        view.take_row(&row);
    }
    view.rss_bytes = 35_861_299;
    view
}

/// A run in which everything does, with names meant to do harm.
fn wild() -> View {
    let hostile = "\u{1b}[2J\u{202e}evil\r\nphase that is far too long to be shown in a line";
    let mut view = empty(&["ramp", hostile]);
    let lag: &[u64] = &[1_000, 3_000_000];
    let slow: &[u64] = &[1, 59_999_999, 3_600_000_000];
    let metrics = [
        ("tick_lateness", slow),
        ("delivery", slow),
        ("gap", slow),
        ("first_event", slow),
        ("loop_lag", lag),
    ];
    let mut row = row(30, hostile, &metrics);
    row.streams = Live {
        planned: 1_000_000,
        live: 412_345,
        open: 123_456,
        connecting: 223_344,
        backoff: 98_765,
        failed: 142_090,
    };
    row.counts = LoadCounts {
        received: 123_456_789_012,
        skipped: 1_234_567,
        duplicated: 765_432,
        reordered: 4_321,
        faults: 99,
        errors: 142_093,
        disconnects: 1,
        ..LoadCounts::default()
    };
    row.cpu_seconds = 1.97;
    view.errors = BTreeMap::from([
        ("refused".into(), 3),
        ("first_event_timeout".into(), 142_000),
        ("status_503".into(), 90),
        ("\u{1b}]0;owned\u{7}".into(), 7),
        ("connect_timeout".into(), 1),
    ]);
    view.disconnects = BTreeMap::from([("eof".into(), 1)]);
    view.take_row(&row);
    view.rss_bytes = 4_294_967_296;
    view
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn the_panel_of_a_calm_run() {
    assert_snapshot!("calm_80", plain(&calm().panel(80)));
    assert_snapshot!("calm_60", plain(&calm().panel(60)));
    assert_snapshot!("begin_80", plain(&empty(&["ramp", "hold"]).panel(80)));
}

#[test]
fn the_panel_of_a_run_in_trouble() {
    assert_snapshot!("wild_80", plain(&wild().panel(80)));
    assert_snapshot!("wild_60", plain(&wild().panel(60)));
}

#[test]
fn no_line_is_wider_than_the_terminal_and_none_does_harm() {
    for view in [empty(&["a"]), calm(), wild()] {
        for width in [40, 41, 60, 80, 81, 100, 200] {
            let text = plain(&view.panel(width));
            for line in text.lines() {
                assert!(columns(line) < width, "{width}: {line}");
            }
            let unsafe_char = |c: char| c != '\n' && ssekit_record::is_unsafe_to_show(c);
            assert_eq!(text.chars().find(|c| unsafe_char(*c)), None);
        }
    }
    let line = wild().rest().unwrap();
    assert_eq!(
        line.chars().find(|c| ssekit_record::is_unsafe_to_show(*c)),
        None
    );
}

#[test]
fn what_is_recent_is_ten_seconds() {
    let mut view = empty(&["hold"]);
    for second in 0..30 {
        let gap: &[u64] = if second < 20 { &[5_000_000] } else { &[1_000] };
        view.take_row(&row(second, "hold", &[("gap", gap)]));
    }
    let panel = plain(&view.panel(80));
    assert!(panel.contains("gap                  1 ms"), "{panel}");
    assert!(!panel.contains("5 s"), "{panel}");
    // A row that is longer than that is shown whole.
    let mut long = row(30, "hold", &[("gap", &[7_000])]);
    long.end_us += 60_000_000;
    view.take_row(&long);
    assert_eq!(view.recent.len(), 1);
}

#[test]
fn a_log_gets_a_line_every_five_seconds_and_one_where_a_phase_ends() {
    let mut view = empty(&["ramp", "hold"]);
    let mut lines = Vec::new();
    for second in 0..11 {
        let phase = if second < 2 { "ramp" } else { "hold" };
        let mut row = row(
            second,
            phase,
            &[("gap", &[1_000, 2_000]), ("loop_lag", &[300])],
        );
        row.streams.live = 1_234;
        row.counts.received = 1_000 * (second + 1);
        if second == 9 {
            row.streams.failed = 3;
            row.counts.errors = 1;
            row.counts.disconnects = 2;
        }
        lines.extend(view.take_row(&row));
    }
    lines.extend(view.rest());
    assert_snapshot!("lines", lines.join("\n"));
}
