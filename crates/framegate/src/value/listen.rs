//! Addresses to listen on: `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:8080`; port 0 lets the system choose.
//!
//! Names are refused: what a name resolves to may be several addresses, and may change later.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Reads an address to listen on.
///
/// # Errors
/// Says what is missing or cannot be used.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, ListenError> {
    if text.starts_with("unix:") {
        return Err(ListenError::UnixSocket);
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.contains("://") {
        return Err(ListenError::Url);
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err(ListenError::NoPort);
    }
    Err(ListenError::Malformed)
}

/// Why a text is not an address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenError {
    /// It is neither `IPv4:PORT` nor `[IPv6]:PORT`.
    Malformed,
    /// It is an IP address alone.
    NoPort,
    /// It has a scheme, as the address of a backend would.
    Url,
    /// It names a unix socket.
    UnixSocket,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "an address is IP:PORT, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080",
            Self::NoPort => "the port is missing: IP:PORT, such as 127.0.0.1:8080 or [::1]:8080",
            Self::Url => "an address to listen on has no scheme: IP:PORT, such as 127.0.0.1:8080",
            Self::UnixSocket => "unix sockets are not available yet: IP:PORT, such as 127.0.0.1:8080",
        })
    }
}

impl std::error::Error for ListenError {}

#[cfg(test)]
mod tests {
    use super::{ListenError, listen};

    #[test]
    fn an_ip_address_with_a_port_is_read() {
        for text in ["127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[::]:65535"] {
            assert_eq!(listen(text).map(|address| address.to_string()), Ok(String::from(text)));
        }
    }

    #[test]
    fn each_mistake_has_its_own_answer() {
        for (text, expected) in [
            ("127.0.0.1", ListenError::NoPort),
            ("::1", ListenError::NoPort),
            ("ws://127.0.0.1:8080", ListenError::Url),
            ("unix:/run/framegate.sock", ListenError::UnixSocket),
            ("localhost:8080", ListenError::Malformed),
            (":8080", ListenError::Malformed),
            ("8080", ListenError::Malformed),
            ("127.0.0.1:65536", ListenError::Malformed),
            ("", ListenError::Malformed),
        ] {
            assert_eq!(listen(text), Err(expected), "{text:?}");
        }
    }
}
