//! The flags of `framegate import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gate_import::nginx::ListenAt;
use gate_import::opensips::UpstreamUrl;

/// Whose configuration is translated.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Translate a configuration of nginx, the WebSocket statistics module's directives included
    ///
    /// Reads an nginx.conf with all that it includes, `server` blocks, or directives alone, and prints a
    /// configuration of Framegate. What it cannot keep stands there as a comment, at its place, and is
    /// listed on standard error. What would let in more than nginx did is switched off until it is decided.
    #[command(after_help = NGINX_EXAMPLES)]
    Nginx(NginxArgs),

    /// Translate the WebSocket part of a configuration of OpenSIPS
    ///
    /// Reads an opensips.cfg: its sockets for ws and wss, the parameters of proto_ws, proto_wss, tls_mgm and
    /// proto_hep, and the route that filters traces. Prints a configuration of Framegate that takes their place
    /// before OpenSIPS, or before any other SIP server. What it cannot keep stands there as a comment, and is
    /// listed on standard error.
    #[command(after_help = OPENSIPS_EXAMPLES)]
    Opensips(OpensipsArgs),
}

/// What is read and what is written.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The configuration of the other server; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Write to this file, and not to standard output; one that is there already is left alone
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file of --output if it is there already
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// The flags of `framegate import nginx`.
#[derive(Debug, Args)]
pub(crate) struct NginxArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,

    /// Take only the servers at this address, as it stands behind `listen`: 443, 127.0.0.1:8080, unix:/run/a.sock
    #[arg(long, value_name = "ADDRESS", value_parser = listen_at)]
    pub(crate) listen: Option<ListenAt>,
}

/// The flags of `framegate import opensips`.
#[derive(Debug, Args)]
pub(crate) struct OpensipsArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,

    /// Where SIP goes, by udp, tcp, tls, ws or wss: udp://127.0.0.1:5060 [default: OpenSIPS' own socket]
    #[arg(long, value_name = "URL", value_parser = upstream_url)]
    pub(crate) upstream: Option<UpstreamUrl>,
}

fn upstream_url(text: &str) -> Result<UpstreamUrl, String> {
    text.parse()
        .map_err(|why: &str| format!("{why}; it is like udp://127.0.0.1:5060 or wss://sip.example.org"))
}

fn listen_at(text: &str) -> Result<ListenAt, String> {
    text.parse().map_err(|why: &str| format!("{why}; write it as in nginx: 443, 127.0.0.1:8080"))
}

/// Shown below the help of `framegate import nginx`.
const NGINX_EXAMPLES: &str = "\
Examples:
  framegate import nginx /etc/nginx/nginx.conf
      prints the configuration; includes are looked for beside nginx.conf
  framegate import nginx /etc/nginx/sites-enabled/chat -o /etc/framegate/framegate.kdl
      writes it to a file; relative paths of certificates become whole where the folder differs
  framegate check /etc/framegate/framegate.kdl
      says what is still wrong with it, certificates and names included
  framegate import nginx nginx.conf --listen 127.0.0.1:8080 -o internal.kdl
      only the servers at that address, for a gateway of their own
  ssh web1 cat /etc/nginx/sites-enabled/chat | framegate import nginx - | framegate check -
      from standard input; what it includes is looked for where the command runs

Exit status:
  0  the configuration was written; what is left out or differs is listed on standard error
  1  it is not in nginx's language, or a file could not be read or written, or the one to write is there already
  2  the command line was wrong";

/// Shown below the help of `framegate import opensips`.
const OPENSIPS_EXAMPLES: &str = "\
Examples:
  framegate import opensips /etc/opensips/opensips.cfg
      prints the configuration of a gateway before this OpenSIPS
  framegate import opensips /etc/opensips/opensips.cfg -o /etc/framegate/framegate.kdl
      writes it to a file; relative paths of certificates become whole where the folder differs
  framegate import opensips opensips.cfg --upstream tcp://10.0.0.5:5060
      before a SIP server at that address
  framegate check /etc/framegate/framegate.kdl
      says what is still wrong with it, certificates and names included

Exit status:
  0  the configuration was written; what is left out or differs is listed on standard error
  1  it was written, but without a setting that cannot be had, such as HEP version 1; or it is not in OpenSIPS'
     language, or a file could not be read or written, or the one to write is there already
  2  the command line was wrong";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::ImportCommand;
    use crate::cli::{Cli, Command};

    #[test]
    fn a_file_is_all_that_is_needed() {
        let cli =
            Cli::try_parse_from("framegate import nginx nginx.conf".split_whitespace()).expect("it is right");
        let Command::Import(ImportCommand::Nginx(args)) = cli.command else { panic!("not of nginx") };
        assert_eq!((args.files.output, args.listen), (None, None));
    }

    #[test]
    fn upstreams_are_urls_without_a_path() {
        for (url, is_right) in
            [("udp://a", true), ("wss://[::1]:8443", true), ("a:5060", false), ("ws://a/b", false)]
        {
            let parsed = Cli::try_parse_from(["framegate", "import", "opensips", "a", "--upstream", url]);
            assert_eq!(parsed.is_ok(), is_right, "{url}");
        }
    }

    #[test]
    fn addresses_are_those_of_nginx() {
        for (address, is_right) in
            [("443", true), ("[::1]:80", true), ("80-90", false), ("example.org:80", false)]
        {
            let parsed = Cli::try_parse_from(["framegate", "import", "nginx", "a", "--listen", address]);
            assert_eq!(parsed.is_ok(), is_right, "{address}");
        }
    }
}
