//! The flags of `framegate relay`: each with its meaning, its unit, its default, and what the gateway answers
//! when it takes effect.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum, value_parser};
use gate_config::model::{LogTarget, Shutdown, Target};
use gate_config::typed::{duration, size, target};
use ws_proto::CloseCode;

use crate::failure::Failure;
use crate::value::close_code::close_code;
use crate::value::listen::listen;
use crate::value::log_target::log_target;

/// The flags of `framegate relay`.
#[derive(Debug, Args)]
pub(crate) struct RelayArgs {
    /// Address to accept clients at; port 0 lets the system choose
    #[arg(long, value_name = "IP:PORT", value_parser = listen)]
    pub(crate) listen: SocketAddr,

    /// The backend to relay to: ws://HOST:PORT, wss://HOST:PORT or unix:PATH
    ///
    /// Without a port it is 80, or 443 for wss. The client's own path and query are forwarded, so none may be
    /// given here. A name is resolved at the start and again when its time to live is over.
    #[arg(long, value_name = "URL", value_parser = target)]
    pub(crate) to: Target,

    /// Who signs the backend's certificate, in PEM, in place of the system's authorities
    ///
    /// For wss. Without it the certificate is verified against the authorities of the system, which
    /// SSL_CERT_FILE and SSL_CERT_DIR can name.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Threads that carry connections; 0 = one per core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u16).range(..=1024))]
    pub(crate) workers: u16,

    /// Frames and messages.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    /// Deadlines.
    #[command(flatten)]
    pub(crate) timeouts: TimeoutArgs,

    /// How it ends.
    #[command(flatten)]
    pub(crate) shutdown: ShutdownArgs,

    /// What it tells.
    #[command(flatten)]
    pub(crate) records: RecordArgs,
}

/// What may be sent, and by how many.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits (0 = no limit; sizes in bytes, or with KB, MB, GB: 1KB = 1024)")]
pub(crate) struct LimitArgs {
    /// Sessions at one time, over all workers; more are closed with 1013
    ///
    /// A client above it gets 101 and then a close with 1013 (try again later), since browsers tell pages
    /// nothing about a refused handshake. The backend is not dialled.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) max_connections: u64,

    /// Payload of one frame; more closes with 1009
    ///
    /// As soon as a header announces more, the session is closed: the sender gets 1009 (message too big), the
    /// other side 1001 if the client sent it, 1011 if the backend did.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size)]
    pub(crate) max_frame_size: u64,

    /// Payload of one message, all its frames together; more closes with 1009
    ///
    /// Counted as it is on the wire, compressed if it is. The sender gets 1009 (message too big), the other
    /// side 1001 or 1011 as above.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size)]
    pub(crate) max_message_size: u64,

    /// Frames in one message; more closes with 1008
    ///
    /// The sender of more gets 1008 (policy violation), the other side 1001 or 1011 as above.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_fragments: u32,

    /// Check that text is UTF-8; text that is not closes with 1007
    ///
    /// The sender of text that is not gets 1007 (invalid payload), the other side 1001 or 1011 as above.
    /// Compressed text passes unchecked.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub(crate) validate_utf8: bool,
}

/// How long things may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Timeouts (0 = no limit; 500ms, 30s, 1h30m, 2d)")]
pub(crate) struct TimeoutArgs {
    /// For the client to send its whole handshake; then its connection is closed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) handshake_timeout: Duration,

    /// For the connection to the backend to be made; then the client gets HTTP 504
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) dial_timeout: Duration,

    /// For the backend to answer the handshake; then the client gets HTTP 504
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) upstream_handshake_timeout: Duration,

    /// For a frame to arrive whole once it has begun; then its sender gets 1008
    ///
    /// It ends peers that send a byte a minute; mind slow lines and large frames, since the time is for the
    /// whole frame. The sender gets 1008 (policy violation), the other side 1001 if the client sent it, 1011 if the backend did.
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    pub(crate) frame_timeout: Duration,

    /// For a peer that does not read to take some bytes; then it is reset, the other side gets 1001
    ///
    /// While bytes wait for a peer that does not read, the other side is not read either, so nothing piles up
    /// in the gateway.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) send_timeout: Duration,

    /// From the first close of a session to the end of both connections; then they are reset
    ///
    /// Whoever sent it: a peer, or the gateway after a violation. The time is for the answer, and for a frame
    /// under way to end so that a close can be sent at all.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) close_timeout: Duration,

    /// For one side's silence after the other has ended its stream without a close; then both are reset
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) half_close_timeout: Duration,
}

/// What happens at SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shutdown (at SIGTERM or Ctrl-C)")]
pub(crate) struct ShutdownArgs {
    /// Time for all connections to end, the spread included; then the rest are reset
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) shutdown_grace: Duration,

    #[command(flatten)]
    pub(crate) spread: SpreadArgs,

    /// Close code that both sides get, such as 1001 (going away) or 1012 (restart)
    #[arg(long, value_name = "CODE", default_value = "1001", value_parser = close_code)]
    pub(crate) close_code_on_shutdown: CloseCode,
}

/// How evenly sessions are told to end.
#[derive(Debug, Args)]
pub(crate) struct SpreadArgs {
    /// Time over which the closes are spread, so that clients do not all return at once
    ///
    /// Without it 50 sessions are closed in a second, or more where that would take longer than a third of the
    /// grace. Supervisors wait less than the default grace as a rule: `docker stop` ten seconds, then it kills.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) shutdown_spread: Option<Duration>,
}

impl SpreadArgs {
    /// How to end within `grace`.
    ///
    /// # Errors
    /// When the spread does not fit in.
    pub(crate) fn within(&self, grace: Duration) -> Result<Shutdown, Failure> {
        match self.shutdown_spread {
            Some(spread) if spread > grace && !grace.is_zero() => Err(Failure::Flag {
                flag: "--shutdown-spread",
                why: format!("it is longer than --shutdown-grace, which is {}s", grace.as_secs_f64()),
            }),
            spread => Ok(Shutdown { grace, spread, ..Shutdown::default() }),
        }
    }
}

/// What the gateway tells about itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Records and metrics")]
pub(crate) struct RecordArgs {
    /// Where records go, a line at the open and a line at the close of each session
    ///
    /// A file is appended to. The close's line says who ended the session and why, the code on each side, and
    /// what was sent.
    #[arg(long, value_name = "FILE|stderr|stdout|off", default_value = "stderr", value_parser = log_target)]
    pub(crate) log: LogTarget,

    /// How a record is written
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(crate) log_format: LogFormat,

    /// Serve Prometheus metrics at http://IP:PORT/metrics; port 0 lets the system choose
    #[arg(long, value_name = "IP:PORT", value_parser = listen)]
    pub(crate) metrics: Option<SocketAddr>,
}

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One JSON object on each line
    Json,
    /// The time, the event and key=value pairs on each line
    Text,
}

/// Shown below the help of `framegate relay`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  framegate relay --listen 127.0.0.1:8080 --to ws://127.0.0.1:9001
  framegate relay --listen [::]:8080 --to ws://chat.internal --max-message-size 1MB
  framegate relay --listen 0.0.0.0:8080 --to ws://127.0.0.1:9001 \\
      --metrics 127.0.0.1:9090 --log /var/log/framegate.log \\
      --shutdown-grace 30s --shutdown-spread 10s";

#[cfg(test)]
mod tests {
    use super::{LogFormat, RelayArgs};
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use gate_config::model::LogTarget;
    use std::time::Duration;

    const REQUIRED: &str = "framegate relay --listen 127.0.0.1:8080 --to ws://127.0.0.1:9001";

    fn parse(more: &str) -> Result<Box<RelayArgs>, clap::Error> {
        let command = Cli::try_parse_from(format!("{REQUIRED} {more}").split_whitespace())?.command;
        let Command::Relay(args) = command else { panic!("not relay: {command:?}") };
        Ok(args)
    }

    fn right(more: &str) -> Box<RelayArgs> {
        parse(more).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn limits_are_off_but_for_the_number_of_connections() {
        let limits = right("").limits;
        assert_eq!(limits.max_connections, 100_000);
        assert_eq!([limits.max_frame_size, limits.max_message_size], [0, 0]);
        assert_eq!(limits.max_fragments, 0);
        assert!(limits.validate_utf8);
    }

    #[test]
    fn each_timeout_has_its_default() {
        let timeouts = right("").timeouts;
        let seconds = Duration::from_secs;
        assert_eq!(timeouts.handshake_timeout, seconds(10));
        assert_eq!(timeouts.dial_timeout, seconds(5));
        assert_eq!(timeouts.upstream_handshake_timeout, seconds(10));
        assert_eq!(timeouts.frame_timeout, Duration::ZERO);
        assert_eq!(timeouts.send_timeout, seconds(60));
        assert_eq!(timeouts.close_timeout, seconds(5));
        assert_eq!(timeouts.half_close_timeout, seconds(60));
    }

    #[test]
    fn shutdown_takes_a_minute_and_says_1001() {
        let shutdown = right("").shutdown;
        assert_eq!(shutdown.shutdown_grace, Duration::from_secs(60));
        assert_eq!(shutdown.spread.shutdown_spread, None);
        assert_eq!(shutdown.close_code_on_shutdown.get(), 1001);
    }

    #[test]
    fn records_go_to_stderr_as_json() {
        let records = right("").records;
        assert_eq!(
            (records.log, records.log_format, records.metrics),
            (LogTarget::Stderr, LogFormat::Json, None)
        );
    }

    #[test]
    fn what_is_typed_is_what_is_meant() {
        let args =
            right("--workers 2 --max-frame-size 64KB --validate-utf8 false --frame-timeout 1h30m --log off");
        assert_eq!(args.workers, 2);
        assert_eq!(args.limits.max_frame_size, 65_536);
        assert!(!args.limits.validate_utf8);
        assert_eq!(args.timeouts.frame_timeout, Duration::from_secs(5_400));
        assert_eq!(args.records.log, LogTarget::Off);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_a_mistake() {
        for more in
            ["--workers -1", "--max-frame-size 1x", "--send-timeout 30", "--close-code-on-shutdown 1005"]
        {
            assert!(parse(more).is_err(), "{more}");
        }
    }
}
