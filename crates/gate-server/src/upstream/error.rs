//! What can go wrong with an upstream: for each error the status that the client gets, a
//! stable name for logs and metrics, and what it counts as against the target.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use ws_proto::handshake::response::ResponseFault;

use crate::upstream::dial::DialError;
use crate::upstream::target::Failure;

/// An error and all that caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        detail.push_str(": ");
        detail.push_str(&error.to_string());
        source = error.source();
    }
    detail
}

/// Why no WebSocket was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("no target of upstream {0} is healthy")]
    NoTarget(Arc<str>),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("{target} opened no WebSocket")]
    Upgrade {
        target: Arc<str>,
        #[source]
        source: UpgradeError,
    },
}

/// Why the upstream's answer to an opening handshake is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("the upstream did not answer the handshake within {0:?}")]
    TimedOut(Duration),
    #[error("the connection to the upstream broke before it answered the handshake")]
    Lost(#[source] io::Error),
    #[error("the upstream ended the connection before it answered the handshake")]
    Ended,
    #[error("the connection to the upstream ended within the head of its answer")]
    Truncated,
    #[error("the head of the upstream's answer is not HTTP")]
    Malformed(#[from] httparse::Error),
    #[error("the upstream's answer is not one of HTTP/1.1")]
    Version,
    #[error("a header field of the upstream's answer is not valid")]
    Field,
    #[error("the head of the upstream's answer is above 16 KiB")]
    HeadTooLarge,
    #[error("the upstream's 101 is not valid")]
    Fault(#[from] ResponseFault),
    #[error("how the upstream's refusal is framed is not valid")]
    Refusal(#[source] hyper::Error),
}

/// Why a plain request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("no target of upstream {0} is healthy")]
    NoTarget(Arc<str>),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("the request cannot be sent as HTTP/1.1")]
    Unsendable,
    #[error("the body of the request broke off")]
    Body(#[source] hyper::Error),
    #[error("the body of the request did not go on for {0:?}")]
    BodySilent(Duration),
    #[error("{target} took nothing of the request for {limit:?}")]
    NotTaken { target: Arc<str>, limit: Duration },
    #[error("{target} did not answer within {limit:?}")]
    TimedOut { target: Arc<str>, limit: Duration },
    #[error("the connection to {target} was lost before it answered")]
    Lost {
        target: Arc<str>,
        #[source]
        source: hyper::Error,
    },
    #[error("the answer of {target} is not HTTP/1.1")]
    Malformed {
        target: Arc<str>,
        #[source]
        source: hyper::Error,
    },
    #[error("{target} switched protocols though nobody had asked it to")]
    Switched { target: Arc<str> },
}

/// What can go wrong within a body.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

impl DialError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Silent { .. } | Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Unresolved { .. } | Self::Connect { .. } | Self::Tls { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "upstream_unresolved",
            Self::Connect { .. } => "upstream_unreachable",
            Self::Tls { .. } => "upstream_tls",
            Self::Silent { .. } | Self::TimedOut { .. } => "upstream_dial_timeout",
        }
    }
}

impl UpgradeError {
    /// Not one byte of an answer has come.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Ended)
    }

    /// What it counts as.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::TimedOut(_) => Failure::Timeout,
            Self::Lost(_) | Self::Ended | Self::Truncated => Failure::Lost,
            Self::Malformed(_)
            | Self::Version
            | Self::Field
            | Self::HeadTooLarge
            | Self::Fault(_)
            | Self::Refusal(_) => Failure::Malformed,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TimedOut(_) => "upstream_handshake_timeout",
            Self::Lost(_) | Self::Ended | Self::Truncated => "upstream_lost",
            Self::Malformed(_) | Self::Version | Self::Field | Self::Refusal(_) => {
                "upstream_answer_malformed"
            }
            Self::HeadTooLarge => "upstream_head_too_large",
            Self::Fault(fault) => fault.reason(),
        }
    }
}

impl OpenError {
    /// The status of the answer to the client.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoTarget(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Dial(error) => error.status(),
            Self::Upgrade { source: UpgradeError::TimedOut(_), .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Upgrade { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NoTarget(_) => NO_TARGET,
            Self::Dial(error) => error.reason(),
            Self::Upgrade { source, .. } => source.reason(),
        }
    }
}

impl ExchangeError {
    /// The status of the answer to the client.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoTarget(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Dial(error) => error.status(),
            Self::Unsendable | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::BodySilent(_) => StatusCode::REQUEST_TIMEOUT,
            Self::NotTaken { .. } | Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Lost { .. } | Self::Malformed { .. } | Self::Switched { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NoTarget(_) => NO_TARGET,
            Self::Dial(error) => error.reason(),
            Self::Unsendable => "request_unsendable",
            Self::Body(_) => "request_body_broken",
            Self::BodySilent(_) => "request_body_timeout",
            Self::NotTaken { .. } => "upstream_write_timeout",
            Self::TimedOut { .. } => "upstream_timeout",
            Self::Lost { .. } => "upstream_lost",
            Self::Malformed { .. } => "upstream_answer_malformed",
            Self::Switched { .. } => "upstream_switched_unasked",
        }
    }

    /// What it counts as against the target; `None` where the target is not to blame.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::NoTarget(_) | Self::Unsendable | Self::Body(_) | Self::BodySilent(_) => None,
            Self::Dial(error) => Some(error.failure()),
            Self::NotTaken { .. } | Self::TimedOut { .. } => Some(Failure::Timeout),
            Self::Lost { .. } => Some(Failure::Lost),
            Self::Malformed { .. } | Self::Switched { .. } => Some(Failure::Malformed),
        }
    }
}

const NO_TARGET: &str = "no_healthy_target";
