//! SIP: what a route or a listener that carries it must keep to (RFC 3261, RFC 7118).

use std::sync::Arc;
use std::time::Duration;

use gate_core::ids::UpstreamId;
use gate_core::rate::Rate;

use super::peers::Peers;

/// How SIP goes without WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SipTransport {
    /// One message in each datagram.
    Udp,
    /// A stream; Content-Length delimits messages.
    Tcp,
    /// The same over TLS.
    Tls,
}

impl SipTransport {
    /// The port where none is written.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// The scheme of a target's address.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// `mode` of `sip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipMode {
    /// `edge`: a stateless proxy with a Via, Path and Record-Route of its own, on connections that
    /// clients share.
    Edge,
    /// `transparent`: each client has a connection of its own; messages are reframed only.
    Transparent,
}

/// Which messages count together in a `rate-limit` of `sip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipRateKey {
    /// `connection`.
    Connection,
    /// `user`: requests of one address-of-record in From.
    User,
}

/// What becomes of requests above a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipOnExceed {
    /// `reject`: they are answered 503 with Retry-After; an ACK, and a response, go nowhere.
    Reject,
    /// `close`: the connection ends with 1008.
    Close,
}

/// `rate-limit` of `sip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipRate {
    /// `messages` and `burst`.
    pub rate: Rate,
    /// `per`.
    pub per: SipRateKey,
    /// `on-exceed`.
    pub on_exceed: SipOnExceed,
}

/// `sip`.
#[derive(Clone, Debug)]
pub struct SipSettings {
    /// `mode`. Default edge.
    pub mode: SipMode,
    /// `listener`: an index of [`super::Config::listeners`]. Its address stands in Via, Path and
    /// Record-Route. `None`: the address of the worker's own socket or connection.
    pub listener: Option<usize>,
    /// `advertise`: host and port in place of that address.
    pub advertise: Option<Arc<str>>,
    /// `max-message-chunks`: reads that leave a message incomplete, at which the connection ends;
    /// 0: no limit.
    pub chunks_max: u32,
    /// `message-opcode "mirror"`: messages go out with the opcode that the peer used last.
    pub mirrors_opcode: bool,
    /// `methods`: the only ones that pass from clients. Empty: all.
    pub methods: Vec<Arc<str>>,
    /// `max-headers`. Default 128.
    pub headers_max: u32,
    /// `max-header-size`: bytes of one header. Default 8 KiB.
    pub header_size_max: u64,
    /// `rate-limit`: all of them hold.
    pub rates: Vec<SipRate>,
    /// `answer-options`: OPTIONS to the gateway itself is answered 200. Default true.
    pub answers_options: bool,
    /// `keepalive-interval-secs`: CRLFCRLF towards servers over streams; 0: none. Default 90 s.
    pub keepalive: Duration,
    /// `tcp-above-bytes`: requests of more bytes go to targets over UDP by TCP; 0: none. Default none.
    pub tcp_above: u32,
    /// `udp-keepalive-interval-secs`: CRLFCRLF towards servers over UDP; 0: none. Default none.
    pub udp_keepalive: Duration,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self {
            mode: SipMode::Edge,
            listener: None,
            advertise: None,
            chunks_max: 0,
            mirrors_opcode: false,
            methods: Vec::new(),
            headers_max: 128,
            header_size_max: 8 * 1024,
            rates: Vec::new(),
            answers_options: true,
            keepalive: Duration::from_secs(90),
            tcp_above: 0,
            udp_keepalive: Duration::ZERO,
        }
    }
}

impl SipListener {
    /// What [`Self::idle_timeout`] is where it is not written: more than the 120 s that RFC 5626 §4.4.1
    /// lets clients be silent.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
}

/// A listener whose `protocol` is `sip-udp`, `sip-tcp` or `sip-tls`.
#[derive(Clone, Debug)]
pub struct SipListener {
    /// `protocol`.
    pub transport: SipTransport,
    /// `upstream`: where requests go that belong to no flow. `None`: nowhere; the listener is for
    /// servers that send requests to the clients of routes.
    pub upstream: Option<UpstreamId>,
    /// `peers`: who may send. Empty: everybody.
    pub peers: Peers,
    /// `idle-timeout-secs`: a connection on which its peer sends nothing for so long is closed; 0: never.
    /// Default 180 s.
    pub idle_timeout: Duration,
    /// `sip`.
    pub settings: Arc<SipSettings>,
}
