//! What traces are told of opening handshakes: those of clients, and those with the upstreams that are
//! asked for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use gate_net::tls::client::Connector;
use http::{HeaderMap, StatusCode, Uri, Version};

use crate::clock;
use crate::front::arrival::Arrived;
use crate::front::heads;
use crate::front::request::Asked;
use crate::observe::record::Opened;
use crate::trace::switches::Wire;
use crate::trace::{ConnectionTrace, Failure, Leg, Opener, Opening, Secured, Shown, Speech, Tracer};
use crate::upstream::cluster::Cluster;
use crate::upstream::error::chain;
use crate::upstream::open::OpenError;
use crate::upstream::upgrade::Switched;

/// A client's opening handshake, from its request to what comes of it.
pub(crate) struct Handshake {
    trace: ConnectionTrace,
    /// What is told of it; `None`: nobody wanted to be when it began.
    told: Option<Box<Heard>>,
}

/// What there is to be told of an opening handshake.
struct Heard {
    tls: Option<Secured>,
    request: String,
    reply: Option<String>,
}

impl Handshake {
    /// One whose head has been read; `None`: it is not traced. Of one that came to no route its
    /// listener's trace is told.
    pub(crate) fn begin<B>(arrived: &Arrived, asked: &Asked, head: &http::Request<B>) -> Option<Box<Self>> {
        let tracer = tracer_of(arrived, asked).filter(|_| asked.is_websocket)?;
        let trace = client(arrived, tracer, Some(asked))?;
        let told = trace.is_on().then(|| {
            let token = asked.route().and_then(|(_, route)| route.websocket.token_subprotocol.as_deref());
            let line = (head.method().as_str(), head.uri(), head.version());
            let request = heads::request(line, head.headers(), token);
            Box::new(Heard { tls: arrived.told_of_tls(), request, reply: None })
        });
        Some(Box::new(Self { trace, told }))
    }

    /// The answer goes.
    pub(crate) fn answered(&mut self, head: &http::response::Parts) {
        if let Some(told) = &mut self.told {
            told.reply = Some(heads::reply(head.status, &head.headers));
        }
    }

    /// It is done, and this the session that it opened; its connection goes on to tell.
    pub(crate) fn opened(mut self, session: &Opened) -> ConnectionTrace {
        self.trace.tell_about("Session", &session.id.to_string().into());
        self.trace.tell_about("Request-Id", &(&*session.request_id).into());
        if let Some(told) = &self.told {
            self.trace.opened(&told.opening());
        }
        self.trace
    }

    /// It came to nothing; its connection goes on until it is closed.
    pub(crate) fn failed(mut self, failure: &Failure<'_>) -> ConnectionTrace {
        if let Some(told) = &self.told {
            self.trace.failed(failure, &told.opening());
        }
        self.trace.ends_by("refused");
        self.trace
    }
}

impl Heard {
    fn opening(&self) -> Opening<'_> {
        Opening { tls: self.tls.as_ref(), request: Some(&self.request), reply: self.reply.as_deref() }
    }
}

/// What is told of a client's connection, whose request this is if one has come.
pub(crate) fn client(
    arrived: &Arrived,
    tracer: &Arc<Tracer>,
    asked: Option<&Asked>,
) -> Option<ConnectionTrace> {
    let route = asked.and_then(Asked::route);
    let leg = Leg {
        peer: arrived.peer,
        local: arrived.local,
        opener: Opener::Peer,
        speech: Speech::WebSocket,
        wire: arrived.wire(),
        route: route.map(|(id, _)| id),
    };
    let mut trace = tracer.connection(leg, arrived.at)?;
    if let Some(listener) = arrived.listener() {
        trace.tell_about("Listener", &listener.id);
    }
    if let Some((_, route)) = route {
        trace.tell_about("Route", &route.id);
    }
    Some(trace)
}

/// Tells of a client's connection that came to no request that could be read.
pub(crate) fn without_request(arrived: &Arrived, failure: &Failure<'_>) -> Option<ConnectionTrace> {
    let tracer = arrived.snapshot.tracer(arrived.listener()?.trace?)?;
    if !tracer.is_on(arrived.wire()) {
        return None;
    }
    let mut trace = client(arrived, tracer, None)?;
    trace.failed(failure, &Opening { tls: arrived.told_of_tls().as_ref(), ..Opening::default() });
    trace.ends_by("refused");
    Some(trace)
}

/// Who is told of a request's connection.
fn tracer_of<'a>(arrived: &Arrived, asked: &'a Asked) -> Option<&'a Arc<Tracer>> {
    let id = match asked.route() {
        Some((_, route)) => route.websocket.trace,
        None => arrived.listener()?.trace,
    };
    asked.snapshot.tracer(id?)
}

/// A connection to an upstream that is made for a client's session.
pub(crate) struct Dialling<'a> {
    tracer: &'a Arc<Tracer>,
    asked: &'a Asked,
    cluster: &'a Cluster,
    /// The head of the opening handshake; `None`: nobody is told of it.
    request: Option<String>,
    since: Instant,
}

impl<'a> Dialling<'a> {
    /// One that is about to be made, for a route whose trace this is, and asked by this request.
    pub(crate) fn begin(
        asked: &'a Asked,
        cluster: &'a Cluster,
        (target, headers): (&Uri, &HeaderMap),
    ) -> Option<Self> {
        let (_, route) = asked.route()?;
        let tracer = asked.snapshot.tracer(route.websocket.trace?)?;
        let is_on = [Wire::Plain, Wire::Tls].into_iter().any(|wire| tracer.is_on(wire));
        let token = route.websocket.token_subprotocol.as_deref();
        let line = ("GET", target, Version::HTTP_11);
        let request = is_on.then(|| heads::request(line, headers, token));
        Some(Self { tracer, asked, cluster, request, since: clock::now() })
    }

    /// No target gave a valid answer.
    pub(crate) fn failed(self, error: &OpenError) {
        let target = error.target();
        let leg = self.leg(target.and_then(|target| target.parse().ok()), None, self.wire());
        let detail = chain(error);
        let failure = Failure { reason: error.reason(), detail: &detail, status: None };
        if let Some(mut trace) = self.connection(leg, None) {
            if let Some(target) = target {
                trace.tell_about("Target", target);
            }
            trace.never_opened(&failure, &self.opening(None, None));
        }
    }

    /// A target answers that it does not switch protocols. That connection goes on as one of HTTP.
    pub(crate) fn refused(self, address: &Arc<str>, status: StatusCode, headers: &HeaderMap) {
        let leg = self.leg(address.parse().ok(), None, self.wire());
        let reply = heads::reply(status, headers);
        let failure = Failure {
            reason: "upstream_refused",
            detail: "the upstream did not switch protocols",
            status: Some(status.as_u16()),
        };
        if let Some(mut trace) = self.connection(leg, None) {
            trace.tell_about("Target", address);
            trace.never_opened(&failure, &self.opening(None, Some(&reply)));
        }
    }

    /// A target has switched protocols: `session` begins.
    pub(crate) fn opened(self, switched: &mut Switched, session: &Arc<str>) -> Option<ConnectionTrace> {
        let negotiated = switched.stream.negotiated();
        let socket = switched.stream.socket();
        let wire = if negotiated.is_some() { Wire::Tls } else { Wire::Plain };
        let leg = self.leg(socket.peer_addr(), socket.local_addr(), wire);
        let trace = self.connection(leg, Some(session))?;
        if trace.is_on() && self.request.is_some() {
            let tls = negotiated.map(|negotiated| Secured {
                version: negotiated.version,
                cipher: negotiated.cipher,
                server_name: None,
                client: self.cluster.connector().and_then(Connector::shown).map(Shown::from),
                server: negotiated.peer_certificate.as_ref().map(Shown::from),
            });
            let reply = heads::reply(StatusCode::SWITCHING_PROTOCOLS, &switched.headers);
            trace.opened(&self.opening(tls.as_ref(), Some(&reply)));
        }
        Some(trace)
    }

    /// As far as that can be told where no connection has come of it.
    fn wire(&self) -> Wire {
        if self.cluster.connector().is_some() { Wire::Tls } else { Wire::Plain }
    }

    fn leg(&self, peer: Option<SocketAddr>, local: Option<SocketAddr>, wire: Wire) -> Leg {
        let route = self.asked.route().map(|(id, _)| id);
        Leg { peer, local, opener: Opener::Gateway, speech: Speech::WebSocket, wire, route }
    }

    fn connection(&self, leg: Leg, session: Option<&Arc<str>>) -> Option<ConnectionTrace> {
        let mut trace = self.tracer.connection(leg, self.since)?;
        if let Some((_, route)) = self.asked.route() {
            trace.tell_about("Route", &route.id);
        }
        trace.tell_about("Upstream", &self.cluster.upstream().id);
        if let Some(session) = session {
            trace.tell_about("Session", session);
        }
        Some(trace)
    }

    fn opening<'b>(&'b self, tls: Option<&'b Secured>, reply: Option<&'b str>) -> Opening<'b> {
        Opening { tls, request: self.request.as_deref(), reply }
    }
}
