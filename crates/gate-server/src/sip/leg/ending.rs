//! Why a stream without WebSocket has ended.

use gate_core::session::Cause;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The peer has ended it.
    Fin,
    /// It broke.
    Reset,
    /// The peer has sent nothing for too long.
    IdleTimeout,
    /// A message did not come to its end in time.
    MessageTimeout,
    /// The peer took nothing for too long.
    SendTimeout,
    /// The peer has not answered a keepalive.
    KeepaliveTimeout,
    /// Where the next message begins nobody can tell.
    Malformed,
    /// The gateway's own doing, for this.
    Own(Cause),
}

impl Ending {
    /// A stable name for traces and metric labels.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::IdleTimeout => "idle_timeout",
            Self::MessageTimeout => "message_timeout",
            Self::SendTimeout => "send_timeout",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::Malformed => "malformed",
            Self::Own(cause) => cause.reason(),
        }
    }

    /// Whose doing it was, as traces name it, to whom the other end is `peer`.
    pub(crate) const fn by(self, peer: &'static str) -> &'static str {
        match self {
            Self::Own(Cause::RateLimit) => peer,
            Self::Own(_) => "gateway",
            Self::Fin
            | Self::Reset
            | Self::IdleTimeout
            | Self::MessageTimeout
            | Self::SendTimeout
            | Self::KeepaliveTimeout
            | Self::Malformed => peer,
        }
    }

    /// Whether bytes that wait may still be lost, as the peer takes none.
    pub(crate) const fn is_abrupt(self) -> bool {
        matches!(self, Self::Reset | Self::SendTimeout | Self::KeepaliveTimeout)
    }

    /// Whether it ended as streams do.
    pub(crate) fn is_orderly(self) -> bool {
        match self {
            Self::Fin | Self::IdleTimeout => true,
            Self::Own(cause) => crate::trace::is_orderly(cause),
            Self::Reset
            | Self::MessageTimeout
            | Self::SendTimeout
            | Self::KeepaliveTimeout
            | Self::Malformed => false,
        }
    }
}
