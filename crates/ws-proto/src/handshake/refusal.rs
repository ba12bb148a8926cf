//! Why a request opens no WebSocket, and what to answer it.
//!
//! Owns: the one table from refusal to status, label and fields. Messages never quote the request,
//! so they are safe in logs and in bodies.
//! Not here: who refuses (`request`).

use super::token::ListFault;
use http::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};

/// Why a request opens no WebSocket. The client is to blame for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An ordinary request, or one for an upgrade to something else.
    #[error("the request does not ask for an upgrade to websocket")]
    NotWebSocket,
    /// RFC 6455 §4.2.1 (1): HTTP/1.1, here.
    #[error("the handshake is not HTTP/1.1")]
    HttpVersion,
    /// RFC 6455 §4.2.1 (1).
    #[error("the handshake is not a GET request")]
    Method,
    /// The request target is neither a path nor an http or https URI with a valid authority.
    #[error("the request target is neither a path nor an http(s) URI")]
    Target,
    /// RFC 9112 §3.2.
    #[error("the Host field is missing")]
    HostMissing,
    /// RFC 9112 §3.2.
    #[error("the Host field stands more than once")]
    HostRepeated,
    /// RFC 9112 §3.2.
    #[error("the Host field is not a host with an optional port")]
    HostInvalid,
    /// The target is a URI with another authority (RFC 9112 §3.2.2).
    #[error("the Host field names another host than the request target")]
    HostMismatch,
    /// `Upgrade: websocket` without, or with a broken, `Connection: upgrade` (RFC 6455 §4.2.1 (4)).
    /// A proxy before this one that does not pass the field on is the usual cause.
    #[error("the Connection field does not hold the token upgrade")]
    Connection,
    /// `Content-Length` other than one 0, or `Transfer-Encoding`: what follows the head could be
    /// read as a body by one side and as frames by the other.
    #[error("the handshake has a body")]
    Body,
    /// RFC 6455 §4.2.1 (6).
    #[error("the Sec-WebSocket-Version field is missing")]
    VersionMissing,
    /// RFC 6455 §11.3.5.
    #[error("the Sec-WebSocket-Version field stands more than once")]
    VersionRepeated,
    /// RFC 6455 §4.2.2 (4).
    #[error("the Sec-WebSocket-Version is not 13")]
    VersionUnsupported,
    /// RFC 6455 §4.2.1 (5).
    #[error("the Sec-WebSocket-Key field is missing")]
    KeyMissing,
    /// RFC 6455 §11.3.1.
    #[error("the Sec-WebSocket-Key field stands more than once")]
    KeyRepeated,
    /// RFC 6455 §4.2.1 (5).
    #[error("the Sec-WebSocket-Key is not 16 bytes in base64")]
    KeyInvalid,
    /// RFC 6455 §4.1 (10).
    #[error("the Sec-WebSocket-Protocol field is broken: {0}")]
    Subprotocols(ListFault),
    /// RFC 6455 §9.1. Offers that are merely impossible are not a reason; they are declined.
    #[error("the Sec-WebSocket-Extensions field is broken: {0}")]
    Extensions(ListFault),
}

impl Refusal {
    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotWebSocket | Self::VersionUnsupported => StatusCode::UPGRADE_REQUIRED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::HttpVersion
            | Self::Target
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::HostMismatch
            | Self::Connection
            | Self::Body
            | Self::VersionMissing
            | Self::VersionRepeated
            | Self::KeyMissing
            | Self::KeyRepeated
            | Self::KeyInvalid
            | Self::Subprotocols(_)
            | Self::Extensions(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The label in metrics and logs; it stays the same from release to release.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotWebSocket => "not_websocket",
            Self::HttpVersion => "http_version",
            Self::Method => "method",
            Self::Target => "target",
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::HostInvalid => "host_invalid",
            Self::HostMismatch => "host_mismatch",
            Self::Connection => "connection",
            Self::Body => "body",
            Self::VersionMissing => "version_missing",
            Self::VersionRepeated => "version_repeated",
            Self::VersionUnsupported => "version_unsupported",
            Self::KeyMissing => "key_missing",
            Self::KeyRepeated => "key_repeated",
            Self::KeyInvalid => "key_invalid",
            Self::Subprotocols(_) => "subprotocols",
            Self::Extensions(_) => "extensions",
        }
    }

    /// The fields that the answer must have because of this refusal.
    pub fn fields(self) -> &'static [(HeaderName, HeaderValue)] {
        match self.status() {
            // RFC 9110 §15.5.22: a 426 says what to upgrade to, and §7.8: as a connection option.
            // RFC 6455 §4.4: the version field lists what is understood.
            StatusCode::UPGRADE_REQUIRED => &UPGRADE,
            // RFC 9110 §15.5.6.
            StatusCode::METHOD_NOT_ALLOWED => &ALLOW,
            _ => &[],
        }
    }
}

static UPGRADE: [(HeaderName, HeaderValue); 3] = [
    (header::UPGRADE, HeaderValue::from_static("websocket")),
    (header::CONNECTION, HeaderValue::from_static("Upgrade")),
    (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
];

static ALLOW: [(HeaderName, HeaderValue); 1] = [(header::ALLOW, HeaderValue::from_static("GET"))];

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(refusal: Refusal) -> String {
        let fields = refusal.fields().iter();
        let fields = fields.map(|(name, value)| format!(" {name}={}", value.to_str().unwrap()));
        format!("{}{}", refusal.status().as_u16(), fields.collect::<String>())
    }

    #[test]
    fn row_3_an_upgrade_that_is_required_is_described() {
        let expected = "426 upgrade=websocket connection=Upgrade sec-websocket-version=13";
        assert_eq!(answer(Refusal::NotWebSocket), expected);
        assert_eq!(answer(Refusal::VersionUnsupported), expected);
    }

    #[test]
    fn a_wrong_method_is_told_the_right_one() {
        assert_eq!(answer(Refusal::Method), "405 allow=GET");
    }

    #[test]
    fn whatever_is_malformed_is_a_bad_request_without_a_hint() {
        assert_eq!(answer(Refusal::KeyInvalid), "400");
        assert_eq!(answer(Refusal::VersionMissing), "400");
        assert_eq!(answer(Refusal::Extensions(ListFault::Syntax)), "400");
    }
}
