//! Measures all parsers over all workloads and prints a Markdown table.
//!
//! The parsers take turns, round by round, so that what else the machine does falls on all of
//! them alike. Reported is the median of the rounds.
mod parser;
mod workload;

use std::time::Instant;

use parser::{CANDIDATES, Candidate, OURS};
use workload::{Workload, workloads};

const ROUNDS: usize = 31;

fn main() {
    println!("| workload | parser | MB/s | ns an event | of ssekit-proto, borrowed |");
    println!("|---|---|---:|---:|---:|");
    for workload in workloads() {
        let mut times = vec![Vec::with_capacity(ROUNDS); CANDIDATES.len()];
        for candidate in CANDIDATES {
            check(candidate, &workload);
        }
        for _ in 0..ROUNDS {
            for (candidate, times) in CANDIDATES.iter().zip(&mut times) {
                let start = Instant::now();
                std::hint::black_box((candidate.run)(&workload.slices, workload.events));
                times.push(start.elapsed().as_secs_f64());
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        for (candidate, seconds) in CANDIDATES.iter().zip(&medians) {
            println!(
                "| {} | {} | {:.0} | {:.0} | {:.3} |",
                workload.name,
                candidate.name,
                workload.bytes as f64 / seconds / 1e6,
                seconds * 1e9 / workload.events as f64,
                medians[0] / seconds,
            );
        }
        let fastest = medians[OURS..]
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        println!(
            "| {} | **borrowed is {:.1}, owned {:.1} times the fastest peer** | | | |",
            workload.name,
            fastest / medians[0],
            fastest / medians[1],
        );
    }
}

/// All must find the same, or the times mean nothing.
fn check(candidate: &Candidate, workload: &Workload) {
    let found = (candidate.run)(&workload.slices, workload.events);
    let expected = (CANDIDATES[0].run)(&workload.slices, workload.events);
    assert_eq!(
        found.events, workload.events,
        "{}: {}",
        candidate.name, workload.name
    );
    assert_eq!(found, expected, "{}: {}", candidate.name, workload.name);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
