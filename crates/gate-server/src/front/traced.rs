//! What traces are told of opening handshakes: those of clients, and those with the upstreams that are
//! asked for them.

use std::sync::Arc;

use http::{HeaderMap, Uri, Version};

use crate::front::arrival::Arrived;
use crate::front::request::Asked;
use crate::front::token;
use crate::observe::record::Opened;
use crate::trace::{
    Behalf, ConnectionTrace, Dialling, Failure, Leg, Opener, Opening, Secured, Tracer, heads,
};
use crate::upstream::cluster::Cluster;

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
        let mut trace = client(arrived, tracer, Some(asked))?;
        trace.tell_about("Request-Id", &asked.client.request_id().into());
        let told = trace.is_on().then(|| {
            let line = (head.method().as_str(), head.uri(), head.version());
            let request = request_head(line, head.headers(), asked);
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
        is_unix: arrived.local.is_none(),
        opener: Opener::Peer,
        speech: arrived.speech(),
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

/// A connection to an upstream that is about to be made for a client's session, and asked for by that
/// request. `None`: the route has no trace.
pub(crate) fn dialling(
    asked: &Asked,
    cluster: &Arc<Cluster>,
    (target, headers): (&Uri, &HeaderMap),
) -> Option<Dialling> {
    let (_, route) = asked.route()?;
    let tracer = asked.snapshot.tracer(route.websocket.trace?)?;
    let mut dialling = Dialling::begin(tracer, cluster, behalf(asked));
    dialling.ask_by(|| request_head(("GET", target, Version::HTTP_11), headers, asked));
    Some(dialling)
}

/// Whose connections to upstreams those of a request are.
pub(crate) fn behalf(asked: &Asked) -> Behalf {
    Behalf {
        route: asked.route().map(|(id, route)| (id, Arc::clone(&route.id))),
        about: vec![("Request-Id", asked.client.request_id().into())],
    }
}

/// The head of a request without the token that stands among its subprotocols.
fn request_head(line: (&str, &Uri, Version), headers: &HeaderMap, asked: &Asked) -> String {
    let name = asked.route().and_then(|(_, route)| route.websocket.token_subprotocol.as_deref());
    let Some(name) = name else { return heads::request(line, headers) };
    let mut headers = headers.clone();
    token::hide(&mut headers, name);
    heads::request(line, &headers)
}
