//! A load run while it goes on, on standard error: a few lines drawn again in place for a person,
//! a line now and then for a log.

mod view;
mod window;

use std::io::{IsTerminal as _, stderr};

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ssekit_load::{Job, Progress};

use crate::output;
use view::View;

/// Columns assumed where the terminal does not know its own.
const ASSUMED: usize = 80;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines that are drawn again.
    Panel,
    /// A line every few seconds.
    Line,
    /// Nothing.
    Silent,
}

impl Form {
    /// A panel where a person looks at standard error, lines elsewhere.
    pub fn fitting() -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stderr().is_terminal() && !is_dumb {
            Self::Panel
        } else {
            Self::Line
        }
    }
}

/// Shows a run.
pub struct Dashboard {
    view: View,
    output: Output,
}

enum Output {
    Panel { bar: ProgressBar, styled: bool },
    Line,
    Silent,
}

impl Dashboard {
    /// Of a run that has not begun.
    pub fn new(job: &Job, form: Form) -> Self {
        let output = match form {
            Form::Panel => Output::Panel {
                bar: bar(),
                styled: AutoStream::choice(&stderr()) != ColorChoice::Never,
            },
            Form::Line => Output::Line,
            Form::Silent => Output::Silent,
        };
        let dashboard = Self {
            view: View::new(job),
            output,
        };
        dashboard.draw();
        dashboard
    }

    /// Takes the newest interval.
    pub fn show(&mut self, progress: &Progress<'_>) {
        if matches!(self.output, Output::Silent) {
            return;
        }
        let ended = self.view.take(progress);
        if let Output::Line = self.output {
            ended.iter().for_each(|line| output::say(line));
        }
        self.draw();
    }

    fn draw(&self) {
        let Output::Panel { bar, styled } = &self.output else {
            return;
        };
        let size = terminal_size::terminal_size_of(stderr());
        let told = size.map(|(width, _)| usize::from(width.0));
        let width = told.filter(|width| *width > 0).unwrap_or(ASSUMED);
        // The terminal's echo of Ctrl-C moves everything up by one line, and this is the one that stays.
        let text = format!("\n{}", self.view.panel(width));
        bar.set_message(match styled {
            true => text,
            false => anstream::adapter::strip_str(&text).to_string(),
        });
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        match &self.output {
            Output::Panel { bar, .. } => bar.finish_and_clear(),
            Output::Line => self.view.rest().iter().for_each(|line| output::say(line)),
            Output::Silent => {}
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}
