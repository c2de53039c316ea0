//! Each way of judging a threshold, proved on a stall of known size: what every one gives is what arithmetic
//! over the trace of every event says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;
mod scenario;

use std::collections::BTreeMap;
use std::fs;

use peer::Served;
use serde_json::Value;

/// Streams of each of two populations.
const STREAMS: f64 = 4.0;
/// Between two events, in microseconds.
const INTERVAL: u64 = 20_000;
/// What a busy machine may add to a time, in microseconds.
const LATER: f64 = 1_500_000.0;
/// What stamps in whole milliseconds may be off, in microseconds.
const MILLISECOND: i64 = 1_000;

/// A run of five seconds with an event each 20 ms. Streams of `stalled` are silent from 1.95 s to 2.7 s, and from
/// 3.95 s for good; those of `well` are not. Events are due on the grid of the wall clock, and a stall counts
/// from the opening of its stream: 37 or 38 events fall into the first.
fn run(thresholds: &[&str], rest: &str) -> (Value, i32, Trace) {
    let stalling = Served::start(&[
        "--fault",
        "stall:1950ms:750ms",
        "--fault",
        "stall:3950ms:60s",
    ]);
    let well = Served::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let url = |served: &Served| served.at("events?interval=20");
    let mut text = format!(
        "[target]\nurl = \"{}\"\n[expect]\ninterval = \"20ms\"\nseq = {{ from = \"id\" }}\n\
         published_at = {{ from = \"data\", path = \"/time\", unit = \"ms\", kind = \"intended\" }}\n\
         [[population]]\nname = \"stalled\"\n[[population]]\nname = \"well\"\nurl = \"{}\"\n\
         [[phase]]\nname = \"calm\"\nkind = \"ramp\"\nfrom = 8\nto = 8\nover = \"1500ms\"\n\
         [[phase]]\nname = \"stall\"\nkind = \"hold\"\nfor = \"2s\"\n\
         [[phase]]\nname = \"last\"\nkind = \"hold\"\nfor = \"1500ms\"\n\
         [validity]\non_breach = \"warn\"\n\
         [output]\ndir = \"{}\"\ntrace_sample = 1\n{rest}\n",
        url(&stalling),
        url(&well),
        folder.path().display(),
    );
    for threshold in thresholds {
        text += &format!("[[threshold]]\n{threshold}\n");
    }
    let (record, code) = scenario::run(&text);
    let trace = fs::read_to_string(folder.path().join("load.trace.jsonl")).unwrap();
    (record, code, Trace::read(&trace))
}

/// An event as it came, in microseconds.
struct Arrival {
    /// Since the run began.
    at: u64,
    /// After it was due.
    late: i64,
}

/// The events of each stream of `stalled`, and of `well`.
struct Trace {
    stalled: Vec<Vec<Arrival>>,
    well: Vec<Vec<Arrival>>,
}

impl Trace {
    fn read(text: &str) -> Self {
        let mut streams = BTreeMap::<(String, u64), Vec<Arrival>>::new();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let name = event["population"].as_str().unwrap().to_owned();
            let stream = streams.entry((name, event["stream"].as_u64().unwrap()));
            stream.or_default().push(Arrival {
                at: event["at_us"].as_u64().unwrap(),
                late: event["delivery_us"].as_i64().unwrap(),
            });
        }
        let (mut stalled, mut well) = (Vec::new(), Vec::new());
        for ((name, _), events) in streams {
            let all = if name == "stalled" {
                &mut stalled
            } else {
                &mut well
            };
            all.push(events);
        }
        Self { stalled, well }
    }

    /// Whether the machine let every stream open at once, and nothing but the stall was long.
    fn is_undisturbed(&self) -> bool {
        let fine = |streams: &[Vec<Arrival>], stalls: usize| {
            streams.iter().all(|events| {
                let long = gaps(events).filter(|gap| *gap > 250_000).count();
                events[0].at < 200_000 && long == stalls
            })
        };
        fine(&self.stalled, 1) && fine(&self.well, 0)
    }

    fn gaps(&self) -> Vec<u64> {
        self.stalled
            .iter()
            .flat_map(|events| gaps(events))
            .collect()
    }

    /// Arrival and lateness of each tick, the latter from the earliest schedule seen so far.
    fn lateness(&self) -> Vec<(u64, u64)> {
        let each = self.stalled.iter().flat_map(|events| {
            let first = events[0].at;
            let ticks = events
                .iter()
                .zip(0_u64..)
                .scan(first, |zero, (event, tick)| {
                    let due = *zero + tick * INTERVAL;
                    *zero = (*zero).min(event.at.saturating_sub(tick * INTERVAL));
                    Some((event.at, event.at.saturating_sub(due)))
                });
            ticks.collect::<Vec<_>>()
        });
        each.collect()
    }
}

fn gaps(events: &[Arrival]) -> impl Iterator<Item = u64> {
    events.windows(2).map(|pair| pair[1].at - pair[0].at)
}

/// Samples above a limit, at least and at most, as samples are kept with three digits.
fn over(samples: &[u64], limit: u64) -> std::ops::RangeInclusive<f64> {
    let count = |limit| samples.iter().filter(|sample| **sample > limit).count() as f64;
    count(limit + 1_000)..=count(limit - 1_000)
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
        // 0: of the ticks due in the stall about 20 are later than 350 ms.
        ("S tick_lateness|frac_above:350ms < 1%|", "fail"),
        // 1, 2: one gap of 750 to 770 ms; filled in by the interval about 20 are longer than 350 ms.
        ("S gap|frac_above:350ms < 0.1%|series = \"raw\"", "fail"),
        ("S gap|frac_above:350ms < 1%|", "fail"),
        // 3: no event is due later than 3.95 s, so a gap of about a second is open at the end.
        ("S gap|min < 600ms|series = \"censored\"", "fail"),
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
        // 9: of the 53 ticks of the third second about 25 are later than 250 ms.
        (
            "S tick_lateness|frac_above:250ms < 40%|window = \"1s\"",
            "fail",
        ),
        // 10, 11: that second and no other one is violated.
        (
            "S tick_lateness|frac_above:250ms < 40%|window = \"1s\"\nfor = \"1s\"",
            "fail",
        ),
        (
            "S tick_lateness|frac_above:250ms < 40%|window = \"1s\"\nfor = \"2s\"",
            "pass",
        ),
        // 12: so it is in a window of two seconds, at most.
        (
            "S tick_lateness|frac_above:250ms < 40%|window = \"2s\"",
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
    // What is judged is the stall; a run in which the machine made others is made again.
    let (record, code, trace) = (0..3)
        .map(|_| run(&thresholds, ""))
        .find(|(.., trace)| trace.is_undisturbed())
        .expect("one run of three is undisturbed");
    let results = record["thresholds"].as_array().unwrap();
    for (result, (text, verdict)) in results.iter().zip(cases) {
        assert_eq!(result["verdict"], verdict, "{text}: {result}");
    }
    assert_eq!(code, 1);
    // The stall as the server made it: the event before it was due at 1.95 s at the latest.
    for events in &trace.stalled {
        let pairs = events.windows(2);
        let pair = pairs.max_by_key(|pair| pair[1].at - pair[0].at).unwrap();
        let gap = (pair[1].at - pair[0].at) as i64;
        assert!(gap >= 750_000 - MILLISECOND - pair[0].late, "{gap}");
        assert!(pair[1].late >= 730_000 - MILLISECOND, "{}", pair[1].late);
        let held = events
            .iter()
            .filter(|event| event.at.abs_diff(pair[1].at) < 100_000);
        assert!(held.count() >= 37);
    }
    let (gaps, lateness) = (trace.gaps(), trace.lateness());
    let late: Vec<u64> = lateness.iter().map(|(_, late)| *late).collect();
    let filled = gaps.iter().flat_map(|gap| {
        let synthetic = (1..).map(move |step| gap.saturating_sub(step * INTERVAL));
        std::iter::once(*gap).chain(synthetic.take_while(|gap| *gap >= INTERVAL))
    });
    let filled: Vec<u64> = filled.collect();
    for (index, samples) in [(0, &late), (1, &gaps), (2, &filled)] {
        let (expected, result) = (over(samples, 350_000), &results[index]);
        assert!(expected.contains(&above(result)), "{expected:?} {result}");
        assert_eq!(result["samples"], samples.len(), "{result}");
    }
    assert_eq!(results[3]["samples"], STREAMS as u64);
    let last = trace
        .stalled
        .iter()
        .map(|events| events[events.len() - 1].at);
    let open = 5_000_000.0 - last.max().unwrap() as f64;
    let given = value(&results[3]);
    assert!(
        (open - 1_000.0..open + LATER).contains(&given),
        "{given} {open}"
    );
    let longest = *gaps.iter().max().unwrap() as f64;
    for index in [4, 6, 7, 13] {
        let off = value(&results[index]) - longest;
        assert!(off.abs() <= 1_000.0, "{longest} {}", results[index]);
    }
    assert!(
        text(&results[4]).contains("in phase stall"),
        "{}",
        results[4]
    );
    let third = lateness.iter().filter(|(at, _)| at / 1_000_000 == 2);
    let third: Vec<u64> = third.map(|(_, late)| *late).collect();
    let (share, expected) = (value(&results[9]), over(&third, 250_000));
    let of = third.len() as f64;
    let close = expected.start() / of - 0.001..=expected.end() / of + 0.001;
    assert!(close.contains(&share), "{share} {close:?}");
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
    let (record, code, _) = run(&[warn], "");
    assert_eq!((code, &record["outcome"]), (0, &"pass".into()));
    assert_eq!(record["thresholds"][0]["verdict"], "warn");
}

#[test]
fn a_threshold_that_aborts_ends_the_run_once_it_is_violated_and_not_before_its_time() {
    let abort = "metric = \"gap\"\nexpr = \"max < 500ms\"\nabort = true";
    let long = "[[phase]]\nname = \"longer\"\nkind = \"hold\"\nfor = \"60s\"";
    let at = |thresholds: &[&str]| {
        let (record, code, _) = run(thresholds, long);
        assert_eq!((code, &record["outcome"]), (1, &"fail".into()));
        assert!(record["elapsed_us"].as_u64().unwrap() < 40_000_000);
        record["aborted"]["at_us"].as_u64().unwrap()
    };
    // The stall ends at 2.7 s; each second is looked at.
    assert!((2_700_000..30_000_000).contains(&at(&[abort])));
    let later = at(&[&format!("{abort}\nabort_after = \"4s\"")]);
    assert!((4_000_000..30_000_000).contains(&later), "{later}");
}
