//! The command line: its commands, flags, defaults, and the help that teaches them.
//!
//! Everything typed is turned into its final type here, so a command never meets a malformed value. What the
//! commands do is in `command`; the flags of `relay`, which are many, are in `cli::relay`.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::value::listen::listen;

pub(crate) mod agent;
pub(crate) mod config;
pub(crate) mod ctl;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod relay;
pub(crate) mod ws_proxy;

/// A WebSocket gateway that understands the frames.
///
/// Framegate stands between WebSocket clients and a backend. It checks every handshake and every frame
/// (RFC 6455), holds both sides to the limits it is given, and forwards what is legal byte for byte.
#[derive(Debug, Parser)]
#[command(name = "framegate", version, after_help = EXAMPLES, after_long_help = EXAMPLES_AND_EXITS)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What Framegate can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try it: a gateway in front of an embedded backend, and a page for the browser
    ///
    /// Starts an echo and a chat room, the gateway in front of them, and a page to try both. It needs no file
    /// and no other server. Ctrl-C ends it.
    Demo(DemoArgs),
    /// Run as a configuration file says
    ///
    /// Reads the file, looks at everything that it names, and serves. Mistakes are shown at their lines, all at
    /// once, and nothing starts.
    #[command(after_help = config::RUN_EXAMPLES)]
    Run(config::RunArgs),
    /// Check a configuration file, or explain which route answers a request
    ///
    /// Does everything that `run` does before it listens. An address that is in use is no mistake, since the
    /// gateway that runs may have it.
    #[command(after_help = config::CHECK_EXAMPLES)]
    Check(config::CheckArgs),
    /// Ask a gateway that runs, or tell it what to do
    ///
    /// Talks to the admin listener of a gateway: its statistics, its connections, reload, drain.
    #[command(after_help = ctl::EXAMPLES)]
    Ctl(ctl::CtlArgs),
    /// Ask the rules about messages of a file, without a gateway
    ///
    /// Judges each message as a gateway would whose route has these rules, and says which would be blocked and
    /// why.
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::InspectArgs),
    /// Translate another server's configuration
    ///
    /// Reads the configuration of another server and prints one that does the same.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Relay WebSocket connections to a backend, without a file
    ///
    /// Accepts handshakes at one address and relays the connections to one backend. The client's path, query,
    /// cookies, subprotocols and compression offer reach the backend; the client gets its 101 only after the
    /// backend's own. Plain requests of HTTP go to the same backend.
    #[command(after_help = relay::EXAMPLES)]
    Relay(Box<relay::RelayArgs>),
    /// Proxy WebSocket connections to where their headers say, as WsProxy does, without a file
    ///
    /// Accepts handshakes from proxies that are trusted, and takes each connection to the upstream that its
    /// x-wsproxy-upstream names, past the webhooks that it names.
    #[command(after_help = ws_proxy::EXAMPLES)]
    WsProxy(Box<ws_proxy::WsProxyArgs>),
    /// Be an agent that a proxy asks
    ///
    /// Runs an agent for a proxy that speaks Sentinel's agent protocol, Framegate or another.
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Run the demo's backend alone: an echo, and a chat room at /chat
    ///
    /// Echoes every message, of any size, on WebSockets at any path but /chat, which is a chat room. A
    /// browser finds a page at /, a health check finds 200 at /health. It is meant for trying and testing.
    Echo(EchoArgs),
    /// Print completions for a shell
    ///
    /// Prints a script that completes framegate's commands and flags.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

/// The flags of `framegate demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Address of the gateway; port 0 lets the system choose
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub(crate) listen: SocketAddr,

    /// Address of the page and the backend; port 0 lets the system choose
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8081", value_parser = listen)]
    pub(crate) page: SocketAddr,
}

/// The flags of `framegate echo`.
#[derive(Debug, Args)]
pub(crate) struct EchoArgs {
    /// Address to listen on; port 0 lets the system choose
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9001", value_parser = listen)]
    pub(crate) listen: SocketAddr,
}

/// The flags of `framegate completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in
    pub(crate) shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  framegate demo
      a gateway, a backend behind it, and a page to try them in a browser
  framegate relay --listen 0.0.0.0:8080 --to ws://127.0.0.1:9001
      every WebSocket that arrives at port 8080 is relayed to the backend
  framegate relay --help
      all limits and timeouts, with their units and defaults";

const EXAMPLES_AND_EXITS: &str = "\
Examples:
  framegate demo
      a gateway, a backend behind it, and a page to try them in a browser
  framegate relay --listen 0.0.0.0:8080 --to ws://127.0.0.1:9001
      every WebSocket that arrives at port 8080 is relayed to the backend
  framegate relay --help
      all limits and timeouts, with their units and defaults

Signals:
  SIGTERM or Ctrl-C ends it in good order: no new connections, the open ones are closed.
  A second Ctrl-C ends it at once.

Exit status:
  0  ended in good order
  1  could not start, failed while running, or was ended at once
  2  the command line was wrong";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  framegate completions bash > ~/.local/share/bash-completion/completions/framegate
  framegate completions zsh  > ~/.zfunc/_framegate
  framegate completions fish > ~/.config/fish/completions/framegate.fish";

#[cfg(test)]
mod tests {
    use super::{Cli, Command};
    use clap::{CommandFactory, Parser};

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn demo_listens_on_loopback_unless_told_otherwise() {
        let Ok(Command::Demo(args)) = parse("framegate demo --page [::1]:0") else { panic!("not demo") };
        assert_eq!(
            (args.listen.to_string().as_str(), args.page.to_string().as_str()),
            ("127.0.0.1:8080", "[::1]:0")
        );
    }

    #[test]
    fn echo_listens_on_9001_unless_told_otherwise() {
        let Ok(Command::Echo(args)) = parse("framegate echo") else { panic!("not echo") };
        assert_eq!(args.listen.to_string(), "127.0.0.1:9001");
    }

    #[test]
    fn a_flag_is_given_once() {
        assert!(parse("framegate echo --listen 127.0.0.1:1 --listen 127.0.0.1:2").is_err());
    }
}
