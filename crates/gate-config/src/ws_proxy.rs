//! The configuration of `framegate ws-proxy`: one listener, and requests that tell their upstream,
//! webhooks and limits themselves, as WsProxy has it. No file.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::{Inspection, Policy};
use ipnet::IpNet;

use crate::model::{
    Action, AllowedHost, AllowedOrigin, At, ClientTls, Config, HeaderConfig, HookSettings, ListenAddress,
    Listener, LogFormat, LogTarget, Logging, Metrics, Observability, Peers, Route, Server, Shutdown,
    WebSocket,
};

/// See the module.
#[derive(Clone, Debug)]
pub struct WsProxy {
    /// Where clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where they connect as well: those that come by IPv6 where `listen` is all of IPv4.
    pub listen_v6: Option<SocketAddr>,
    /// Peers that are believed.
    pub trusted: Peers,
    /// Who signs the certificates of upstreams and webhooks, in place of the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// Connections to each webhook's scheme, host and port.
    pub pool_size: u32,
    /// Worker threads; 0 is one per core.
    pub workers: u16,
    /// How it ends.
    pub shutdown: Shutdown,
    /// Where records go.
    pub log: LogTarget,
    /// How they look.
    pub log_format: LogFormat,
    /// Where Prometheus can scrape, if anywhere.
    pub metrics: Option<SocketAddr>,
}

impl WsProxy {
    /// One with the defaults of the original: believed is this machine alone.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            listen_v6: None,
            ca_file: None,
            trusted: Peers { networks: loopback().to_vec(), unix: false },
            pool_size: 100,
            workers: 0,
            shutdown: Shutdown::default(),
            log: LogTarget::Stderr,
            log_format: LogFormat::Json,
            metrics: None,
        }
    }
}

/// The addresses of this machine.
fn loopback() -> [IpNet; 2] {
    let v4 = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    [IpNet::V4(v4), IpNet::from(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST))]
}

/// Everything but special addresses, of which those of this machine are allowed.
fn anywhere() -> Vec<AllowedOrigin> {
    let of_machine = loopback().map(AllowedHost::Network);
    let hosts = [AllowedHost::Any].into_iter().chain(of_machine);
    let schemes = |host: AllowedHost| {
        [false, true].map(|is_tls| AllowedOrigin { is_tls, host: host.clone(), port: None })
    };
    hosts.flat_map(schemes).collect()
}

impl From<WsProxy> for Config {
    fn from(proxy: WsProxy) -> Self {
        let tls = ClientTls { ca_file: proxy.ca_file.map(At::nowhere), ..ClientTls::default() };
        let hook = HookSettings {
            timeout: HOOK_TIMEOUT,
            tls: tls.clone(),
            connections_max: proxy.pool_size,
            ..HookSettings::default()
        };
        let by_header = HeaderConfig {
            trusted: proxy.trusted,
            upstreams: anywhere(),
            hooks: anywhere(),
            hook,
            tls,
            ..HeaderConfig::new()
        };
        // A request's own limit holds for what a compressed message says.
        let inspection =
            Inspection { inflated_size_max: by_header.message_size_max, ..Inspection::default() };
        let policy = Arc::new(Policy { inspection, ..Policy::default() });
        let route = Route {
            header_config: Some(Arc::new(by_header)),
            websocket: WebSocket { policy, ..WebSocket::default() },
            ..Route::new("ws-proxy", Action::ByHeader)
        };
        let listeners = [("ws-proxy", Some(proxy.listen)), ("ws-proxy-v6", proxy.listen_v6)].into_iter();
        let listeners =
            listeners.filter_map(|(id, address)| Some(Listener::new(id, ListenAddress::Tcp(address?))));
        Self {
            server: Server { worker_threads: proxy.workers, shutdown: proxy.shutdown, ..Server::default() },
            listeners: listeners.collect(),
            routes: vec![route],
            observability: Observability {
                metrics: proxy
                    .metrics
                    .map(|address| Metrics { address: At::nowhere(address), path: "/metrics".to_owned() }),
                logging: Logging {
                    format: proxy.log_format,
                    access: Some(At::nowhere(proxy.log.clone())),
                    error: At::nowhere(proxy.log),
                    ..Logging::default()
                },
                ..Observability::default()
            },
            ..Self::default()
        }
    }
}

/// As long as the original waits for an answer.
const HOOK_TIMEOUT: Duration = Duration::from_secs(15);
