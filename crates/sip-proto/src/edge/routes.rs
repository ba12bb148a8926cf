//! The gateway's own Routes: those that it gave out as Path or Record-Route, and those that name it
//! otherwise.

use super::{Edge, Hop, Source};
use crate::address::Address;
use crate::host::Host;
use crate::message::Message;
use crate::name::HeaderName;
use crate::token::{Flow, Purpose, TokenError};
use crate::uri::{Scheme, Uri};

/// The Routes on top of a request that are the gateway's own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnRoutes {
    /// How many there are.
    pub(super) count: usize,
    /// What the first token among them says.
    pub(super) token: Option<Result<RouteToken, TokenError>>,
}

/// A token of a Route, as it was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RouteToken {
    /// To servers: the request is for that flow.
    To(Flow),
    /// To the user agent on that flow: the request comes from there, or from where that is now.
    From(Flow),
}

impl RouteToken {
    const fn flow(self) -> Flow {
        match self {
            Self::To(flow) | Self::From(flow) => flow,
        }
    }
}

/// As many own Routes are looked at; two is as many as are given out for one passage.
const COUNT_MAX: usize = 4;

impl OwnRoutes {
    /// Those of a message. A Route is the gateway's own if its token is or its host is.
    ///
    /// A second flow's Route is not among them, though it names the gateway: it is for another passage, which
    /// comes when what lies between has passed the message on. So a client's request to another client
    /// goes upstream first, where it is decided on.
    pub(super) fn read(edge: &Edge, message: &Message<'_>, names: &Names<'_>) -> Self {
        let mut own = Self::default();
        for value in message.values(HeaderName::Route).take(COUNT_MAX) {
            let uri = Address::parse(value.bytes).and_then(|address| Uri::parse(address.uri));
            let Some(uri) = uri else { break };
            let token = edge.route_token(&uri);
            let is_own = token.is_some_and(|token| token.is_ok()) || names.has(&uri);
            let is_of_this_passage = match (own.token, token) {
                (None, _) | (Some(_), None) | (Some(Err(_)), Some(Err(_))) => true,
                (Some(Ok(first)), Some(Ok(token))) => first.flow() == token.flow(),
                (Some(Ok(_)), Some(Err(_))) | (Some(Err(_)), Some(Ok(_))) => false,
            };
            if !is_own || !is_of_this_passage {
                break;
            }
            own.count += 1;
            own.token = own.token.or(token);
        }
        own
    }
}

impl Edge {
    /// What the user part of a URI says if it looks like a token.
    pub(super) fn route_token(&self, uri: &Uri<'_>) -> Option<Result<RouteToken, TokenError>> {
        let user = uri.user?;
        let verify = |purpose| self.settings.key.verify(user, purpose, self.settings.process);
        match verify(Purpose::Request) {
            Ok(flow) => Some(Ok(RouteToken::To(flow))),
            Err(TokenError::NotAToken) => None,
            Err(TokenError::OtherProcess) => Some(Err(TokenError::OtherProcess)),
            Err(TokenError::Forged) => Some(verify(Purpose::RequestUpstream).map(RouteToken::From)),
        }
    }

    /// The names that the gateway has for a message from there.
    pub(super) fn names<'a>(&'a self, from: &Source<'a>, towards: Option<&Hop<'a>>) -> Names<'a> {
        Names { always: &self.settings.names, here: from.sent_by, there: towards.map(|hop| hop.sent_by) }
    }
}

/// What the gateway is called.
pub(super) struct Names<'a> {
    always: &'a [String],
    here: &'a str,
    there: Option<&'a str>,
}

impl Names<'_> {
    /// Whether a URI is the gateway's host and port.
    pub(super) fn has(&self, uri: &Uri<'_>) -> bool {
        let mut names = self.always.iter().map(String::as_str).chain([self.here]).chain(self.there);
        names.any(|name| {
            Host::parse_with_port(name.as_bytes()).is_some_and(|(host, port)| is_at(uri, host, port))
        })
    }
}

fn is_at(uri: &Uri<'_>, host: Host<'_>, port: Option<u16>) -> bool {
    uri.host == host
        && match (uri.port, port) {
            (Some(one), Some(other)) => one == other,
            (Some(written), None) | (None, Some(written)) => default_ports(uri).contains(&written),
            (None, None) => true,
        }
}

/// The ports that may be meant where a URI has none (RFC 3261 §19.1.2, RFC 7118 §5.2).
fn default_ports(uri: &Uri<'_>) -> &'static [u16] {
    let transport = uri.parameters.get("transport").and_then(|parameter| parameter.value).unwrap_or_default();
    let is = |name: &str| transport.eq_ignore_ascii_case(name.as_bytes());
    match uri.scheme {
        Scheme::Sip | Scheme::Sips if is("ws") || is("wss") => &[80, 443],
        Scheme::Sip if !is("tls") => &[5060],
        Scheme::Sip | Scheme::Sips => &[5061],
    }
}
