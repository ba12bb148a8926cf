//! The flags of `framegate run` and `framegate check`.

use std::path::PathBuf;

use clap::Args;
use http::{HeaderName, HeaderValue};

use crate::value::ask::{Ask, ask, header};

/// The flags of `framegate run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration, KDL
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Take over the listening sockets of the process that runs, which then closes its sessions and ends
    ///
    /// That process is found by the `take-over` path of `server` in FILE, which its own file must have as well.
    /// Where nobody listens there, this is a start like any other.
    #[arg(long)]
    pub(crate) take_over: bool,
}

/// The flags of `framegate check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration, KDL; - reads standard input, which can include no files
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Say which route answers this request, and why: METHOD TARGET, such as 'GET /ws?token=x'
    #[arg(long, value_name = "REQUEST", value_parser = ask)]
    pub(crate) explain: Option<Ask>,

    /// A field of that request, such as 'Host: example.org' or 'Cookie: a'; may be given again
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header, requires = "explain")]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Shown below the help of `framegate run`.
pub(crate) const RUN_EXAMPLES: &str = "\
Examples:
  framegate run /etc/framegate/framegate.kdl
      runs in the foreground; SIGTERM or Ctrl-C ends it in good order
  framegate run --take-over /etc/framegate/framegate.kdl
      a newer binary goes on with the sockets of the one that runs; no client is refused

Signals:
  SIGHUP   reads FILE again; with mistakes in it nothing changes
  SIGUSR1  opens all log files anew
  SIGTERM, SIGINT  close the sessions over the spread of `drain` and end; a second SIGINT ends at once";

/// Shown below the help of `framegate check`.
pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
  framegate check framegate.kdl
      every mistake at its line; also certificates, names and addresses are looked at
  framegate check framegate.kdl --explain 'GET /ws?token=x' -H 'Host: example.org' -H 'Cookie: a'
      which route answers that request, and why not the others

Exit status:
  0  the configuration can run; there may be warnings
  1  it cannot, or with --explain: no route answers
  2  the command line was wrong";
