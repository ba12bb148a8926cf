//! `rate-limit`: how fast the peers of a session may send.

use gate_core::Side;
use gate_core::rate::{Metered, OnExceed, Rate};
use http::HeaderName;

/// One `rate-limit` block. Each of its rates is a bucket of its own for each side that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// `messages`, `frames`, `bytes` and `control-frames`; each stands once, and at least one does.
    pub rates: Vec<(Metered, Rate)>,
    /// `per`: which sessions have their buckets in common.
    pub per: RateKey,
    /// `from`: whose frames are counted.
    pub from: Senders,
    /// `on-exceed`.
    pub on_exceed: OnExceed,
}

impl RateLimit {
    /// Whether messages that came may go nowhere.
    #[must_use]
    pub fn drops_messages(&self) -> bool {
        let counts_data = self.rates.iter().any(|(of, _)| *of != Metered::ControlFrames);
        self.on_exceed == OnExceed::Drop && counts_data
    }
}

/// Which sessions share a bucket. Those that lack the thing share one too: nobody is without a
/// limit for leaving it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// `connection`: none; each has its own.
    Connection,
    /// `ip`: those of one client address; of IPv6, of one /64.
    Address,
    /// `route`: all of the route.
    Route,
    /// `header:Name`: those whose handshakes have the same value in this field.
    Header(HeaderName),
    /// `query:name`: in this parameter of the query.
    Query(String),
    /// `cookie:name`: in this cookie.
    Cookie(String),
}

/// Whose frames a rate limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Senders {
    /// The client's.
    #[default]
    Client,
    /// The upstream's.
    Upstream,
    /// Those of both, each counted by itself.
    Both,
}

impl Senders {
    /// The sides.
    #[must_use]
    pub const fn sides(self) -> &'static [Side] {
        match self {
            Self::Client => &[Side::Client],
            Self::Upstream => &[Side::Upstream],
            Self::Both => &[Side::Client, Side::Upstream],
        }
    }
}
