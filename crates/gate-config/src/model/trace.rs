//! `traces`: servers that are told of connections by HEP, and of which.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use gate_core::ids::RouteId;

use super::admin::Secret;
use super::peers::Peers;
use super::place::At;
use super::upstream::ClientTls;

/// One `trace`.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Its name.
    pub id: Arc<str>,
    /// `address`: who is told.
    pub address: At<TraceAddress>,
    /// `transport`.
    pub transport: TraceTransport,
    /// `enabled`: how its switch stands when the name comes up. Default true.
    pub enabled: bool,
    /// `capture-id`. Default 1.
    pub capture_id: u32,
    /// `auth-key`: what the server knows the gateway by.
    pub auth_key: Option<Secret>,
    /// `node-name`: the gateway's name there.
    pub node_name: Option<Arc<str>>,
    /// `form` and `delimiter`: of what is told of connections.
    pub form: TraceForm,
    /// `protocol-type`: what such packets are marked as. Default 100, a log.
    pub protocol_type: u8,
    /// `sip-messages`: copies of SIP messages go there, too. Default true.
    pub sip_messages: bool,
    /// `queue-size`: packets that wait; further ones are dropped. Default 1,024.
    pub queue_size: usize,
    /// `max-packet-size`: in bytes; what is longer is cut. Default 65,507, which a datagram can carry.
    pub packet_size_max: usize,
    /// `filter`: which connections.
    pub filter: TraceFilter,
}

impl Trace {
    /// The size of the largest packet, where nothing else is said: the payload of a datagram.
    pub const PACKET_SIZE_MAX: usize = 65_507;

    /// One with the defaults.
    #[must_use]
    pub fn new(id: &str, address: TraceAddress) -> Self {
        Self {
            id: id.into(),
            address: At::nowhere(address),
            transport: TraceTransport::Udp,
            enabled: true,
            capture_id: 1,
            auth_key: None,
            node_name: None,
            form: TraceForm::Json,
            protocol_type: 100,
            sip_messages: true,
            queue_size: 1024,
            packet_size_max: Self::PACKET_SIZE_MAX,
            filter: TraceFilter::default(),
        }
    }
}

/// Where a server of HEP is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceAddress {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// Default 9060.
    pub port: u16,
}

impl fmt::Display for TraceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// `transport` of a trace.
#[derive(Clone, Debug)]
pub enum TraceTransport {
    /// `udp`: a packet is a datagram.
    Udp,
    /// `tcp`: packets stand behind one another.
    Tcp,
    /// `tls`: the same over TLS, as `tls` says.
    Tls(Box<ClientTls>),
}

/// How an event is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceForm {
    /// `json`: an object, each key once.
    Json,
    /// `homer5`: the values without their keys, in OpenSIPS' order.
    Homer5 {
        /// `delimiter`: what stands between two of them. Default `:`.
        delimiter: Box<str>,
    },
}

/// `filter`: decides once for each connection, before its first event.
#[derive(Clone, Debug, Default)]
pub struct TraceFilter {
    /// The first that fits decides; where none does, the connection is traced.
    pub rules: Vec<TraceRule>,
}

/// `allow` or `deny`: all that stands in it must fit.
#[derive(Clone, Debug)]
pub struct TraceRule {
    /// What it says of connections that fit.
    pub verdict: TraceVerdict,
    /// `peer`: who the gateway is connected with. Nobody: anybody.
    pub peers: Peers,
    /// `peer-port`. Empty: any.
    pub peer_ports: Vec<RangeInclusive<u16>>,
    /// `local`: the gateway's own address of the connection. Nobody: any.
    pub locals: Peers,
    /// `local-port`. Empty: any.
    pub local_ports: Vec<RangeInclusive<u16>>,
    /// `route`: that it came to. Empty: any, or none.
    pub routes: Vec<RouteId>,
}

/// Whether a connection is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceVerdict {
    /// `allow`.
    Allow,
    /// `deny`.
    Deny,
}

/// What a filter goes by. `None` for an address: it is a unix socket's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEnds {
    /// The other end of the connection, whoever has opened it.
    pub peer: Option<SocketAddr>,
    /// The gateway's end.
    pub local: Option<SocketAddr>,
    /// The route that the connection has come to.
    pub route: Option<RouteId>,
}

impl TraceFilter {
    /// Whether such a connection is traced.
    #[must_use]
    pub fn admits(&self, ends: &TraceEnds) -> bool {
        let rule = self.rules.iter().find(|rule| rule.fits(ends));
        rule.is_none_or(|rule| rule.verdict == TraceVerdict::Allow)
    }
}

impl TraceRule {
    /// One that fits every connection.
    #[must_use]
    pub fn new(verdict: TraceVerdict) -> Self {
        Self {
            verdict,
            peers: Peers::default(),
            peer_ports: Vec::new(),
            locals: Peers::default(),
            local_ports: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Whether it fits every connection.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        self.peers.is_empty()
            && self.peer_ports.is_empty()
            && self.locals.is_empty()
            && self.local_ports.is_empty()
            && self.routes.is_empty()
    }

    fn fits(&self, ends: &TraceEnds) -> bool {
        are_of(&self.peers, &self.peer_ports, ends.peer)
            && are_of(&self.locals, &self.local_ports, ends.local)
            && (self.routes.is_empty() || ends.route.is_some_and(|route| self.routes.contains(&route)))
    }
}

fn are_of(networks: &Peers, ports: &[RangeInclusive<u16>], address: Option<SocketAddr>) -> bool {
    let fits_network = networks.is_empty() || networks.contain(address.map(|address| address.ip()));
    let has_port = |address: SocketAddr| ports.iter().any(|ports| ports.contains(&address.port()));
    fits_network && (ports.is_empty() || address.is_some_and(has_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(peer: &str, local: &str, route: Option<u32>) -> TraceEnds {
        let address = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        TraceEnds { peer: address(peer), local: address(local), route: route.map(RouteId) }
    }

    fn peers(texts: &[&str]) -> Peers {
        let unix = texts.contains(&"unix:");
        let networks = texts.iter().filter_map(|text| text.parse().ok()).collect();
        Peers { networks, unix }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let allow = TraceRule { peers: peers(&["10.1.0.0/16"]), ..TraceRule::new(TraceVerdict::Allow) };
        let deny = TraceRule { peers: peers(&["10.0.0.0/8"]), ..TraceRule::new(TraceVerdict::Deny) };
        let filter = TraceFilter { rules: vec![allow, deny] };
        for (peer, admitted) in [
            ("10.1.2.3:1", true),
            ("10.2.2.3:1", false),
            ("[::ffff:10.2.2.3]:1", false),
            ("11.0.0.1:1", true),
        ] {
            assert_eq!(filter.admits(&ends(peer, "", None)), admitted, "{peer}");
        }
        assert!(TraceFilter::default().admits(&ends("", "", None)), "without a filter all are traced");
    }

    #[test]
    fn all_that_stands_in_a_rule_must_fit() {
        let rule = TraceRule {
            peers: peers(&["1.1.1.1/32"]),
            peer_ports: vec![8000..=8000, 9000..=9100],
            locals: peers(&["1.1.1.10/32"]),
            local_ports: vec![5060..=5060],
            routes: vec![RouteId(1), RouteId(3)],
            verdict: TraceVerdict::Deny,
        };
        let filter = TraceFilter { rules: vec![rule] };
        for (peer, local, route, denied) in [
            ("1.1.1.1:8000", "1.1.1.10:5060", Some(1), true),
            ("1.1.1.1:9050", "1.1.1.10:5060", Some(3), true),
            ("1.1.1.1:8001", "1.1.1.10:5060", Some(1), false),
            ("1.1.1.2:8000", "1.1.1.10:5060", Some(1), false),
            ("1.1.1.1:8000", "1.1.1.11:5060", Some(1), false),
            ("1.1.1.1:8000", "1.1.1.10:5061", Some(1), false),
            ("1.1.1.1:8000", "1.1.1.10:5060", Some(2), false),
            ("1.1.1.1:8000", "1.1.1.10:5060", None, false),
            ("", "1.1.1.10:5060", Some(1), false),
        ] {
            assert_eq!(!filter.admits(&ends(peer, local, route)), denied, "{peer} {local} {route:?}");
        }
    }

    #[test]
    fn unix_sockets_have_a_word_and_no_port() {
        let rule = TraceRule { locals: peers(&["unix:"]), ..TraceRule::new(TraceVerdict::Deny) };
        let ports = TraceRule { peer_ports: vec![0..=u16::MAX], ..TraceRule::new(TraceVerdict::Deny) };
        assert!(!TraceFilter { rules: vec![rule] }.admits(&ends("", "", None)));
        assert!(TraceFilter { rules: vec![ports] }.admits(&ends("", "", None)));
    }
}
