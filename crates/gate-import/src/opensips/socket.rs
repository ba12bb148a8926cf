//! `socket=` and `listen=`: where OpenSIPS is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::notes::Notes;
use super::parser::Statement;
use super::settings::{Setting, Settings};

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket<'s> {
    pub(super) protocol: &'static str,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// What stands behind the address: a word, and its value if it has one.
    suffixes: Vec<(String, Option<String>)>,
    pub(super) statement: &'s Statement,
}

/// All sockets, in the order of the text.
pub(super) fn sockets<'s>(settings: &Settings<'s>) -> Vec<Socket<'s>> {
    let mut all: Vec<&Setting<'s>> = settings.all_core("socket");
    all.extend(settings.all_core("listen"));
    all.sort_by_key(|setting| setting.statement.place.start);
    all.into_iter().filter_map(Socket::read).collect()
}

impl<'s> Socket<'s> {
    fn read(setting: &Setting<'s>) -> Option<Self> {
        let (first, rest) = setting.values.split_first()?;
        let (protocol, address) = split_protocol(&first.text);
        let (host, port) = split_port(address);
        let mut suffixes: Vec<(String, Option<String>)> = Vec::new();
        for value in rest {
            match suffixes.last_mut() {
                Some((word, argument)) if argument.is_none() && takes_argument(word) => {
                    *argument = Some(value.text.clone());
                }
                Some(_) | None => suffixes.push((value.text.to_ascii_lowercase(), None)),
            }
        }
        Some(Self { protocol, host: host.to_owned(), port, suffixes, statement: setting.statement })
    }

    /// Whether the gateway takes its place.
    pub(super) fn is_websocket(&self) -> bool {
        matches!(self.protocol, "ws" | "wss")
    }

    /// The address to listen on, and a comment if it had to be guessed.
    pub(super) fn address(&self, port: u16, notes: &mut Notes<'_>) -> (SocketAddr, Option<String>) {
        let port = self.port.unwrap_or(port);
        match self.ip() {
            Some(ip) => (SocketAddr::new(ip, port), None),
            None => {
                let what = format!(
                    "`{}` is a name; write the address that it stands for in place of 127.0.0.1",
                    self.host
                );
                let comment = notes.differs(self.statement, &what);
                (SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), Some(comment))
            }
        }
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self.host.as_str() {
            "*" | "any" | "" => Some(Ipv4Addr::UNSPECIFIED.into()),
            host => host.parse().ok(),
        }
    }

    /// What of a name can be made of `tag`.
    pub(super) fn tag(&self) -> Option<&str> {
        self.suffixes.iter().find(|(word, _)| word == "tag").and_then(|(_, name)| name.as_deref())
    }

    /// Whether the PROXY protocol may stand before all else.
    pub(super) fn takes_proxy_protocol(&self) -> bool {
        self.suffixes
            .iter()
            .any(|(word, _)| ["allow_proxy_protocol", "proxy_protocol"].contains(&word.as_str()))
    }

    /// Comments for what stands behind the address and is left out.
    pub(super) fn left_out(&self, notes: &mut Notes<'_>) -> Vec<String> {
        let mut comments = Vec::new();
        for (word, _) in &self.suffixes {
            let why = match word.as_str() {
                "tag" | "allow_proxy_protocol" | "proxy_protocol" => continue,
                "use_workers" | "use_auto_scaling_profile" => {
                    "all workers serve all listeners; `worker-threads` of `server` says how many there are"
                }
                "as" => {
                    "clients find the gateway by their connections, and read no address; what servers read is `advertise` of `sip`"
                }
                "anycast" => {
                    "nothing of a call is kept that another node could need; it is a matter of routing alone"
                }
                "send_proxy_protocol" => "no PROXY protocol is sent to upstreams",
                "frag" => "how datagrams are cut is a matter of UDP",
                "reuse_port" => "connections are opened from any port",
                _ => "it is not known behind the address of a socket",
            };
            comments.push(notes.none(self.statement, &format!("`{word}`: {why}")));
        }
        comments
    }
}

/// `wss:10.0.0.1` is `wss` and the rest. Without a protocol it is UDP.
fn split_protocol(text: &str) -> (&'static str, &str) {
    let named = text.split_once(':').and_then(|(protocol, rest)| {
        let known = PROTOCOLS.iter().find(|known| known.eq_ignore_ascii_case(protocol))?;
        Some((*known, rest))
    });
    named.unwrap_or(("udp", text))
}

/// The host without its brackets, and the port; 0 is none, as for OpenSIPS.
fn split_port(address: &str) -> (&str, Option<u16>) {
    let (host, port) = split_behind(address);
    (host, port.and_then(|port| port.parse().ok()).filter(|port| *port > 0))
}

/// The host without its brackets, and what stands in the place of the port.
fn split_behind(address: &str) -> (&str, Option<&str>) {
    if let Some((host, behind)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, behind.strip_prefix(':'));
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        Some(_) | None => (address, None),
    }
}

/// What stands for a port and is none.
pub(super) fn wrong_port(text: &str) -> Option<&str> {
    let (_, address) = split_protocol(text);
    split_behind(address).1.filter(|port| port.parse::<u16>().is_err())
}

fn takes_argument(word: &str) -> bool {
    ["use_workers", "as", "tag", "use_auto_scaling_profile", "accept_subdomain"].contains(&word)
}

/// Longer ones first where one begins with another.
const PROTOCOLS: [&str; 15] = [
    "udp", "tcp", "tls", "sctp", "wss", "ws", "hep_udp", "hep_tcp", "hep_tls", "bins", "bin", "smpp",
    "msrps", "msrp", "ipsec",
];
