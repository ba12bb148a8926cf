//! `policies` of a route: what is changed of requests before they go on.

use http::{HeaderName, HeaderValue, header};

/// One step of `request-headers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// `set`: this value, whatever the client sent.
    Set(HeaderName, HeaderValue),
    /// `add`: one more line.
    Add(HeaderName, HeaderValue),
    /// `remove`: none.
    Remove(HeaderName),
}

impl HeaderEdit {
    /// Whether a field may be changed at all: not what belongs to one hop, says where a message
    /// ends, or is the WebSocket handshake's own.
    #[must_use]
    pub fn may_change(name: &HeaderName) -> bool {
        let is_fixed = HOP_BY_HOP.contains(name) || FIXED.contains(name);
        !(is_fixed || name.as_str().starts_with("sec-websocket-"))
    }
}

/// Fields that are of one hop only, beside those that Connection names (RFC 9110 §7.6.1).
pub const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    header::EXPECT,
];

/// What else is not for a route to change.
const FIXED: [HeaderName; 4] = [
    header::TRAILER,
    header::CONTENT_LENGTH,
    header::HOST,
    // Records name requests by it.
    HeaderName::from_static("x-request-id"),
];
