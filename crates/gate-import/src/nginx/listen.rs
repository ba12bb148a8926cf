//! `listen`: addresses, and what is spoken there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::notes::Notes;
use super::parser::Directive;
use super::scope::Scope;

/// One address of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen {
    pub(super) address: Address,
    pub(super) is_tls: bool,
    pub(super) has_proxy_protocol: bool,
    /// `default_server`.
    pub(super) is_default: bool,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(String),
}

/// Who can reach an address. The order counts: each reaches more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Processes of this machine.
    Machine,
    /// A private network.
    Network,
    /// Anybody.
    World,
}

impl Address {
    /// As Framegate's files have it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(path) => format!("unix:{path}"),
        }
    }

    /// For the name of a listener: `443`, `127.0.0.1-8080`, `ipv6-443`.
    pub(super) fn slug(&self) -> String {
        match self {
            Self::Tcp(address) if address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                address.port().to_string()
            }
            Self::Tcp(address) if address.ip().is_unspecified() => format!("{}-ipv6", address.port()),
            Self::Tcp(address) => {
                format!("{}-{}", address.ip().to_string().replace(':', "."), address.port())
            }
            Self::Unix(path) => {
                let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("socket");
                format!("unix-{}", crate::slug::slug(name))
            }
        }
    }

    pub(super) fn reach(&self) -> Reach {
        let Self::Tcp(address) = self else { return Reach::Machine };
        match address.ip().to_canonical() {
            ip if ip.is_loopback() => Reach::Machine,
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Reach::Network,
            IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Reach::Network,
            IpAddr::V4(_) | IpAddr::V6(_) => Reach::World,
        }
    }
}

/// The addresses of a server, and comments on what they cannot keep. A server without any
/// `listen` is at port 80.
pub(super) fn listens(scope: &Scope<'_>, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Vec<Listen> {
    let mut listens: Vec<Listen> = Vec::new();
    let directives: Vec<_> = scope.own().iter().filter(|directive| directive.is("listen")).collect();
    for directive in &directives {
        for listen in read(directive, comments, notes) {
            if !listens.iter().any(|other| other.address == listen.address) {
                listens.push(listen);
            }
        }
    }
    if directives.is_empty() {
        listens.push(plain(Address::Tcp((Ipv4Addr::UNSPECIFIED, 80).into())));
    }
    if let Some(ssl) = scope.find("ssl").filter(|ssl| ssl.value() == "on") {
        comments.push(notes.explain(ssl, "all addresses of this server speak TLS"));
        listens.iter_mut().for_each(|listen| listen.is_tls = true);
    }
    listens
}

/// Whether a server is at an address.
pub(super) fn is_at(scope: &Scope<'_>, address: &Address) -> bool {
    let mut directives = scope.own().iter().filter(|directive| directive.is("listen")).peekable();
    let default = Address::Tcp((Ipv4Addr::UNSPECIFIED, 80).into());
    (directives.peek().is_none() && *address == default)
        || directives.any(|directive| addresses(directive.value()).is_ok_and(|all| all.contains(address)))
}

fn plain(address: Address) -> Listen {
    Listen { address, is_tls: false, has_proxy_protocol: false, is_default: false }
}

fn read(directive: &Directive, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Vec<Listen> {
    if directive.args.iter().skip(1).any(|arg| arg.text == "quic") {
        comments.push(notes.none(directive, "clients are spoken to by HTTP/1.1 over TCP only"));
        return Vec::new();
    }
    let addresses = match addresses(directive.value()) {
        Ok(addresses) => addresses,
        Err(why) => {
            comments.push(notes.none(directive, why));
            return Vec::new();
        }
    };
    if directive.value().starts_with("localhost") {
        comments.push(notes.differs(directive, "a name can have several addresses; this is 127.0.0.1"));
    }
    let has = |name: &str| directive.args.iter().skip(1).any(|arg| arg.text == name);
    let says_dual = has("ipv6only=off");
    if says_dual {
        comments.push(
            notes.differs(directive, "an address of IPv6 is for IPv6 alone, so one of IPv4 stands beside it"),
        );
    }
    let mut listens = Vec::new();
    for address in addresses {
        let listen = Listen {
            is_tls: has("ssl"),
            has_proxy_protocol: has("proxy_protocol"),
            is_default: has("default_server") || has("default"),
            ..plain(address)
        };
        if says_dual
            && let Address::Tcp(SocketAddr::V6(v6)) = &listen.address
            && v6.ip().is_unspecified()
        {
            let v4 = Address::Tcp((Ipv4Addr::UNSPECIFIED, v6.port()).into());
            listens.push(Listen { address: v4, ..listen.clone() });
        }
        listens.push(listen);
    }
    listens
}

/// Ports of a range that are taken one by one.
const RANGE_MAX: u16 = 64;

/// The addresses of the first argument: several for a range of ports.
pub(super) fn addresses(text: &str) -> Result<Vec<Address>, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() || path.len() > 107 {
            return Err("the path of a unix socket has 1 to 107 bytes");
        }
        return Ok(vec![Address::Unix(path.to_owned())]);
    }
    let (host, ports) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, "")) => (Some(literal), None),
        Some((literal, behind)) => {
            (Some(literal), Some(behind.strip_prefix(':').ok_or("it is not an address")?))
        }
        None => match text.rsplit_once(':') {
            Some((host, ports)) => (Some(host), Some(ports)),
            None if text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains('.') => {
                (None, Some(text))
            }
            None => (Some(text), None),
        },
    };
    let ip: IpAddr = match host {
        None | Some("*") => Ipv4Addr::UNSPECIFIED.into(),
        Some("localhost") => Ipv4Addr::LOCALHOST.into(),
        Some(literal) if text.starts_with('[') => {
            literal.parse::<Ipv6Addr>().map_err(|_fault| "no address of IPv6 stands in the brackets")?.into()
        }
        Some(literal) => literal
            .parse::<Ipv4Addr>()
            .map_err(|_fault| "a name can have several addresses; write the number, such as 192.0.2.1:80")?
            .into(),
    };
    let (first, last) = match ports.map(|ports| ports.split_once('-').unwrap_or((ports, ports))) {
        None => (80, 80),
        Some((first, last)) => match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if first > 0 && first <= last => (first, last),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => return Err("it is not a port"),
        },
    };
    if last - first >= RANGE_MAX {
        return Err("the range has more than 64 ports; each needs a listener of its own");
    }
    Ok((first..=last).map(|port| Address::Tcp((ip, port).into())).collect())
}

#[cfg(test)]
mod tests {
    use super::{Reach, addresses};

    #[test]
    fn addresses_are_those_of_nginx() {
        for (text, expected) in [
            ("80", "0.0.0.0:80"),
            ("*:8080", "0.0.0.0:8080"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:8000", "127.0.0.1:8000"),
            ("localhost", "127.0.0.1:80"),
            ("[::]:443", "[::]:443"),
            ("[::1]", "[::1]:80"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("8080-8082", "0.0.0.0:8080 0.0.0.0:8081 0.0.0.0:8082"),
        ] {
            let found =
                addresses(text).map(|all| all.iter().map(super::Address::text).collect::<Vec<_>>().join(" "));
            assert_eq!(found, Ok(expected.to_owned()), "{text}");
        }
        for text in
            ["", "example.org:80", "0", "80-79", "1-65535", "99999", "[x]:80", "[::1]x", "unix:", "a b"]
        {
            assert!(addresses(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_reach_so_far() {
        for (text, expected) in [
            ("127.0.0.1:80", Reach::Machine),
            ("[::1]:80", Reach::Machine),
            ("unix:/a", Reach::Machine),
            ("10.1.2.3:80", Reach::Network),
            ("[fd00::1]:80", Reach::Network),
            ("80", Reach::World),
            ("[::]:80", Reach::World),
            ("192.0.2.1:80", Reach::World),
        ] {
            assert_eq!(addresses(text).map(|all| all[0].reach()), Ok(expected), "{text}");
        }
        assert!(Reach::Machine < Reach::Network && Reach::Network < Reach::World);
    }
}
