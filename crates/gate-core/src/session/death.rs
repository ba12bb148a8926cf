//! Why a session ended and whose doing it was. Kept from the first event that decided
//! the end; what follows from it changes nothing here.

use ws_proto::{CloseCode, FrameError};

use crate::side::Side;

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// What happened.
    pub cause: Cause,
    /// Whose doing it was.
    pub by: Party,
}

/// Who brought a session to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// One of the peers, by its own frame, FIN, fault or silence.
    Peer(Side),
    /// The gateway, on its own account.
    Gateway,
}

impl Party {
    /// The name used in logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer(side) => side.name(),
            Self::Gateway => "gateway",
        }
    }
}

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A peer's Close frame, with its code; `None` where it carried none (1005).
    Close(Option<CloseCode>),
    /// A peer's FIN without a Close frame.
    Fin,
    /// A peer's connection broke.
    Reset,
    /// A peer's frames were at fault or above a limit.
    Violation(FrameError),
    /// A peer took no bytes for the send timeout.
    SendTimeout,
    /// A peer's frame took longer than the frame timeout.
    FrameTimeout,
    /// A peer's message came in more reads than it may.
    TooManyChunks,
    /// A peer sent faster than it may.
    RateLimit,
    /// The connection to the upstream that was this client's alone is gone.
    UpstreamLost,
    /// A message of a peer met a rule, or broke its schema.
    Finding,
    /// An agent wants the session to end because of a message.
    Agent,
    /// A webhook wants that.
    Webhook,
    /// An agent that must judge a message could not.
    AgentFailed,
    /// A webhook that must judge a message could not.
    WebhookFailed,
    /// A peer did not answer a ping of the gateway.
    PingTimeout,
    /// No data went either way for the idle timeout.
    IdleTimeout,
    /// The session was as old as it may become.
    MaxAge,
    /// The gateway, or the target, is to have no sessions any more.
    Shutdown,
    /// An operator had this session closed.
    Admin,
    /// The session's task was ended from outside or failed.
    Aborted,
}

impl Cause {
    /// A stable name for logs and metric labels.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Close(_) => "close",
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::Violation(error) => error.reason(),
            Self::SendTimeout => "send_timeout",
            Self::FrameTimeout => "frame_timeout",
            Self::UpstreamLost => "upstream_lost",
            Self::TooManyChunks => "too_many_chunks",
            Self::RateLimit => "rate_limit",
            Self::Finding => "finding",
            Self::Agent => "agent",
            Self::Webhook => "webhook",
            Self::AgentFailed => "agent_failed",
            Self::WebhookFailed => "webhook_failed",
            Self::PingTimeout => "ping_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::MaxAge => "max_age",
            Self::Shutdown => "shutdown",
            Self::Admin => "admin",
            Self::Aborted => "aborted",
        }
    }
}
