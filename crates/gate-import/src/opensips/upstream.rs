//! The SIP server behind the gateway: where it is, and how it is reached.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::kdl::Node;

use super::notes::Notes;
use super::settings::Settings;
use super::socket::Socket;

/// Where SIP goes, as `--upstream` says it: `udp://127.0.0.1:5060`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl {
    scheme: &'static str,
    /// IPv6 in brackets.
    host: String,
    port: Option<u16>,
}

impl FromStr for UpstreamUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, authority) = text.split_once("://").ok_or("a scheme is missing")?;
        let scheme = SCHEMES.iter().find(|known| known.eq_ignore_ascii_case(scheme));
        let scheme = scheme.ok_or("the schemes are udp, tcp, tls, ws and wss")?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let behind_host = authority.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match authority.get(behind_host..).and_then(|rest| rest.find(':')) {
            Some(colon) => {
                let (host, port) = authority.split_at(behind_host + colon);
                let port: u16 = port.strip_prefix(':').unwrap_or(port).parse().map_err(|_no_number| PORTS)?;
                (host, Some(port))
            }
            None => (authority, None),
        };
        if port == Some(0) {
            return Err(PORTS);
        }
        let is_v6 = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|inner| matches!(inner.parse(), Ok(IpAddr::V6(_))));
        if !is_v6 && !is_name(host) {
            return Err("a host is expected, and a port, but no path");
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl UpstreamUrl {
    /// Whether the gateway itself opens WebSockets to it.
    pub(super) fn is_websocket(&self) -> bool {
        matches!(self.scheme, "ws" | "wss")
    }

    pub(super) fn is_secure(&self) -> bool {
        matches!(self.scheme, "tls" | "wss")
    }

    pub(super) fn is_datagrams(&self) -> bool {
        self.scheme == "udp"
    }

    /// `udp`, `tcp` or `tls`, where it is reached without WebSocket.
    pub(super) fn sip_scheme(&self) -> Option<&'static str> {
        (!self.is_websocket()).then_some(self.scheme)
    }

    /// `ADDRESS:PORT`, as `match_ip_address` has it.
    pub(super) fn authority(&self) -> String {
        let default = match self.scheme {
            "ws" => 80,
            "wss" => 443,
            "tls" => 5061,
            _ => 5060,
        };
        format!("{}:{}", self.host, self.port.unwrap_or(default))
    }

    /// The module whose parameters are for such an upstream.
    pub(super) fn module(&self) -> Option<Module> {
        match self.scheme {
            "ws" => Some(WS),
            "wss" => Some(WSS),
            _ => None,
        }
    }

    fn of_socket(socket: &Socket<'_>) -> Option<Self> {
        let scheme = *SCHEMES.iter().find(|known| **known == socket.protocol)?;
        let host = match socket.ip() {
            Some(ip) if ip.is_unspecified() && ip.is_ipv6() => "[::1]".to_owned(),
            Some(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            None => socket.host.clone(),
        };
        is_name_or_bracketed(&host).then_some(Self {
            scheme,
            host,
            port: socket.port.filter(|port| *port > 0),
        })
    }
}

/// One of the two modules for WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: &'static str,
    /// What the names of its parameters begin with, and its sockets are.
    pub(super) prefix: &'static str,
    pub(super) port: u16,
}

impl Module {
    /// A parameter whose name begins with that of the module: `wss_port`.
    pub(super) fn parameter(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }
}

pub(super) const WSS: Module = Module { name: "proto_wss", prefix: "wss", port: 443 };
pub(super) const WS: Module = Module { name: "proto_ws", prefix: "ws", port: 80 };

/// Where SIP goes, and why there.
pub(super) fn choose(
    wanted: Option<&UpstreamUrl>,
    sockets: &[Socket<'_>],
    settings: &Settings<'_>,
) -> (UpstreamUrl, String) {
    if let Some(wanted) = wanted {
        let mut url = wanted.clone();
        // The module's port is the default of what is connected to, too.
        if let Some(module) = url.module().filter(|_| url.port.is_none()) {
            url.port = default_port(module, settings);
        }
        return (url, "Where SIP goes, as --upstream says.".to_owned());
    }
    let own = ["udp", "tcp", "tls"].iter().find_map(|protocol| {
        let mut fitting = sockets.iter().filter(|socket| socket.protocol == *protocol);
        fitting.find_map(UpstreamUrl::of_socket)
    });
    match own {
        Some(url) => {
            let why =
                "OpenSIPS itself, at a socket of its own. --upstream chooses another address.".to_owned();
            (url, why)
        }
        None => {
            let url = UpstreamUrl { scheme: "udp", host: Ipv4Addr::LOCALHOST.to_string(), port: Some(5060) };
            let why = "opensips: it has no socket for udp, tcp or tls. Add `socket=udp:127.0.0.1:5060` there and load \
                       proto_udp, or choose another address with --upstream.";
            (url, why.to_owned())
        }
    }
}

/// `wss_port` and `ws_port`, where they stand.
pub(super) fn default_port(module: Module, settings: &Settings<'_>) -> Option<u16> {
    let port = settings.last(module.name, &module.parameter("port"))?.number()?;
    u16::try_from(port).ok().filter(|port| *port > 0)
}

/// The listener by which servers could reach clients after a restart: switched off, for its
/// port has to be chosen.
pub(super) fn back_door(url: &UpstreamUrl, listens_at: Option<IpAddr>) -> Option<Node> {
    let protocol = match url.sip_scheme()? {
        "udp" => "sip-udp",
        "tcp" => "sip-tcp",
        // It would need a certificate.
        _ => return None,
    };
    let is_near = url.host.starts_with("127.") || url.host == "[::1]";
    let near: IpAddr = Ipv4Addr::LOCALHOST.into();
    let ip = if is_near { near } else { listens_at.filter(|ip| !ip.is_unspecified()).unwrap_or(near) };
    let why = "With this listener, and `listener` in the route's `sip`, the addresses that a registrar stores stay good \
               when the gateway is started anew. Take out both /- when the address is one that the SIP server can \
               reach and nobody has.";
    let node = Node::new("listener").text(BACK_DOOR).comment(why).off(true).apart();
    let address = SocketAddr::new(ip, 5070).to_string();
    Some(node.block(vec![Node::new("address").text(&address), Node::new("protocol").text(protocol)]))
}

/// The name of that listener.
pub(super) const BACK_DOOR: &str = "sip-in";

/// What of `modparam` and the core is said of connections that are opened.
pub(super) fn timeouts(url: &UpstreamUrl, settings: &Settings<'_>, notes: &mut Notes<'_>) -> Option<Node> {
    let mut nodes = Vec::new();
    if !url.is_datagrams()
        && let Some(setting) = settings.core("tcp_connect_timeout")
        && let Some(millis) = setting.number().filter(|millis| *millis > 0)
    {
        let node = Node::new("connect").text(&format!("{millis}ms"));
        let what = if url.is_secure() { "it is for the TLS handshake, too, here" } else { "" };
        let comment = (!what.is_empty()).then(|| notes.differs(setting.statement, what));
        nodes.push(node.comments(comment));
    }
    if let Some(module) = url.module()
        && let Some(parameter) = settings.last(module.name, &module.parameter("handshake_timeout"))
        && let Some(millis) = parameter.number().filter(|millis| *millis > 0)
    {
        nodes.push(Node::new("handshake").text(&format!("{millis}ms")));
    }
    (!nodes.is_empty()).then(|| Node::new("timeouts").block(nodes))
}

fn is_name_or_bracketed(host: &str) -> bool {
    host.starts_with('[') || is_name(host)
}

/// A name of a host, or an address of IPv4.
pub(super) fn is_name(host: &str) -> bool {
    let mut labels = host.split('.');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let is_number = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    host.len() <= 253 && labels.all(is_label) && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

const SCHEMES: [&str; 5] = ["udp", "tcp", "tls", "ws", "wss"];
const PORTS: &str = "ports are 1 to 65535";

#[cfg(test)]
mod tests {
    use super::UpstreamUrl;

    #[test]
    fn upstreams_have_a_scheme_a_host_and_perhaps_a_port() {
        for (text, expected) in [
            ("udp://127.0.0.1:5060", Ok("udp://127.0.0.1:5060")),
            ("WSS://sip.example.org/", Ok("wss://sip.example.org")),
            ("tls://[::1]:5061", Ok("tls://[::1]:5061")),
            ("tcp://[::1]", Ok("tcp://[::1]")),
            ("127.0.0.1:5060", Err("a scheme is missing")),
            ("http://a", Err("the schemes are udp, tcp, tls, ws and wss")),
            ("udp://a:0", Err("ports are 1 to 65535")),
            ("udp://a:x", Err("ports are 1 to 65535")),
            ("udp://a/b", Err("a host is expected, and a port, but no path")),
            ("udp://::1", Err("ports are 1 to 65535")),
            ("udp://", Err("a host is expected, and a port, but no path")),
        ] {
            let found = text.parse::<UpstreamUrl>().map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected.as_ref().map(|url| *url), "{text}");
        }
    }
}
