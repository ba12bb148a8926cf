//! Close codes (RFC 6455 §7.4): only those that may stand on the wire have a value.

use std::fmt;

/// A close code that may stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an endpoint goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer violated the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: data of a type that is not accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: a payload is not what its type says.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message violates a policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: a server met a condition that it cannot handle.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts; to connect again is welcome.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 4001, by which clients of the gateway know that their connection was too old.
    pub const AGED: Self = Self(4001);

    /// Accepts the codes that an endpoint may send: 1000 to 1003, 1007 to 1014 and
    /// 3000 to 4999. 1004, 1005, 1006 and 1015 are reserved for use off the wire.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
