//! The form of an answer on standard output.

use clap::ValueEnum;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person.
    Human,
    /// JSON for a program.
    Json,
}
