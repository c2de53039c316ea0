//! Measures all parsers over all workloads and prints a Markdown table.
//!
//! The parsers take turns, round by round, so that what else the machine does falls on all of
//! them alike. An argument selects the workloads whose name contains it.
mod parser;
mod workload;

use std::time::Instant;

use parser::{CANDIDATES, Candidate, OURS};
use workload::{Workload, workloads};

const ROUNDS: usize = 101;
/// Runs over the workload in each round.
const RUNS: usize = 8;

fn main() {
    let selected = std::env::args().nth(1).unwrap_or_default();
    for workload in workloads() {
        if workload.name.contains(&selected) {
            measure(&workload);
        }
    }
}

fn measure(workload: &Workload) {
    let mut times = vec![Vec::with_capacity(ROUNDS); CANDIDATES.len()];
    for candidate in CANDIDATES {
        check(candidate, workload);
    }
    for _ in 0..ROUNDS {
        for (candidate, times) in CANDIDATES.iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..RUNS {
                std::hint::black_box((candidate.run)(&workload.slices, workload.events));
            }
            times.push(start.elapsed().as_secs_f64() / RUNS as f64);
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    print(workload, &times);
}

/// All must find the same, or the times mean nothing.
fn check(candidate: &Candidate, workload: &Workload) {
    let found = (candidate.run)(&workload.slices, workload.events);
    let expected = (CANDIDATES[0].run)(&workload.slices, workload.events);
    let what = format!("{}: {}", candidate.name, workload.name);
    assert_eq!(found.events, workload.events, "{what}");
    assert_eq!(found, expected, "{what}");
}

/// From sorted times of each candidate. The fastest round is the one that others disturbed least.
fn print(workload: &Workload, times: &[Vec<f64>]) {
    let best = |candidate: usize| times[candidate][0];
    let median = |candidate: usize| times[candidate][ROUNDS / 2];
    println!("### {}\n", workload.name);
    println!(
        "| parser | MB/s, best round | MB/s, median | ns an event, best | ours is faster by, best | by median |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for (at, candidate) in CANDIDATES.iter().enumerate() {
        println!(
            "| {} | {:.0} | {:.0} | {:.0} | {} | {} |",
            candidate.name,
            workload.bytes as f64 / best(at) / 1e6,
            workload.bytes as f64 / median(at) / 1e6,
            best(at) * 1e9 / workload.events as f64,
            ratio(at, best(at) / best(0)),
            ratio(at, median(at) / median(0)),
        );
    }
    println!();
}

fn ratio(candidate: usize, ratio: f64) -> String {
    if candidate < OURS {
        "–".to_owned()
    } else {
        format!("{ratio:.1}")
    }
}
