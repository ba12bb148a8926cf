//! Who the client is: for logs, limits and hashing, and for the upstream. What a peer says of
//! others is believed of trusted proxies only; what anybody else says is replaced by what the
//! gateway sees itself.
//!
//! Sent are X-Forwarded-For, -Proto and -Host, X-Request-Id, and `Forwarded` (RFC 7239) and
//! X-Real-IP where they are switched on. X-Forwarded-Port and its like are not, and pass from
//! trusted proxies. Only X-Forwarded-For tells whose request it is that comes from one.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use gate_config::model::Peers;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// How a connection came to be, as the listener knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    /// Who connected, or whom the PROXY protocol named; `None` over a unix socket.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) scheme: Scheme,
    /// The listener's `trusted-proxies`.
    pub(crate) trusted: &'a Peers,
}

/// Whether bytes travel in TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Who made a request. Displayed, it is `address:port`, an address where no port is known,
/// or `unix:`.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The other end of the connection.
    peer: Option<SocketAddr>,
    peer_scheme: Scheme,
    trust: Trust,
    address: Option<IpAddr>,
    port: Option<u16>,
    scheme: Scheme,
    request_id: Box<str>,
}

/// Whether a peer's word is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Proxy,
    Nobody,
}

/// What the upstream is to be told beside who the client is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'a> {
    /// The listener's `forwarded`.
    pub(crate) sends_forwarded: bool,
    /// The listener's `real-ip`.
    pub(crate) sends_real_ip: bool,
    /// The upstream's `host`, in place of the client's.
    pub(crate) host: Option<&'a HeaderValue>,
}

impl Client {
    /// Finds out who made the request of these headers, which are as they came.
    pub(crate) fn identify(hop: &Hop<'_>, headers: &HeaderMap) -> Self {
        let ip = hop.peer.map(|peer| peer.ip().to_canonical());
        let mut client = Self {
            peer: hop.peer,
            peer_scheme: hop.scheme,
            trust: if hop.trusted.contain(ip) { Trust::Proxy } else { Trust::Nobody },
            address: ip,
            port: hop.peer.map(|peer| peer.port()),
            scheme: hop.scheme,
            request_id: Box::default(),
        };
        match client.trust {
            Trust::Proxy => {
                client.walk_back(headers, hop.trusted);
                client.scheme = claimed_scheme(headers).unwrap_or(hop.scheme);
                client.request_id = claimed_request_id(headers).unwrap_or_else(fresh_request_id);
            }
            Trust::Nobody => client.request_id = fresh_request_id(),
        }
        client
    }

    /// Whose request it is: the peer's, or where that is a trusted proxy, of the last in its
    /// X-Forwarded-For who is none. `None` over a unix socket where nobody is named.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The port that goes with it, where one is known.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// How the client reached the first proxy that is trusted, or the gateway.
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// For the records, the upstream and the answer: 1 to 128 visible characters of ASCII.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Each proxy has put at the end of X-Forwarded-For who came to it. So the list is walked
    /// from its end for as long as those named are trusted themselves.
    fn walk_back(&mut self, headers: &HeaderMap, trusted: &Peers) {
        let lines = headers.get_all(X_FORWARDED_FOR).into_iter().rev();
        let nodes = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for node in nodes.map(<[u8]>::trim_ascii).filter(|node| !node.is_empty()) {
            // Behind `unknown` and what else is no address there is nothing to go on.
            let Some((address, port)) = parse_node(node) else { return };
            (self.address, self.port) = (Some(address), port);
            if !trusted.contain(self.address) {
                return;
            }
        }
    }

    /// Puts into the head of a request, whose fields of one hop have been taken out, who made
    /// it, and the Host for the upstream.
    pub(crate) fn put(&self, headers: &mut HeaderMap, extras: &Extras<'_>) {
        self.remove_claims(headers);
        if extras.sends_forwarded {
            self.put_forwarded(headers);
        }
        self.put_forwarded_for(headers);
        if !headers.contains_key(X_FORWARDED_PROTO) {
            headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.peer_scheme.name()));
        }
        if !headers.contains_key(X_FORWARDED_HOST)
            && let Some(host) = headers.get(header::HOST).cloned()
        {
            headers.insert(X_FORWARDED_HOST, host);
        }
        if extras.sends_real_ip
            && !headers.contains_key(X_REAL_IP)
            && let Some(address) = self.address
            && let Ok(address) = HeaderValue::from_str(&address.to_string())
        {
            headers.insert(X_REAL_IP, address);
        }
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(X_REQUEST_ID, id);
        }
        if let Some(host) = extras.host {
            headers.insert(header::HOST, host.clone());
        }
    }

    /// A claim spelt with underscores is nobody's honest word: proxies spell them with hyphens, and
    /// many backends take the two for the same.
    fn remove_claims(&self, headers: &mut HeaderMap) {
        let is_believed = |name: &str| self.trust == Trust::Proxy && !name.contains('_');
        let refused: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_claim(name.as_str()) && !is_believed(name.as_str()))
            .cloned()
            .collect();
        for name in refused {
            headers.remove(name);
        }
    }

    /// Over a unix socket the list stays as it is: there is no address that could be appended.
    fn put_forwarded_for(&self, headers: &mut HeaderMap) {
        let Some(peer) = self.peer else { return };
        append(headers, X_FORWARDED_FOR, &peer.ip().to_canonical().to_string());
    }

    /// Where there is an X-Forwarded-For and no `Forwarded` yet, the latter begins with what
    /// the former has (RFC 7239 §7.4).
    fn put_forwarded(&self, headers: &mut HeaderMap) {
        let mut elements = String::new();
        if !headers.contains_key(header::FORWARDED) {
            for line in headers.get_all(X_FORWARDED_FOR) {
                for node in line.as_bytes().split(|byte| *byte == b',') {
                    push_node(&mut elements, parse_node(node.trim_ascii()).map(|(address, _)| address));
                    elements.push_str(", ");
                }
            }
        }
        push_node(&mut elements, self.peer.map(|peer| peer.ip().to_canonical()));
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        if let Some(host) = host.filter(|host| !host.contains(['"', '\\'])) {
            // Writing to a string cannot fail.
            let _infallible = write!(elements, ";host=\"{host}\"");
        }
        let _infallible = write!(elements, ";proto={}", self.peer_scheme.name());
        append(headers, header::FORWARDED, &elements);
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (Some(address), Some(port)) => SocketAddr::new(address, port).fmt(f),
            (Some(address), None) => address.fmt(f),
            (None, _) => f.write_str("unix:"),
        }
    }
}

/// Whether a field of this name, in lower case, is one that backends believe to come from a
/// proxy, in either spelling.
pub(crate) fn is_claim(name: &str) -> bool {
    let spelt_with_hyphens = name.contains('_').then(|| name.replace('_', "-"));
    let name = spelt_with_hyphens.as_deref().unwrap_or(name);
    name.starts_with("x-forwarded-")
        || name.starts_with("x-wsproxy")
        || matches!(name, "forwarded" | "x-forwarded" | "x-real-ip" | "x-request-id")
}

/// Adds a member to a field that is a list, and makes one line of it: there are backends that
/// look at the first or the last line only.
fn append(headers: &mut HeaderMap, name: HeaderName, member: &str) {
    let mut list: Vec<u8> = Vec::new();
    for line in headers.get_all(&name) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(member.as_bytes());
    // All of it has been in values before, but for the member, which is ASCII.
    if let Ok(value) = HeaderValue::from_maybe_shared(list) {
        headers.insert(name, value);
    }
}

/// An address as it stands in X-Forwarded-For, with or without a port.
fn parse_node(node: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    let node = str::from_utf8(node).ok()?;
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some((address.to_canonical(), None));
    }
    if let Ok(socket) = node.parse::<SocketAddr>() {
        return Some((socket.ip().to_canonical(), Some(socket.port())));
    }
    let inner = node.strip_prefix('[')?.strip_suffix(']')?;
    let address: Ipv6Addr = inner.parse().ok()?;
    Some((address.to_canonical(), None))
}

/// `for=` of RFC 7239 §4 and §6.
fn push_node(elements: &mut String, address: Option<IpAddr>) {
    // Writing to a string cannot fail.
    let _infallible = match address {
        Some(IpAddr::V4(address)) => write!(elements, "for={address}"),
        Some(IpAddr::V6(address)) => write!(elements, "for=\"[{address}]\""),
        None => write!(elements, "for=unknown"),
    };
}

/// The first word of X-Forwarded-Proto, which is the first proxy's.
fn claimed_scheme(headers: &HeaderMap) -> Option<Scheme> {
    let first = headers.get(X_FORWARDED_PROTO)?.to_str().ok()?.split(',').next()?.trim();
    match first.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(Scheme::Http),
        "https" | "wss" => Some(Scheme::Https),
        _ => None,
    }
}

/// The one X-Request-Id, if it is fit for logs.
fn claimed_request_id(headers: &HeaderMap) -> Option<Box<str>> {
    let mut lines = headers.get_all(X_REQUEST_ID).into_iter();
    let (Some(id), None) = (lines.next(), lines.next()) else { return None };
    let id = id.to_str().ok()?;
    let is_sane = (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_sane.then(|| id.into())
}

fn fresh_request_id() -> Box<str> {
    format!("{:032x}", rand::random::<u128>()).into()
}

/// Characters of a request id that is taken over.
const REQUEST_ID_MAX: usize = 128;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests;
