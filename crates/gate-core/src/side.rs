//! The two peers of a session.

use std::fmt;

/// One of the two peers. As a direction: what comes from that peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The peer that connected to the gateway.
    Client,
    /// The peer that the gateway dialled.
    Upstream,
}

impl Side {
    /// Both, in the order of [`Side::index`].
    pub const BOTH: [Self; 2] = [Self::Client, Self::Upstream];

    /// The peer on the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Upstream,
            Self::Upstream => Self::Client,
        }
    }

    /// The position in tables that have an entry for each side.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Upstream => 1,
        }
    }

    /// The name used in logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
