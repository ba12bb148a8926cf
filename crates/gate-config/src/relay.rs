//! The configuration of a relay: one listener, one backend, no file. What `framegate relay`
//! and the demo run, and most tests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::ids::UpstreamId;
use gate_core::{Limits, Policy, Timeouts};

use crate::model::{
    Action, At, ClientTls, Config, ConnectionLimits, Level, ListenAddress, Listener, LogFormat, LogTarget,
    Logging, Metrics, Observability, Passive, RequestLimits, Route, Server, Shutdown, Target, Upstream,
    UpstreamTimeouts, WebSocket,
};

/// See the module. Durations of zero and counts of 0 mean no limit.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Where clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The backend.
    pub upstream: Target,
    /// Who signs its certificate, in place of the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// Worker threads; 0 is one per core.
    pub workers: u16,
    /// Sessions in the whole process at a time; more are closed with 1013.
    pub max_connections: u64,
    /// What the peers may send.
    pub limits: Limits,
    /// How long things may take within a session.
    pub timeouts: Timeouts,
    /// How long things may take before it.
    pub handshake: HandshakeTimeouts,
    /// How the gateway ends.
    pub shutdown: Shutdown,
    /// Where records go.
    pub log: LogTarget,
    /// How they look.
    pub log_format: LogFormat,
    /// Where Prometheus can scrape, if anywhere.
    pub metrics: Option<SocketAddr>,
}

/// How long each part of an opening handshake may take.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeTimeouts {
    /// From the connection to the end of the client's request head. Default 10 s.
    pub head: Duration,
    /// Connecting to the upstream. Default 5 s.
    pub dial: Duration,
    /// From the request to the upstream to the end of its response head. Default 10 s.
    pub upstream: Duration,
}

impl Default for HandshakeTimeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            dial: Duration::from_secs(5),
            upstream: Duration::from_secs(10),
        }
    }
}

impl Relay {
    /// A relay from `listen` to `upstream` with the defaults.
    #[must_use]
    pub fn new(listen: SocketAddr, upstream: Target) -> Self {
        Self {
            listen,
            upstream,
            ca_file: None,
            workers: 0,
            max_connections: Server::default().connections.all,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            handshake: HandshakeTimeouts::default(),
            shutdown: Shutdown::default(),
            log: LogTarget::Stderr,
            log_format: LogFormat::Json,
            metrics: None,
        }
    }
}

impl From<Relay> for Config {
    fn from(relay: Relay) -> Self {
        let listener = Listener {
            head_timeout: relay.handshake.head,
            ..Listener::new("relay", ListenAddress::Tcp(relay.listen))
        };
        let upstream = Upstream {
            timeouts: UpstreamTimeouts {
                connect: relay.handshake.dial,
                handshake: relay.handshake.upstream,
                ..UpstreamTimeouts::default()
            },
            tls: ClientTls { ca_file: relay.ca_file.map(At::nowhere), ..ClientTls::default() },
            // There is no other target to turn to.
            passive: Passive { max_fails: 0, ..Passive::default() },
            ..Upstream::new("relay", vec![relay.upstream])
        };
        let policy = Policy { limits: relay.limits, timeouts: relay.timeouts, ..Policy::default() };
        let route = Route {
            websocket: WebSocket { policy: Arc::new(policy), ..WebSocket::default() },
            ..Route::new("relay", Action::Proxy(UpstreamId(0)))
        };
        Self {
            server: Server {
                worker_threads: relay.workers,
                connections: ConnectionLimits { all: relay.max_connections, ..ConnectionLimits::default() },
                shutdown: relay.shutdown,
                ..Server::default()
            },
            limits: RequestLimits::default(),
            listeners: vec![listener],
            routes: vec![route],
            upstreams: vec![upstream],
            agents: Vec::new(),
            frame_logs: Vec::new(),
            traces: Vec::new(),
            observability: Observability {
                metrics: relay
                    .metrics
                    .map(|address| Metrics { address: At::nowhere(address), path: "/metrics".to_owned() }),
                logging: Logging {
                    level: Level::Info,
                    format: relay.log_format,
                    access: Some(At::nowhere(relay.log.clone())),
                    error: At::nowhere(relay.log),
                    ..Logging::default()
                },
                ..Observability::default()
            },
            admin: None,
        }
    }
}
