//! The few styles of the terminal view.

use std::fmt;

use anstyle::{AnsiColor, Style};
use ssekit_record::Verdict;

/// Headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// What may be skipped.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Passed.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Passed, with something to know.
pub(crate) const FAIR: Style = AnsiColor::Yellow.on_default().bold();
/// Failed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Could not look.
pub(crate) const UNKNOWN: Style = AnsiColor::Magenta.on_default().bold();
/// Links and facts.
pub(crate) const FACT: Style = AnsiColor::Cyan.on_default();

/// The style of a verdict.
pub(crate) fn of(verdict: Verdict) -> Style {
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
pub(crate) fn mark(verdict: Verdict) -> char {
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
pub(crate) struct Painted<T>(pub Style, pub T);

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
    }
}
