//! `listeners`: where clients connect, and how.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::ids::TraceId;

use super::peers::Peers;
use super::place::At;
use super::server::ConnectionLimits;
use super::sip::SipListener;

/// One address that clients connect to.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub id: Arc<str>,
    /// `address`.
    pub address: At<ListenAddress>,
    /// `tls`, for `protocol "https"`.
    pub tls: Option<ServerTls>,
    /// `trusted-proxies`: peers whose X-Forwarded-*, Forwarded and X-Request-Id are believed.
    pub trusted_proxies: Peers,
    /// `proxy-protocol { from … }`: peers that must begin with the PROXY protocol; all others
    /// must not. Empty: nobody.
    pub proxy_protocol: Peers,
    /// `max-connections` and the like, for those that come here.
    pub connections: ConnectionLimits,
    /// `request-head-timeout`: from the connection, or the end of the last exchange's body, once
    /// a first byte has come, to the end of a request head. Default 10 s.
    pub head_timeout: Duration,
    /// `keepalive-timeout-secs`: between two requests of one connection. Default 75 s.
    pub keepalive_timeout: Duration,
    /// `send-timeout-ms`: a client that takes nothing of an answer for so long is cut off.
    /// Default 60 s.
    pub send_timeout: Duration,
    /// `forwarded true`: `Forwarded` (RFC 7239) is sent to upstreams as well. Default off.
    pub sends_forwarded: bool,
    /// `real-ip`: whether X-Real-IP is sent. Default off.
    pub sends_real_ip: bool,
    /// `protocol "sip-udp"` and its like. `None`: HTTP comes here.
    pub sip: Option<SipListener>,
    /// `trace`: who is told of connections that come to no route.
    pub trace: Option<TraceId>,
}

impl Listener {
    /// A plain one at `address`, with the defaults.
    #[must_use]
    pub fn new(id: &str, address: ListenAddress) -> Self {
        Self {
            id: id.into(),
            address: At::nowhere(address),
            tls: None,
            trusted_proxies: Peers::default(),
            proxy_protocol: Peers::default(),
            connections: ConnectionLimits::default(),
            head_timeout: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(75),
            send_timeout: Duration::from_secs(60),
            sends_forwarded: false,
            sends_real_ip: false,
            sip: None,
            trace: None,
        }
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `"127.0.0.1:8080"`, `"[::1]:8080"`; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The same for datagrams, with `protocol "sip-udp"`.
    Udp(SocketAddr),
    /// `"unix:/path"`; `mode` are its permissions (default 0o660).
    Unix {
        /// The socket's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Udp(address) => write!(f, "{address}"),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `tls` of a listener.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// For clients that name no host that is known.
    pub terms: TlsTerms,
    /// `sni`: for those that do. Exact names go before wildcards.
    pub sni: Vec<SniDomain>,
    /// `unknown-sni`. Default: the listener's own terms.
    pub unknown_sni: UnknownSni,
    /// `handshake-timeout-ms`. Default 10 s.
    pub handshake_timeout: Duration,
    /// `session-tickets`. Default on.
    pub session_tickets: bool,
    /// What is agreed on by ALPN; as `protocol` says.
    pub alpn: Alpn,
    /// `key-log-file`: the secrets of all connections are written there, for debugging. Off by
    /// default.
    pub key_log: Option<At<PathBuf>>,
}

/// What clients are shown, and what is asked of them.
#[derive(Clone, Debug)]
pub struct TlsTerms {
    /// `cert-file` and `key-file`.
    pub identity: Identity,
    /// `client-auth`.
    pub client_auth: ClientAuth,
    /// `ca-file`: who signs the certificates of clients.
    pub ca_file: Option<At<PathBuf>>,
    /// `crl-file`: which of them are revoked.
    pub crl_files: Vec<At<PathBuf>>,
    /// `min-version`. Default 1.2.
    pub min_version: TlsVersion,
    /// `max-version`. Default 1.3.
    pub max_version: TlsVersion,
}

/// The protocol that both ends agree on within the TLS handshake (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Alpn {
    /// `http/1.1`.
    #[default]
    Http,
    /// None, as nobody asks for any.
    None,
}

/// A certificate chain and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `cert-file`.
    pub cert_file: At<PathBuf>,
    /// `key-file`.
    pub key_file: At<PathBuf>,
}

/// `sni "a.example.org" "*.example.org" { … }`.
#[derive(Clone, Debug)]
pub struct SniDomain {
    /// Names in lower case; `*.` in front stands for exactly one label.
    pub names: Vec<String>,
    /// For those who ask for them. What is not said is as the listener has it.
    pub terms: TlsTerms,
}

/// What becomes of clients that ask for a name that no `sni` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UnknownSni {
    /// They are let in on the listener's own terms.
    #[default]
    Default,
    /// They are refused (`unrecognized_name`, RFC 6066 §3).
    Reject,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked, and what they show must be good.
    Request,
    /// They must show one.
    Require,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}
