//! The commands: what each does with its flags, from start to exit.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) use ctl::CtlError;
pub(crate) use import::ImportError;
pub(crate) use inspect::InspectError;

use crate::cli::Command;
use crate::failure::Failure;

pub(crate) mod agent;
mod check;
mod completions;
mod configuration;
mod ctl;
mod demo;
mod echo;
mod gateway;
mod import;
mod inspect;
mod relay;
mod run;
mod ws_proxy;

/// Runs a command to its end.
///
/// # Errors
/// When it could not start, failed, or was ended at once.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(args),
        Command::Ctl(args) => ctl::run(args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Import(import) => import::run(import),
        Command::Relay(args) => relay::run(*args),
        Command::WsProxy(args) => ws_proxy::run(*args),
        Command::Agent(command) => agent::run(command),
        Command::Echo(args) => echo::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// A runtime of one thread: enough for signals and for the embedded backend.
fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)
}

async fn bind(who: &'static str, flag: &'static str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { who, flag, address, source })
}

/// Whether a file is standard input: `-`, as everywhere.
fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What messages call a file.
fn name_of(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Tells something on standard error that is no failure.
fn tell(line: &str) {
    // Without standard error there is nobody to tell.
    let _unwritten = writeln!(io::stderr(), "framegate: {line}");
}

/// Writes to standard output. A reader that has gone away, as `head` does, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    write(text).map_err(Failure::Output)
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
