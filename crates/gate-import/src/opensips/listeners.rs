//! The sockets for WebSocket, as listeners.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use crate::kdl::Node;
use crate::slug::{Taken, slug};

use super::domains::{Domain, serving};
use super::notes::Notes;
use super::settings::Settings;
use super::socket::Socket;
use super::tls::{self, Paths};
use super::traces::Local;
use super::upstream::{Module, WS, WSS, default_port};

/// A socket and where it is in the new file.
#[derive(Debug)]
pub(super) struct Placed<'k, 's> {
    pub(super) local: Local,
    socket: &'k Socket<'s>,
    comments: Vec<String>,
}

/// The sockets for WebSocket with their addresses, each address once.
pub(super) fn placed<'k, 's>(
    sockets: &'k [Socket<'s>],
    settings: &Settings<'_>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Placed<'k, 's>> {
    let mut seen: HashSet<SocketAddr> = HashSet::new();
    let mut placed = Vec::new();
    for socket in sockets.iter().filter(|socket| socket.is_websocket()) {
        let module = if socket.protocol == "wss" { WSS } else { WS };
        let port = default_port(module, settings).unwrap_or(module.port);
        let (at, comment) = socket.address(port, notes);
        if !seen.insert(at) {
            comments.push(notes.differs(socket.statement, "another socket has this address"));
            continue;
        }
        placed.push(Placed { local: Local { module, at }, socket, comments: comment.into_iter().collect() });
    }
    placed
}

/// What all listeners share.
#[derive(Debug)]
pub(super) struct Shared<'d, 's> {
    pub(super) settings: &'d Settings<'s>,
    pub(super) domains: &'d [Domain<'s>],
    pub(super) paths: &'d Paths<'d>,
}

impl Shared<'_, '_> {
    /// The listener of a socket.
    pub(super) fn listener(
        &self,
        placed: &Placed<'_, '_>,
        trace: Option<Node>,
        names: &mut Taken,
        notes: &mut Notes<'_>,
    ) -> Node {
        let Local { module, at } = placed.local;
        let tag = placed.socket.tag().map(slug).filter(|tag| !tag.is_empty());
        let name = names.unique(&tag.unwrap_or_else(|| format!("{}-{}", module.prefix, at.port())));
        let mut comments = placed.comments.clone();
        comments.extend(placed.socket.left_out(notes));
        let mut nodes = vec![Node::new("address").text(&at.to_string())];
        if module == WSS {
            nodes.push(Node::new("protocol").text("https"));
            let handshake = millis(self.settings, module, "tls_handshake_timeout", &mut comments, notes);
            let domains = serving(self.domains, at);
            nodes.push(tls::server(&domains, handshake, self.paths, notes));
        }
        if placed.socket.takes_proxy_protocol() {
            let why = "name the balancers that begin with the PROXY protocol, and take out the /- before it; from others \
                       it is not understood";
            let node =
                Node::new("proxy-protocol").comment(notes.differs(placed.socket.statement, why)).off(true);
            nodes.push(node.block(vec![Node::new("from").text("127.0.0.1")]));
        }
        let send = millis(self.settings, module, "send_timeout", &mut comments, notes);
        nodes.extend(send.map(|millis| Node::new("send-timeout-ms").number(millis)));
        nodes.extend(trace);
        Node::new("listener").text(&name).comments(comments).block(nodes).apart()
    }
}

/// A parameter in milliseconds, where it stands.
pub(super) fn millis(
    settings: &Settings<'_>,
    module: Module,
    name: &str,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Option<u64> {
    let parameter = settings.last(module.name, &module.parameter(name))?;
    match parameter.number().filter(|millis| (1..=MILLIS_MAX).contains(millis)) {
        Some(millis) => Some(millis),
        None => {
            comments.push(notes.none(parameter.statement, "this is no number of milliseconds"));
            None
        }
    }
}

/// The first address that a listener has.
pub(super) fn first_ip(placed: &[Placed<'_, '_>]) -> Option<IpAddr> {
    placed.first().map(|placed| placed.local.at.ip())
}

/// A day.
const MILLIS_MAX: u64 = 86_400_000;
