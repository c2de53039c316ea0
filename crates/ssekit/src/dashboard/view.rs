//! What is shown of a run, as text: a pure function of what came so far.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use ssekit_load::{Job, Progress};
use ssekit_record::quantity::{show_bytes, show_number, show_us};
use ssekit_record::{Interval, Live};
use ssekit_report::text::{columns, harmless, truncated};

use super::window::{METRICS, Window};

/// Length of the stretch whose percentiles the panel shows.
const RECENT_US: u64 = 10_000_000;
/// Time between two lines of a log.
const LINE_US: u64 = 5_000_000;
/// Columns of what stands before the figures of a line of the panel.
const LABEL: usize = 15;
/// Columns of a figure.
const FIGURE: usize = 10;
/// The panel is never laid out for less, nor for more.
const WIDTH: (usize, usize) = (40, 100);

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const FAIR: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// A run so far.
#[derive(Debug, Default)]
pub struct View {
    phases: Vec<String>,
    length_us: u64,
    /// Beyond this loop lag the run will be invalid.
    max_lag_us: u64,
    elapsed_us: u64,
    phase: String,
    streams: Live,
    /// Everything.
    whole: Window,
    /// The newest rows.
    recent: VecDeque<Window>,
    /// What no line of a log has told so far.
    untold: Window,
    errors: BTreeMap<String, u64>,
    disconnects: BTreeMap<String, u64>,
    rss_bytes: u64,
}

impl View {
    /// Of a run that has not begun.
    pub fn new(job: &Job) -> Self {
        let phases: Vec<_> = job.phases.iter().map(|phase| phase.name.clone()).collect();
        Self {
            phase: phases.first().cloned().unwrap_or_default(),
            phases,
            length_us: micros(job.length()),
            max_lag_us: job.validity.max_loop_lag_p999_us,
            ..Self::default()
        }
    }

    /// Takes the newest interval. Gives the lines of a log that are due with it.
    pub fn take(&mut self, progress: &Progress<'_>) -> Vec<String> {
        self.errors.clone_from(&progress.errors);
        self.disconnects.clone_from(&progress.disconnects);
        self.rss_bytes = progress.rss_bytes;
        self.take_row(progress.row)
    }

    fn take_row(&mut self, row: &Interval) -> Vec<String> {
        let mut lines = Vec::new();
        if row.phase != self.phase {
            lines.extend(self.rest());
            self.untold = Window::default();
        }
        self.elapsed_us = self.elapsed_us.max(row.end_us);
        self.phase.clone_from(&row.phase);
        self.streams = row.streams;
        let mut newest = Window::default();
        newest.add_row(row);
        self.whole.add(&newest);
        self.untold.add(&newest);
        self.recent.push_back(newest);
        let mut length: u64 = self.recent.iter().map(|window| window.length_us).sum();
        while length > RECENT_US && self.recent.len() > 1 {
            length -= self.recent.pop_front().map_or(0, |first| first.length_us);
        }
        if self.untold.length_us >= LINE_US {
            lines.extend(self.rest());
            self.untold = Window::default();
        }
        lines
    }

    /// The line of a log about what none has told so far.
    pub fn rest(&self) -> Option<String> {
        let untold = &self.untold;
        if untold.length_us == 0 {
            return None;
        }
        let mut parts = vec![
            format!(
                "{:>7.1} of {:.1} s",
                self.elapsed_us as f64 / 1e6,
                self.length_us as f64 / 1e6
            ),
            name(&self.phase),
            joined(self.states().into_iter().map(|(_, text)| text)),
            format!("{} events/s", rate(untold)),
        ];
        let shown = METRICS.into_iter().take(3);
        for (metric, words) in shown
            .filter(|(metric, _)| untold.samples(metric).is_some())
            .take(1)
        {
            if let Some(samples) = untold.samples(metric) {
                let [p50, p99] = [0.5, 0.99].map(|share| time(samples.quantile(share)));
                parts.push(format!("{words} p50 {p50}, p99 {p99}"));
            }
        }
        let failed = [
            (untold.counts.errors, "error"),
            (untold.counts.disconnects, "disconnect"),
        ];
        for (count, what) in failed.into_iter().filter(|(count, _)| *count > 0) {
            let s = if count == 1 { "" } else { "s" };
            parts.push(format!("{} {what}{s}", number(count)));
        }
        if let Some(lag) = untold.samples("loop_lag") {
            parts.push(format!("loop lag p99.9 {}", time(lag.quantile(0.999))));
        }
        Some(parts.join("  "))
    }

    /// The panel for so many columns, without a line feed at its end.
    pub fn panel(&self, width: usize) -> String {
        // A full last column makes some terminals wrap.
        let width = width.saturating_sub(1).clamp(WIDTH.0 - 1, WIDTH.1);
        let mut recent = Window::default();
        self.recent.iter().for_each(|window| recent.add(window));
        let mut lines = vec![
            self.progress(width),
            self.streams_line(width),
            self.events(width),
        ];
        lines.extend(latencies(&recent, width));
        lines.push(self.failures(width));
        lines.push(self.generator(&recent, width));
        lines.join("\n")
    }

    fn progress(&self, width: usize) -> String {
        let (elapsed, length) = (self.elapsed_us as f64 / 1e6, self.length_us as f64 / 1e6);
        let place = self.phases.iter().position(|phase| *phase == self.phase);
        let mut told = format!("  {elapsed:.1} of {length:.1} s");
        if let (Some(place), true) = (place, self.phases.len() > 1) {
            told += &format!(", phase {} of {}", place + 1, self.phases.len());
        }
        let mut line = Line::labelled(width, BOLD, &name(&self.phase));
        let room = line.room.saturating_sub(columns(&told)).min(40);
        let share = if length > 0.0 {
            (elapsed / length).min(1.0)
        } else {
            0.0
        };
        let done = (room as f64 * share) as usize;
        line.put(GOOD, &"━".repeat(done));
        line.put(DIM, &"─".repeat(room - done));
        line.put(PLAIN, &told);
        line.text
    }

    /// Streams by state, those that are there; what is wrong stands where it is not cut off.
    fn states(&self) -> Vec<(Style, String)> {
        let Live {
            connecting,
            open,
            live,
            backoff,
            failed,
            ..
        } = self.streams;
        let all = [
            (PLAIN, live, "live"),
            (BAD, failed, "failed"),
            (FAIR, backoff, "waiting"),
            (PLAIN, connecting, "connecting"),
            (PLAIN, open, "without event"),
        ];
        let there = all
            .into_iter()
            .filter(|(_, count, what)| *count > 0 || *what == "live");
        there
            .map(|(style, count, what)| (style, format!("{} {what}", number(count))))
            .collect()
    }

    fn streams_line(&self, width: usize) -> String {
        let mut line = Line::labelled(width, DIM, "streams");
        line.list(self.states());
        line.put(DIM, &format!("; {} wanted", number(self.streams.planned)));
        line.text
    }

    fn events(&self, width: usize) -> String {
        let mut newest = Window::default();
        for window in self.recent.iter().rev() {
            newest.add(window);
            // The end of a phase makes short rows, whose rate would jump.
            if newest.length_us >= 1_000_000 {
                break;
            }
        }
        let counts = &self.whole.counts;
        let mut line = Line::labelled(width, DIM, "events");
        let mut items = vec![
            (PLAIN, format!("{}/s", rate(&newest))),
            (PLAIN, format!("{} so far", number(counts.received))),
        ];
        let wrong = [
            (counts.lost(), "lost"),
            (counts.duplicated, "duplicated"),
            (counts.reordered, "reordered"),
            (counts.faults, "faulty"),
        ];
        let there = wrong.into_iter().filter(|(count, _)| *count > 0);
        items.extend(there.map(|(count, what)| (BAD, format!("{} {what}", number(count)))));
        line.list(items);
        line.text
    }

    fn failures(&self, width: usize) -> String {
        let mut line = Line::labelled(width, DIM, "errors");
        let mut items = causes(&self.errors, "");
        items.extend(causes(&self.disconnects, "ended: "));
        if items.is_empty() {
            line.put(PLAIN, "none");
        }
        line.list(items);
        line.text
    }

    fn generator(&self, recent: &Window, width: usize) -> String {
        let mut items = Vec::new();
        if let Some(lag) = recent.samples("loop_lag") {
            let late = lag.quantile(0.999);
            let style = if late > self.max_lag_us { BAD } else { PLAIN };
            let limit = match late > self.max_lag_us {
                true => format!(" (limit {})", time(self.max_lag_us)),
                false => String::new(),
            };
            items.push((style, format!("loop lag p99.9 {}{limit}", time(late))));
        }
        items.push((PLAIN, format!("CPU {:.0} %", recent.cpu_percent())));
        if self.rss_bytes > 0 {
            items.push((PLAIN, show_bytes(self.rss_bytes as f64)));
        }
        let mut line = Line::labelled(width, DIM, "generator");
        line.list(items);
        line.text
    }
}

/// The table of percentiles: those metrics that have samples.
fn latencies(recent: &Window, width: usize) -> Vec<String> {
    let stats = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];
    let mut head = Line::labelled(width, DIM, "last 10 s");
    for (stat, _) in stats {
        head.put(DIM, &format!("{stat:>FIGURE$}"));
    }
    let mut lines = vec![head.text];
    let shown = METRICS
        .into_iter()
        .filter(|(metric, _)| *metric != "loop_lag");
    for (metric, words) in shown {
        let Some(samples) = recent.samples(metric) else {
            continue;
        };
        let mut line = Line::labelled(width, PLAIN, words);
        for (_, share) in stats {
            line.put(
                PLAIN,
                &format!("{:>FIGURE$}", time(samples.quantile(share))),
            );
        }
        lines.push(line.text);
    }
    lines
}

/// Counts by cause, the largest first.
fn causes(counts: &BTreeMap<String, u64>, before: &str) -> Vec<(Style, String)> {
    let mut sorted: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let items = sorted
        .into_iter()
        .enumerate()
        .map(|(index, (cause, count))| {
            let before = if index == 0 { before } else { "" };
            (
                BAD,
                format!(
                    "{before}{} {}",
                    number(*count),
                    name(&cause.replace('_', " "))
                ),
            )
        });
    items.collect()
}

/// A name of the scenario or the target, as it may be shown.
fn name(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    truncated(&harmless(&shown), 24).into_owned()
}

fn joined(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

fn number(count: u64) -> String {
    show_number(count as f64)
}

fn rate(window: &Window) -> String {
    let rate = window.per_second(window.counts.received);
    show_number(if rate >= 10.0 { rate.round() } else { rate })
}

fn time(us: u64) -> String {
    show_us(us as f64)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A line that never gets wider than it may.
struct Line {
    text: String,
    room: usize,
}

impl Line {
    /// Begins with a label, and blanks up to the figures.
    fn labelled(width: usize, style: Style, label: &str) -> Self {
        let mut line = Self {
            text: String::new(),
            room: width,
        };
        let label = truncated(label, LABEL - 2);
        line.put(style, &label);
        line.put(PLAIN, &" ".repeat(LABEL.saturating_sub(columns(&label))));
        line
    }

    fn put(&mut self, style: Style, text: &(impl AsRef<str> + Display + ?Sized)) {
        if self.room == 0 {
            return;
        }
        let text = truncated(text.as_ref(), self.room);
        self.room -= columns(&text).min(self.room);
        self.text += &format!("{style}{text}{style:#}");
    }

    /// Puts items with commas between them; those for which there is no room become an ellipsis.
    fn list(&mut self, items: Vec<(Style, String)>) {
        for (index, (style, item)) in items.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let is_last = index + 1 == items.len();
            let needed = columns(comma) + columns(item) + if is_last { 0 } else { 3 };
            if needed > self.room && index > 0 {
                self.put(DIM, ", …");
                self.room = 0;
                return;
            }
            self.put(PLAIN, comma);
            self.put(*style, item);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
