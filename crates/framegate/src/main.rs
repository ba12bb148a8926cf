//! Framegate's command: reads the command line, runs what it asks for, turns the outcome into an exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod backend;
mod cli;
mod command;
mod failure;
mod signals;
mod value;

/// Chosen over the system's allocator by measurement.
#[global_allocator]
static ALLOCATOR: heap::MiMalloc = heap::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && !asks_for_help(&error) => {
            return end(USAGE, &failure::usage_line(&error));
        }
        // Help and version, on whichever stream clap holds right. Without that stream nobody can be told.
        Err(error) => {
            let _unwritten = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    match command::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(FAILED, &failure::one_line(&failure)),
    }
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// `framegate` alone shows its help, which is several lines by nature.
fn asks_for_help(error: &clap::Error) -> bool {
    error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

fn end(code: u8, line: &str) -> ExitCode {
    // Without standard error there is only the exit code left to tell it.
    let _unwritten = writeln!(std::io::stderr(), "framegate: {line}");
    ExitCode::from(code)
}
