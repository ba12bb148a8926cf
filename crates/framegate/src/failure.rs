//! What can go wrong while a command runs, and the one line that tells it.

mod from_env;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::agent::AgentError;
use crate::command::{CtlError, ImportError, InspectError};

/// Why a command failed. Wrong command lines are clap's to refuse; these happen later.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An address could not be listened on.
    Listen {
        /// Who wanted to listen: "the page", "the gateway".
        who: &'static str,
        /// The flag that chooses another address.
        flag: &'static str,
        address: SocketAddr,
        source: io::Error,
    },
    /// The gateway could not be started.
    Gateway(gate_server::StartError),
    /// The configuration has mistakes, which have been shown.
    Configuration {
        /// How many.
        mistakes: usize,
    },
    /// The world objects to what the configuration wants; what it says has been shown.
    Objections {
        /// How many.
        count: usize,
    },
    /// The value of a flag cannot be used.
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// No route answers the request that was to be explained.
    NoRoute,
    /// The runtime or the signal handlers could not be set up.
    Runtime(io::Error),
    /// Standard output could not be written.
    Output(io::Error),
    /// Standard input could not be read.
    Input(io::Error),
    /// A gateway that runs could not be asked, or did not do what it was asked for.
    Ctl(CtlError),
    /// An agent could not start.
    Agent(AgentError),
    /// Messages would be blocked, or could not be judged.
    Inspect(InspectError),
    /// Another server's configuration could not be translated.
    Import(ImportError),
    /// The process that runs does not let go of its sockets.
    TakeOver(gate_server::succession::SuccessionError),
    /// The file does not say where the process is whose sockets are to be taken over.
    NoTakeOver,
    /// The thread that had the gateway in its hands has panicked.
    Lost,
    /// A second Ctrl-C cut the shutdown short.
    EndedAtOnce,
}

impl Failure {
    /// The exit status that tells it.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Inspect(error) => error.exit_code(),
            Self::Listen { .. }
            | Self::Gateway(_)
            | Self::Configuration { .. }
            | Self::Objections { .. }
            | Self::Flag { .. }
            | Self::NoRoute
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::Input(_)
            | Self::Ctl(_)
            | Self::Agent(_)
            | Self::Import(_)
            | Self::TakeOver(_)
            | Self::NoTakeOver
            | Self::Lost
            | Self::EndedAtOnce => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The reason stands before the advice, so it is told here and not as a source.
            Self::Listen { who, flag, address, source } => {
                write!(
                    f,
                    "{who} cannot listen on {address}: {source}; choose another address with {flag} IP:PORT"
                )
            }
            Self::Configuration { mistakes: 1 } => f.write_str("the configuration has a mistake"),
            Self::Configuration { mistakes } => write!(f, "the configuration has {mistakes} mistakes"),
            Self::Objections { count: 1 } => {
                f.write_str("the configuration cannot be used here, for the reason above")
            }
            Self::Objections { count } => {
                write!(f, "the configuration cannot be used here, for the {count} reasons above")
            }
            Self::Flag { flag, why } => write!(f, "{flag}: {why}"),
            Self::NoRoute => f.write_str("no route answers that request"),
            Self::Ctl(error) => write!(f, "{error}"),
            Self::Agent(error) => write!(f, "{error}"),
            Self::Import(error) => write!(f, "{error}"),
            Self::Inspect(error) => write!(f, "{error}"),
            Self::TakeOver(_) => f.write_str("the sockets of the process that runs cannot be taken over"),
            Self::NoTakeOver => f.write_str(
                "the file has no take-over path; add server { take-over \"/run/framegate/take-over.sock\" }",
            ),
            Self::Gateway(_) => f.write_str("the gateway could not be started"),
            Self::Runtime(_) => f.write_str("the runtime could not be started"),
            Self::Output(_) => f.write_str("standard output could not be written"),
            Self::Input(_) => f.write_str("standard input could not be read"),
            Self::Lost => f.write_str("the gateway was lost to a fault of its own; see above"),
            Self::EndedAtOnce => f.write_str("ended at once by a second Ctrl-C; open connections were cut"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Gateway(source) => Some(source),
            Self::Runtime(source) | Self::Output(source) | Self::Input(source) => Some(source),
            Self::Ctl(error) => error.source(),
            Self::Agent(error) => error.source(),
            Self::Import(error) => error.source(),
            Self::Inspect(error) => error.source(),
            Self::TakeOver(source) => Some(source),
            Self::Listen { .. }
            | Self::Configuration { .. }
            | Self::Objections { .. }
            | Self::Flag { .. }
            | Self::NoRoute
            | Self::NoTakeOver
            | Self::Lost
            | Self::EndedAtOnce => None,
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

/// What clap has to say about a wrong command line of `command`, in one line: its message and tips, not
/// the usage below.
pub(crate) fn usage_line(error: &clap::Error, command: &clap::Command) -> String {
    let rendered = error.render().to_string();
    let message =
        rendered.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let words: Vec<&str> = message.flat_map(str::split_whitespace).collect();
    let line = words.join(" ");
    let mut line = line.strip_prefix("error: ").unwrap_or(&line).replace(" tip: ", "; tip: ");
    if let Some((flag, variable)) = from_env::given_by(error, command) {
        line = line.replace(&format!("'{flag}'"), &format!("the environment variable {variable}"));
    }
    format!("{line}; see --help")
}

#[cfg(test)]
mod tests {
    use super::{Failure, one_line, usage_line};
    use crate::cli::Cli;
    use clap::{CommandFactory, Parser};
    use std::io;

    #[test]
    fn a_taken_port_names_the_address_and_the_way_out() {
        let source = io::ErrorKind::AddrInUse.into();
        let address = ([127, 0, 0, 1], 8080).into();
        assert_eq!(
            one_line(&Failure::Listen { who: "the page", flag: "--page", address, source }),
            "the page cannot listen on 127.0.0.1:8080: address in use; choose another address with --page \
             IP:PORT"
        );
    }

    fn usage(line: &str) -> String {
        usage_line(&Cli::try_parse_from(line.split_whitespace()).expect_err(line), &Cli::command())
    }

    #[test]
    fn a_wrong_value_is_told_with_its_flag_and_what_would_be_right() {
        assert_eq!(
            usage("framegate relay --listen 127.0.0.1:1 --to ws://h --max-frame-size 1x"),
            "invalid value '1x' for '--max-frame-size <SIZE>': not a unit of size; a size is a whole number of \
             bytes, or one with B, KB, MB or GB, such as 65536, 64KB, 1MB; see --help"
        );
        assert_eq!(
            usage("framegate relay --listen 127.0.0.1:1 --to ws://h/chat"),
            "invalid value 'ws://h/chat' for '--to <URL>': a path does not belong here; targets get the path of \
             the request; see --help"
        );
    }

    #[test]
    fn what_is_missing_is_named_in_the_same_line() {
        assert_eq!(
            usage("framegate relay"),
            "the following required arguments were not provided: --listen <IP:PORT> --to <URL>; see --help"
        );
    }

    #[test]
    fn a_slip_of_the_hand_gets_its_tip() {
        assert_eq!(
            usage("framegate echo --lisen 127.0.0.1:1"),
            "unexpected argument '--lisen' found; tip: a similar argument exists: '--listen'; see --help"
        );
    }
}
