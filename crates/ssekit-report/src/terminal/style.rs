//! The few styles of the terminal view.

use std::fmt;

use anstyle::{AnsiColor, Style};
use ssekit_record::Verdict;

/// Headings and names.
pub(super) const BOLD: Style = Style::new().bold();
/// What may be skipped.
pub(super) const DIM: Style = Style::new().dimmed();
/// Passed.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Passed, with something to know.
pub(super) const FAIR: Style = AnsiColor::Yellow.on_default().bold();
/// Failed.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Could not look.
pub(super) const UNKNOWN: Style = AnsiColor::Magenta.on_default().bold();
/// Links and facts.
pub(super) const FACT: Style = AnsiColor::Cyan.on_default();

/// The style of a verdict.
pub(super) fn of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => AnsiColor::Green.on_default(),
        Verdict::Fail => BAD,
        Verdict::Warn => FAIR,
        Verdict::Info => FACT,
        Verdict::NotApplicable => DIM,
        Verdict::Unverified | Verdict::Error => UNKNOWN,
    }
}

/// The mark of a verdict, one column wide.
pub(super) fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Pass => '✓',
        Verdict::Fail => '✗',
        Verdict::Warn => '!',
        Verdict::Info => 'i',
        Verdict::NotApplicable => '·',
        Verdict::Unverified => '?',
        Verdict::Error => 'E',
    }
}

/// Text in a style, the style ended after it.
pub(super) struct Painted<T>(pub Style, pub T);

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
    }
}
