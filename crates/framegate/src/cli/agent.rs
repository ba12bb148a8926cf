//! The flags of `framegate agent websocket-inspector`, which are those of Sentinel's documentation and of the
//! agent that it means, and a few more.
//!
//! A switch may stand alone, be followed by `true` or `false`, or have it behind `=`.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::value::mode::mode;

/// The inspector's name as a command of its own.
pub(crate) const INSPECTOR: &str = "sentinel-agent-websocket-inspector";

/// Bytes of a message, unless told otherwise.
pub(crate) const MESSAGE_MAX: u64 = 1_048_576;

/// The agents that Framegate has.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Look into WebSocket messages for a proxy that asks over a unix socket
    ///
    /// Answers a proxy that speaks Sentinel's agent protocol, version 1 or 2, about the messages of its
    /// WebSockets: attacks, sizes, rates, a JSON Schema. SIGTERM or Ctrl-C ends it.
    #[command(after_help = EXAMPLES)]
    WebsocketInspector(Box<InspectorArgs>),
}

/// Look into WebSocket messages for a proxy that asks over a unix socket
///
/// Answers a proxy that speaks Sentinel's agent protocol, version 1 or 2, about the messages of its WebSockets:
/// attacks, sizes, rates, a JSON Schema. SIGTERM or Ctrl-C ends it.
#[derive(Debug, Parser)]
#[command(name = INSPECTOR, version, max_term_width = 100)]
pub(crate) struct InspectorCli {
    /// What it is told.
    #[command(flatten)]
    pub(crate) args: InspectorArgs,
}

/// What becomes of a message in which something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnMatch {
    /// The connection is closed with 1008
    Close,
    /// The message goes nowhere, the connection goes on
    Drop,
}

/// Whose messages must keep to the JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaDirection {
    /// The clients'
    Client,
    /// The backends'
    Server,
    /// All
    Both,
}

/// The flags of `framegate agent websocket-inspector`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InspectorArgs {
    /// Socket to listen on
    #[arg(long, env = "AGENT_SOCKET", value_name = "PATH", default_value_os_t = socket())]
    pub(crate) socket: PathBuf,
    /// Who may connect: the permissions of the socket, in octal
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = mode)]
    pub(crate) socket_mode: u32,
    /// Connections at a time; more wait
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) max_connections: u32,

    /// Detect XSS
    #[arg(long, env = "WS_XSS", value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) xss_detection: bool,
    /// Detect SQL injection
    #[arg(long, env = "WS_SQLI", value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) sqli_detection: bool,
    /// Detect command injection
    #[arg(long, env = "WS_CMD", value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) command_injection: bool,
    /// Detect path traversal
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) path_traversal: bool,
    /// Detect operators of document databases
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) nosql: bool,
    /// Detect template injection
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) template_injection: bool,
    /// Detect XML with external entities
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) xxe: bool,
    /// Regular expressions to look for, separated by commas (one within brackets or braces separates nothing)
    #[arg(long, env = "WS_PATTERNS", value_name = "REGEX,...", default_value = "")]
    pub(crate) custom_patterns: String,
    /// A rule that does not count, by its id; may be given several times
    #[arg(long = "exception", value_name = "RULE", action = ArgAction::Append)]
    pub(crate) exceptions: Vec<String>,
    /// Look into binary messages too
    #[arg(long, env = "WS_INSPECT_BINARY", value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) inspect_binary: bool,
    /// JSON Schema that whole messages must keep to
    #[arg(long, env = "WS_JSON_SCHEMA", value_name = "FILE")]
    pub(crate) json_schema: Option<PathBuf>,
    /// Whose messages
    #[arg(long, value_name = "WHOSE", value_enum, default_value_t = SchemaDirection::Client)]
    pub(crate) json_schema_direction: SchemaDirection,
    /// Binary messages must be MessagePack, and are held against the schema as such
    #[arg(long, env = "WS_MSGPACK", value_name = "BOOL", num_args = 0..=1, default_value = "false",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) msgpack_validation: bool,

    /// Bytes of a message; more closes with 1009; 0 is no limit
    #[arg(long, env = "WS_MAX_MESSAGE", value_name = "BYTES", default_value_t = MESSAGE_MAX)]
    pub(crate) max_message_size: u64,
    /// Bytes of a text frame; more closes with 1009; 0 is no limit
    #[arg(long, env = "WS_MAX_TEXT", value_name = "BYTES", default_value_t = 0)]
    pub(crate) max_text_frame_size: u64,
    /// Bytes of a binary frame; more closes with 1009; 0 is no limit
    #[arg(long, env = "WS_MAX_BINARY", value_name = "BYTES", default_value_t = 0)]
    pub(crate) max_binary_frame_size: u64,
    /// Messages per second of a connection, both directions together; more closes with 1008; 0 is no limit
    #[arg(
        long,
        visible_alias = "max-messages-per-sec",
        env = "WS_RATE_MESSAGES",
        value_name = "N",
        default_value_t = 0
    )]
    pub(crate) rate_limit_messages: u64,
    /// Bytes per second of a connection, both directions together; more closes with 1008; 0 is no limit
    #[arg(long, env = "WS_RATE_BYTES", value_name = "BYTES", default_value_t = 0)]
    pub(crate) max_bytes_per_sec: u64,
    /// Messages that may come at once beside those of a second
    #[arg(long, env = "WS_RATE_BURST", value_name = "N", default_value_t = 10)]
    pub(crate) rate_limit_burst: u64,

    /// Block, or only say what was found
    #[arg(long, env = "WS_BLOCK_MODE", value_name = "BOOL", num_args = 0..=1, default_value = "true",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) block_mode: bool,
    /// What becomes of a message in which something was found
    #[arg(long, value_name = "ACTION", value_enum, default_value_t = OnMatch::Close)]
    pub(crate) on_match: OnMatch,
    /// Let frames pass that cannot be looked into
    #[arg(long, env = "WS_FAIL_OPEN", value_name = "BOOL", num_args = 0..=1, default_value = "false",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) fail_open: bool,
    /// Write a line for each frame: what it is, not what it says
    #[arg(long, env = "WS_LOG_FRAMES", value_name = "BOOL", num_args = 0..=1, default_value = "false",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) log_frames: bool,
    /// Write a line for each connection and each finding
    #[arg(short, long, env = "VERBOSE", value_name = "BOOL", num_args = 0..=1, default_value = "false",
          default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) verbose: bool,
}

/// Where the agent of that name listens unless told otherwise.
fn socket() -> PathBuf {
    std::env::temp_dir().join("sentinel-ws.sock")
}

const EXAMPLES: &str = "\
Examples:
  framegate agent websocket-inspector --socket /run/framegate/ws.sock --rate-limit-messages 100
  framegate agent websocket-inspector --socket ws.sock --json-schema ws.json --block-mode false";

#[cfg(test)]
mod tests {
    use super::{InspectorArgs, InspectorCli, MESSAGE_MAX, OnMatch};
    use clap::{CommandFactory, Parser};

    fn parse(line: &str) -> Result<InspectorArgs, clap::Error> {
        let words = std::iter::once("agent").chain(line.split_whitespace());
        InspectorCli::try_parse_from(words).map(|cli| cli.args)
    }

    #[test]
    fn the_command_line_holds_together() {
        InspectorCli::command().debug_assert();
    }

    #[test]
    fn what_is_not_said_is_as_documented() {
        let args = parse("").expect("nothing is needed");
        assert!(args.xss_detection && args.sqli_detection && args.command_injection && args.block_mode);
        assert!(args.inspect_binary && !args.fail_open && !args.log_frames && !args.msgpack_validation);
        assert_eq!((args.max_message_size, args.max_text_frame_size), (MESSAGE_MAX, 0));
        assert_eq!((args.rate_limit_messages, args.max_bytes_per_sec, args.rate_limit_burst), (0, 0, 10));
        assert_eq!((args.socket_mode, args.on_match), (0o660, OnMatch::Close));
        assert!(args.json_schema.is_none() && args.custom_patterns.is_empty());
    }

    #[test]
    fn a_switch_stands_alone_or_with_its_value() {
        for (line, expected) in [
            ("--block-mode", true),
            ("--block-mode true", true),
            ("--block-mode=true", true),
            ("--block-mode false", false),
            ("--block-mode=false", false),
            ("--block-mode=0", false),
            ("--block-mode --xss-detection false", true),
            ("-v --block-mode no --socket x", false),
        ] {
            assert_eq!(parse(line).expect(line).block_mode, expected, "{line}");
        }
        assert!(parse("--fail-open").expect("a switch").fail_open);
        assert!(parse("--block-mode maybe").is_err());
        assert!(parse("true").is_err(), "a value without its switch");
    }

    #[test]
    fn both_names_of_the_rate_are_one() {
        for line in ["--rate-limit-messages 100", "--max-messages-per-sec 100"] {
            assert_eq!(parse(line).expect(line).rate_limit_messages, 100, "{line}");
        }
        assert!(parse("--rate-limit-messages 1 --max-messages-per-sec 2").is_err());
    }

    #[test]
    fn the_lines_of_the_documentation_are_understood() {
        let args = parse(
            "--socket /var/run/sentinel/ws-inspector.sock --xss-detection true --sqli-detection true \
             --max-message-size 1048576 --rate-limit-messages 100 --block-mode true",
        )
        .expect("the line of the page");
        assert_eq!(args.rate_limit_messages, 100);
        let args =
            parse("--socket /var/run/sentinel/ws-inspector.sock --json-schema /etc/sentinel/ws-schema.json");
        assert!(args.expect("the line of the page").json_schema.is_some());
    }
}
