//! The flags of `framegate ws-proxy`, and the environment variables of WsProxy.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};
use gate_config::model::LogTarget;
use gate_config::typed::duration;

use crate::cli::relay::{LogFormat, SpreadArgs};
use crate::value::listen::listen;
use crate::value::log_target::log_target;

/// The flags of `framegate ws-proxy`.
#[derive(Debug, Args)]
pub(crate) struct WsProxyArgs {
    /// Port to accept clients at, on all addresses of IPv4 and IPv6; 0 lets the system choose, of IPv4
    #[arg(long, value_name = "PORT", env = "WSPROXY_PORT", default_value = "4000", value_parser = port)]
    pub(crate) port: u16,

    /// Address to accept clients at, in place of the port alone
    #[arg(long, value_name = "IP:PORT", value_parser = listen)]
    pub(crate) listen: Option<SocketAddr>,

    /// Connections to the scheme, host and port of a webhook, of all workers together
    #[arg(long, value_name = "N", env = "WSPROXY_WEBHOOK_POOL_SIZE", default_value_t = 100,
          value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) webhook_pool_size: u32,

    /// A peer whose x-wsproxy fields are believed, like 10.0.0.0/8; several with commas, or given often
    ///
    /// Peers are those at the other end of the connection; who stands in X-Forwarded-For is not asked. All
    /// others are answered 403.
    #[arg(long, value_name = "NETWORK", env = "WSPROXY_TRUSTED", value_delimiter = ',',
          default_values = ["127.0.0.0/8", "::1"])]
    pub(crate) trusted: Vec<String>,

    /// Who signs the certificates of upstreams and webhooks, in PEM, in place of the system's authorities
    ///
    /// For wss and https. Without it certificates are verified against the authorities of the system, which
    /// SSL_CERT_FILE and SSL_CERT_DIR can name.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Threads that carry connections; 0 = one per core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u16).range(..=1024))]
    pub(crate) workers: u16,

    /// Time for all connections to end at SIGTERM or Ctrl-C; then the rest are reset
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) shutdown_grace: Duration,

    /// How evenly.
    #[command(flatten)]
    pub(crate) spread: SpreadArgs,

    /// Where records go: stderr, stdout, off, or a file
    #[arg(long, value_name = "TARGET", default_value = "stderr", value_parser = log_target)]
    pub(crate) log: LogTarget,

    /// How records look
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub(crate) log_format: LogFormat,

    /// Address at which Prometheus can scrape /metrics
    #[arg(long, value_name = "IP:PORT", value_parser = listen)]
    pub(crate) metrics: Option<SocketAddr>,
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a port is a whole number up to 65535; without it, it is 4000".to_owned())
}

impl WsProxyArgs {
    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port)))
    }

    /// Where those connect that come by IPv6, if the port alone says where, and the machine has IPv6. Where
    /// the system chooses the port there is none: it would choose another.
    pub(crate) fn address_v6(&self) -> Option<SocketAddr> {
        let at = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let is_wanted = self.listen.is_none() && self.port != 0;
        (is_wanted && TcpListener::bind(at(0)).is_ok()).then(|| at(self.port))
    }
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  framegate ws-proxy
      accepts at port 4000; proxies on this machine tell by x-wsproxy-upstream where a connection goes
  WSPROXY_PORT=4001 WSPROXY_TRUSTED=10.0.0.0/8 framegate ws-proxy
      as a container behind proxies in that network
  docs/ws-proxy.md lists the fields, and what differs from WsProxy";
