//! What a session must keep to: one immutable value that all sessions of a
//! configuration share.

use std::sync::Arc;
use std::time::Duration;

use ws_proto::CloseCode;
use ws_proto::walk::Limits;

use crate::side::Side;

/// The rules of a session.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Sizes and counts of what the peers send.
    pub limits: Limits,
    /// The same for what upstreams send, where it is not the same for both.
    pub upstream_limits: Option<Limits>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How old a session may become.
    pub age: Age,
    /// How peers are asked whether they are there.
    pub keepalive: Keepalive,
    /// Whose messages are looked into before they go on.
    pub inspection: Inspection,
}

impl Policy {
    /// Sizes and counts of what `from` sends.
    #[must_use]
    pub const fn limits_of(&self, from: Side) -> &Limits {
        match (from, &self.upstream_limits) {
            (Side::Upstream, Some(limits)) => limits,
            (Side::Client | Side::Upstream, _) => &self.limits,
        }
    }
}

/// Whose messages are put together and judged before a byte of them goes on, and how much of
/// them may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Those of clients.
    pub client: bool,
    /// Those of upstreams.
    pub upstream: bool,
    /// Bytes of a message once it is inflated; more is 1009. 0: no limit. Default 1 MiB.
    pub inflated_size_max: u64,
    /// The same for what upstreams send, where it is not the same for both.
    pub upstream_inflated_size_max: Option<u64>,
    /// How much larger a message may be inflated than it came, above the first 64 KiB; more is
    /// 1009. 0: no limit. Default 200.
    pub inflate_ratio_max: u32,
    /// Bytes that the messages of one direction may be inflated to in a second, and at once; more is
    /// 1009. 0: no limit. Default 16 MiB.
    pub inflate_rate_max: u64,
    /// Messages of one direction that may wait for a verdict; more are not read. Default 32.
    pub in_flight_max: u32,
    /// Bytes of those; at least one message may always wait. Default 256 KiB.
    pub in_flight_bytes_max: u64,
    /// Uncompressed messages above this many bytes go on piece by piece, each judged by itself
    /// with the end of the one before; `None`: none do.
    pub stream_above: Option<u64>,
}

impl Inspection {
    /// Whether what `from` sends is looked into.
    #[must_use]
    pub const fn includes(&self, from: Side) -> bool {
        match from {
            Side::Client => self.client,
            Side::Upstream => self.upstream,
        }
    }

    /// Bytes of a message of `from` once it is inflated.
    #[must_use]
    pub const fn inflated_size_max_of(&self, from: Side) -> u64 {
        match (from, self.upstream_inflated_size_max) {
            (Side::Upstream, Some(size)) => size,
            (Side::Client | Side::Upstream, _) => self.inflated_size_max,
        }
    }
}

impl Default for Inspection {
    /// Nobody's.
    fn default() -> Self {
        Self {
            client: false,
            upstream: false,
            inflated_size_max: 1 << 20,
            upstream_inflated_size_max: None,
            inflate_ratio_max: 200,
            inflate_rate_max: 16 << 20,
            in_flight_max: 32,
            in_flight_bytes_max: 256 << 10,
            stream_above: None,
        }
    }
}

/// How long things may take once the session is open. Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A peer that takes no bytes for so long is cut off. Default 60 s.
    pub send: Duration,
    /// From the first Close frame to the end of both connections. Default 5 s.
    pub close: Duration,
    /// After one peer's FIN without a Close: how long the other may be silent before
    /// both are cut off. Default 60 s.
    pub half_close: Duration,
    /// From the first byte of a frame to its last; off by default.
    pub frame: Duration,
    /// Without data from either peer; off by default.
    pub idle: Duration,
    /// Whether pings and pongs of the peers are data in this sense. Default no.
    pub idle_counts_control: bool,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            send: Duration::from_secs(60),
            close: Duration::from_secs(5),
            half_close: Duration::from_secs(60),
            frame: Duration::ZERO,
            idle: Duration::ZERO,
            idle_counts_control: false,
        }
    }
}

/// How old a session may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    /// From the 101 to the Close frame; zero: no limit.
    pub max: Duration,
    /// Sessions end by as much as this earlier, each at a time of its own, so that those
    /// that began together do not all come back together.
    pub jitter: Duration,
    /// What the client is told. Default 4001.
    pub code: CloseCode,
    /// The same in words. Default "Connection is Aged".
    pub reason: Arc<str>,
}

impl Default for Age {
    fn default() -> Self {
        Self {
            max: Duration::ZERO,
            jitter: Duration::ZERO,
            code: CloseCode::AGED,
            reason: "Connection is Aged".into(),
        }
    }
}

/// How peers are asked whether they are there: by pings of the gateway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Between two pings; zero: none.
    pub interval: Duration,
    /// For the answer to a ping; zero: as long as it takes. Default 10 s.
    pub timeout: Duration,
    /// Who is asked.
    pub to: PingTo,
}

/// Who is sent pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingTo {
    /// The client.
    Client,
    /// The upstream.
    Upstream,
    /// Both.
    Both,
}

impl PingTo {
    /// Whether `side` is one of them.
    #[must_use]
    pub const fn includes(self, side: Side) -> bool {
        matches!(
            (self, side),
            (Self::Both, _) | (Self::Client, Side::Client) | (Self::Upstream, Side::Upstream)
        )
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { interval: Duration::ZERO, timeout: Duration::from_secs(10), to: PingTo::Both }
    }
}
