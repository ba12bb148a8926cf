//! Addresses of listeners, targets and peers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::name::server_name;
use crate::model::{ListenAddress, SipTransport, TargetAddress};

/// What is wrong with an address, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) why: String,
    pub(crate) help: String,
}

fn fault<T>(why: &str, help: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { why: why.to_owned(), help: help.into() })
}

const LISTEN: &str = "addresses are like \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/path\"";

/// Where to listen; `port`: on which port where none is written, if one goes without saying. The path of a
/// unix socket is made whole by `resolve`.
pub(crate) fn listen_address(
    text: &str,
    mode: u32,
    port: Option<u16>,
    resolve: impl Fn(&str) -> PathBuf,
) -> Result<ListenAddress, Fault> {
    match (text.strip_prefix("unix:"), port) {
        (Some(path), _) => Ok(ListenAddress::Unix { path: socket_path(path, resolve)?, mode }),
        (None, Some(port)) => match lone_address(text)? {
            Some(address) => Ok(ListenAddress::Tcp(SocketAddr::new(address, port))),
            None => metrics_address(text).map(ListenAddress::Tcp),
        },
        (None, None) => metrics_address(text).map(ListenAddress::Tcp),
    }
}

/// An address without a port, if `text` is one. Without brackets the end of one of IPv6 could be meant as
/// a port.
fn lone_address(text: &str) -> Result<Option<IpAddr>, Fault> {
    let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    if let Some(address) = in_brackets {
        return Ok(address.parse::<Ipv6Addr>().ok().map(IpAddr::V6));
    }
    match text.parse() {
        Ok(IpAddr::V6(address)) => fault(
            "addresses of IPv6 need brackets",
            format!("write \"[{address}]\", or with a port behind it"),
        ),
        Ok(address @ IpAddr::V4(_)) => Ok(Some(address)),
        Err(_) => Ok(None),
    }
}

/// A numeric address with a port.
pub(crate) fn metrics_address(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.contains("://") {
        return fault("a scheme does not belong here", LISTEN);
    }
    match split_port(text) {
        Some(("" | "*", port)) => fault(
            "no address stands before the port",
            format!("for all addresses write \"0.0.0.0:{port}\" or \"[::]:{port}\""),
        ),
        Some(("localhost", port)) => fault(
            "a name can have several addresses",
            format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
        ),
        Some((host, port)) if host.parse::<IpAddr>().is_ok() || host.starts_with('[') => {
            if port.parse::<u16>().is_err() {
                return fault("not a port", "ports are 0 to 65535");
            }
            fault("not an address", LISTEN)
        }
        None if text.parse::<IpAddr>().is_ok() => fault("a port is missing", LISTEN),
        Some(_) | None => fault("not a numeric address with a port", LISTEN),
    }
}

const TARGET: &str = "addresses of targets are like \"127.0.0.1:3000\", \"backend:3000\", \"wss://backend:443\" or \"unix:/path\"";

/// How a target is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Speaks {
    pub(crate) tls: bool,
    pub(crate) sip: Option<SipTransport>,
}

/// Where a target is, and how it is spoken to.
pub(crate) fn target_address(
    text: &str,
    resolve: impl Fn(&str) -> PathBuf,
) -> Result<(TargetAddress, Speaks), Fault> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok((TargetAddress::Unix(socket_path(path, resolve)?), Speaks::default()));
    }
    let (authority, scheme) = match text.split_once("://") {
        Some((scheme, authority)) => (authority, Some(scheme.to_ascii_lowercase())),
        None => (text, None),
    };
    let sip = match scheme.as_deref() {
        Some("udp") => Some(SipTransport::Udp),
        Some("tcp") => Some(SipTransport::Tcp),
        Some("tls") => Some(SipTransport::Tls),
        Some(_) | None => None,
    };
    let (tls, default_port) = match (scheme.as_deref(), sip) {
        (None, _) => (false, None),
        (Some("ws" | "http"), _) => (false, Some(80)),
        (Some("wss" | "https"), _) => (true, Some(443)),
        (Some(_), Some(sip)) => (sip == SipTransport::Tls, Some(sip.default_port())),
        (Some(_), None) => {
            return fault(
                "not a scheme of a target",
                "there are: ws, wss, http, https; udp, tcp, tls for SIP",
            );
        }
    };
    let authority =
        if scheme.is_some() { authority.strip_suffix('/').unwrap_or(authority) } else { authority };
    if authority.contains(['/', '?', '#']) {
        return fault("a path does not belong here", "targets get the path of the request");
    }
    if authority.contains('@') {
        return fault("a user name does not belong here", TARGET);
    }
    let (host, port) = match (split_port(authority), default_port) {
        (Some((host, port)), _) => match port.parse() {
            Ok(0) | Err(_) => return fault("not a port", "ports are 1 to 65535"),
            Ok(port) => (host, port),
        },
        (None, Some(port)) => (authority, port),
        (None, None) => return fault("a port is missing", TARGET),
    };
    Ok((TargetAddress::Tcp { host: target_host(host)?, port }, Speaks { tls, sip }))
}

const CAPTURE: &str = "servers are like \"10.0.0.2:9060\", \"[::1]:9060\" or \"homer.example.org\"";

/// Where a server of HEP is.
pub(crate) fn capture_address(text: &str) -> Result<(String, u16), Fault> {
    if text.contains("://") {
        return fault("a scheme does not belong here", "write `transport \"tcp\"` or `transport \"tls\"`");
    }
    let (host, port) = match split_port(text) {
        Some((host, port)) => match port.parse() {
            Ok(0) | Err(_) => return fault("not a port", "ports are 1 to 65535"),
            Ok(port) => (host, port),
        },
        None => (text, 9060),
    };
    if host.is_empty() {
        return fault("no host stands before the port", CAPTURE);
    }
    let host = target_host(host).map_err(|found| Fault { help: CAPTURE.to_owned(), ..found })?;
    Ok((host, port))
}

/// `8000`, or `1024-65535`.
pub(crate) fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then_some(first..=last)
}

fn target_host(host: &str) -> Result<String, Fault> {
    if let Some(literal) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match literal.parse::<Ipv6Addr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => fault("no address of IPv6 stands in the brackets", TARGET),
        };
    }
    if host.parse::<Ipv6Addr>().is_ok() {
        return fault("addresses of IPv6 need brackets", format!("write \"[{host}]:3000\""));
    }
    server_name(host).or_else(|why| fault(why, TARGET))
}

/// The host and the port, if there is one: behind the last colon that is not in brackets.
fn split_port(authority: &str) -> Option<(&str, &str)> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return None;
    }
    authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'))
}

/// Whether a path is beyond the system's limit for unix sockets.
pub(crate) fn is_too_long(path: &Path) -> bool {
    path.as_os_str().len() > 107
}

fn socket_path(path: &str, resolve: impl Fn(&str) -> PathBuf) -> Result<PathBuf, Fault> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return fault("the path of the socket is missing", "write \"unix:/run/name.sock\"");
    }
    let path = resolve(path);
    if is_too_long(&path) {
        return fault("the path of a unix socket has at most 107 bytes", "choose a shorter one");
    }
    Ok(path)
}

/// A network of peers: `10.0.0.0/8`, or one address; `None`: whoever comes over a unix socket.
pub(crate) fn network(text: &str) -> Result<Option<IpNet>, Fault> {
    let help = "networks are like \"10.0.0.0/8\", \"192.0.2.1\", \"fd00::/8\" or \"unix:\"";
    if text == "unix:" {
        return Ok(None);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(address.into()));
    }
    let Ok(network) = text.parse::<IpNet>() else { return fault("not a network", help) };
    if network.trunc() != network {
        return fault("bits are set behind the prefix", format!("write \"{}\"", network.trunc()));
    }
    Ok(Some(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str) -> PathBuf {
        PathBuf::from("/etc/gate").join(path)
    }

    #[test]
    fn listeners_have_numeric_addresses_or_sockets() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:0", "[::1]:0"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:a.sock", "unix:/etc/gate/a.sock"),
            ("unix:///run/a.sock", "unix:/run/a.sock"),
        ] {
            let address = listen_address(text, 0o660, None, resolve).map(|address| address.to_string());
            assert_eq!(address, Ok(expected.to_owned()), "{text}");
        }
        for (text, why) in [
            ("", "not a numeric address with a port"),
            ("8080", "not a numeric address with a port"),
            (":8080", "no address stands before the port"),
            ("*:8080", "no address stands before the port"),
            ("localhost:8080", "a name can have several addresses"),
            ("127.0.0.1", "a port is missing"),
            ("::1", "a port is missing"),
            ("127.0.0.1:99999", "not a port"),
            ("127.0.0.1:", "not a port"),
            ("[::1:80", "not an address"),
            ("ws://127.0.0.1:80", "a scheme does not belong here"),
            ("unix:", "the path of the socket is missing"),
        ] {
            let found = listen_address(text, 0o660, None, resolve).map_err(|fault| fault.why);
            assert_eq!(found, Err(why.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("0.0.0.0", Ok("0.0.0.0:443")),
            ("[::1]", Ok("[::1]:443")),
            ("0.0.0.0:80", Ok("0.0.0.0:80")),
            ("unix:/run/a.sock", Ok("unix:/run/a.sock")),
            ("::1", Err("addresses of IPv6 need brackets")),
            ("::1:80", Err("addresses of IPv6 need brackets")),
            ("localhost", Err("not a numeric address with a port")),
            ("[::x]", Err("not a numeric address with a port")),
            ("", Err("not a numeric address with a port")),
        ] {
            let found = listen_address(text, 0o660, Some(443), resolve);
            let found = found.map(|address| address.to_string()).map_err(|fault| fault.why);
            assert_eq!(found.as_deref().map_err(|why| &**why), expected, "{text}");
        }
        let long = format!("unix:/{}", "a".repeat(107));
        assert!(listen_address(&long, 0o660, None, resolve).is_err());
    }

    #[test]
    fn targets_have_names_or_addresses_and_perhaps_a_scheme() {
        for (text, expected, tls) in [
            ("127.0.0.1:3000", "127.0.0.1:3000", false),
            ("Backend.internal:3000", "backend.internal:3000", false),
            ("[::1]:3000", "[::1]:3000", false),
            ("ws://backend", "backend:80", false),
            ("wss://backend/", "backend:443", true),
            ("https://backend:8443", "backend:8443", true),
            ("wss://[fe80::1]", "[fe80::1]:443", true),
            ("unix:/run/b.sock", "unix:/run/b.sock", false),
        ] {
            let (address, found) = target_address(text, resolve).expect(text);
            assert_eq!((address.to_string(), found.tls), (expected.to_owned(), tls), "{text}");
        }
        for (text, why) in [
            ("backend", "a port is missing"),
            ("::1", "a port is missing"),
            ("backend:0", "not a port"),
            ("backend:http", "not a port"),
            ("sip://backend:1", "not a scheme of a target"),
            ("ws://backend:1/chat", "a path does not belong here"),
            ("ws://me@backend:1", "a user name does not belong here"),
            ("fe80::1:3000x", "not a port"),
            ("a b:1", "a name has letters of ASCII, digits, `-`, `_` and points"),
            ("[x]:1", "no address of IPv6 stands in the brackets"),
        ] {
            let found = target_address(text, resolve).map_err(|fault| fault.why);
            assert_eq!(found, Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn networks_have_no_bits_behind_their_prefix() {
        assert_eq!(network("unix:"), Ok(None));
        assert_eq!(network("10.0.0.0/8"), Ok(Some("10.0.0.0/8".parse().unwrap())));
        assert_eq!(network("::1"), Ok(Some("::1/128".parse().unwrap())));
        for text in ["10.0.0.1/8", "10.0.0.0/33", "example.org", "", "10.0.0"] {
            assert!(network(text).is_err(), "{text}");
        }
        assert_eq!(network("10.0.0.1/8").unwrap_err().help, "write \"10.0.0.0/8\"");
    }

    #[test]
    fn servers_of_hep_have_a_port_of_their_own() {
        for (text, host, port) in [
            ("10.0.0.2:9061", "10.0.0.2", 9061),
            ("10.0.0.2", "10.0.0.2", 9060),
            ("[::1]", "::1", 9060),
            ("[::1]:1", "::1", 1),
            ("Homer.example.org", "homer.example.org", 9060),
        ] {
            assert_eq!(capture_address(text), Ok((host.to_owned(), port)), "{text}");
        }
        for (text, why) in [
            ("udp://10.0.0.2:1", "a scheme does not belong here"),
            ("10.0.0.2:0", "not a port"),
            ("a:hep", "not a port"),
            ("::1", "addresses of IPv6 need brackets"),
            (":9060", "no host stands before the port"),
            ("", "no host stands before the port"),
        ] {
            assert_eq!(capture_address(text).map_err(|fault| fault.why), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn ranges_of_ports_do_not_run_backwards() {
        assert_eq!(port_range("8000"), Some(8000..=8000));
        assert_eq!(port_range("0-65535"), Some(0..=65535));
        for text in ["", "-", "1-", "-1", "2-1", "1-65536", "a", "1-2-3", "+1"] {
            assert_eq!(port_range(text), None, "{text}");
        }
    }
}
