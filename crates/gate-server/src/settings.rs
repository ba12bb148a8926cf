//! What a gateway is started with. Durations of zero and counts of 0 mean no limit.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gate_core::{Limits, Timeouts};
use ws_proto::CloseCode;

/// Everything a gateway needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The WebSocket backend.
    pub upstream: UpstreamAddress,
    /// Worker threads; 0 is one per core.
    pub workers: usize,
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
    pub log: LogSettings,
    /// Where Prometheus can scrape, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Has the calling thread's allocator give freed memory back to the system; called
    /// on every worker now and then.
    pub give_memory_back: Option<fn()>,
}

impl Settings {
    /// The defaults for a gateway from `listen` to `upstream`.
    #[must_use]
    pub fn new(listen: SocketAddr, upstream: UpstreamAddress) -> Self {
        Self {
            listen,
            upstream,
            workers: 0,
            max_connections: 100_000,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            handshake: HandshakeTimeouts::default(),
            shutdown: Shutdown::default(),
            log: LogSettings { format: LogFormat::Json, target: LogTarget::Stderr },
            metrics: None,
            give_memory_back: None,
        }
    }
}

/// A backend that speaks WebSocket without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamAddress {
    /// A name, resolved at every dial, or an address; IPv6 without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How long each part of an opening handshake may take.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeTimeouts {
    /// From the connection to the end of the client's request head. Default 10 s.
    pub head: Duration,
    /// Resolving the upstream's name and connecting to it. Default 5 s.
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

/// How a gateway that is told to stop treats its sessions.
#[derive(Clone, Copy, Debug)]
pub struct Shutdown {
    /// From the signal until what is left is cut off. Default 60 s.
    pub grace: Duration,
    /// The Close frames are spread evenly over this time. Default 20 s.
    pub spread: Duration,
    /// The code of the Close frames. Default 1001.
    pub close_code: CloseCode,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(60),
            spread: Duration::from_secs(20),
            close_code: CloseCode::GOING_AWAY,
        }
    }
}

/// Where records go and how they look.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// How a record looks.
    pub format: LogFormat,
    /// Where it goes.
    pub target: LogTarget,
}

/// How a record looks: always one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object.
    Json,
    /// `key=value` pairs behind the time and the event.
    Text,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
    /// Nowhere.
    Off,
}
