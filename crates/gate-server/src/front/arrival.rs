//! A client's connection from its accept to its session, if it comes to one: PROXY
//! protocol, TLS, then HTTP for as long as it lasts.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_config::model::{Listener, Peers, SipTransport};
use gate_net::proxy_protocol::{self, ProxyError};
use gate_net::tls::{Negotiated, TlsError};
use gate_net::{Plain, Socket, Stream, Transport};
use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};
use ws_proto::CloseCode;

use crate::clock::{self, within};
use crate::drive::connection::Established;
use crate::drive::turn_away::{linger, turn_away};
use crate::front::client::{Extras, Hop, Scheme};
use crate::front::conversation::{Conversation, Ended};
use crate::front::sip::{self, SipOpening};
use crate::front::traced;
use crate::front::upgrade;
use crate::observe::record::{Refused, Secured};
use crate::sip::caller::{self, Caller};
use crate::snapshot::{ListenerId, Snapshot};
use crate::trace::switches::Wire;
use crate::trace::{self, Failure, Speech};
use crate::upstream::error::chain;
use crate::worker::Worker;

/// Who has connected, and how.
pub(crate) struct Arrived {
    /// What held when the connection came; requests look for what holds when they come.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) listener: ListenerId,
    /// The client, as the PROXY protocol or the socket says; `None` over a unix socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The address that the client connected to; `None` over a unix socket, and where nobody traces.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) tls: Option<Box<Negotiated>>,
    pub(crate) at: Instant,
}

/// What an exchange leads to, beside its answer.
pub(crate) enum Outcome {
    /// A session.
    Open(Box<upgrade::Opening>),
    /// A session whose messages are SIP.
    Sip(Box<SipOpening>),
    /// A 101 and at once a Close: there is no seat.
    TurnAway,
    /// The end of the connection.
    End,
}

/// Why a connection did not come as far as HTTP.
#[derive(Debug, thiserror::Error)]
enum ArrivalError {
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("no header of the PROXY protocol came within {0:?}")]
    ProxyTimeout(Duration),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the TLS handshake did not end within {0:?}")]
    TlsTimeout(Duration),
}

impl ArrivalError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Proxy(error) => error.reason(),
            Self::ProxyTimeout(_) => "proxy_protocol_timeout",
            Self::Tls(_) => "tls_handshake",
            Self::TlsTimeout(_) => "tls_handshake_timeout",
        }
    }
}

/// Sees a connection from its accept to its session, if there will be one. `permit` is
/// held until the first answer.
pub(crate) async fn open(
    worker: Rc<Worker>,
    (snapshot, listener): (Arc<Snapshot>, ListenerId),
    (socket, peer): (Socket, Option<SocketAddr>),
    permit: OwnedSemaphorePermit,
) -> Option<Established> {
    let _under_way = UnderWay::begin(&worker);
    let at = clock::now();
    let local = if snapshot.tracers().is_empty() { None } else { socket.local_addr() };
    let mut arrived = Arrived { snapshot, listener, peer, local, tls: None, at };
    let stream = match arrive(&mut arrived, socket).await {
        Ok(stream) => stream,
        Err(error) => {
            arrived.count_failed(&worker, &error);
            return None;
        }
    };
    if let Some(plan) = arrived.snapshot.sip.of_listener(listener) {
        let peer = arrived.peer?;
        let told_of_tls = plan.tracers.own.as_ref().and_then(|_| arrived.told_of_tls());
        let is_secure = arrived.tls.is_some();
        caller::welcome(&worker, plan, Caller { stream, peer, is_secure, at, told_of_tls });
        return None;
    }
    let (conversation, mut stream, early, ended) =
        Conversation::hold(Rc::clone(&worker), arrived, stream, permit).await;
    match (ended, conversation.take_outcome()) {
        (Ended::Served, Some(Outcome::Open(opening))) => {
            return Some(upgrade::establish(&conversation, stream, early, *opening));
        }
        (Ended::Served, Some(Outcome::Sip(opening))) => {
            sip::establish(&conversation, stream, &early, *opening);
            return None;
        }
        (Ended::Served, Some(Outcome::TurnAway)) => {
            let (limit, _place) = farewell(&worker);
            turn_away(stream, CloseCode::TRY_AGAIN_LATER, "Try Again Later", limit).await;
        }
        (Ended::Broken, Some(Outcome::Sip(opening))) => {
            opening.give_up(&conversation);
            linger(stream, LINGER).await;
        }
        (Ended::Broken, Some(Outcome::Open(opening))) => {
            opening.give_up(&conversation);
            linger(stream, LINGER).await;
        }
        (Ended::HeadTimeout, _) => {
            let detail = "the head of a request did not come to its end in time";
            let status = Some(StatusCode::REQUEST_TIMEOUT);
            // Browsers open connections in advance, and would take an answer that comes before
            // their request for the one to it.
            if conversation.lines.received() == 0 {
                conversation.count_without_request(None, "head_timeout", detail);
                linger(stream, LINGER).await;
            } else {
                conversation.count_without_request(status, "head_timeout", detail);
                say_request_timeout(stream).await;
            }
        }
        // What it did not take it will not take, nor a FIN behind it.
        (Ended::Stalled, outcome) => {
            match outcome {
                Some(Outcome::Open(opening)) => opening.give_up(&conversation),
                Some(Outcome::Sip(opening)) => opening.give_up(&conversation),
                Some(Outcome::TurnAway | Outcome::End) | None => {}
            }
            stream.abort();
        }
        (Ended::Broken, _) if conversation.is_broken_off() => stream.abort(),
        (Ended::Served, None) if !conversation.has_answered() => {
            // The client came and went without a word, as health checks do.
            worker.counters.handshake_failures.count(("no_request", ""));
        }
        (Ended::Served | Ended::Idle | Ended::Broken, _) => {
            let (limit, _place) = farewell(&worker);
            linger(stream, limit).await;
        }
    }
    None
}

/// Reads what comes before HTTP.
async fn arrive(arrived: &mut Arrived, socket: Socket) -> Result<Stream, ArrivalError> {
    let snapshot = Arc::clone(&arrived.snapshot);
    let Some((listener, acceptor)) = snapshot.listener(arrived.listener) else {
        return Ok(Stream::plain(socket));
    };
    if listener.proxy_protocol.contain(arrived.peer.map(|peer| peer.ip())) {
        let limit = listener.head_timeout;
        let read = within(limit, proxy_protocol::read(&socket)).await;
        // Of a health check of the proxy's own there is no other address than the proxy's.
        if let Some(addresses) = read.ok_or(ArrivalError::ProxyTimeout(limit))?? {
            arrived.peer = Some(addresses.source);
        }
    }
    let Some(acceptor) = acceptor else { return Ok(Stream::plain(socket)) };
    let limit = listener.tls.as_ref().map_or(Duration::ZERO, |tls| tls.handshake_timeout);
    let accepted = within(limit, acceptor.accept(Plain::new(socket))).await;
    let mut stream = accepted.ok_or(ArrivalError::TlsTimeout(limit))??;
    arrived.tls = stream.negotiated().map(Box::new);
    Ok(stream)
}

impl Arrived {
    /// The listener that it came to.
    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.snapshot.listener(self.listener).map(|(listener, _)| listener)
    }

    /// How the connection came to be.
    pub(crate) fn hop(&self) -> Hop<'_> {
        let listener = self.listener();
        Hop {
            peer: self.peer,
            scheme: if self.tls.is_some() { Scheme::Https } else { Scheme::Http },
            trusted: listener.map_or(&NOBODY, |listener| &listener.trusted_proxies),
        }
    }

    /// What upstreams are told beside who the client is.
    pub(crate) fn extras(&self) -> Extras<'static> {
        let listener = self.listener();
        Extras {
            sends_forwarded: listener.is_some_and(|listener| listener.sends_forwarded),
            sends_real_ip: listener.is_some_and(|listener| listener.sends_real_ip),
            host: None,
        }
    }

    /// Whether a request is for a host that asks more of clients than was asked on this connection.
    pub(crate) fn is_misdirected(&self, host: &str) -> bool {
        let acceptor = self.snapshot.listener(self.listener).and_then(|(_, acceptor)| acceptor);
        let over = self.tls.as_ref().zip(acceptor);
        over.is_some_and(|(negotiated, acceptor)| acceptor.is_misdirected(negotiated, host))
    }

    /// What records tell of TLS.
    pub(crate) fn secured(&self) -> Secured<'_> {
        let certificate = self.tls.as_ref().and_then(|tls| tls.peer_certificate.as_ref());
        Secured {
            version: self.tls.as_ref().map(|tls| tls.version),
            client_certificate: certificate.map(|certificate| &*certificate.subject),
        }
    }

    /// The client in words.
    pub(crate) fn peer_text(&self) -> String {
        self.peer.map_or_else(|| "unix:".to_owned(), |peer| peer.to_string())
    }

    fn count_failed(&self, worker: &Worker, error: &ArrivalError) {
        let reason = error.reason();
        let of_tls = match error {
            ArrivalError::Tls(error) => Some(error.reason()),
            ArrivalError::TlsTimeout(_) => Some("timeout"),
            ArrivalError::Proxy(_) | ArrivalError::ProxyTimeout(_) => None,
        };
        if let Some(reason) = of_tls {
            worker.counters.tls_handshake_failures.count((reason, ""));
        }
        worker.counters.handshake_failures.count((reason, ""));
        let (client, detail) = (self.peer_text(), chain(error));
        Refused { client: &client, reason, detail: &detail, ..Refused::default() }.record(&worker.records);
        // Its connection is closed already.
        let _closed = traced::without_request(self, &Failure { reason, detail: &detail, status: None });
    }

    /// Whether the connection is one in plain text, or one over TLS.
    pub(crate) fn wire(&self) -> Wire {
        let is_tls = self.listener().is_some_and(|listener| listener.tls.is_some());
        if is_tls { Wire::Tls } else { Wire::Plain }
    }

    /// What is spoken on it, if it comes to that.
    pub(crate) fn speech(&self) -> Speech {
        let is_sip = self.listener().is_some_and(|listener| listener.sip.is_some());
        match (is_sip, self.wire()) {
            (false, _) => Speech::WebSocket,
            (true, Wire::Plain) => Speech::Sip(SipTransport::Tcp),
            (true, Wire::Tls) => Speech::Sip(SipTransport::Tls),
        }
    }

    /// What traces tell of TLS; `None`: there is none.
    pub(crate) fn told_of_tls(&self) -> Option<trace::Secured> {
        let (_, acceptor) = self.snapshot.listener(self.listener)?;
        let negotiated = self.tls.as_deref();
        let name = negotiated.and_then(|tls| tls.server_name.as_deref());
        Some(trace::Secured {
            version: negotiated.map_or("", |tls| tls.version),
            cipher: negotiated.map_or("", |tls| tls.cipher),
            server_name: name.map(Into::into),
            client: negotiated.and_then(|tls| tls.peer_certificate.as_ref()).map(trace::Shown::from),
            server: Some(trace::Shown::from(&acceptor?.shown(name))),
        })
    }
}

/// Tells a client whose request did not come in time (RFC 9110 §15.5.9).
async fn say_request_timeout(mut stream: Stream) {
    let answer = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    if let Some(Ok(())) = within(LINGER, stream.write_all(answer)).await {
        linger(stream, LINGER).await;
    }
}

/// How long a client is waited for that may be one of very many, and its place among those who are.
fn farewell(worker: &Worker) -> (Duration, Option<SemaphorePermit<'_>>) {
    let place = worker.farewells.try_acquire().ok();
    (if place.is_some() { LINGER } else { AT_ONCE }, place)
}

static NOBODY: Peers = Peers { networks: Vec::new(), unix: false };

/// How long a client that has been told to go is waited for.
const LINGER: Duration = Duration::from_secs(5);

/// And where there are too many of them.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Counts a connection as one of HTTP for as long as it lives.
struct UnderWay(Rc<Worker>);

impl UnderWay {
    fn begin(worker: &Rc<Worker>) -> Self {
        worker.counters.handshakes_begun.add(1);
        Self(Rc::clone(worker))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.counters.handshakes_ended.add(1);
    }
}
