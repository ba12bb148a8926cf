//! An opening handshake on a route that carries SIP: the gateway is the end of the client's WebSocket
//! itself, and needs nobody's 101 for its own, unless the client is to have a connection to the upstream
//! for itself.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gate_core::SessionId;
use gate_core::rate::Meter;
use gate_net::Stream;
use sip_proto::edge::Transport;
use ws_proto::handshake::request::ClientHandshake;
use ws_proto::handshake::response::Agreement;

use crate::admission::Seated;
use crate::clock;
use crate::front::conversation::Conversation;
use crate::front::logged::Logged;
use crate::front::refusal::RequestError;
use crate::front::request::{Asked, Told};
use crate::front::{traced, upgrade};
use crate::inspect::session::{Means, SessionInspection};
use crate::observe::record::{Negotiated, Opened};
use crate::sip::client::{self, Client};
use crate::sip::connect::{NOWHERE, OwnConnection};
use crate::sip::plan::Plan;
use crate::sip::scrutiny::Scrutiny;
use crate::worker::registry::Place;

/// A session that begins once its 101 has gone.
pub(crate) struct SipOpening {
    plan: Arc<Plan>,
    place: Place,
    seats: Seated,
    opened: Box<Opened>,
    host: Box<str>,
    began: Instant,
    /// The connection of its own, where it has one.
    own: Option<OwnConnection>,
    beside: Beside,
}

/// What looks at the session's messages that a route has beside `sip`.
pub(super) struct Beside {
    pub(super) session: SessionId,
    pub(super) meters: Box<[Meter]>,
    /// `None`: none is looked into.
    pub(super) means: Option<Means>,
    /// `None`: the route has no frame logs.
    pub(super) logged: Option<Box<Logged>>,
}

impl SipOpening {
    /// The client was gone before it had its 101.
    pub(crate) fn give_up(&self, conversation: &Conversation) {
        self.opened.give_up(conversation, &self.host);
    }
}

/// Sees to what the session needs; answers what the client agrees on by it.
///
/// # Errors
/// The client does not speak SIP, or its connection to the upstream cannot be made.
pub(super) async fn open(
    conversation: &Rc<Conversation>,
    asked: &Asked,
    (plan, seats, offered): (&Arc<Plan>, Seated, &ClientHandshake),
    beside: Beside,
    told: &mut Told,
) -> Result<(SipOpening, Agreement), RequestError> {
    let (_, route) = asked.route().ok_or(RequestError::NoRoute)?;
    // Compared without regard to case, as servers of SIP do.
    let subprotocol = offered.subprotocols.iter().find(|name| name.eq_ignore_ascii_case(SIP));
    let subprotocol = subprotocol.ok_or(RequestError::NotSip)?;
    let mut own = match plan.is_transparent() {
        true => Some(Box::pin(plan.connect_own(traced::behalf(asked))).await?),
        false => None,
    };
    let id = beside.session;
    if let Some(own) = &mut own {
        own.belong_to(&id.to_string().into());
    }
    let upstream = plan.upstream.as_ref().map(|cluster| &cluster.upstream().id);
    let reached: Option<Arc<str>> = own.as_ref().map(|own| own.peer().to_string().into());
    told.upstream.clone_from(&reached);
    let target = reached.or_else(|| upstream.map(Arc::clone)).unwrap_or_default();
    let opening = SipOpening {
        plan: Arc::clone(plan),
        place: told.place.take().unwrap_or_else(|| conversation.worker.registry.take_place()),
        seats,
        opened: upgrade::session(asked, route, id, target),
        host: asked.host.as_str().into(),
        began: asked.began,
        own,
        beside,
    };
    Ok((opening, Agreement { subprotocol: Some(subprotocol.into()), deflate: None }))
}

/// The subprotocol of RFC 7118.
const SIP: &str = "sip";

/// The 101 has gone.
pub(super) fn establish(conversation: &Conversation, stream: Stream, early: &Bytes, opening: SipOpening) {
    let SipOpening { plan, place, seats, mut opened, host, began, own, beside } = opening;
    let worker = &conversation.worker;
    opened.at = clock::now();
    let opened: Rc<Opened> = opened.into();
    place.set_member(&opened);
    let secured = conversation.client.secured();
    let negotiated = Negotiated { secured, host, subprotocol: Some(SIP.into()), deflate: false, began };
    opened.record_open(&worker.records, &negotiated);
    let Beside { meters, means, logged, .. } = beside;
    let log = logged.and_then(|logged| logged.open(conversation, &stream, &opened, Some(SIP)));
    let inspection = means.map(|means| SessionInspection::new(Rc::clone(worker), Rc::clone(&opened), means));
    let scrutiny = Scrutiny::new(log, inspection.map(|inspection| (inspection, plan.inspection)));
    let trace = conversation.take_handshake().map(|handshake| handshake.opened(&opened));
    let is_secure = conversation.client.tls.is_some();
    client::begin(Client {
        worker: Rc::clone(worker),
        plan,
        stream,
        early: early.clone(),
        transport: if is_secure { Transport::Wss } else { Transport::Ws },
        peer: conversation.client.peer.unwrap_or(NOWHERE),
        opened,
        place,
        seats,
        trace,
        scrutiny,
        meters,
        own,
    });
}
