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
        !(FIXED.contains(name) || name.as_str().starts_with("sec-websocket-"))
    }
}

const FIXED: [HeaderName; 14] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    header::EXPECT,
    header::HOST,
    // Records name requests by it.
    HeaderName::from_static("x-request-id"),
];
