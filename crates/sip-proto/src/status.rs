//! The statuses that a gateway answers with by itself.

/// A status code with its reason phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// 100 to 699.
    pub code: u16,
    /// What stands behind the code. No line ends.
    pub reason: &'static str,
}

impl Status {
    /// 100, RFC 3261 §21.1.1.
    pub const TRYING: Self = Self::new(100, "Trying");
    /// 200, RFC 3261 §21.2.1.
    pub const OK: Self = Self::new(200, "OK");
    /// 400, RFC 3261 §21.4.1.
    pub const BAD_REQUEST: Self = Self::new(400, "Bad Request");
    /// 403, RFC 3261 §21.4.4.
    pub const FORBIDDEN: Self = Self::new(403, "Forbidden");
    /// 404, RFC 3261 §21.4.5.
    pub const NOT_FOUND: Self = Self::new(404, "Not Found");
    /// 405, RFC 3261 §21.4.6. Needs an `Allow` header.
    pub const METHOD_NOT_ALLOWED: Self = Self::new(405, "Method Not Allowed");
    /// 408, RFC 3261 §21.4.9.
    pub const REQUEST_TIMEOUT: Self = Self::new(408, "Request Timeout");
    /// 416, RFC 3261 §21.4.14.
    pub const UNSUPPORTED_URI_SCHEME: Self = Self::new(416, "Unsupported URI Scheme");
    /// 420, RFC 3261 §21.4.15. Needs an `Unsupported` header.
    pub const BAD_EXTENSION: Self = Self::new(420, "Bad Extension");
    /// 430, RFC 5626 §11.5.
    pub const FLOW_FAILED: Self = Self::new(430, "Flow Failed");
    /// 480, RFC 3261 §21.4.18.
    pub const TEMPORARILY_UNAVAILABLE: Self = Self::new(480, "Temporarily Unavailable");
    /// 482, RFC 3261 §21.4.20.
    pub const LOOP_DETECTED: Self = Self::new(482, "Loop Detected");
    /// 483, RFC 3261 §21.4.21.
    pub const TOO_MANY_HOPS: Self = Self::new(483, "Too Many Hops");
    /// 500, RFC 3261 §21.5.1.
    pub const SERVER_INTERNAL_ERROR: Self = Self::new(500, "Server Internal Error");
    /// 503, RFC 3261 §21.5.4.
    pub const SERVICE_UNAVAILABLE: Self = Self::new(503, "Service Unavailable");
    /// 504, RFC 3261 §21.5.5.
    pub const SERVER_TIMEOUT: Self = Self::new(504, "Server Time-out");
    /// 505, RFC 3261 §21.5.6.
    pub const VERSION_NOT_SUPPORTED: Self = Self::new(505, "Version Not Supported");
    /// 513, RFC 3261 §21.5.7.
    pub const MESSAGE_TOO_LARGE: Self = Self::new(513, "Message Too Large");

    /// A status of one's own.
    #[must_use]
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}
