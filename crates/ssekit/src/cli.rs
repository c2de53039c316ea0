//! The command line: which command, its exit code, and usage errors in one line.

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use ssekit_record::ExitCode;

use crate::command::{check, decode, demo, explain, list, load, proxy, report, serve, watch};
use crate::failure::Failure;
use crate::output;

/// Does a Server-Sent Events server keep the standard?
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = ending(),
    subcommand_required = true,
    arg_required_else_help = true,
    infer_subcommands = false
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Check(check::Arguments),
    Load(load::Arguments),
    Proxy(proxy::Arguments),
    Serve(serve::Arguments),
    Watch(watch::Arguments),
    Decode(decode::Arguments),
    List(list::Arguments),
    Explain(explain::Arguments),
    Report(report::Arguments),
}

/// Reads the command line, runs the command and says what went wrong.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match cli.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Proxy(arguments) => proxy::run(&arguments),
        Command::Load(arguments) => load::run_load(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Report(arguments) => report::run(arguments),
    };
    result.unwrap_or_else(|failure| {
        if let Some(line) = failure.line() {
            output::say(&line);
        }
        failure.exit_code()
    })
}

/// Prints help and version as clap has them, and an error as one line.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let printed = output::print(&error.render().ansi().to_string());
            return printed
                .map_or_else(|e| Failure::from(e).exit_code(), |()| ExitCode::AsExpected);
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output::say(error.render().ansi().to_string().trim_end());
            return ExitCode::Usage;
        }
        _ => {}
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let told: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    let told = told.join(" ").replace(" tip: ", "; ");
    let failure = Failure::Usage(format!("{told}; see --help"));
    output::say(&failure.line().unwrap_or_default());
    ExitCode::Usage
}

/// What stands below the help: examples and the exit codes.
fn ending() -> String {
    let mut text = String::from(
        "Examples:\n  \
         ssekit demo                                   see what it does, on an embedded server\n  \
         ssekit check https://example.com/events       judge a server\n  \
         ssekit check URL --method POST --body @q.json --header 'Authorization: Bearer …'\n  \
         ssekit check URL --save seen.json && ssekit check seen.json   judge again, offline\n  \
         ssekit proxy --via http://127.0.0.1:8080/ --listen 9000   judge a hop that forwards to port 9000\n  \
         ssekit watch URL                              read a stream as it arrives\n  \
         curl -sN URL | ssekit decode --all            what a browser would make of these bytes\n  \
         ssekit explain framing.well-formed            one rule, with examples and its source\n\n\
         Exit codes:\n",
    );
    for (code, meaning) in ExitCode::ALL {
        text.push_str(&format!("  {:<4} {meaning}\n", code.code()));
    }
    text
}
