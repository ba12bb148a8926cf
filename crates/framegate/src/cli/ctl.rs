//! The flags of `framegate ctl`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, value_parser};
use gate_config::model::ListenAddress;
use gate_config::typed::{duration, listen_address};
use ws_proto::CloseCode;

use crate::value::close_code::close_code;

/// The flags of `framegate ctl`.
#[derive(Debug, Args)]
pub(crate) struct CtlArgs {
    /// The gateway's admin listener: IP:PORT, or unix:PATH
    ///
    /// Without it, that of `--config`; without that, the environment variable FRAMEGATE_ADMIN; without that,
    /// 127.0.0.1:9091.
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = listen_address, conflicts_with = "config")]
    pub(crate) admin: Option<ListenAddress>,

    /// The gateway's configuration, whose `admin` block has the address and the token
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// A file whose first line is the token
    ///
    /// Without it, the token of `--config`; without that, the environment variable FRAMEGATE_TOKEN, or the file
    /// that FRAMEGATE_TOKEN_FILE names.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Print the gateway's answer as it is
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// What to ask.
    #[command(subcommand)]
    pub(crate) ask: CtlCommand,
}

/// What a gateway can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum CtlCommand {
    /// Connections, frames, messages and bytes so far
    Stats,
    /// The connections that are open
    Connections {
        /// Which ones; without any, all.
        #[command(flatten)]
        filter: FilterArgs,
        /// Those as well that have been told to end
        #[arg(long)]
        closing: bool,
        /// As many at the most; the number of all that fit is told in any case
        #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// End connections with a Close on both sides
    Close {
        /// Which ones.
        #[command(flatten)]
        filter: FilterArgs,
        /// Every connection
        #[arg(long, conflicts_with_all = ["id", "route", "client", "upstream", "older_than"])]
        all: bool,
        /// The code of the Close: 1000-1003, 1007-1014, 3000-4999
        #[arg(long, value_name = "CODE", default_value = "1001", value_parser = close_code)]
        code: CloseCode,
        /// The reason in the Close, at most 123 bytes
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// Spread the closes evenly over this time, such as 30s
        #[arg(long, value_name = "TIME", value_parser = duration)]
        spread: Option<Duration>,
    },
    /// Read the configuration again and go on with it; where it has mistakes, nothing changes
    Reload,
    /// Close all connections and end the gateway
    Drain {
        /// Spread the closes over this time, instead of that in the configuration
        #[arg(long, value_name = "TIME", value_parser = duration)]
        spread: Option<Duration>,
    },
    /// Open the log files anew, for who has moved them away
    Reopen,
    /// Whether connections over TLS are traced; or have them traced, or not
    ///
    /// This is the method `wss_trace` of JSON-RPC. It switches all traces of the configuration, for
    /// connections that are open as well, until the gateway ends or is switched again.
    #[command(name = "wss_trace", visible_alias = "wss-trace")]
    WssTrace {
        /// Switch; without it, tell
        mode: Option<TraceMode>,
    },
    /// The same for connections in plain text
    #[command(name = "ws_trace", visible_alias = "ws-trace")]
    WsTrace {
        /// Switch; without it, tell
        mode: Option<TraceMode>,
    },
    /// The domains of TLS: certificates and versions by listener, name and upstream
    #[command(name = "tls_list", visible_alias = "tls-list")]
    TlsList,
    /// Whether the gateway answers
    Health,
}

/// The position of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceMode {
    /// What happens is told.
    On,
    /// It is not.
    Off,
}

/// Which connections; each flag that is given must fit.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// The one with this id
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Those of this route
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
    /// Those of this client: 192.0.2.1, 192.0.2.0/24, 192.0.2.1:4321
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Option<String>,
    /// Those to this upstream, or to the target with this address
    #[arg(long, value_name = "NAME")]
    pub(crate) upstream: Option<String>,
    /// Those that have been open this long, such as 12h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: Option<Duration>,
}

impl FilterArgs {
    /// The flags that are given, by the names that the gateway has for them.
    pub(crate) fn given(&self) -> Vec<(&'static str, String)> {
        let Self { id, route, client, upstream, older_than } = self;
        let older_than = older_than.map(|age| format!("{}ms", age.as_millis()));
        let all = [
            ("id", id.clone()),
            ("route", route.clone()),
            ("client", client.clone()),
            ("upstream", upstream.clone()),
            ("older-than", older_than),
        ];
        all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
    }
}

/// Shown below the help of `framegate ctl`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  framegate ctl stats --config /etc/framegate/framegate.kdl
      asks the gateway that runs with that file
  framegate ctl connections --client 192.0.2.0/24 --older-than 12h
      the oldest first
  framegate ctl close --route chat --code 1012 --reason 'back in a minute' --spread 30s
      ends the connections of one route, evenly over half a minute
  framegate ctl reload --admin unix:/run/framegate/admin.sock
      the report is shown; where it tells of mistakes, nothing has changed
  framegate ctl wss_trace on
      what happens on connections over TLS goes to the servers that `traces` names

Exit status:
  0  it was done
  1  it was not, or the gateway could not be asked
  2  the command line was wrong";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{CtlArgs, CtlCommand};
    use crate::cli::{Cli, Command};

    fn parse(line: &str) -> Result<CtlArgs, clap::Error> {
        let parsed = Cli::try_parse_from(line.split_whitespace())?;
        let Command::Ctl(args) = parsed.command else { panic!("{line} is not for ctl") };
        Ok(args)
    }

    #[test]
    fn flags_of_all_questions_stand_before_or_behind_the_question() {
        for line in [
            "framegate ctl --admin unix:/run/a.sock --json stats",
            "framegate ctl stats --admin unix:/run/a.sock --json",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.admin.unwrap().to_string(), "unix:/run/a.sock");
            assert!(args.json && matches!(args.ask, CtlCommand::Stats));
        }
    }

    #[test]
    fn filters_are_told_as_the_gateway_reads_them() {
        let args = parse("framegate ctl connections 0-1f --route chat --older-than 1h30m").unwrap();
        let CtlCommand::Connections { filter, limit, .. } = args.ask else { panic!("not connections") };
        let expected = [("id", "0-1f"), ("route", "chat"), ("older-than", "5400000ms")];
        assert_eq!(filter.given(), expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(limit, 1_000);
    }

    #[test]
    fn what_contradicts_itself_or_cannot_be_sent_is_refused() {
        for line in [
            "framegate ctl",
            "framegate ctl close --all --route chat",
            "framegate ctl close --all --code 1006",
            "framegate ctl connections --limit 0",
            "framegate ctl connections --limit 10001",
            "framegate ctl stats --admin 127.0.0.1:1 --config a.kdl",
            "framegate ctl stats --admin localhost:1",
            "framegate ctl wss_trace maybe",
            "framegate ctl wss_trace on off",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
