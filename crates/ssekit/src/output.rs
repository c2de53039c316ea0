//! Standard output and standard error.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, IsTerminal as _, Write as _};

use ssekit_report::terminal::Layout;

/// Columns assumed where there is no terminal to ask.
const ASSUMED: usize = 100;

/// Writes text to standard output, with its styles only where they are wanted.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line to standard error. When even that fails, there is nobody to tell.
pub fn say(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Whether this runs as a step of GitHub Actions, which reads commands out of what a step prints.
pub fn is_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// As [`print()`], with the step's reading of commands switched off around it: text of the target
/// must not become one.
pub fn print_inert(text: &str) -> io::Result<()> {
    // The target has answered before this, so it cannot know the hasher's keys.
    let token = RandomState::new().hash_one(std::process::id());
    print(&format!(
        "::stop-commands::{token:016x}\n{text}::{token:016x}::\n"
    ))
}

/// Whether a person looks at standard output.
pub fn is_watched() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal behind standard output.
pub fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stdout());
    // A terminal that does not know its size says 0.
    let told = size.map(|(width, _)| usize::from(width.0));
    told.filter(|width| *width > 0).unwrap_or(ASSUMED)
}

/// How records are laid out on this terminal.
pub fn layout(verbose: bool, quiet: bool) -> Layout {
    Layout {
        width: width(),
        verbose,
        quiet,
    }
}
