//! What a session must keep to: one immutable value that all sessions of a
//! configuration share.

use std::time::Duration;

use ws_proto::walk::Limits;

/// The rules of a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// Sizes and counts of what the peers send.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
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
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            send: Duration::from_secs(60),
            close: Duration::from_secs(5),
            half_close: Duration::from_secs(60),
            frame: Duration::ZERO,
        }
    }
}
