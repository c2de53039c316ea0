//! A progress line on standard error, only where a person looks at it.

use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ssekit_conformance::Progress;

/// Shows how a run goes on; nothing at all where standard error is no terminal.
pub struct Display {
    bar: Option<ProgressBar>,
    planned: usize,
    finished: usize,
}

impl Display {
    /// A display, silent if asked to be.
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            planned: 0,
            finished: 0,
        }
    }

    /// Takes note of a step.
    pub fn show(&mut self, step: &Progress<'_>) {
        let message = match step {
            Progress::Planned(probes) => {
                self.planned = probes.len();
                "connecting".into()
            }
            Progress::Observing {
                elapsed,
                window,
                events,
            } => format!(
                "observing {:.1} of {:.1} s, {events} events",
                elapsed.as_secs_f64().min(window.as_secs_f64()),
                window.as_secs_f64()
            ),
            Progress::Started(probe) => format!("{}{}", self.counted(), probe.about()),
            Progress::Finished(..) | Progress::Skipped(_) => {
                self.finished += 1;
                return;
            }
            _ => return,
        };
        if let Some(bar) = &self.bar {
            bar.set_message(message);
        }
    }

    fn counted(&self) -> String {
        if self.planned < 2 {
            return String::new();
        }
        format!("{} of {}: ", self.finished + 1, self.planned)
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.clear();
    }
}
