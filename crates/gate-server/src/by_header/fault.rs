//! Why a request is not given what its fields ask for: the status, the label, and the words.

use std::net::IpAddr;

use gate_core::Side;
use http::StatusCode;

use crate::by_header::fields::UPSTREAM;
use crate::observe::webhooks::direction;

/// See the module. Values are not told: some of them are secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ByHeaderError {
    /// Who is believed is not for everybody to know; the peer's own address is no secret to it.
    #[error(
        "x-wsproxy fields are not believed of {}: --trusted or WSPROXY_TRUSTED of `framegate ws-proxy`, \
         `trusted` of a `header-config`, names who is",
        named(.0)
    )]
    Untrusted(Option<IpAddr>),
    #[error("the x-wsproxy-signature is not valid: {0}")]
    Signature(&'static str),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{name} cannot be used: {why}")]
    Field { name: String, why: String },
    #[error("{name} is above the ceiling of {max}")]
    AboveCeiling { name: &'static str, max: String },
    #[error("{0} is not allowed here")]
    Forbidden(What),
    #[error("the name in {0} cannot be resolved: {1}")]
    Unresolved(What, String),
    #[error("only WebSocket is spoken here")]
    OnlyWebSocket,
}

/// A peer, in words.
fn named(peer: &Option<IpAddr>) -> String {
    peer.map_or_else(|| "who comes over a unix socket".to_owned(), |peer| peer.to_canonical().to_string())
}

/// What of a request leads somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Upstream,
    /// The webhook for what comes from there.
    Hook(Side),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Upstream => f.write_str("x-wsproxy-upstream"),
            Self::Hook(from) => write!(f, "x-wsproxy-{}hook", direction(*from)),
        }
    }
}

impl ByHeaderError {
    /// Nothing says where the request goes.
    pub(crate) const NO_UPSTREAM: Self = Self::Missing(UPSTREAM);

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Untrusted(_) | Self::Signature(_) | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Missing(_) | Self::Field { .. } | Self::AboveCeiling { .. } => StatusCode::BAD_REQUEST,
            Self::Unresolved(..) => StatusCode::BAD_GATEWAY,
            Self::OnlyWebSocket => StatusCode::UPGRADE_REQUIRED,
        }
    }

    /// A stable name for logs and metric labels.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Untrusted(_) => "header_config_untrusted",
            Self::Signature(_) => "header_config_signature",
            Self::Missing(_) => "header_config_missing",
            Self::Field { .. } => "header_config_malformed",
            Self::AboveCeiling { .. } => "header_config_above_ceiling",
            Self::Forbidden(_) => "header_config_forbidden",
            Self::Unresolved(..) => "header_config_unresolved",
            Self::OnlyWebSocket => "websocket_required",
        }
    }
}
