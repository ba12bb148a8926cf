//! Why a request gets no session: in one place, the status, the label, and who is told
//! what. Clients learn what they did wrong; of the upstream they learn that it failed,
//! the record has the reason.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use ws_proto::handshake::refusal::Refusal;

use crate::upstream::dial::DialError;
use crate::upstream::error::UpgradeError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error(transparent)]
    Request(#[from] Refusal),
    #[error("the gateway is shutting down")]
    Draining,
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
}

impl HandshakeError {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Request(refusal) => refusal.status(),
            Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Dial(DialError::TimedOut { .. }) | Self::Upgrade(UpgradeError::TimedOut(_)) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Dial(_) | Self::Upgrade(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Request(refusal) => refusal.reason(),
            Self::Draining => "draining",
            Self::Dial(DialError::Resolve { .. } | DialError::NoAddress { .. }) => "upstream_unresolved",
            Self::Dial(DialError::Connect { .. }) => "upstream_unreachable",
            Self::Dial(DialError::TimedOut { .. }) => "upstream_dial_timeout",
            Self::Upgrade(UpgradeError::TimedOut(_)) => "upstream_handshake_timeout",
            Self::Upgrade(UpgradeError::Lost(_) | UpgradeError::Ended) => "upstream_lost",
            Self::Upgrade(UpgradeError::Malformed(_) | UpgradeError::Version | UpgradeError::Field) => {
                "upstream_answer_malformed"
            }
            Self::Upgrade(UpgradeError::HeadTooLarge) => "upstream_head_too_large",
            Self::Upgrade(UpgradeError::Refusal(_) | UpgradeError::RefusalBody) => "upstream_refusal_body",
            Self::Upgrade(UpgradeError::Fault(fault)) => fault.reason(),
        }
    }

    /// The error and all that caused it, in one line.
    pub(crate) fn detail(&self) -> String {
        let mut detail = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            detail.push_str(": ");
            detail.push_str(&error.to_string());
            source = error.source();
        }
        detail
    }

    /// The answer to the client.
    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let status = self.status();
        let mut text = status.to_string();
        if let Self::Request(refusal) = self {
            text.push_str(": ");
            text.push_str(&refusal.to_string());
        }
        text.push('\n');
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if let Self::Request(refusal) = self {
            for (name, value) in refusal.fields() {
                headers.insert(name, value.clone());
            }
        }
        response
    }
}
