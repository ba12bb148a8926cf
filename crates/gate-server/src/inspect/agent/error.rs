//! Why an agent could not be asked. Whatever it is, it is the agent's failure, and what follows is
//! for its failure-mode to say.

use std::io;
use std::time::Duration;

use agent_proto::Fault;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// Nobody listens, or whoever does cannot be connected to.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The agent has ended the connection.
    #[error("the connection was closed before an answer")]
    Closed,
    /// Too many calls wait already, or for too long.
    #[error("too many calls are under way")]
    Busy,
    #[error("it has failed too often and is left alone")]
    Breaker,
    /// What it would be asked is above what its protocol allows.
    #[error("it cannot be asked: {0}")]
    Unsendable(Fault),
    /// What it says is not the protocol.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It does not take its settings; why, as it says.
    #[error("it refuses its settings: {0}")]
    Settings(String),
    /// It says what cannot be done.
    #[error("{0}")]
    Invalid(String),
}

impl AgentError {
    /// One of [`crate::observe::agents::REASONS`].
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::TimedOut(_) => "timeout",
            Self::Closed | Self::Fault(Fault::Truncated) => "closed",
            Self::Busy => "busy",
            Self::Breaker => "breaker",
            Self::Settings(_) => "refused",
            Self::Unsendable(fault) | Self::Fault(fault) => fault.label(),
            Self::Invalid(_) => "invalid",
        }
    }

    /// Whether it tells of an agent that is in trouble. That nobody listens costs no time, and an
    /// agent that starts is to be asked at once. What depends on what a client has sent must not
    /// keep the agent from being asked about others.
    pub(super) fn counts_for_breaker(&self) -> bool {
        match self {
            Self::Connect(error) => {
                !matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
            }
            Self::TimedOut(_) | Self::Closed | Self::Settings(_) | Self::Fault(_) => true,
            Self::Busy | Self::Breaker | Self::Unsendable(_) | Self::Invalid(_) => false,
        }
    }

    /// The same for others who waited for it.
    pub(super) fn share(&self) -> Self {
        match self {
            Self::Connect(error) => Self::Connect(error.kind().into()),
            Self::TimedOut(limit) => Self::TimedOut(*limit),
            Self::Closed => Self::Closed,
            Self::Busy => Self::Busy,
            Self::Breaker => Self::Breaker,
            Self::Unsendable(fault) => Self::Unsendable(fault.clone()),
            Self::Fault(fault) => Self::Fault(fault.clone()),
            Self::Settings(why) => Self::Settings(why.clone()),
            Self::Invalid(why) => Self::Invalid(why.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::agents::REASONS;

    #[test]
    fn every_reason_is_counted() {
        for label in Fault::LABELS {
            assert!(label == "truncated" || REASONS.contains(&label), "{label}");
        }
        let invalid = AgentError::Invalid(String::new());
        let connect = AgentError::Connect(io::ErrorKind::NotFound.into());
        for error in [AgentError::TimedOut(Duration::ZERO), AgentError::Closed, AgentError::Busy] {
            assert!(REASONS.contains(&error.reason()));
        }
        for error in [AgentError::Breaker, AgentError::Fault(Fault::Truncated), invalid, connect] {
            assert!(REASONS.contains(&error.reason()));
        }
    }
}
