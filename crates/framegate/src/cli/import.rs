//! The flags of `framegate import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gate_import::nginx::ListenAt;

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
}

/// The flags of `framegate import nginx`.
#[derive(Debug, Args)]
pub(crate) struct NginxArgs {
    /// The configuration of nginx
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Write to this file, and not to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Take only the servers at this address, as it stands behind `listen`: 443, 127.0.0.1:8080, unix:/run/a.sock
    #[arg(long, value_name = "ADDRESS", value_parser = listen_at)]
    pub(crate) listen: Option<ListenAt>,
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

Exit status:
  0  the configuration was written; what is left out or differs is listed on standard error
  1  it is not in nginx's language, or a file could not be read or written
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
        let Command::Import(ImportCommand::Nginx(args)) = cli.command else { panic!("not import") };
        assert_eq!((args.output, args.listen), (None, None));
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
