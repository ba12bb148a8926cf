//! The flags of `framegate inspect`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gate_core::Side;

/// The flags of `framegate inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Messages, one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The configuration whose rules are asked; without it, those that `inspect` has by default
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The route whose rules are asked; not needed where one alone has rules
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) route: Option<String>,

    /// Who sent the messages that do not say it themselves
    #[arg(long, value_name = "SIDE", value_enum, default_value = "client")]
    pub(crate) direction: Direction,

    /// How findings are told
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) format: Format,

    /// Take every line as the message itself, whatever it looks like
    #[arg(long)]
    pub(crate) raw: bool,

    /// Judge as if the rules had `mode "block"`
    #[arg(long)]
    pub(crate) block: bool,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// The client.
    Client,
    /// The upstream.
    Upstream,
}

impl Direction {
    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Client => Side::Client,
            Self::Upstream => Side::Upstream,
        }
    }
}

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each finding, and a sum at the end.
    Text,
    /// An object for each message that something is told of.
    Json,
}

/// Shown below the help of `framegate inspect`.
pub(crate) const EXAMPLES: &str = "\
A line is the message itself, unless it is a JSON object with a text `payload`
or `payload_base64`: then that is the message, `direction` (client, upstream)
and `opcode` (text, binary) are its own, and other keys are labels that are not
looked at. --raw takes every line as it is. Empty lines are skipped.

Examples:
  framegate inspect --file messages.jsonl
      what the rules would block that `inspect { }` has by default
  framegate inspect --file messages.jsonl --config framegate.kdl --route chat --block
      what the rules of a route would block if they did
  framegate inspect --file - --format json < messages.jsonl
      the same as JSON, an object for each message that something is told of

Exit status:
  0  no message would be blocked
  1  some would be, by a Close or by being dropped
  2  the command line was wrong, or a file could not be used";
