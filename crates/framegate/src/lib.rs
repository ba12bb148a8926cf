//! Framegate's commands: each reads a command line, runs what it asks for, and turns the outcome into an exit
//! code. The binaries are no more than their names.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod agent;
mod backend;
mod cli;
mod command;
mod failure;
mod signals;
mod value;

/// Chosen over the system's allocator by measurement.
#[global_allocator]
static ALLOCATOR: heap::MiMalloc = heap::MiMalloc;

/// The command `framegate`.
#[must_use]
pub fn framegate() -> ExitCode {
    run("framegate", |cli: cli::Cli| command::run(cli.command))
}

/// The command `sentinel-agent-websocket-inspector`: `framegate agent websocket-inspector` by another name.
#[must_use]
pub fn websocket_inspector() -> ExitCode {
    run(cli::agent::INSPECTOR, |cli: cli::agent::InspectorCli| command::agent::websocket_inspector(cli.args))
}

const USAGE: u8 = 2;

fn run<C: Parser>(name: &str, act: impl FnOnce(C) -> Result<(), failure::Failure>) -> ExitCode {
    let cli = match C::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && !asks_for_help(&error) => {
            return end(USAGE, name, &failure::usage_line(&error, &C::command()));
        }
        // Help and version, on whichever stream clap holds right. Without that stream nobody can be told.
        Err(error) => {
            let _unwritten = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    match act(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(failure.exit_code(), name, &failure::one_line(&failure)),
    }
}

/// `framegate` alone shows its help, which is several lines by nature.
fn asks_for_help(error: &clap::Error) -> bool {
    error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

fn end(code: u8, name: &str, line: &str) -> ExitCode {
    // Without standard error there is only the exit code left to tell it.
    let _unwritten = writeln!(std::io::stderr(), "{name}: {line}");
    ExitCode::from(code)
}
