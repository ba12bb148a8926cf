//! `upstreams`: backends, and how they are chosen, reached and watched.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::balance::Algorithm;
use gate_core::ids::TraceId;
use http::{HeaderName, HeaderValue, StatusCode};

use super::listener::{Alpn, TlsVersion};
use super::place::At;
use super::sip::SipTransport;

/// One upstream.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name.
    pub id: Arc<str>,
    /// At least one.
    pub targets: Vec<Target>,
    /// `load-balancing`.
    pub algorithm: Algorithm,
    /// `hash-key`, for `consistent-hash`.
    pub hash_key: HashKey,
    /// `sticky`.
    pub sticky: Option<Sticky>,
    /// `health-check`.
    pub health_check: Option<HealthCheck>,
    /// `passive-health`: what failed requests do.
    pub passive: Passive,
    /// `slow-start`: a target that is healthy again gets its share over this time. Default off.
    pub slow_start: Duration,
    /// `on-unhealthy`: what becomes of the sessions of a target that is found unhealthy.
    pub on_unhealthy: OnUnhealthy,
    /// `tls`: how targets with TLS are spoken to.
    pub tls: ClientTls,
    /// `timeouts`.
    pub timeouts: UpstreamTimeouts,
    /// `connection-pool`, for plain HTTP.
    pub pool: Pool,
    /// `host`: in place of the client's Host.
    pub host: Option<HeaderValue>,
    /// `retries`: how many other targets are tried when one cannot be reached. Default 2.
    pub retries: u32,
    /// `path`: the request-target of handshakes to it. `None`: the client's own; `/` where the
    /// gateway makes connections of its own.
    pub path: Option<Arc<str>>,
    /// `origin`: of handshakes that the gateway makes of its own accord.
    pub origin: Option<HeaderValue>,
    /// `cert-check-on-reuse`: connections that clients share are told apart by their TLS settings.
    /// Default true.
    pub cert_check_on_reuse: bool,
    /// `trace`: who is told of connections to it that belong to no client's.
    pub trace: Option<TraceId>,
}

impl Upstream {
    /// An upstream with the defaults.
    #[must_use]
    pub fn new(id: &str, targets: Vec<Target>) -> Self {
        Self {
            id: id.into(),
            targets,
            algorithm: Algorithm::default(),
            hash_key: HashKey::ClientIp,
            sticky: None,
            health_check: None,
            passive: Passive::default(),
            slow_start: Duration::ZERO,
            on_unhealthy: OnUnhealthy::Keep,
            tls: ClientTls::default(),
            timeouts: UpstreamTimeouts::default(),
            pool: Pool::default(),
            host: None,
            retries: 2,
            path: None,
            origin: None,
            cert_check_on_reuse: true,
            trace: None,
        }
    }
}

/// One server of an upstream.
#[derive(Clone, Debug)]
pub struct Target {
    /// `address`.
    pub address: At<TargetAddress>,
    /// `wss://` or `https://` stood before the address.
    pub tls: bool,
    /// `udp://`, `tcp://` or `tls://` stood before it: SIP without WebSocket.
    pub sip: Option<SipTransport>,
    /// `weight`, 1 to 1,000. Default 1.
    pub weight: u16,
}

impl Target {
    /// A plain one of weight 1.
    #[must_use]
    pub fn new(address: TargetAddress) -> Self {
        Self { address: At::nowhere(address), tls: false, sip: None, weight: 1 }
    }
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetAddress {
    /// A name or an address, IPv6 without brackets, and a TCP port.
    Tcp {
        /// The name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `hash-key`: what of a request is hashed. Where a request has no such thing, the
/// client's address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// `client-ip`.
    ClientIp,
    /// `path`.
    Path,
    /// `header:Name`.
    Header(HeaderName),
    /// `cookie:name`.
    Cookie(String),
    /// `query:name`.
    Query(String),
}

/// `sticky`: a cookie binds a client to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// `cookie-name`. Default `SERVERID`.
    pub cookie_name: String,
    /// `cookie-ttl`; zero is a cookie of the browser's session. Default 1 h.
    pub ttl: Duration,
    /// `cookie-path`. Default `/`.
    pub path: String,
    /// `cookie-secure`. Default: where the client came by TLS.
    pub secure: Option<bool>,
    /// `cookie-same-site`. Default lax.
    pub same_site: SameSite,
}

/// `cookie-same-site`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `lax`.
    Lax,
    /// `strict`.
    Strict,
    /// `none`.
    None,
}

/// `health-check`: targets are asked now and then.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// `type`.
    pub probe: Probe,
    /// `interval-secs`. Default 10 s.
    pub interval: Duration,
    /// `timeout-secs`. Default 5 s.
    pub timeout: Duration,
    /// `healthy-threshold`: successes in a row that make a target healthy. Default 2.
    pub healthy_threshold: u32,
    /// `unhealthy-threshold`: failures in a row that make it unhealthy. Default 3.
    pub unhealthy_threshold: u32,
}

/// What a health check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `http`: GET of a path.
    Http {
        /// `path`. Default `/`.
        path: String,
        /// `host`: default the upstream's `host`, else the target's address.
        host: Option<HeaderValue>,
        /// `expected-status`. `None`: any of 200 to 399.
        expected_status: Option<StatusCode>,
    },
    /// `tcp`: the connection (and TLS, where the target has it) can be made.
    Tcp,
    /// `websocket`: an opening handshake gives 101, and a ping a pong.
    WebSocket {
        /// `path`. Default `/`.
        path: String,
        /// `host`, as for `http`.
        host: Option<HeaderValue>,
    },
    /// `sip`: OPTIONS is answered, whatever with but 503. Where the target speaks SIP over WebSocket, an
    /// opening handshake agrees on `sip`, and a ping gets its pong.
    Sip,
}

/// `passive-health`: a target whose requests fail is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// `max-fails`: failures within `window`, less the successes in between, that eject a
    /// target: it is used only where no other is left. 0 switches it off. Default 5.
    pub max_fails: u32,
    /// `fail-window-secs`. Default 10 s.
    pub window: Duration,
    /// `eject-secs`; twice as long for each ejection that follows soon, up to five minutes.
    /// Default 10 s.
    pub ejection: Duration,
}

impl Default for Passive {
    fn default() -> Self {
        Self { max_fails: 5, window: Duration::from_secs(10), ejection: Duration::from_secs(10) }
    }
}

/// `on-unhealthy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnhealthy {
    /// `keep`: established sessions live on.
    Keep,
    /// `close`: they are closed with 1012.
    Close,
}

/// `tls` of an upstream.
#[derive(Clone, Debug)]
pub struct ClientTls {
    /// `sni`: the name asked for and verified. Default: the target's host.
    pub sni: Option<String>,
    /// `ca-file`: in place of the system's authorities.
    pub ca_file: Option<At<PathBuf>>,
    /// `client-cert` and `client-key`.
    pub identity: Option<super::Identity>,
    /// `insecure-skip-verify true` makes it false.
    pub verify: bool,
    /// `min-version`. Default 1.2.
    pub min_version: TlsVersion,
    /// `max-version`. Default 1.3.
    pub max_version: TlsVersion,
    /// What is agreed on by ALPN; none where the targets are not spoken to by HTTP.
    pub alpn: Alpn,
    /// `key-log-file`: the secrets of all connections are written there, for debugging. Off by
    /// default.
    pub key_log: Option<At<PathBuf>>,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self {
            sni: None,
            ca_file: None,
            identity: None,
            verify: true,
            min_version: TlsVersion::V1_2,
            max_version: TlsVersion::V1_3,
            alpn: Alpn::Http,
            key_log: None,
        }
    }
}

/// `timeouts` of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// `connect`: to reach a target, TLS included. Default 5 s.
    pub connect: Duration,
    /// `handshake`: from the opening handshake's request to the end of the answer's head. Default 10 s.
    pub handshake: Duration,
    /// `request`: from a plain request's end to the head of its answer. Default 60 s.
    pub request: Duration,
    /// `read`: silence within the body of an answer. Default 60 s.
    pub read: Duration,
    /// `write`: a body of a request that is not taken, or does not come. Default 60 s.
    pub write: Duration,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            request: minute,
            read: minute,
            write: minute,
        }
    }
}

/// `connection-pool`: connections that are kept for plain requests, per worker and target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// `max-idle`. Default 20.
    pub max_idle: u32,
    /// `idle-timeout`. Default 60 s.
    pub idle_timeout: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self { max_idle: 20, idle_timeout: Duration::from_secs(60) }
    }
}
