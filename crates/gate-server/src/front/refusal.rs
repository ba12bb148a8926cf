//! Why a request is not given what it asks for: in one place, the status, the label, and
//! who is told what. Clients learn what they did wrong; of the upstream they learn that it
//! failed, the record has the reason.

use std::sync::Arc;

use gate_core::origin::OriginFault;
use gate_core::path::PathFault;
use http::{HeaderValue, Response, StatusCode, header};
use ws_proto::handshake::refusal::Refusal;

use crate::admission::Full;
use crate::by_header::ByHeaderError;
use crate::front::body::{AnyBody, full};
use crate::inspect::agent::AgentError;
use crate::sip::connect::LinkError;
use crate::upstream::exchange::ExchangeError;
use crate::upstream::open::OpenError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Request(#[from] Refusal),
    #[error("the method {0} is not proxied")]
    Method(http::Method),
    #[error("of transfer codings only chunked is known, and it stands once")]
    Coding,
    #[error("GET and HEAD alone are answered here")]
    ReadOnly,
    #[error("the request target has a fragment, which belongs to the client alone")]
    Fragment,
    #[error(transparent)]
    Path(#[from] PathFault),
    #[error("this connection is not for that host, which asks more of its clients within TLS")]
    Misdirected,
    #[error("the gateway is shutting down")]
    Draining,
    #[error("no route matches")]
    NoRoute,
    #[error("WebSocket is not enabled here")]
    WebSocketDisabled,
    #[error(transparent)]
    Origin(#[from] OriginFault),
    #[error("none of the subprotocols that are allowed here is offered")]
    Subprotocol,
    #[error("the subprotocol sip is not offered, and nothing else is spoken here")]
    NotSip,
    #[error("this route carries SIP over WebSocket and nothing else")]
    OnlySip,
    #[error("no server could be reached")]
    Sip(#[from] LinkError),
    #[error("the agent {0} could not be asked, and its failure-mode is closed")]
    Agent(Arc<str>, #[source] AgentError),
    #[error("{0}")]
    Full(Full),
    #[error("the body is above {0} bytes")]
    BodyTooLarge(u64),
    #[error("the upstream's answer has a transfer coding other than chunked, or a length beside it")]
    AnswerFraming,
    #[error(transparent)]
    ByHeader(#[from] ByHeaderError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

impl RequestError {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Request(refusal) => refusal.status(),
            Self::Method(_) | Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::Fragment | Self::Path(_) => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NotSip => StatusCode::BAD_REQUEST,
            Self::OnlySip => StatusCode::UPGRADE_REQUIRED,
            Self::Sip(error) => error.status(),
            Self::WebSocketDisabled | Self::Origin(_) | Self::Subprotocol => StatusCode::FORBIDDEN,
            Self::Full(full) if !full.is_of_all() => StatusCode::TOO_MANY_REQUESTS,
            Self::Draining | Self::Agent(..) | Self::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AnswerFraming => StatusCode::BAD_GATEWAY,
            Self::ByHeader(error) => error.status(),
            Self::Open(error) => error.status(),
            Self::Exchange(error) => error.status(),
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Request(refusal) => refusal.reason(),
            Self::Method(_) => "method_not_proxied",
            Self::Coding => "transfer_coding_unknown",
            Self::ReadOnly => "method_not_allowed",
            Self::Fragment => "fragment_in_target",
            Self::Path(fault) => fault.label(),
            Self::Misdirected => "misdirected",
            Self::Draining => "draining",
            Self::NoRoute => "no_route",
            Self::NotSip => "subprotocol_not_sip",
            Self::OnlySip => "websocket_required",
            Self::Sip(error) => error.reason(),
            Self::WebSocketDisabled => "websocket_disabled",
            Self::Origin(fault) => fault.label(),
            Self::Subprotocol => "subprotocol_refused",
            Self::Agent(..) => "agent_unavailable",
            Self::Full(full) => full.reason(),
            Self::BodyTooLarge(_) => "body_too_large",
            Self::AnswerFraming => "upstream_answer_malformed",
            Self::ByHeader(error) => error.reason(),
            Self::Open(error) => error.reason(),
            Self::Exchange(error) => error.reason(),
        }
    }

    /// The answer to the client.
    pub(crate) fn response(&self) -> Response<AnyBody> {
        let status = self.status();
        let mut text = status.to_string();
        if self.is_the_clients() {
            text.push_str(": ");
            text.push_str(&self.to_string());
        }
        text.push('\n');
        let mut response = Response::new(full(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self {
            Self::Request(refusal) => {
                for (name, value) in refusal.fields() {
                    headers.insert(name, value.clone());
                }
            }
            Self::ReadOnly => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            Self::Coding => {
                // Whoever wrote it may see its end elsewhere.
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Full(full) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(full.retry_after()));
            }
            Self::OnlySip | Self::ByHeader(ByHeaderError::OnlyWebSocket) => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
            Self::Draining => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Self::Method(_)
            | Self::Fragment
            | Self::Path(_)
            | Self::Misdirected
            | Self::NoRoute
            | Self::NotSip
            | Self::Sip(_)
            | Self::WebSocketDisabled
            | Self::Origin(_)
            | Self::Subprotocol
            | Self::Agent(..)
            | Self::BodyTooLarge(_)
            | Self::AnswerFraming
            | Self::ByHeader(_)
            | Self::Open(_)
            | Self::Exchange(_) => {}
        }
        response
    }

    /// Whether the client is to learn more than the status.
    fn is_the_clients(&self) -> bool {
        match self {
            // Which name that was the client knows; what name servers say of it is not for it.
            Self::ByHeader(ByHeaderError::Unresolved(..)) => false,
            Self::Request(_)
            | Self::Method(_)
            | Self::Coding
            | Self::ReadOnly
            | Self::Fragment
            | Self::Path(_)
            | Self::Misdirected
            | Self::NoRoute
            | Self::NotSip
            | Self::OnlySip
            | Self::WebSocketDisabled
            | Self::Origin(_)
            | Self::Subprotocol
            | Self::BodyTooLarge(_)
            | Self::ByHeader(_) => true,
            Self::Draining
            | Self::Sip(_)
            | Self::Agent(..)
            | Self::Full(_)
            | Self::AnswerFraming
            | Self::Open(_)
            | Self::Exchange(_) => false,
        }
    }
}

/// Seconds after which another process may be there.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");
