//! `ssekit`: conformance testing for Server-Sent Events.

mod audience;
mod body;
mod cli;
mod command;
mod crew;
mod dashboard;
mod diagnostic;
mod duration;
mod failure;
mod field;
mod format;
mod input;
mod interrupt;
mod limit;
mod load_form;
mod local_shard;
mod output;
mod progress;
mod registry;
mod request;
mod runtime;
mod screen;
mod sibling;
mod start;
mod suggestion;

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::report_panics();
    let code = std::panic::catch_unwind(cli::run).unwrap_or(ssekit_record::ExitCode::Internal);
    ExitCode::from(code.code())
}
