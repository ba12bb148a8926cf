//! A client's opening handshake: judged, given seats, and taken to the upstream; only the
//! upstream's valid 101 gives the client its own. What the client sends behind its request
//! waits unread or in hyper's buffer until then.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gate_config::model::{Compression, OnLimit, Route, WebSocket};
use gate_core::rate::Meter;
use gate_core::{Policy, Session, SessionId, Side, Start};
use gate_net::Stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, Version, header, request};
use ws_proto::deflate::{Agreed, ask_for_independent_messages};
use ws_proto::handshake::request::{self as ws_request, ClientHandshake};
use ws_proto::handshake::response::Agreement;

use crate::admission::{Full, Seated};
use crate::clock;
use crate::drive::connection::Established;
use crate::drive::session::{Parts, SessionDriver};
use crate::front::agents::{self, Admitted};
use crate::front::arrival::Outcome;
use crate::front::body::{AnyBody, full};
use crate::front::conversation::Conversation;
use crate::front::course::{Course, Lead};
use crate::front::fields::{self, Kind};
use crate::front::logged::Logged;
use crate::front::refusal::RequestError;
use crate::front::request::{Asked, Told};
use crate::front::sip;
use crate::front::token;
use crate::front::traced;
use crate::inspect::chain::Chain;
use crate::inspect::opinion::Speaker;
use crate::inspect::session::{Means, SessionInspection};
use crate::observe::record::{Negotiated, Opened, Refused};
use crate::sip::plan::Plan;
use crate::trace::{ConnectionTrace, Dialling, Failure, SessionTrace};
use crate::upstream::cluster::Cluster;
use crate::upstream::download::Download;
use crate::upstream::error::chain;
use crate::upstream::lease::Lease;
use crate::upstream::open::{self, Answer, OpenError, Witness};
use crate::upstream::request::encode;
use crate::upstream::trail::Trail;
use crate::upstream::upgrade::Switched;
use crate::upstream::wish::Wish;
use crate::worker::registry::Place;

/// A session that begins once its 101 has gone.
pub(crate) struct Opening {
    switched: Switched,
    policy: Arc<Policy>,
    place: Place,
    meters: Box<[Meter]>,
    seats: Seated,
    lease: Lease,
    means: Option<Means>,
    opened: Box<Opened>,
    host: Box<str>,
    began: Instant,
    /// `None`: the route has no frame logs.
    logged: Option<Box<Logged>>,
    /// What the upstream's connection tells.
    trace: Option<ConnectionTrace>,
}

impl Opening {
    /// The client was gone before it had its 101.
    pub(crate) fn give_up(&self, conversation: &Conversation) {
        self.opened.give_up(conversation, &self.host);
    }
}

impl Opened {
    /// The client was gone before it had its 101.
    pub(crate) fn give_up(&self, conversation: &Conversation, host: &str) {
        let worker = &conversation.worker;
        let reason = "client_gone";
        worker.counters.handshake_failures.count((reason, ""));
        let refused = Refused {
            client: &self.client,
            status: None,
            reason,
            detail: "the client was gone before it had its 101",
            route: Some(&self.route),
            upstream: Some(&self.upstream),
            path: Some(&self.path),
            host: Some(host),
            request_id: Some(&self.request_id),
        };
        refused.record(&worker.records);
        let detail = refused.detail;
        conversation.trace_failure(&Failure { reason, detail, status: None });
    }
}

/// Takes the client's handshake to the upstream.
pub(crate) async fn answer(
    conversation: &Rc<Conversation>,
    asked: &Asked,
    lead: Lead,
    head: request::Parts,
    told: &mut Told,
) -> Result<Response<AnyBody>, RequestError> {
    let (id, route) = asked.route().ok_or(RequestError::NoRoute)?;
    let mut offer = Offer::of(asked, &route.websocket, &head)?;
    admit(&route.websocket, &mut offer.handshake, &head.headers)?;
    let admission = &asked.snapshot.admission;
    let listener = conversation.client.listener().map_or("", |listener| &listener.id);
    let now = clock::now();
    let seats = match admission.admit(listener, id, asked.client.address(), now) {
        Ok(seats) => seats,
        Err(full) => return no_seat(conversation, &route.websocket, &offer, full, told),
    };
    let ask = asked.ask(&head);
    let meters = admission.meters(id, &ask, now);
    let changes = match agents::ask(conversation, asked, &head.uri, &head.headers, told).await? {
        Admitted::On(changes) => changes,
        Admitted::Answered(response) => return Ok(response),
    };
    let course = Course::find(conversation, asked, lead, &head).await?;
    if let Some(plan) = asked.snapshot.sip.of_route(id) {
        let session = conversation.worker.next_session_id();
        let means = means(conversation, asked, &course, session, None);
        let beside = sip::Beside { session, meters, means, logged: Logged::of(asked, &head) };
        return answer_sip(conversation, asked, (plan, seats, &offer), beside, told).await;
    }
    let (cluster, websocket) = (&course.cluster, &course.websocket);
    offer_deflate(websocket, &mut offer.handshake);
    let wish = cluster.wish(&ask);
    let target = target(asked, cluster, &head.uri)?;
    let logged = Logged::of(asked, &head);
    let mut headers = head.headers;
    fields::remove_hop_by_hop(&mut headers, Kind::Handshake);
    asked.client.put(&mut headers, &conversation.client.extras());
    cluster.adapt(&mut headers);
    changes.apply(&mut headers);
    offer.handshake.put(&mut headers);
    let (opened, dialling) = dial(asked, (cluster, wish), (&target, &headers), &offer.handshake).await?;
    told.upstream = Some(Arc::clone(&opened.address));
    match opened.answer {
        Answer::Refused(refused) => {
            told.fault = Some((REFUSED, REFUSED_DETAIL.to_owned()));
            Ok(pass_refusal(*refused, opened.set_cookie))
        }
        Answer::Switched(switched, lease) => {
            let mut switched = *switched;
            let id = conversation.worker.next_session_id();
            let name: Arc<str> = id.to_string().into();
            let trace = dialling.and_then(|dialling| dialling.opened(&opened.trail, &[("Session", &name)]));
            let mut headers = std::mem::take(&mut switched.headers);
            if let Some(cookie) = opened.set_cookie {
                headers.append(header::SET_COOKIE, cookie);
            }
            if websocket.needs_independent_messages() {
                let agreed = switched.agreement.deflate;
                switched.agreement.deflate = agreed.map(Agreed::with_independent_messages);
            }
            let response = switching(headers, &switched.agreement, &offer);
            if switched.agreement.subprotocol.is_none() {
                switched.agreement.subprotocol = offer.echo.as_deref().map(Into::into);
            }
            let deflate = switched.agreement.deflate;
            let opening = Opening {
                switched,
                policy: Arc::clone(&websocket.policy),
                place: told.place.take().unwrap_or_else(|| conversation.worker.registry.take_place()),
                meters,
                seats,
                lease,
                means: means(conversation, asked, &course, id, deflate),
                opened: session(asked, route, id, opened.address),
                host: asked.host.as_str().into(),
                began: asked.began,
                logged,
                trace,
            };
            conversation.lead_to(Outcome::Open(Box::new(opening)));
            Ok(response)
        }
    }
}

/// What is known of a session that begins, with that upstream.
pub(super) fn session(asked: &Asked, route: &Route, id: SessionId, upstream: Arc<str>) -> Box<Opened> {
    Box::new(Opened {
        id,
        client: asked.client.to_string().into(),
        upstream,
        route: Arc::clone(&route.id),
        request_id: asked.client.request_id().into(),
        path: asked.path.as_str().into(),
        at: clock::now(),
    })
}

/// An upstream that answers otherwise than by 101, for logs and metric labels, and in words.
const REFUSED: &str = "upstream_refused";
const REFUSED_DETAIL: &str = "the upstream did not switch protocols";

/// Asks targets of the upstream. Where the route is traced, those that failed have been told of, and
/// the one that has switched protocols is to be.
async fn dial(
    asked: &Asked,
    (cluster, wish): (&Arc<Cluster>, Wish),
    (target, headers): (&Uri, &HeaderMap),
    handshake: &ClientHandshake,
) -> Result<(open::Opened, Option<Dialling>), RequestError> {
    let dialling = traced::dialling(asked, cluster, (target, headers));
    let witness = dialling.as_ref().map(|dialling| {
        |trail: &Trail, error: &OpenError| dialling.failed(trail, error.reason(), &chain(error))
    });
    let witness = witness.as_ref().map(|witness| -> &Witness<'_> { witness });
    let opened = open::open(cluster, wish, &encode(target, headers), handshake, witness).await?;
    if let (Answer::Refused(_), Some(dialling)) = (&opened.answer, &dialling) {
        dialling.failed(&opened.trail, REFUSED, REFUSED_DETAIL);
    }
    Ok((opened, dialling))
}

/// What the upstream is asked for.
fn target(asked: &Asked, cluster: &Cluster, uri: &Uri) -> Result<Uri, RequestError> {
    let target = asked.target(uri)?;
    Ok(match &cluster.upstream().path {
        None => target,
        Some(path) => with_path(&target, path),
    })
}

/// The target of a request whose path is the upstream's own; the query stays.
fn with_path(target: &Uri, path: &str) -> Uri {
    let query = target.query().filter(|_| !path.contains('?'));
    let text = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    // A path of the configuration has been held to what may be asked for.
    text.parse().unwrap_or_else(|_| target.clone())
}

/// The same on a route that carries SIP.
async fn answer_sip(
    conversation: &Rc<Conversation>,
    asked: &Asked,
    (plan, seats, offer): (&Arc<Plan>, Seated, &Offer),
    beside: sip::Beside,
    told: &mut Told,
) -> Result<Response<AnyBody>, RequestError> {
    let (opening, agreement) =
        sip::open(conversation, asked, (plan, seats, &offer.handshake), beside, told).await?;
    conversation.lead_to(Outcome::Sip(Box::new(opening)));
    Ok(switching(HeaderMap::new(), &agreement, offer))
}

/// What the client asks for, as it goes on.
struct Offer {
    handshake: ClientHandshake,
    /// The name of a token's subprotocol, which is agreed on unless the upstream chooses another.
    echo: Option<Arc<str>>,
}

impl Offer {
    fn of(asked: &Asked, websocket: &WebSocket, head: &request::Parts) -> Result<Self, RequestError> {
        let mut handshake = ws_request::check(&head.method, head.version, &head.uri, &head.headers)?;
        let name = websocket.token_subprotocol.as_ref().filter(|_| agents::of(asked).next().is_some());
        let echo = name.filter(|name| token::strip(&mut handshake.subprotocols, name)).map(Arc::clone);
        Ok(Self { handshake, echo })
    }
}

/// Holds a handshake to what the route admits, and takes out of it what does not go on.
fn admit(
    websocket: &WebSocket,
    handshake: &mut ClientHandshake,
    headers: &HeaderMap,
) -> Result<(), RequestError> {
    if !websocket.enabled {
        return Err(RequestError::WebSocketDisabled);
    }
    websocket.origins.admit(headers)?;
    if !websocket.subprotocols.is_empty() {
        handshake
            .subprotocols
            .retain(|offered| websocket.subprotocols.iter().any(|allowed| allowed == offered));
        if handshake.subprotocols.is_empty() {
            return Err(RequestError::Subprotocol);
        }
    }
    Ok(())
}

/// Offers the upstream what compression there may be.
fn offer_deflate(websocket: &WebSocket, handshake: &mut ClientHandshake) {
    match websocket.compression {
        Compression::Pass if websocket.needs_independent_messages() => {
            ask_for_independent_messages(&mut handshake.deflate_offers);
        }
        Compression::Pass => {}
        Compression::Off => handshake.deflate_offers.clear(),
    }
}

/// A limit of connections is told by 1013 behind a 101, which clients can read, or by the
/// status, which proxies can.
fn no_seat(
    conversation: &Conversation,
    websocket: &WebSocket,
    offer: &Offer,
    full: Full,
    told: &mut Told,
) -> Result<Response<AnyBody>, RequestError> {
    match websocket.on_limit {
        OnLimit::Reject => Err(RequestError::Full(full)),
        OnLimit::Close => {
            told.fault = Some((full.reason(), format!("{full}; closed with 1013")));
            conversation.lead_to(Outcome::TurnAway);
            let subprotocol = offer.handshake.subprotocols.iter().next().map(Into::into);
            let agreement = Agreement { subprotocol, deflate: None };
            Ok(switching(HeaderMap::new(), &agreement, offer))
        }
    }
}

/// The upstream's own answer, as far as it is not of its hop only.
fn pass_refusal(refused: Response<Download>, cookie: Option<HeaderValue>) -> Response<AnyBody> {
    let mut response = refused.map(|body| -> AnyBody { Box::pin(body) });
    *response.version_mut() = Version::HTTP_11;
    let headers = response.headers_mut();
    fields::remove_hop_by_hop(headers, Kind::Handshake);
    // Where the body has a length, hyper says it.
    headers.remove(header::CONTENT_LENGTH);
    // What the client asks next, often in the place of the WebSocket, belongs there too.
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// The client's 101.
fn switching(mut headers: HeaderMap, agreement: &Agreement, offer: &Offer) -> Response<AnyBody> {
    fields::remove_hop_by_hop(&mut headers, Kind::Handshake);
    headers.remove(header::CONTENT_LENGTH);
    agreement.put(&offer.handshake, &mut headers);
    if let Some(Ok(echo)) = offer.echo.as_deref().map(HeaderValue::from_str) {
        // A browser that has offered subprotocols wants one of them.
        headers.entry(header::SEC_WEBSOCKET_PROTOCOL).or_insert(echo);
    }
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

/// What the session's messages are judged by; `None`: none is looked into.
fn means(
    conversation: &Conversation,
    asked: &Asked,
    course: &Course<'_>,
    session: SessionId,
    deflate: Option<Agreed>,
) -> Option<Means> {
    let (id, route) = asked.route()?;
    let inspection = &course.websocket.policy.inspection;
    if !Side::BOTH.into_iter().any(|side| inspection.includes(side)) {
        return None;
    }
    let speaker = Speaker {
        session: session.to_string().into(),
        request_id: asked.client.request_id().into(),
        route: Arc::clone(&route.id),
        client: asked.client.address(),
    };
    let snapshot = &asked.snapshot;
    let agents: Vec<_> =
        route.agents.iter().filter_map(|agent| snapshot.agent(*agent)).map(Arc::clone).collect();
    let doorkeepers = course.doorkeepers.clone();
    let chain = Chain::new(&conversation.worker, speaker, &agents, &course.webhooks, doorkeepers);
    Some(Means {
        rules: snapshot.rules(id).map(Arc::clone),
        chain: chain.map(Rc::new),
        context_takeover: deflate.is_some_and(|agreed| !agreed.has_independent_messages()),
    })
}

/// Everything is agreed and the 101 has gone.
pub(crate) fn establish(
    conversation: &Conversation,
    client: Stream,
    early: Bytes,
    opening: Opening,
) -> Established {
    let Opening {
        switched,
        policy,
        place,
        meters,
        seats,
        lease,
        means,
        mut opened,
        host,
        began,
        logged,
        trace,
    } = opening;
    let Switched { stream, early: upstream_early, agreement, headers: _ } = switched;
    let worker = &conversation.worker;
    opened.at = clock::now();
    let opened: Rc<Opened> = opened.into();
    place.set_session(&opened, lease.key());
    let deflate = agreement.deflate.is_some();
    let subprotocol = agreement.subprotocol;
    let log = logged.and_then(|logged| logged.open(conversation, &client, &opened, subprotocol.as_deref()));
    opened.record_open(
        &worker.records,
        &Negotiated { secured: conversation.client.secured(), host, subprotocol, deflate, began },
    );
    let handshake = conversation.take_handshake();
    let trace = SessionTrace::of(handshake.map(|handshake| handshake.opened(&opened)), trace);
    let start = Start { deflate, now: opened.at, random: rand::random(), meters };
    let session = Session::new(policy, start);
    let inspection =
        means.map(|means| Box::new(SessionInspection::new(Rc::clone(worker), Rc::clone(&opened), means)));
    let parts =
        Parts { session, client, upstream: stream, opened, log, inspection, trace, place, seats, lease };
    let driver = SessionDriver::new(Rc::clone(worker), parts);
    Established { driver, early: [early, upstream_early] }
}
