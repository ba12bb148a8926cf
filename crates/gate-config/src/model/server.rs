//! `server` and `limits`: the process, and what any request must keep to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::rate::Rate;
use gate_core::route::Spelling;
use ws_proto::CloseCode;

use super::place::At;

/// `server`: what concerns the whole process.
#[derive(Clone, Debug)]
pub struct Server {
    /// `worker-threads`; 0 is one per core.
    pub worker_threads: u16,
    /// `max-connections` and the like, for the whole process.
    pub connections: ConnectionLimits,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// `auto-reload`: whether the files are watched, and read again when they change. Default off.
    pub auto_reload: bool,
    /// `merge-slashes`: which paths are one to the routes. Default: those with the same normal form.
    pub spelling: Spelling,
    /// `take-over`: the unix socket through which a process that is started later takes the
    /// listening sockets of this one.
    pub take_over: Option<At<PathBuf>>,
    /// `sip-token-secret-file`: the key of flow tokens. `None`: random for each start.
    pub sip_token_secret_file: Option<At<PathBuf>>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            worker_threads: 0,
            connections: ConnectionLimits { all: 100_000, ..ConnectionLimits::default() },
            shutdown: Shutdown::default(),
            auto_reload: false,
            spelling: Spelling::Normal,
            take_over: None,
            sip_token_secret_file: None,
        }
    }
}

/// How a gateway that is told to stop treats its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// `graceful-shutdown-timeout-secs`: from the signal until what is left is cut off. Default 60 s.
    pub grace: Duration,
    /// `drain { spread }`: the Close frames are spread evenly over this time. `None`: over as long as it
    /// takes at [`FEW_A_SECOND`](Self::FEW_A_SECOND), but over no more than [`spread_max`](Self::spread_max).
    pub spread: Option<Duration>,
    /// `drain { close-code }`: the code of the Close frames. Default 1001.
    pub close_code: CloseCode,
    /// `drain { close-reason }`: the text behind the code, at most
    /// [`CLOSE_REASON_MAX`](Self::CLOSE_REASON_MAX) bytes. Default none.
    pub close_reason: Arc<str>,
}

impl Shutdown {
    /// Bytes of a Close frame that are left to the reason (RFC 6455 §5.5.1).
    pub const CLOSE_REASON_MAX: usize = 123;

    /// Sessions that are told in a second, where nobody says how long it may take: clients that come
    /// back so slowly are a burden to no backend, so that fewer need not wait for each other.
    pub const FEW_A_SECOND: u32 = 50;

    /// What is written, or a third of `grace`.
    #[must_use]
    pub fn spread_max(&self) -> Duration {
        let grace = if self.grace.is_zero() { Self::default().grace } else { self.grace };
        self.spread.unwrap_or(grace / 3)
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(60),
            spread: None,
            close_code: CloseCode::GOING_AWAY,
            close_reason: Arc::default(),
        }
    }
}

/// `limits`: what requests of HTTP must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// `max-header-size`: bytes of a request head; more is 431. Default 16 KiB.
    pub head_size_max: usize,
    /// `max-header-count`: header lines of a request; more is 431. Default 100.
    pub header_count_max: usize,
    /// `max-body-size`: bytes of a request's body, where the route has no limit of its own;
    /// more is 413. Default 0.
    pub body_size_max: u64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { head_size_max: 16 * 1024, header_count_max: 100, body_size_max: 0 }
    }
}

/// How many sessions there may be, and how fast they may come: in the process, at a listener or
/// on a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `max-connections`: sessions at a time.
    pub all: u64,
    /// `max-connections-per-ip`: of them, those of one address; of IPv6, of one /64.
    pub per_address: u64,
    /// `connection-rate`: sessions that begin.
    pub rate: Option<Rate>,
    /// `connection-rate-per-ip`: of them, those of one address; of IPv6, of one /64.
    pub rate_per_address: Option<Rate>,
}
