//! The backend to relay to, as typed after `--to`: `ws://HOST:PORT`, `ws://HOST` (port 80), `ws://[::1]:1`.
//!
//! Refused, each with its own answer: a path or query (the client's own is forwarded), credentials, `wss://`
//! and unix sockets (not available yet), other schemes. Names are kept as names; the gateway resolves them.

use std::fmt;
use std::net::Ipv6Addr;

use gate_config::model::TargetAddress;

/// Reads a backend's address.
///
/// # Errors
/// Says what must not be there, or what would be right.
pub(crate) fn upstream(text: &str) -> Result<TargetAddress, UpstreamError> {
    let (authority, rest) = split_authority(after_scheme(text)?);
    if !matches!(rest, "" | "/") {
        return Err(UpstreamError::Path);
    }
    if authority.contains('@') {
        return Err(UpstreamError::Credentials);
    }
    let (host, port) = split_port(authority)?;
    if host.is_empty() {
        return Err(UpstreamError::NoHost);
    }
    let host = String::from(read_host(host)?);
    Ok(TargetAddress::Tcp { host, port: port.map_or(Ok(DEFAULT_PORT), read_port)? })
}

/// Why a text is not a backend's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpstreamError {
    /// There is no `ws://` in front.
    NoScheme,
    /// The scheme asks for TLS.
    Tls,
    /// The address is a unix socket.
    UnixSocket,
    /// The scheme is something else altogether.
    OtherScheme,
    /// There is something after the port.
    Path,
    /// There is a `user:password@`.
    Credentials,
    /// There is nothing between `ws://` and the port or the end.
    NoHost,
    /// The host is neither a name nor an IP address.
    Host,
    /// An IPv6 address stands without brackets.
    NoBrackets,
    /// The port is not a number from 1 to 65535.
    Port,
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoScheme => "the scheme is missing: ws://HOST:PORT, such as ws://127.0.0.1:9001",
            Self::Tls => "TLS to the backend is not available yet: ws://HOST:PORT",
            Self::UnixSocket => "unix sockets are not available yet: ws://HOST:PORT",
            Self::OtherScheme => "the scheme of a backend is ws: ws://HOST:PORT, such as ws://127.0.0.1:9001",
            Self::Path => "no path or query may follow, the client's own is forwarded: ws://HOST:PORT",
            Self::Credentials => {
                "no user name or password may stand before the host, the client's own headers are \
                 forwarded: ws://HOST:PORT"
            }
            Self::NoHost => "the host is missing: ws://HOST:PORT, such as ws://127.0.0.1:9001",
            Self::Host => {
                "the host is neither a name nor an IP address: ws://HOST:PORT, such as ws://127.0.0.1:9001"
            }
            Self::NoBrackets => "an IPv6 address stands in brackets: ws://[::1]:9001",
            Self::Port => "the port is a number from 1 to 65535: ws://HOST:PORT, such as ws://127.0.0.1:9001",
        })
    }
}

impl std::error::Error for UpstreamError {}

/// RFC 6455 §3: the port of `ws` when none is given.
const DEFAULT_PORT: u16 = 80;

fn after_scheme(text: &str) -> Result<&str, UpstreamError> {
    if text.starts_with("unix:") {
        return Err(UpstreamError::UnixSocket);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(UpstreamError::NoScheme);
    };
    // RFC 3986 §3.1: schemes are compared without regard to case.
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Ok(rest),
        "wss" | "https" => Err(UpstreamError::Tls),
        _ => Err(UpstreamError::OtherScheme),
    }
}

fn split_authority(text: &str) -> (&str, &str) {
    text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()))
}

/// The host, brackets included, and the text of the port, if there is one.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UpstreamError> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(UpstreamError::Host)?;
        let (host, after) = authority.split_at(end + 1);
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(UpstreamError::Host),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(UpstreamError::NoBrackets),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn read_host(host: &str) -> Result<&str, UpstreamError> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().map(|_| address).map_err(|_| UpstreamError::Host);
    }
    let plausible = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.chars().all(plausible) { Ok(host) } else { Err(UpstreamError::Host) }
}

fn read_port(port: &str) -> Result<u16, UpstreamError> {
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UpstreamError::Port);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(UpstreamError::Port),
        Ok(port) => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::{UpstreamError, upstream};
    use gate_config::model::TargetAddress;

    fn check(text: &str, host: &str, port: u16) {
        assert_eq!(upstream(text), Ok(TargetAddress::Tcp { host: String::from(host), port }), "{text:?}");
    }

    fn refused(text: &str, expected: UpstreamError) {
        assert_eq!(upstream(text), Err(expected), "{text:?}");
    }

    #[test]
    fn a_name_or_an_address_with_a_port_is_read() {
        check("ws://127.0.0.1:9001", "127.0.0.1", 9001);
        check("ws://backend_1.example.org:65535", "backend_1.example.org", 65535);
        check("ws://[::1]:1", "::1", 1);
        check("WS://localhost:9001/", "localhost", 9001);
    }

    #[test]
    fn without_a_port_it_is_80() {
        check("ws://backend", "backend", 80);
        check("ws://[2001:db8::7]", "2001:db8::7", 80);
    }

    #[test]
    fn what_is_not_built_yet_says_so() {
        refused("wss://backend:443", UpstreamError::Tls);
        refused("https://backend", UpstreamError::Tls);
        refused("unix:/run/backend.sock", UpstreamError::UnixSocket);
    }

    #[test]
    fn other_schemes_and_none_are_told_apart() {
        refused("http://127.0.0.1:9001", UpstreamError::OtherScheme);
        refused("://127.0.0.1:9001", UpstreamError::OtherScheme);
        refused("127.0.0.1:9001", UpstreamError::NoScheme);
        refused("", UpstreamError::NoScheme);
    }

    #[test]
    fn a_path_a_query_or_a_fragment_is_refused() {
        for text in ["ws://h:1/chat", "ws://h:1?x=1", "ws://h:1/?x", "ws://h#x", "ws://h//"] {
            refused(text, UpstreamError::Path);
        }
    }

    #[test]
    fn credentials_are_refused() {
        refused("ws://user:secret@backend:9001", UpstreamError::Credentials);
        refused("ws://user@backend", UpstreamError::Credentials);
    }

    #[test]
    fn a_host_must_be_one() {
        refused("ws://", UpstreamError::NoHost);
        refused("ws://:9001", UpstreamError::NoHost);
        for text in
            ["ws://[::1", "ws://[]:1", "ws://[::1]9", "ws://[1.2.3.4]:1", "ws://a b:1", "ws://bäckend:1"]
        {
            refused(text, UpstreamError::Host);
        }
        refused("ws://::1:9001", UpstreamError::NoBrackets);
    }

    #[test]
    fn a_port_must_be_one() {
        for text in ["ws://h:", "ws://h:0", "ws://h:65536", "ws://h:+1", "ws://h:x", "ws://[::1]:"] {
            refused(text, UpstreamError::Port);
        }
    }
}
