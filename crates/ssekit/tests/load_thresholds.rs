//! Each way of judging a threshold, proved on a stall of known size: what every one gives is what arithmetic
//! says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;
mod scenario;

use peer::Served;
use serde_json::Value;

/// Streams of each of two populations.
const STREAMS: f64 = 4.0;
/// What a busy machine may add to a time, in microseconds.
const LATER: f64 = 1_500_000.0;

/// A run of five seconds with an event each 100 ms. Streams of `stalled` are silent after 1.9 s to 2.7 s, and
/// after 3.9 s for good; those of `well` are not. No stall begins when an event is due.
fn run(thresholds: &[&str], rest: &str) -> (Value, i32) {
    let stalling = Served::start(&[
        "--fault",
        "stall:1950ms:750ms",
        "--fault",
        "stall:3950ms:60s",
    ]);
    let well = Served::start(&[]);
    let url = |served: &Served| served.at("events?interval=100");
    let mut text = format!(
        "[target]\nurl = \"{}\"\n[expect]\ninterval = \"100ms\"\nseq = {{ from = \"id\" }}\n\
         [[population]]\nname = \"stalled\"\n[[population]]\nname = \"well\"\nurl = \"{}\"\n\
         [[phase]]\nname = \"calm\"\nkind = \"ramp\"\nfrom = 8\nto = 8\nover = \"1500ms\"\n\
         [[phase]]\nname = \"stall\"\nkind = \"hold\"\nfor = \"2s\"\n\
         [[phase]]\nname = \"last\"\nkind = \"hold\"\nfor = \"1500ms\"\n\
         [validity]\non_breach = \"warn\"\n{rest}\n",
        url(&stalling),
        url(&well)
    );
    for threshold in thresholds {
        text += &format!("[[threshold]]\n{threshold}\n");
    }
    scenario::run(&text)
}

fn value(result: &Value) -> f64 {
    result["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("{result}"))
}

/// How many samples lie above, of a threshold on `frac_above`.
fn above(result: &Value) -> f64 {
    (value(result) * result["samples"].as_f64().unwrap()).round()
}

#[test]
fn a_stall_is_judged_as_large_as_it_is_in_every_window_part_and_series() {
    // In TOML, and whether it holds; `S` stands for the stalled streams alone.
    let cases = [
        // 0: of the ticks due 2.0 s to 2.6 s four are later than 350 ms: 700, 600, 500 and 400.
        ("S tick_lateness|frac_above:350ms < 1%|", "fail"),
        // 1, 2: one gap of 800 ms; filled in by the interval there are 800, 700, 600, 500 and 400.
        ("S gap|frac_above:350ms < 1%|series = \"raw\"", "fail"),
        ("S gap|frac_above:350ms < 1%|", "fail"),
        // 3: the last event is of 3.9 s, so a gap of more than a second is open at the end.
        ("S gap|min < 900ms|series = \"censored\"", "fail"),
        // 4 to 8: by phase.
        ("S gap|max < 500ms|window = \"phase\"", "fail"),
        ("gap|max < 500ms|where = { phase = \"calm\" }", "pass"),
        ("gap|max < 500ms|where = { phase = \"stall\" }", "fail"),
        (
            "gap|max < 500ms|where = { population = \"stalled\", phase = \"stall\" }",
            "fail",
        ),
        (
            "gap|max < 500ms|where = { population = \"well\", phase = \"stall\" }",
            "pass",
        ),
        // 9: of the ten ticks of the third second four are later than 350 ms.
        (
            "S tick_lateness|frac_above:350ms < 35%|window = \"1s\"",
            "fail",
        ),
        // 10, 11: that second and no other one is violated.
        (
            "S tick_lateness|frac_above:350ms < 35%|window = \"1s\"\nfor = \"1s\"",
            "fail",
        ),
        (
            "S tick_lateness|frac_above:350ms < 35%|window = \"1s\"\nfor = \"2s\"",
            "pass",
        ),
        // 12: so it is in a window of two seconds, at most.
        (
            "S tick_lateness|frac_above:350ms < 35%|window = \"2s\"",
            "pass",
        ),
        // 13: violated, and only said.
        ("S gap|max < 500ms|severity = \"warn\"", "warn"),
        // 14: two streams' worth of samples are not a million.
        ("S gap|max < 60s|min_samples = 1000000", "fail"),
    ];
    let thresholds = cases.map(|(text, _)| {
        let parts: Vec<&str> = text.splitn(3, '|').collect();
        let [metric, expr, more] = parts.as_slice() else {
            panic!("{text}")
        };
        let (metric, part) = match metric.strip_prefix("S ") {
            Some(metric) => (metric, "where = { population = \"stalled\" }"),
            None => (*metric, ""),
        };
        format!("metric = \"{metric}\"\nexpr = \"{expr}\"\n{part}\n{more}")
    });
    let thresholds: Vec<&str> = thresholds.iter().map(String::as_str).collect();
    let (record, code) = run(&thresholds, "");
    let results = record["thresholds"].as_array().unwrap();
    for (result, (text, verdict)) in results.iter().zip(cases) {
        assert_eq!(result["verdict"], verdict, "{text}: {result}");
    }
    assert_eq!(code, 1);
    let close = |index: usize, least: f64| {
        let value = value(&results[index]);
        assert!(
            (least - 10_000.0..least + LATER).contains(&value),
            "{}",
            results[index]
        );
    };
    assert_eq!(above(&results[0]), 4.0 * STREAMS, "{}", results[0]);
    assert_eq!(above(&results[1]), STREAMS, "{}", results[1]);
    assert_eq!(above(&results[2]), 5.0 * STREAMS, "{}", results[2]);
    let filled = results[2]["samples"].as_f64().unwrap() - results[1]["samples"].as_f64().unwrap();
    // 700 to 200 ms, and 100 ms where the gap was no shorter than 800.
    let due = 6.0 * STREAMS..=7.0 * STREAMS;
    assert!(due.contains(&filled), "{} {}", results[1], results[2]);
    assert_eq!(results[3]["samples"], STREAMS as u64);
    close(3, 1_000_000.0);
    for index in [4, 6, 7, 13] {
        close(index, 800_000.0);
    }
    assert!(
        text(&results[4]).contains("in phase stall"),
        "{}",
        results[4]
    );
    let share = value(&results[9]);
    assert!((0.36..0.45).contains(&share), "{share}");
    assert!(
        text(&results[9]).contains("from 2 s to 3 s"),
        "{}",
        results[9]
    );
    assert!(
        text(&results[11]).contains("violated for 1 s, less than the 2 s"),
        "{}",
        results[11]
    );
    assert_eq!(results[14]["no_data"], true);
    let expected = text(&results[14]).contains("samples of at least 1,000,000");
    assert!(expected, "{}", results[14]);
}

fn text(result: &Value) -> &str {
    result["detail"].as_str().unwrap()
}

#[test]
fn what_is_only_said_fails_no_run() {
    let warn = "metric = \"gap\"\nexpr = \"max < 500ms\"\nseverity = \"warn\"";
    let (record, code) = run(&[warn], "");
    assert_eq!((code, &record["outcome"]), (0, &"pass".into()));
    assert_eq!(record["thresholds"][0]["verdict"], "warn");
}

#[test]
fn a_threshold_that_aborts_ends_the_run_once_it_is_violated_and_not_before_its_time() {
    let abort = "metric = \"gap\"\nexpr = \"max < 500ms\"\nabort = true";
    let long = "[[phase]]\nname = \"longer\"\nkind = \"hold\"\nfor = \"60s\"";
    let at = |thresholds: &[&str]| {
        let (record, code) = run(thresholds, long);
        assert_eq!((code, &record["outcome"]), (1, &"fail".into()));
        assert!(record["elapsed_us"].as_u64().unwrap() < 40_000_000);
        record["aborted"]["at_us"].as_u64().unwrap()
    };
    // The stall ends at 2.7 s; each second is looked at.
    assert!((2_700_000..30_000_000).contains(&at(&[abort])));
    let later = at(&[&format!("{abort}\nabort_after = \"4s\"")]);
    assert!((4_000_000..30_000_000).contains(&later), "{later}");
}
